"""Lines and positions as LSP defines them, in all three encodings."""

from __future__ import annotations

import random

import pytest

from mplp_lsp.text.edits import Edit, apply, difference
from mplp_lsp.text.snapshot import Encoding, TextSnapshot
from mplp_lsp.text.spans import Spans
from tests.text import reference


@pytest.mark.parametrize("mark", ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_three_line_ends_end_a_line(mark: str) -> None:
    snapshot = TextSnapshot.of(f'{{"a":"x{mark}y",\r\n"b":1}}\rz\n')
    assert snapshot.line_count == 4
    assert snapshot.position(13, "utf-16") == (1, 0)
    assert snapshot.line(1) == '"b":1}\r'


@pytest.mark.parametrize(
    ("line", "character", "encoding", "offset"),
    [
        (0, 0, "utf-16", 0),
        (0, 1, "utf-16", 1),
        (0, 2, "utf-16", 1),
        (0, 3, "utf-16", 2),
        (0, 99, "utf-16", 4),
        (0, 1, "utf-8", 1),
        (0, 3, "utf-8", 1),
        (0, 4, "utf-8", 1),
        (0, 5, "utf-8", 2),
        (0, 6, "utf-8", 2),
        (0, 7, "utf-8", 3),
        (0, 2, "utf-32", 2),
        (0, 10**12, "utf-32", 4),
        (0, -5, "utf-16", 0),
        (-1, 5, "utf-16", 0),
        (1, 0, "utf-8", 6),
        (1, 10, "utf-16", 9),
        (2, 0, "utf-16", 9),
        (10**12, 10**12, "utf-16", 9),
    ],
)
def test_positions_clamp_and_round_down(line: int, character: int, encoding: Encoding, offset: int) -> None:
    assert TextSnapshot.of("a🚀ä!\r\nabc").offset(line, character, encoding) == offset


def test_a_position_past_the_end_of_the_last_line_is_the_end_of_the_text() -> None:
    snapshot, edits = apply(TextSnapshot.of("abc"), [(((0, 10), (0, 12)), "Z")], "utf-16")
    assert snapshot.text == "abcZ"
    assert edits == [Edit(3, 3, "Z")]


def test_halves_of_surrogate_pairs_are_characters_of_their_own() -> None:
    snapshot = TextSnapshot.of("\ud83d\ude00x")
    assert [snapshot.offset(0, n, "utf-16") for n in range(4)] == [0, 1, 2, 3]
    assert [snapshot.position(n, "utf-8") for n in range(4)] == [(0, 0), (0, 3), (0, 6), (0, 7)]


def test_every_offset_comes_back_from_its_position() -> None:
    text = "a\r\nä🚀\u2028b\r\rc\n\n数\ud800"
    snapshot = TextSnapshot.of(text)
    for encoding in reference.ENCODINGS:
        for offset in range(len(text) + 1):
            if text[offset - 1 : offset + 1] != "\r\n":
                position = snapshot.position(offset, encoding)
                assert snapshot.offset(*position, encoding) == offset
                assert reference.offset(text, *position, encoding) == offset


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("text", ["", "a", "aä\n🚀b\n\nc", "a\r\nb\nc", "a\vb\nc\n", "a\rb\n", "\n" * 3])
def test_positions_are_the_same_whether_or_not_lines_are_known(text: str, encoding: Encoding) -> None:
    known = TextSnapshot.of(text)
    assert known.line_count
    for start in range(len(text) + 1):
        assert TextSnapshot.of(text).position(start, encoding) == known.position(start, encoding)
        for end in range(start, len(text) + 1):
            both = known.position(start, encoding), known.position(end, encoding)
            assert TextSnapshot.of(text).positions(start, end, encoding) == both
            assert known.positions(start, end, encoding) == both


@pytest.mark.parametrize("encoding", reference.ENCODINGS)
def test_many_positions_at_once_are_those_of_one_at_a_time(encoding: Encoding) -> None:
    chance = random.Random(5)
    for count in (0, 1, 3, 700):
        lines = [
            chance.choice(["", "plain", "é🚀 x", "\t  "]) + chance.choice(["\n", "\r\n", "\r"])
            for _ in range(count)
        ]
        text = "".join(lines) + chance.choice(["", "end"])
        places = [
            (start, min(start + chance.choice([0, 1, 4, 30]), len(text)))
            for start in sorted(chance.randint(0, len(text)) for _ in range(300))
        ]
        places += [(b, b) for _, b in reversed(places)]
        snapshot = TextSnapshot.of(text).edited(0, 0, "")
        singly = [(*snapshot.position(a, encoding), *snapshot.position(b, encoding)) for a, b in places]
        assert list(snapshot.many_positions(places, encoding)) == singly


def test_a_position_near_the_start_of_a_large_text_does_not_look_for_all_lines() -> None:
    snapshot = TextSnapshot.of("one\ntwo\n" * 10_000)
    assert snapshot.position(5, "utf-16") == (1, 1)
    assert snapshot._lines is None
    assert snapshot.position(79_999, "utf-16") == (19_999, 3)


def test_carriage_return_and_line_feed_that_meet_become_one_line_end() -> None:
    assert TextSnapshot.of("a\rb").edited(2, 3, "\nb").line_count == 2
    assert TextSnapshot.of("a\r\nb").edited(2, 3, "").line_count == 2
    assert TextSnapshot.of("a\r\nb").edited(2, 2, "x").line_count == 3
    assert TextSnapshot.of("a\n").edited(1, 1, "\r").line_count == 2


def test_random_edits_keep_text_and_lines() -> None:
    rng = random.Random(3)
    text = ""
    snapshot = TextSnapshot.of(text)
    for _ in range(3000):
        start = rng.randint(0, len(text))
        end = min(len(text), start + rng.choice([0, 0, 1, 2, 30]))
        new = "".join(rng.choice("ab\r\n\u2028🚀") for _ in range(rng.randint(0, 6)))
        text = text[:start] + new + text[end:]
        snapshot = snapshot.edited(start, end, new)
        assert list(snapshot.lines) == reference.lines(text)
        first, last = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        assert snapshot.slice(first, last) == text[first:last]
    assert snapshot.text == text


def test_a_full_replacement_becomes_the_smallest_edit() -> None:
    assert difference("abcdef", "abXdef") == Edit(2, 3, "X")
    assert difference("aaa", "aaaa") == Edit(3, 3, "a")
    assert difference("same", "same") == Edit(4, 4, "")
    assert apply(TextSnapshot.of("same"), [(None, "same")], "utf-16")[1] == []


def test_blocks_that_an_edit_does_not_touch_are_shared() -> None:
    spans = Spans.of([str(n) for n in range(5000)], len)
    changed = spans.replace(2500, 2501, ["new"])
    assert len({id(b) for b in spans.blocks} & {id(b) for b in changed.blocks}) == len(spans.blocks) - 1
    assert changed[2500] == "new"
    assert changed.start_of(2501) == spans.start_of(2501) - 1


def test_many_single_edits_do_not_leave_many_small_blocks() -> None:
    rng = random.Random(1)
    items = [str(n) for n in range(2000)]
    spans = Spans.of(items, len)
    for _ in range(3000):
        at = rng.randrange(len(items))
        items[at : at + 1] = rng.choice([[], ["x"], ["y", "z"]])
        spans = spans.replace(at, at + 1, items[at : at + len(items) - spans.count + 1])
    assert list(spans) == items
    assert len(spans.blocks) < 60
