"""From a name to where it is declared."""

from __future__ import annotations

import json

import pytest
from lsprotocol import types

from mplp_lsp.features.definition import definition
from tests.features.navigation import LINKING, Asked, asked, position_of, text_at, told
from tests.project import project, uri, uuid_of

CONTEXT = '-- site.context.json --\n{"context_id": "<c1>", "title": "Site"}\n'


def found(here: Asked) -> list[types.Location] | list[types.LocationLink] | None:
    return definition(*here, types.DefinitionParams(*position_of(here)))


def where(text: str) -> list[str]:
    here = asked(text)
    result = found(here)
    assert result is None or all(isinstance(each, types.Location) for each in result)
    return told(here.snapshot, result)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.plan.json", '{"context_id": "$0<c1>"}'),
        ("a.plan.json", '{"trace": {"context_id": "$0<c1>"}}'),
        ("a.trace.json", '{"root_span": {"context_id": "<c1>$0"}}'),
        ("a.collab.json", '{"context_id": "<c1>$0", "participants": []}'),
        ("a.confirm.json", '{"target_type": "context", "target_id": "$0<c1>"}'),
        ("a.confirm.json", '{"target_type": "other", "target_id": "$0<c1>"}'),
        ("a.events.ndjson", '\n{"payload": {"context_id": "<c1>$0"}}'),
        ("a.event.json", '{"event_id": "<e1>", "project_id": "<c1>$0"}'),
    ],
)
def test_an_id_leads_to_the_document_that_has_it(name: str, content: str) -> None:
    assert where(f"{CONTEXT}-- {name} --\n{content}") == ["site.context.json:1"]


def test_a_dependency_leads_to_its_step_with_both_ranges() -> None:
    text = """{"steps": [
      {"step_id": "<s1>", "description": "Build"},
      {"step_id": "<s2>", "dependencies": ["<s$0X>"]}]}"""
    text = text.replace("<s$0X>", "$0<s1>")
    here = asked(text, client=LINKING)
    result = found(here)
    assert result is not None
    (link,) = result
    assert isinstance(link, types.LocationLink)
    assert link.origin_selection_range is not None
    assert text_at(here.snapshot, here.document.uri, link.origin_selection_range) == uuid_of("s1")
    assert link.origin_selection_range.start.line == 2
    assert text_at(here.snapshot, link.target_uri, link.target_selection_range) == uuid_of("s1")
    assert json.loads(text_at(here.snapshot, link.target_uri, link.target_range)) == {
        "step_id": uuid_of("s1"),
        "description": "Build",
    }


ROLES = """
-- tester.role.json --
{"role_id": "<r1>", "name": "tester"}
-- mplp.toml --
[roles.tester]
action = "tool_call"
-- a.plan.json --
{"steps": [
  {"step_id": "<s1>", "agent_role": "tester"}]}
"""


def test_a_role_leads_to_its_document_and_to_its_action() -> None:
    text = ROLES.replace('"agent_role": "', '"agent_role": "$0')
    assert where(text) == ["mplp.toml:1", "tester.role.json:1"]


def test_a_role_given_by_id_leads_to_its_document() -> None:
    assert where(ROLES.replace('"agent_role": "tester', '"agent_role": "$0<r1>')) == ["tester.role.json:1"]


def test_a_role_of_mplp_toml_leads_to_its_document_and_to_its_steps() -> None:
    assert where(ROLES.replace("[roles.t", "[roles.$0t")) == ["tester.role.json:1", "a.plan.json:2"]


def test_a_step_of_mplp_toml_leads_to_the_step() -> None:
    toml = '-- mplp.toml --\n[steps."$0<s1>"]\naction = "tool_call"\n'
    assert where(toml + ROLES.replace("mplp.toml", "other.toml")) == ["a.plan.json:2"]


def test_a_declaration_leads_to_itself_or_to_the_others() -> None:
    assert where('{"plan_id": "$0<p1>"}') == ["a.plan.json:1"]
    assert where('-- b.plan.json --\n{"plan_id": "<p1>"}\n-- a.plan.json --\n{"plan_id": "$0<p1>"}') == [
        "b.plan.json:1"
    ]


def test_of_several_declarations_the_nearest_comes_first() -> None:
    text = (
        CONTEXT.replace("site.context", "a/site.context")
        + CONTEXT.replace("site.context", "b/near.context")
        + '-- b/x.plan.json --\n{"context_id": "$0<c1>"}'
    )
    assert where(text) == ["near.context.json:1", "site.context.json:1"]


@pytest.mark.parametrize(
    "text", ['{"context_id": "$0<c9>"}', '{"title": "$0x"}', '{"$0plan_id": "<p1>"}', ""]
)
def test_nothing_is_found_where_nothing_is_meant(text: str) -> None:
    assert found(asked(text)) is None


def test_broken_text_keeps_its_neighbours_names() -> None:
    text = """{"plan_id" "<p1>", "steps": [
      {"step_id": "<s1>" "description": "Build",
      {"step_id": "<s2>", "dependencies": ["$0<s1>, ]}"""
    assert where(text.replace('"$0<s1>, ]', '"$0<s1>", ]')) == ["a.plan.json:2"]


def test_every_prefix_of_a_project_answers_inside_its_documents() -> None:
    text = '{"plan_id": "<p1>", "steps": [{"step_id": "<s1>", "dependencies": ["<s1>"]}]}'
    whole = project(text).snapshot.document(uri("a.plan.json"))
    assert whole is not None
    for end in range(len(whole.text.text)):
        seen = project(whole.text.text[:end])
        document = seen.snapshot.document(seen.uri)
        assert document is not None
        for offset in range(max(0, end - 45), end + 1, 5):
            here = Asked(seen.snapshot, document, offset)
            for each in found(here) or []:
                assert isinstance(each, types.Location)
                assert text_at(seen.snapshot, each.uri, each.range) in whole.text.text
