"""Whatever is typed, in whatever encoding: text and tree are those of the text as it stands (E2, D24)."""

from __future__ import annotations

import os

import pytest

from mplp_lsp.text.edits import Edit, stretches
from mplp_lsp.text.ndjson import Timeline
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree
from tests.text import random_edits, reference
from tests.text.fuzzing import Tally, run, run_at_borders

EDITS = int(os.environ.get("MPLP_FUZZ_EDITS", "3000"))


@pytest.mark.timeout(max(120, EDITS // 10))
def test_after_any_edits_text_and_tree_are_those_of_a_fresh_reading() -> None:
    tally = Tally()
    seed = int(os.environ.get("MPLP_FUZZ_SEED", "1"))
    while tally.edits < EDITS:
        run(seed, tally)
        seed += 1
    assert tally.inside_elements >= 0.4 * tally.edits
    assert tally.while_broken >= 0.2 * tally.edits


@pytest.mark.timeout(max(120, EDITS // 10))
def test_after_edits_at_every_border_text_and_tree_are_those_of_a_fresh_reading() -> None:
    tally = Tally()
    seed = int(os.environ.get("MPLP_FUZZ_SEED", "1"))
    while tally.edits < EDITS // 3:
        run_at_borders(seed, tally)
        seed += 1
    assert tally.while_broken >= 0.5 * tally.edits


def test_pieces_of_any_size_give_the_same_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mplp_lsp.text.json_table._WINDOW", 200)
    monkeypatch.setattr("mplp_lsp.text.json_table._FIRST_WINDOW", 40)
    tally = Tally()
    for seed in range(900_000, 900_015):
        run(seed, tally, 10)
    assert tally.edits > 100


SMALL = """{
  "meta": {"v": "1.0.0", "x": [1, {"y": null}]},
  "steps": [
    {
      "step_id": "s1",
      "dependencies": ["a", "b\\u0041"]
    },
    {"step_id": "🚀", "order": -1.5e3}
  ],
  "title": "t"
}
"""


def test_every_prefix_of_a_document_gives_a_tree_with_all_its_ranges_inside() -> None:
    for end in range(len(SMALL)):
        text = SMALL[:end]
        tree = Tree.parse(TextSnapshot.of(text))
        assert reference.ranges_are_inside(tree), text
        assert any(problem.is_error for problem in tree.problems) == (end < SMALL.rindex("}") + 1), text


def test_every_suffix_of_a_document_gives_a_tree_with_all_its_ranges_inside() -> None:
    for start in range(len(SMALL)):
        assert reference.ranges_are_inside(Tree.parse(TextSnapshot.of(SMALL[start:])))


def test_a_document_typed_character_by_character_equals_the_one_read_at_once() -> None:
    snapshot = TextSnapshot.of("")
    tree = Tree.parse(snapshot)
    for offset, character in enumerate(SMALL):
        snapshot = snapshot.edited(offset, offset, character)
        tree = tree.edited([Edit(offset, offset, character)], snapshot)
        assert reference.observed(tree) == reference.observed(
            Tree.parse(TextSnapshot.of(SMALL[: offset + 1]))
        )
    assert not tree.problems


def test_stretches_describe_what_is_new_and_leave_the_rest_alike() -> None:
    import random

    for seed in range(2000):
        rng = random.Random(seed)
        before = text = "".join(rng.choice("abcdefgh") for _ in range(30))
        edits: list[Edit] = []
        for _ in range(rng.choice([1, 2, 3, 4, 5, 70])):
            start = rng.randint(0, len(text))
            end = min(len(text), start + rng.choice([0, 0, 1, 3, 8]))
            edits.append(Edit(start, end, "XYZ"[: rng.randint(0, 3)]))
            text = text[:start] + edits[-1].new_text + text[end:]
        old = new = 0
        for stretch in stretches(edits):
            assert before[old : stretch.start] == text[new : stretch.new_start], seed
            old, new = stretch.end, stretch.new_end
        assert before[old:] == text[new:], seed


def test_hundreds_of_edits_in_one_change_give_the_tree_of_a_fresh_reading() -> None:
    import random

    for seed in range(12):
        rng = random.Random(seed)
        snapshot = TextSnapshot.of(random_edits.plan(30, rng))
        tree = Tree.parse(snapshot)
        edits: list[Edit] = []
        for _ in range(100):
            start = rng.randint(0, snapshot.length)
            end = min(snapshot.length, start + rng.choice([0, 1, 5]))
            edits.append(Edit(start, end, rng.choice(["", "x", " ", "1", "\n", ","])))
            snapshot = snapshot.edited(*edits[-1])
        fresh = Tree.parse(TextSnapshot.of(snapshot.text))
        assert reference.observed(tree.edited(edits, snapshot)) == reference.observed(fresh), seed


def test_a_timeline_after_random_edits_equals_a_fresh_one() -> None:
    import random

    for seed in range(40):
        rng = random.Random(seed)
        text = "\n".join(f'{{"event_id": {n}, "n": [1, 2]}}' for n in range(8)) + "\n"
        snapshot = TextSnapshot.of(text)
        timeline = Timeline.parse(snapshot)
        for _ in range(15):
            start = rng.randint(0, snapshot.length)
            end = min(snapshot.length, start + rng.choice([0, 0, 1, 5, 60]))
            edit = Edit(start, end, rng.choice([*random_edits.PIECES, '{"a": 1}\n', "\r", "\n", "\r\n"]))
            snapshot = snapshot.edited(*edit)
            timeline = timeline.edited([edit], snapshot)
            fresh = Timeline.parse(TextSnapshot.of(snapshot.text))
            assert [line.text for line in timeline.lines] == [line.text for line in fresh.lines], seed
            assert repr(timeline.value) == repr(fresh.value), seed
            assert list(timeline.problems) == list(fresh.problems), seed


@pytest.mark.parametrize("seed", [5_001_382, 41_000_074])
def test_runs_that_once_differed_from_a_fresh_reading(seed: int) -> None:
    """A key lost its indentation where an edit made the reading begin at it."""
    run(seed, Tally())


def test_a_single_quote_typed_behind_the_table_is_seen_by_the_entry_that_has_an_open_one() -> None:
    # Seed 300508 of the random edits: the entry kept its problem of before, without the repair of now.
    before = TextSnapshot.of(
        '{"steps": [{"a": 0}, {"a": "s", \'b": {"c": "d"}, "e": 2}], "x": {"y": "z"}, "events": []}'
    )
    at = before.text.index("nts")
    after = before.edited(at, at, "'s")
    edited = Tree.parse(before).edited([Edit(at, at, "'s")], after)
    assert edited.problems == Tree.parse(TextSnapshot.of(after.text)).problems
