"""Repairs of broken text: one edit, and the document is what was meant."""

from __future__ import annotations

import json

import pytest

from mplp_lsp.analysis.document import analyse
from mplp_lsp.features.fixes import fixes
from mplp_lsp.features.text_repairs import TextRepair, text_repair
from tests.project import project
from tests.text.test_one_slip import LAYOUTS, VALUE, broken


def repairs(text: str) -> list[tuple[str, TextRepair | None]]:
    """Code and repair of each fault of the text."""
    seen = project(f"-- a.plan.json --\n{text}")
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    return [(found.finding.code, text_repair(document, found)) for found in analyse(document).syntax]


def repaired(text: str) -> tuple[str, str]:
    """The title of the only repair, and the text after it."""
    ((_, repair),) = repairs(text)
    assert repair is not None
    edit = repair.edit
    return repair.title, text[: edit.start] + edit.new_text + text[edit.end :]


@pytest.mark.parametrize(
    ("text", "title", "after"),
    [
        ('{"a": 1,\n "b": 2', "Insert `}`", '{"a": 1,\n "b": 2}'),
        ('{\n  "a": {\n    "b": 1,\n  "c": 2\n}', "Insert `}`", '{\n  "a": {\n    "b": 1\n  },\n  "c": 2\n}'),
        ('{"s": [\n  1\n, "t": 2}', "Insert `]`", '{"s": [\n  1\n], "t": 2}'),
        ('{"a": {"b": 1]}', "Change `]` to `}`", '{"a": {"b": 1}}'),
        ('{"a" "b"}', "Insert a colon", '{"a": "b"}'),
        ('{"a" = "b"}', "Change `=` to `:`", '{"a" : "b"}'),
        ('{"a": 1; "b": 2}', "Change `;` to `,`", '{"a": 1, "b": 2}'),
        ('{"a":: 1}', "Remove the colon", '{"a": 1}'),
        ('{"a": 1,, "b": 2}', "Remove the comma", '{"a": 1, "b": 2}'),
        ('{"a"": 1}', "Remove the quote", '{"a": 1}'),
        ('{"a": "x "y" z"}', 'Write `\\"`', '{"a": "x \\"y\\" z"}'),
        ('{"a": "C:\\plans"}', "Write `\\\\`", '{"a": "C:\\\\plans"}'),
        ('{"a": "x\ny"}', "Write `\\n`", '{"a": "x\\ny"}'),
        ('{"a": [1, ..., 2]}', "Remove `...,`", '{"a": [1, 2]}'),
        ('```\n{"a": 1}', "Remove what does not belong to the document", '{"a": 1}'),
        ('{"a": 1}\n```\n', "Remove what does not belong to the document", '{"a": 1}\n'),
        ('{"a": 2026-05-04}', 'Change to `"2026-05-04"`', '{"a": "2026-05-04"}'),
        ('{"a": 01}', "Change to `1`", '{"a": 1}'),
        ('{"a": +1.5e3}', "Change to `1.5e3`", '{"a": 1.5e3}'),
        ('{"a": -.5}', "Change to `-0.5`", '{"a": -0.5}'),
        ('{"a": 5.}', "Change to `5.0`", '{"a": 5.0}'),
        ('{"a": 0x1F}', "Change to `31`", '{"a": 31}'),
        ('{"a": 1.2.3}', 'Change to `"1.2.3"`', '{"a": "1.2.3"}'),
        ('{"a": NaN}', "Change to `null`", '{"a": null}'),
        ('{"x": {"a": 1, {"b": 2}}', "Remove the bracket", '{"x": {"a": 1, "b": 2}}'),
        ('{"s": [{"a": ["x"}, {"a": []}]}', "Insert `]`", '{"s": [{"a": ["x"]}, {"a": []}]}'),
    ],
)
def test_a_fault_is_repaired_where_it_stands(text: str, title: str, after: str) -> None:
    said, got = repaired(text)
    assert got.replace(": ", ":").replace(":", ": ") == after.replace(": ", ":").replace(":", ": ")
    assert said == title
    json.loads(got)


def test_a_bracket_is_closed_behind_all_steps_however_many_there_are() -> None:
    steps = ",\n".join(f'    {{"step_id": "s{n}"}}' for n in range(100))
    text = '{\n  "steps": [\n' + steps + '\n  ,\n  "title": "t"\n}'
    title, after = repaired(text)
    assert title == "Insert `]`"
    assert json.loads(after)["title"] == "t"


def test_a_missing_list_bracket_is_put_before_all_that_is_in_it() -> None:
    _, after = repaired('{"steps": {"a": 1}, {"a": 2}, {"a": 3}], "title": "t"}')
    assert json.loads(after) == {"steps": [{"a": 1}, {"a": 2}, {"a": 3}], "title": "t"}


@pytest.mark.parametrize("layout", ["indented", "lines", "no blanks"])
def test_after_the_repair_of_a_slip_the_document_is_what_it_was(layout: str) -> None:
    same = sound = 0
    for _, text in broken(LAYOUTS[layout], 120, seed=3):
        found = repairs(text)
        if len(found) != 1 or found[0][1] is None:
            continue
        edit = found[0][1].edit
        after = text[: edit.start] + edit.new_text + text[edit.end :]
        try:
            value = json.loads(after)
        except ValueError:
            continue
        sound += 1
        same += value == VALUE
    assert sound >= 100
    assert same >= 85


def test_a_line_of_a_timeline_is_repaired_by_itself() -> None:
    from tests.features.test_fixes import fixed

    event = '{"event_id": "a"}\n'
    seen = project(f'-- a.events.ndjson --\n{event}{{"event_id" = "b"}}\n{event}')
    assert fixed(seen, "json-syntax").splitlines()[1] == '{"event_id" : "b"}'


def test_a_fence_goes_whole_with_its_end() -> None:
    text = '```json\n{"title": "A"}\n```\n'
    seen = project(f"-- a.plan.json --\n{text}")
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    (found,) = analyse(document).syntax
    ((head, tail),) = [fix.edits for fix in fixes(document, found)]
    assert text[: head.start] + text[head.end : tail.start] + tail.new_text == '{"title": "A"}\n'
