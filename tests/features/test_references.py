"""Who uses a name, in the project and in the document at hand."""

from __future__ import annotations

import pytest
from lsprotocol import types

from mplp_lsp.features.highlight import document_highlight
from mplp_lsp.features.references import references
from tests.features.navigation import Asked, asked, position_of, read_as, text_at, told
from tests.project import uuid_of

PROJECT = """
-- a.plan.json --
{"plan_id": "<p1>", "context_id": "<c1>",
 "steps": [
  {"step_id": "<s1>", "agent_role": "tester"},
  {"step_id": "<s2>", "agent_role": "writer", "dependencies": ["<s1>"]},
  {"step_id": "<s3>", "agent_role": "tester", "dependencies": ["<s2>", "<s1>"]}]}
-- a.confirm.json --
{"confirm_id": "<k1>", "target_type": "plan",
 "target_id": "<p1>"}
-- run.events.ndjson --
{"event_id": "<e1>", "pipeline_id": "<p1>"}

{"event_id": "<e2>", "pipeline_id": "<p1>", "stage_id": "<s1>"}
-- tester.role.json --
{"role_id": "<r1>", "name": "tester"}
-- mplp.toml --
[gates]
confirm_steps = ["tester", "<s1>"]
[roles.tester]
action = "tool_call"
"""


def found(here: Asked, *, declared: bool = False) -> list[types.Location] | None:
    context = types.ReferenceContext(include_declaration=declared)
    text_document, position = position_of(here)
    answer = references(*here, types.ReferenceParams(context, text_document, position))
    return None if answer is None else read_as(answer, list[types.Location])


def where(spot: str, *, declared: bool = False) -> list[str]:
    """The references of the name that `spot` marks with `$0`."""
    plain = spot.replace("$0", "")
    assert PROJECT.count(plain) == 1
    here = asked(PROJECT.replace(plain, spot))
    return told(here.snapshot, found(here, declared=declared))


def test_a_plan_is_used_by_its_confirm_and_its_events() -> None:
    used = ["a.confirm.json:2", "run.events.ndjson:1", "run.events.ndjson:3"]
    assert where('"plan_id": "$0<p1>"') == used
    assert where('"target_id": "$0<p1>"') == used
    assert where('"target_id": "$0<p1>"', declared=True) == [used[0], "a.plan.json:1", *used[1:]]


def test_a_step_is_used_by_steps_settings_and_events() -> None:
    used = ["a.plan.json:4", "a.plan.json:5", "mplp.toml:2", "run.events.ndjson:3"]
    assert where('"step_id": "$0<s1>"') == used
    assert where('"stage_id": "$0<s1>"') == used
    assert where('"step_id": "$0<s1>"', declared=True) == ["a.plan.json:3", *used]


def test_a_role_is_used_by_steps_and_gates() -> None:
    used = ["a.plan.json:3", "a.plan.json:5", "mplp.toml:2"]
    assert where('"name": "$0tester"') == used
    assert where("[roles.$0tester]", declared=True) == [*used, "mplp.toml:3", "tester.role.json:1"]


def test_a_role_is_found_by_its_name_and_by_its_id() -> None:
    text = (
        '-- a.plan.json --\n{"steps": [{"agent_role": "tester"},\n{"agent_role": "<r1>"},\n'
        '{"agent_role": "x"}]}\n'
        '-- t.role.json --\n{"role_id": "<r1>",\n"name": "tester"}'
    )
    for spot in ('"name": "$0tester"', '"role_id": "$0<r1>"', '"agent_role": "$0<r1>"'):
        here = asked(text.replace(spot.replace("$0", ""), spot))
        assert told(here.snapshot, found(here)) == ["a.plan.json:1", "a.plan.json:2"]


def test_a_name_that_nobody_declares_is_used_all_the_same() -> None:
    assert where('"context_id": "$0<c1>"', declared=True) == ["a.plan.json:1"]


@pytest.mark.parametrize("text", ['{"title": "$0x"}', '{"$0plan_id": "<p1>"}', "$0"])
def test_where_no_name_stands_nothing_is_answered(text: str) -> None:
    assert found(asked(text)) is None


def test_ranges_are_those_of_the_texts_without_quotes_in_every_encoding() -> None:
    text = '{"title": "😀é", "steps": [{"step_id": "<s1>"}, {"dependencies": ["$0<s1>"]}]}'
    for encoding in ("utf-8", "utf-16", "utf-32"):
        here = asked(text, encoding=encoding)
        for location in found(here, declared=True) or []:
            assert text_at(here.snapshot, location.uri, location.range) == uuid_of("s1")
        assert len(found(here, declared=True) or []) == 2


# Highlights


def marks(text: str) -> list[tuple[str, int, str]]:
    here = asked(text)
    answer = document_highlight(*here, types.DocumentHighlightParams(*position_of(here)))
    result = [] if answer is None else read_as(answer, list[types.DocumentHighlight])
    return [
        (mark.kind.name, mark.range.start.line, text_at(here.snapshot, here.document.uri, mark.range))
        for mark in result
        if mark.kind is not None
    ]


def test_a_declaration_is_written_and_a_use_is_read() -> None:
    first = '{"steps": [\n{"dependencies": ["$0<s1>", "<s2>"]},\n'
    text = first + '{"step_id": "<s1>"},\n{"dependencies": ["<s1>"]}]}'
    step = uuid_of("s1")
    assert marks(text) == [("Read", 1, step), ("Write", 2, step), ("Read", 3, step)]


def test_highlights_of_a_role_in_settings_and_in_a_plan() -> None:
    toml = '-- mplp.toml --\n[roles.tester]\naction = "agent_handoff"\n[gates]\nconfirm_steps = ["$0tester"]'
    assert marks(toml) == [("Write", 0, "tester"), ("Read", 3, "tester")]
    plan = '{"steps": [{"agent_role": "$0tester"}, {"agent_role": "tester", "description": "tester"}]}'
    assert marks(plan) == [("Read", 0, "tester"), ("Read", 0, "tester")]


def test_the_same_text_as_another_kind_of_thing_is_not_marked() -> None:
    text = '{"plan_id": "<p1>", "context_id": "$0<p1>", "trace": {"context_id": "<p1>"}}'
    assert [kind for kind, _, _ in marks(text)] == ["Read", "Read"]


def test_a_line_of_a_timeline_marks_its_neighbours() -> None:
    text = '-- a.events.ndjson --\n{"plan_id": "$0<p1>"}\n{broken\n{"plan_id": "<p1>", "event_id": "<e1>"}'
    assert marks(text) == [("Read", 0, uuid_of("p1")), ("Read", 2, uuid_of("p1"))]


def test_no_highlight_on_plain_text() -> None:
    assert marks('{"title": "$0<p1>", "plan_id": "<p1>"}') == []
