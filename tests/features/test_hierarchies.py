"""Steps that wait for one another, and documents that belong to one another."""

from __future__ import annotations

import json

import pytest
from lsprotocol import types

from mplp_lsp.features.call_hierarchy import incoming_calls, outgoing_calls, prepare_call_hierarchy
from mplp_lsp.features.type_hierarchy import prepare_type_hierarchy, subtypes, supertypes
from tests.features.navigation import Asked, asked, position_of, text_at
from tests.project import Project, project, uri, uuid_of

PLAN = """
-- a.plan.json --
{"plan_id": "<p1>", "steps": [
  {"step_id": "<s1>", "description": "Build", "status": "completed", "agent_role": "builder"},
  {"step_id": "<s2>", "description": "Test", "status": "pending", "dependencies": ["<s1>"]},
  {"step_id": "<s3>", "description": "Lint", "dependencies": ["<s1>", "<s9>", "<s1>"]},
  {"step_id": "<s4>", "dependencies": ["<s3>", "<s2>"]}]}
-- a.confirm.json --
{"confirm_id": "<k1>", "target_type": "other", "target_id": "<s2>"}
-- mplp.toml --
[gates]
confirm_steps = ["<s4>"]
"""


def prepared(text: str) -> tuple[Asked, list[types.CallHierarchyItem]]:
    here = asked(text)
    found = prepare_call_hierarchy(*here, types.CallHierarchyPrepareParams(*position_of(here)))
    return here, found or []


def at(spot: str) -> tuple[Asked, list[types.CallHierarchyItem]]:
    plain = spot.replace("$0", "")
    assert PLAN.count(plain) == 1
    return prepared(PLAN.replace(plain, spot))


def item(step: str) -> tuple[Asked, types.CallHierarchyItem]:
    here, (only,) = at(f'"step_id": "$0<{step}>"')
    return here, only


@pytest.mark.parametrize(
    ("spot", "name"),
    [
        ('"step_id": "$0<s2>"', "Test"),
        ('"description": "Te$0st"', "Test"),
        ('"status": "pending$0"', "Test"),
        ('["<s3>$0"', "Lint"),
        ('"target_id": "$0<s2>"', "Test"),
        ('confirm_steps = ["$0<s4>"', uuid_of("s4")),
    ],
)
def test_a_hierarchy_starts_at_the_step_that_is_named_or_around(spot: str, name: str) -> None:
    _, items = at(spot)
    assert [each.name for each in items] == [name]


def test_an_item_has_all_that_a_list_shows_and_a_later_request_needs() -> None:
    here, built = item("s1")
    assert built.detail == "completed · builder"
    assert built.kind == types.SymbolKind.Function
    assert built.data == {"uri": uri("a.plan.json"), "step_id": uuid_of("s1")}
    assert text_at(here.snapshot, built.uri, built.selection_range) == uuid_of("s1")
    assert json.loads(text_at(here.snapshot, built.uri, built.range))["description"] == "Build"


@pytest.mark.parametrize("spot", ['$0"plan_id"', '"confirm_id": "<k1>$0"', "[gat$0es]"])
def test_nothing_starts_outside_of_steps(spot: str) -> None:
    assert at(spot)[1] == []


def incoming(step: str) -> list[tuple[str, list[str]]]:
    here, only = item(step)
    calls = incoming_calls(here.snapshot, here.document, types.CallHierarchyIncomingCallsParams(only))
    return [
        (call.from_.name, [text_at(here.snapshot, call.from_.uri, spot) for spot in call.from_ranges])
        for call in calls or []
    ]


def outgoing(step: str) -> list[tuple[str, list[int]]]:
    here, only = item(step)
    calls = outgoing_calls(here.snapshot, here.document, types.CallHierarchyOutgoingCallsParams(only))
    return [(call.to.name, [spot.start.line for spot in call.from_ranges]) for call in calls or []]


def test_incoming_are_the_steps_that_wait() -> None:
    one, two = uuid_of("s1"), uuid_of("s2")
    assert incoming("s1") == [("Test", [one]), ("Lint", [one, one])]
    assert incoming("s2") == [(uuid_of("s4"), [two])]
    assert incoming("s4") == []


def test_outgoing_is_what_a_step_waits_for() -> None:
    assert outgoing("s4") == [("Lint", [4]), ("Test", [4])]
    assert outgoing("s3") == [("Build", [3, 3])]
    assert outgoing("s1") == []


def test_an_item_of_an_earlier_answer_is_found_by_its_id_or_gone() -> None:
    seen = project(PLAN)
    _, only = item("s1")
    text = seen.snapshot.documents[uri("a.plan.json")].text.text
    seen.write("a.plan.json", "\n\n" + text.replace('"description": "Test"', '"description": "Try"'))
    later = seen.again()
    document = later.document(only.uri)
    calls = incoming_calls(later, document, types.CallHierarchyIncomingCallsParams(only))
    assert [call.from_.name for call in calls or []] == ["Try", "Lint"]
    seen.write("a.plan.json", text.replace(uuid_of("s1"), uuid_of("other")))
    later = seen.again()
    gone = types.CallHierarchyOutgoingCallsParams(only)
    assert outgoing_calls(later, later.document(only.uri), gone) == []
    assert outgoing_calls(later, None, gone) is None


def test_broken_steps_leave_the_others_in_the_hierarchy() -> None:
    text = PLAN.replace('"description": "Lint", ', '"description" "Lint, ')
    here, (only,) = prepared(text.replace('"step_id": "<s1>"', '"step_id": "$0<s1>"'))
    calls = incoming_calls(here.snapshot, here.document, types.CallHierarchyIncomingCallsParams(only))
    assert "Test" in [call.from_.name for call in calls or []]


# Documents

FAMILY = """
-- site.context.json --
{"context_id": "<c1>", "title": "Site", "status": "active"}
-- a.plan.json --
{"plan_id": "<p1>", "context_id": "<c1>", "title": "Release", "status": "draft"}
-- b.trace.json --
{"trace_id": "<t1>", "context_id": "<c1>", "plan_id": "<p1>", "root_span": {"trace_id": "<t1>"}}
-- c.trace.json --
{"trace_id": "<t2>", "context_id": "<c1>", "plan_id": "<p9>"}
-- d.confirm.json --
{"confirm_id": "<k1>", "target_type": "plan", "target_id": "<p1>", "status": "pending"}
-- e.collab.json --
{"collab_id": "<l1>", "context_id": "<c1>", "title": "Team"}
-- f.role.json --
{"role_id": "<r1>", "name": "tester"}
"""


def family(text: str = FAMILY) -> Project:
    return project(text)


def types_at(spot: str) -> list[str]:
    here = asked(FAMILY.replace(spot.replace("$0", ""), spot, 1))
    found = prepare_type_hierarchy(*here, types.TypeHierarchyPrepareParams(*position_of(here)))
    return [f"{each.name}: {each.detail}" for each in found or []]


def item_of(seen: Project, name: str) -> types.TypeHierarchyItem:
    document = seen.snapshot.documents[uri(name)]
    params = types.TypeHierarchyPrepareParams(
        types.TextDocumentIdentifier(document.uri), types.Position(0, 0)
    )
    found = prepare_type_hierarchy(seen.snapshot, document, 0, params)
    assert found is not None
    return found[0]


def owners(name: str) -> list[str]:
    seen = family()
    params = types.TypeHierarchySupertypesParams(item_of(seen, name))
    found = supertypes(seen.snapshot, seen.snapshot.document(uri(name)), params)
    return [each.name for each in found or []]


def owned(name: str) -> list[str]:
    seen = family()
    params = types.TypeHierarchySubtypesParams(item_of(seen, name))
    found = subtypes(seen.snapshot, seen.snapshot.document(uri(name)), params)
    return [each.name for each in found or []]


def test_a_hierarchy_starts_at_the_id_at_the_cursor_or_at_the_document() -> None:
    plan = f"Release: plan · draft · {uuid_of('p1')[:8]}"
    assert types_at('$0{"plan_id"') == [plan]
    assert types_at('"target_id": "$0<p1>"') == [plan]
    assert types_at('"context_id": "$0<c1>", "title": "Release"') == [
        f"Site: context · active · {uuid_of('c1')[:8]}"
    ]
    assert types_at('"plan_id": "$0<p9>"') == [f"trace {uuid_of('t2')[:8]}: trace · {uuid_of('t2')[:8]}"]


def test_what_a_document_belongs_to() -> None:
    assert owners("a.plan.json") == ["Site"]
    assert owners("b.trace.json") == ["Release"]
    assert owners("c.trace.json") == ["Site"], "a plan that nobody knows owns nothing"
    assert owners("d.confirm.json") == ["Release"]
    assert owners("e.collab.json") == ["Site"]
    assert owners("site.context.json") == []
    assert owners("f.role.json") == []


def test_what_belongs_to_a_document() -> None:
    trace, confirm = f"trace {uuid_of('t1')[:8]}", f"confirm {uuid_of('k1')[:8]}"
    assert owned("site.context.json") == ["Release", f"trace {uuid_of('t2')[:8]}", "Team"]
    assert owned("a.plan.json") == [trace, confirm]
    assert owned("b.trace.json") == []


def test_the_place_of_a_document_is_its_id() -> None:
    seen = family()
    found = item_of(seen, "a.plan.json")
    assert text_at(seen.snapshot, found.uri, found.selection_range) == uuid_of("p1")
    assert found.data == {"uri": uri("a.plan.json")}
    assert supertypes(seen.snapshot, None, types.TypeHierarchySupertypesParams(found)) is None


def test_settings_and_timelines_belong_to_no_hierarchy() -> None:
    for text in ("-- mplp.toml --\n$0[roles]", '-- a.events.ndjson --\n$0{"event_id": 5}'):
        here = asked(text)
        assert prepare_type_hierarchy(*here, types.TypeHierarchyPrepareParams(*position_of(here))) is None
