"""Selection ranges: how a selection grows."""

from __future__ import annotations

from itertools import pairwise

import pytest
from lsprotocol import types

from mplp_lsp.features.selection import selection_range, spans_around
from mplp_lsp.server.encoded import encode
from mplp_lsp.text.snapshot import Encoding
from tests.features.plans import plan_text
from tests.project import Project, project


def grown(text: str) -> list[str]:
    """What is selected at the cursor, from the smallest on."""
    seen = project(text)
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    return [document.text.slice(*span) for span in spans_around(document, seen.cursor[1])]


PLAN = '{"title": "T", "steps": [{"a": {"role": "te$0ster", "n": 1}}, {"b": 2}]}'


def test_a_selection_grows_from_the_word_to_the_document() -> None:
    plain = PLAN.replace("$0", "")
    step = '{"a": {"role": "tester", "n": 1}}'
    assert grown(PLAN) == [
        "tester",
        '"tester"',
        '"role": "tester"',
        '"role": "tester", "n": 1',
        '{"role": "tester", "n": 1}',
        '"a": {"role": "tester", "n": 1}',
        step,
        f'{step}, {{"b": 2}}',
        f'[{step}, {{"b": 2}}]',
        f'"steps": [{step}, {{"b": 2}}]',
        plain[1:-1],
        plain,
    ]


def test_on_a_key_it_grows_to_the_member() -> None:
    assert grown('{"ti$0tle": "T", "n": 1}') == [
        "title",
        '"title"',
        '"title": "T"',
        '"title": "T", "n": 1',
        '{"title": "T", "n": 1}',
    ]


def test_blanks_inside_brackets_come_after_what_is_in_them() -> None:
    assert grown('{\n  "a": [ 1$0 ]\n}')[:3] == ["1", " 1 ", "[ 1 ]"]


def test_a_line_of_a_timeline_comes_before_the_whole() -> None:
    text = '-- a.events.ndjson --\n{"a": 1}\n{"b": $02}\n{"c": 3}\n'
    assert grown(text) == ["2", '"b": 2', '{"b": 2}', '{"b": 2}\n', '{"a": 1}\n{"b": 2}\n{"c": 3}\n']


def test_settings_grow_by_value_entry_section() -> None:
    text = '-- mplp.toml --\n[run]\nn = 1\n[roles.tester]\naction = "tool$0_call"\ncommand = ["x"]\n'
    assert grown(text)[:4] == [
        "tool_call",
        '"tool_call"',
        'action = "tool_call"',
        'action = "tool_call"\n',
    ]
    assert grown(text)[-2:] == [
        '[roles.tester]\naction = "tool_call"\ncommand = ["x"]\n',
        text.removeprefix("-- mplp.toml --\n").replace("$0", ""),
    ]


def chain(seen: Project, position: types.Position) -> list[types.Range]:
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    params = types.SelectionRangeParams(types.TextDocumentIdentifier(seen.uri), [position, position])
    found = selection_range(seen.snapshot, document, params)
    assert found is not None
    assert len(found) == 2
    ranges: list[types.Range] = []
    at: types.SelectionRange | None = found[0]
    while at is not None:
        ranges.append(at.range)
        at = at.parent
    return ranges


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_each_range_holds_the_one_before_in_any_encoding(encoding: Encoding) -> None:
    seen = project('{"a": "\U0001f680 $0x", "b": 1}', encoding=encoding)
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    position = types.Position(*document.text.position(seen.cursor[1], encoding))
    ranges = chain(seen, position)
    assert len(ranges) >= 4
    for inner, outer in pairwise(ranges):
        assert outer.start <= inner.start
        assert inner.end <= outer.end
        assert inner != outer


def test_every_beginning_of_a_plan_gives_chains_that_end_with_everything() -> None:
    text = plan_text()
    for end in range(0, len(text), 7):
        seen = project(text[:end])
        document = seen.snapshot.document(seen.uri)
        assert document is not None
        for offset in {0, end // 2, end}:
            spans = spans_around(document, offset)
            assert spans[-1] == (0, end)
            for (start, stop), (first, last) in pairwise(spans):
                assert first <= start <= stop <= last
                assert (start, stop) != (first, last)
            assert spans[0][0] <= offset <= spans[0][1]


def test_very_deep_nesting_grows_a_hundred_times_and_then_to_the_document() -> None:
    text = "[" * 400 + "1$0" + "]" * 400
    found = grown(text)
    assert len(found) == 100
    assert found[:3] == ["1", "[1]", "[[1]]"]
    assert found[-1] == text.replace("$0", "")
    seen = project(text)
    position = types.Position(0, 400)
    params = types.SelectionRangeParams(types.TextDocumentIdentifier(seen.uri), [position])
    assert (
        encode(selection_range(seen.snapshot, seen.snapshot.documents[seen.uri], params)).count(b"parent")
        == 99
    )
