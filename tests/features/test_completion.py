"""Completion in documents: what is offered where, and the whole document after an item was accepted."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from lsprotocol import types

from mplp_lsp.features.completion_resolve import completion_resolve
from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.text.snapshot import Encoding
from mplp_runtime.kinds import NAMED
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.world import Baseline
from tests.features.completing import PLAIN_CLIENT, accepted, asked, completed, items, labels
from tests.features.plans import META, PLAN, plan_text, plan_value
from tests.project import ABLE_CLIENT, Project, project, uuid_of

CONTEXT = (
    '-- a.context.json --\n{"meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"}, '
    '"context_id": "<c1>", "root": {"domain": "d", "environment": "e"}, "title": "Site", '
    '"status": "active"}\n'
)
NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)


def in_plan(old: str, new: str, *, steps: int = 2, status: str = "draft", **changes: Any) -> str:
    """A project with a context and a plan, in which the first `old` was replaced by `new`."""
    text = plan_text(status, steps, **changes)
    assert old in text, old
    return f"{CONTEXT}-- a.plan.json --\n{text.replace(old, new, 1)}"


def at_time(text: str, **options: Any) -> Project:
    seen = project(text, **options)
    return replace(seen, snapshot=replace(seen.snapshot, taken_at=NOW))


def dependencies(cursor: str, steps: int, edges: dict[int, list[int]]) -> str:
    """A plan of steps described as `Task n`; `cursor` replaces the dependencies of the step called `at`."""
    value = plan_value(steps=steps)
    for number, step in enumerate(value["steps"], 1):
        step["description"] = f"Task {number}"
        step["dependencies"] = [uuid_of(f"s{target}") for target in edges.get(number, [])]
    number, _, inner = cursor.partition(":")
    value["steps"][int(number) - 1]["dependencies"] = ["HERE"]
    return f"{CONTEXT}-- a.plan.json --\n" + json.dumps(value, indent=2).replace('"HERE"', inner)


# Members


def test_missing_members_are_offered_the_required_ones_first() -> None:
    seen = project('-- a.plan.json --\n{\n  "title": "T",\n  $0\n}')
    assert labels(seen) == [
        "meta",
        "plan_id",
        "context_id",
        "objective",
        "status",
        "steps",
        "trace",
        "events",
    ]
    assert items(seen)[0].detail == "required · object"
    assert items(seen)[4].detail == "required · one of draft, proposed, approved, in_progress, completed, c…"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{$0}", '{"title": "Title"}'),
        ("{ti$0}", '{"title": "Title"}'),
        ('{"$0"}', '{"title": "Title"}'),
        ('{"ti$0"}', '{"title": "Title"}'),
        ('{"ti$0}', '{"title": "Title"}'),
        ('{"ti$0": "Mine"}', '{"title": "Mine"}'),
        ('{\n  "status": "draft",\n  "$0"\n}', '{\n  "status": "draft",\n  "title": "Title"\n}'),
        ('{\n  "status": "draft"\n  "$0"\n}', '{\n  "status": "draft",\n  "title": "Title"\n}'),
        ('{\n  "status": "draft"\n  $0\n}', '{\n  "status": "draft",\n  "title": "Title"\n}'),
        ('{\n  "$0"\n  "status": "draft"\n}', '{\n  "title": "Title",\n  "status": "draft"\n}'),
        ('{\n  ti$0\n  "status": "draft"\n}', '{\n  "title": "Title",\n  "status": "draft"\n}'),
        ('{ $0"status": "draft"}', '{ "title": "Title", "status": "draft"}'),
        ('{"status": "draft", $0}', '{"status": "draft", "title": "Title"}'),
        ('{"status": "draft""$0"}', '{"status": "draft", "title": "Title"}'),
        ('{"status": "draft"\r\n  "$0"\r\n}', '{"status": "draft",\r\n  "title": "Title"\r\n}'),
        (
            '{\n  "status": "draft"\n  $0, "steps": []\n}',
            '{\n  "status": "draft",\n  "title": "Title", "steps": []\n}',
        ),
    ],
)
@pytest.mark.parametrize("client", [ABLE_CLIENT, PLAIN_CLIENT], ids=["snippets", "plain"])
def test_an_accepted_member_brings_quotes_colon_and_commas(before: str, after: str, client: Any) -> None:
    assert completed(f"-- a.plan.json --\n{before}", "title", client=client) == after


def test_a_member_that_is_an_object_is_laid_out_like_its_surroundings() -> None:
    text = '-- a.plan.json --\n{\n\t"title": "T",\n\t"$0"\n}'
    versions = '"protocol_version": "1.0.0",\n\t\t"schema_version": "1.0.0"'
    written = f'{{\n\t"title": "T",\n\t"meta": {{\n\t\t{versions}\n\t}}\n}}'
    assert completed(text, "meta") == written
    assert completed(text, "meta", client=PLAIN_CLIENT) == written
    adjusting = replace(ABLE_CLIENT, insert_text_modes=frozenset({1, 2}))
    assert completed(text, "meta", client=adjusting) == written
    assert completed(text, "meta", client=replace(adjusting, snippets=False)) == written


def test_on_one_line_everything_stays_on_one_line() -> None:
    text = '-- a.plan.json --\n{"title": "T", $0}'
    assert completed(text, "meta") == (
        '{"title": "T", "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"}}'
    )


def test_the_text_mode_is_named_only_to_clients_that_know_it() -> None:
    text = "-- a.plan.json --\n{\n  $0\n}"
    (meta,) = [each for each in items(project(text)) if each.label == "meta"]
    assert meta.insert_text_mode is None
    able = replace(ABLE_CLIENT, insert_text_modes=frozenset({1}))
    (plain,) = [each for each in items(project(text, client=able)) if each.label == "meta"]
    assert plain.insert_text_mode is types.InsertTextMode.AsIs


def test_clients_without_snippets_get_no_tab_stops() -> None:
    for item in items(project("-- a.plan.json --\n{\n  $0\n}", client=PLAIN_CLIENT)):
        assert item.insert_text_format is None
        assert isinstance(item.text_edit, types.TextEdit)
        assert "$" not in item.text_edit.new_text


def test_an_edit_holds_the_cursor_that_stands_before_a_quote_or_behind_it() -> None:
    text = plan_text().replace('"draft"', '"dra"')
    for before in ('"status": |"dra"', '"status": "|dra"', '"status": "dra|"', '"status": "dra"|'):
        seen = project(text.replace('"status": "dra"', before.replace("|", "$0"), 1))
        cursor = seen.snapshot.documents[seen.uri].text.position(seen.cursor[1], "utf-16")[1]
        for item in items(seen):
            edit = item.text_edit
            assert isinstance(edit, types.TextEdit)
            assert edit.range.start.character <= cursor <= edit.range.end.character, before
            assert f'"status": "{item.label}",' in accepted(seen, item)


def test_no_item_is_preselected_for_clients_that_cannot_show_it() -> None:
    seen = project("-- new.plan.json --\n$0", client=replace(ABLE_CLIENT, completion_preselect=False))
    assert [item.preselect for item in items(seen)] == [None]


def test_a_sound_member_is_not_renamed() -> None:
    assert asked(project(in_plan('"title"', '"ti$0tle"'))) is None


def test_a_key_in_front_of_a_value_is_one_that_the_value_fits() -> None:
    assert labels(project('{"$0": {"protocol_version": "1.0.0"}}')) == ["meta", "trace"]
    assert "status" in labels(project('{"st$0": "draft"}'))
    assert "status" not in labels(project('{"st$0": "nonsense"}'))


def test_a_new_member_of_an_object_in_a_list_is_offered() -> None:
    text = in_plan('"status": "pending",', '"status": "pending",\n      $0').replace(
        '"agent_role": "tester"', '"order_index": 1', 1
    )
    assert labels(project(text)) == ["agent_role"]
    assert '"agent_role": "tester",' in completed(text, "agent_role")


def test_members_of_the_event_family_are_offered_as_soon_as_it_is_known() -> None:
    event = '{"event_id": "<e1>", "event_family": "graph_update", $0}'
    assert labels(project(f"-- a.event.json --\n{event}"))[:6] == [
        "event_type",
        "timestamp",
        "graph_id",
        "update_kind",
        "node_delta",
        "edge_delta",
    ]


def test_in_a_timeline_each_line_is_a_document() -> None:
    line = '{"event_id": "<e1>", "event_type": "SAInitialized", "sa_id": "<a1>"$0}'
    seen = at_time(f'-- a.events.ndjson --\n{{"event_id": "<e0>"}}\n{line.replace("$0", ", $0")}\n{{}}\n')
    assert labels(seen) == ["timestamp", "context_id", "plan_id", "trace_id", "payload"]
    text = accepted(seen, items(seen)[0])
    assert text.split("\n")[1].endswith(', "timestamp": "2026-03-14T09:26:53.000Z"}')
    assert text.count("\n") == 3


# States


def test_only_states_that_may_follow_are_offered() -> None:
    seen = project(in_plan('"draft"', '"dr$0aft"'))
    assert [(item.label, item.detail) for item in items(seen)] == [
        ("proposed", "may follow `draft`"),
        ("draft", "as it is"),
    ]
    assert '"status": "proposed"' in accepted(seen, items(seen)[0])


def test_states_are_counted_from_the_last_save_that_is_known() -> None:
    saved = Baseline("approved", {uuid_of("s1"): "in_progress"})
    text = in_plan('"draft"', '"$0"')
    seen = project(text, baselines=lambda kind, id_: saved if (kind, id_) == ("plan", PLAN) else None)
    assert [(item.label, item.detail) for item in items(seen)] == [
        ("in_progress", "may follow `approved`, the last saved state"),
        ("approved", "the last saved state"),
    ]
    step = project(in_plan('"pending"', '"$0"', status="in_progress"), baselines=lambda *_: saved)
    assert labels(step) == ["completed", "failed", "in_progress"]


def test_a_new_object_may_be_in_any_state_the_first_one_first() -> None:
    offered = items(project('-- a.context.json --\n{"status": $0}'))
    assert [item.label for item in offered] == ["draft", "active", "suspended", "closed", "archived"]
    assert offered[0].detail == "the first state"


def test_a_state_that_contradicts_the_rest_stands_last_and_says_why() -> None:
    waiting = labels(project(in_plan('"pending"', '"pending$0"', status="in_progress")))
    assert waiting[0] == "in_progress"
    value = plan_value("in_progress")
    text = json.dumps(value, indent=2)
    at = text.rindex('"pending"')
    second = items(project(f'{CONTEXT}-- a.plan.json --\n{text[:at]}"pending$0"{text[at + 9 :]}'))
    assert [(item.label, item.detail) for item in second][-1] == (
        "in_progress",
        "may follow `pending`; not all it waits for is done",
    )


def test_a_plan_does_not_start_in_a_context_that_is_not_active() -> None:
    text = in_plan('"approved"', '"approved$0"', status="approved")
    assert labels(project(text)) == ["in_progress", "approved"]
    assert labels(project(text.replace('"status": "active"', '"status": "closed"'))) == ["approved"]


def test_a_final_state_offers_itself_only() -> None:
    seen = project(in_plan('"completed"', '"complet$0ed"', status="completed"))
    assert [(item.label, item.detail) for item in items(seen)] == [("completed", "as it is; final")]


def test_a_status_that_tells_no_life_offers_all_its_words() -> None:
    text = '-- a.core.json --\n{"modules": [{"module_id": "plan", "status": "$0"}]}'
    assert labels(project(text)) == ["enabled", "disabled", "experimental", "deprecated"]


# Dependencies


def test_dependencies_are_offered_by_description_and_inserted_by_id() -> None:
    seen = project(dependencies('3:"$0"', 4, {}))
    offered = items(seen)
    assert [item.label for item in offered] == ["Task 2", "Task 1", "Task 4"]
    assert offered[0].detail == f"{uuid_of('s2')[:8]} · pending · tester"
    assert offered[0].filter_text == f"Task 2 {uuid_of('s2')}"
    assert json.loads(accepted(seen, offered[0]))["steps"][2]["dependencies"] == [uuid_of("s2")]


def test_no_dependency_that_would_close_a_circle_is_offered() -> None:
    # 2 and 4 wait for 1, 3 waits for 2, 5 is free.
    assert labels(project(dependencies('1:"$0"', 5, {2: [1], 3: [2], 4: [1]}))) == ["Task 5"]


def test_a_plan_out_of_order_hides_no_circle() -> None:
    edges = {number: [number + 1] for number in range(1, 12)}
    # Each step waits for the next one, so all before the last reach it.
    assert labels(project(dependencies('12:"$0"', 13, edges))) == ["Task 13"]


def test_what_is_listed_already_is_not_offered_again() -> None:
    cursor = f'3:"{uuid_of("s1")}", "$0"'
    assert labels(project(dependencies(cursor, 4, {}))) == ["Task 2", "Task 4"]
    assert labels(project(dependencies(f'3:"{uuid_of("s1")}", $0', 4, {}))) == ["Task 2", "Task 4"]


def test_an_id_under_the_cursor_may_be_replaced_by_itself() -> None:
    cursor = f'3:"{uuid_of("s1")[:9]}$0{uuid_of("s1")[9:]}"'
    assert "Task 1" in labels(project(dependencies(cursor, 4, {})))


def test_a_long_list_is_cut_and_asked_for_again() -> None:
    text = dependencies('700:"$0"', 700, {})
    found = asked(project(text))
    assert found is not None
    assert found.is_incomplete
    assert len(found.items) == 100
    assert found.items[0].label == "Task 699"
    narrow = asked(project(dependencies('700:"Task 12$0"', 700, {})))
    assert narrow is not None
    assert {item.label for item in narrow.items} == {"Task 12", *(f"Task 12{digit}" for digit in range(10))}


def test_of_very_many_documents_those_are_offered_that_fit_the_letters() -> None:
    contexts = "".join(
        f'-- c{number}.context.json --\n{{"context_id": "<c{number}>", "title": "Site {number}"}}\n'
        for number in range(520)
    )
    whole = asked(project(contexts + '-- a.plan.json --\n{"context_id": "$0"}'))
    assert whole is not None
    assert (len(whole.items), whole.is_incomplete) == (100, True)
    fitting = asked(project(contexts + '-- a.plan.json --\n{"context_id": "site 51$0"}'))
    assert fitting is not None
    assert {item.label for item in fitting.items} == {"Site 51", *(f"Site 51{digit}" for digit in range(10))}


# Ids, roles, times


def test_contexts_are_offered_by_title_the_nearest_first() -> None:
    other = CONTEXT.replace("a.context", "sub/b.context").replace("<c1>", "<c2>").replace("Site", "Far")
    seen = project(other + in_plan(f'"{uuid_of("c1")}"', "$0"))
    assert [(item.label, item.detail) for item in items(seen)] == [
        ("Site", f"{uuid_of('c1')[:8]} · active · a.context.json"),
        ("Far", f"{uuid_of('c2')[:8]} · active · b.context.json"),
    ]
    assert json.loads(accepted(seen, items(seen)[1]))["context_id"] == uuid_of("c2")


def test_a_target_is_of_the_kind_that_target_type_says() -> None:
    files = in_plan("Release", "Release")
    confirm = '-- b.confirm.json --\n{"target_type": "%s", "target_id": "$0"}'
    assert labels(project(f"{files}\n{confirm % 'plan'}")) == ["Release"]
    assert labels(project(f"{files}\n{confirm % 'context'}")) == ["Site"]
    assert set(labels(project(f"{files}\n{confirm % 'other'}"))) >= {"Release", "Site"}


def test_steps_are_offered_wherever_a_step_is_named() -> None:
    files = in_plan("Release", "Release")
    event = f'{{"event_family": "pipeline_stage", "pipeline_id": "{PLAN}", "stage_id": "$0"}}'
    assert labels(project(f"{files}\n-- a.event.json --\n{event}")) == ["Step 1", "Step 2"]
    trace = f'{{"plan_id": "{PLAN}", "segments": [{{"attributes": {{"step_id": "$0"}}}}]}}'
    assert labels(project(f"{files}\n-- a.trace.json --\n{trace}")) == ["Step 1", "Step 2"]


def test_a_segment_is_no_parent_of_what_it_is_inside() -> None:
    segments = [
        {"segment_id": "<g1>", "label": "One", "parent_segment_id": "$0"},
        {"segment_id": "<g2>", "label": "Two", "parent_segment_id": "<g1>"},
        {"segment_id": "<g3>", "label": "Three"},
    ]
    assert labels(project("-- a.trace.json --\n" + json.dumps({"segments": segments}))) == ["Three"]


def test_an_own_id_is_a_fresh_one() -> None:
    seen, other = project('{"plan_id": "$0"}'), project('{"title": "T", "plan_id": "$0"}')
    assert labels(seen) == ["new id"]
    first = json.loads(accepted(seen, items(seen)[0]))["plan_id"]
    second = json.loads(accepted(other, items(other)[0]))["plan_id"]
    assert is_id(first)
    assert is_id(second)
    assert first != second


def test_roles_are_those_declared_bound_or_used() -> None:
    role = f"-- r.role.json --\n{json.dumps({'meta': META, 'role_id': uuid_of('r1'), 'name': 'writer'})}\n"
    toml = '-- mplp.toml --\n[roles.bound]\naction = "agent_handoff"\n'
    plan = in_plan('"agent_role": "tester"', '"agent_role": "$0"')
    assert [(item.label, item.detail) for item in items(project(toml + plan))] == [
        ("bound", "bound in mplp.toml"),
        ("tester", "used by other steps"),
    ]
    assert [(item.label, item.detail) for item in items(project(role + toml + plan))] == [
        ("writer", "declared in r.role.json"),
        ("tester", "used by other steps; no Role document declares it"),
        ("bound", "bound in mplp.toml"),
    ]


def test_a_role_id_is_found_by_the_name_of_the_role() -> None:
    role = f"-- r.role.json --\n{json.dumps({'meta': META, 'role_id': uuid_of('r1'), 'name': 'writer'})}\n"
    seen = project(role + '-- a.collab.json --\n{"participants": [{"role_id": "wr$0"}]}')
    assert labels(seen) == ["writer"]
    assert json.loads(accepted(seen, items(seen)[0]))["participants"][0]["role_id"] == uuid_of("r1")


def test_a_time_is_now() -> None:
    seen = at_time('-- a.context.json --\n{"created_at": "$0"}')
    assert accepted(seen, items(seen)[0]) == '{"created_at": "2026-03-14T09:26:53.000Z"}'


@pytest.mark.parametrize(
    "before", ['{"locked": $0}', '{"locked": "$0"}', '{"locked": f$0}', '{"locked": f$0alse}']
)
def test_a_boolean_has_no_quotes(before: str) -> None:
    text = f'-- a.role.json --\n{{"governance": {before}}}'
    assert labels(project(text)) == ["true", "false"]
    assert completed(text, "true") == '{"governance": {"locked": true}}'


def test_words_that_a_list_holds_already_are_left_out() -> None:
    text = '-- a.role.json --\n{"meta": {"cross_cutting": ["security", "performance", "$0"]}}'
    offered = labels(project(text))
    assert "observability" in offered
    assert not {"security", "performance"} & set(offered)


def test_events_of_a_profile_stand_in_the_order_of_its_phases() -> None:
    lines = [
        '{"event_type": "SAInitialized", "sa_id": "<a1>"}',
        '{"event_type": "SAPlanEvaluated", "sa_id": "<a1>"}',
        '{"event_type": "$0", "sa_id": "<a1>"}',
    ]
    offered = items(project("-- a.events.ndjson --\n" + "\n".join(lines)))
    assert [item.label for item in offered][:3] == ["SAPlanEvaluated", "SAStepStarted", "SAStepCompleted"]
    assert (offered[-1].label, offered[-1].detail) == (
        "SAContextLoaded",
        "phase load_context, which is over",
    )


def test_types_of_events_fit_the_family() -> None:
    assert labels(
        project('-- a.event.json --\n{"event_family": "external_integration", "event_type": "$0"}')
    ) == [
        "file_update",
        "git_operation",
        "ci_pipeline",
        "tool_execution",
    ]


def test_the_family_of_an_event_can_be_changed() -> None:
    offered = labels(project('-- a.event.json --\n{"event_family": "graph_up$0date"}'))
    assert {"graph_update", "pipeline_stage", "intent"} <= set(offered)
    assert labels(project('-- a.sample.json --\n{"sample_family": "$0"}')) == [
        "intent_resolution",
        "delta_impact",
        "pipeline_outcome",
    ]


def test_while_the_project_is_read_the_list_may_grow() -> None:
    seen = project(in_plan(f'"{uuid_of("c1")}"', "$0"))
    reading = replace(seen, snapshot=replace(seen.snapshot, is_complete=False))
    complete, growing = asked(seen), asked(reading)
    assert complete is not None
    assert growing is not None
    assert (complete.is_incomplete, growing.is_incomplete) == (False, True)


# Whole objects


def test_a_new_step_has_a_fresh_id_and_all_it_needs() -> None:
    text = in_plan('"steps": [\n', '"steps": [\n    $0\n')
    value = json.loads(completed(text, "new step"))
    assert len(value["steps"]) == 3
    first = value["steps"][0]
    assert is_id(first["step_id"])
    assert first | {"step_id": ""} == {
        "step_id": "",
        "description": "Description",
        "status": "pending",
        "dependencies": [],
        "agent_role": "tester",
    }


@pytest.mark.parametrize("client", [ABLE_CLIENT, PLAIN_CLIENT], ids=["snippets", "plain"])
def test_a_step_in_an_empty_list_opens_the_list(client: Any) -> None:
    text = completed('-- a.plan.json --\n{\n  "steps": [$0]\n}', "new step", client=client)
    assert re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", text) == (
        '{\n  "steps": [\n    {\n      "step_id": "ID",\n      "description": "Description",\n'
        '      "status": "pending",\n      "dependencies": []\n    }\n  ]\n}'
    )


@pytest.mark.parametrize(
    ("kind", "field", "label", "keys"),
    [
        ("confirm", "decisions", "new decision", {"decision_id", "status", "decided_by_role", "decided_at"}),
        ("trace", "segments", "new segment", {"segment_id", "label", "status", "started_at"}),
        ("dialog", "messages", "new message", {"role", "content", "timestamp"}),
        ("collab", "participants", "new participant", {"participant_id", "kind", "role_id"}),
        ("network", "nodes", "new node", {"node_id", "kind", "status", "name"}),
        ("core", "modules", "new module", {"module_id", "version", "status"}),
        ("plan", "events", "new event", {"event_id", "event_type", "source", "timestamp"}),
    ],
)
def test_every_list_of_objects_offers_a_new_one(kind: str, field: str, label: str, keys: set[str]) -> None:
    value = json.loads(completed(f'-- a.{kind}.json --\n{{"{field}": [$0]}}', label))
    assert set(value[field][0]) == keys


# New documents


@pytest.mark.parametrize("client", [ABLE_CLIENT, PLAIN_CLIENT], ids=["snippets", "plain"])
@pytest.mark.parametrize("kind", NAMED)
def test_an_empty_file_becomes_a_sound_document(kind: str, client: Any) -> None:
    seen = at_time(f"{CONTEXT}-- new.{kind}.json --\n$0", client=client)
    offered = items(seen)
    assert offered
    assert offered[0].preselect
    for item in offered:
        text = accepted(seen, item)
        assert text.startswith("{\n  ")
        seen.write(f"new.{kind}.json", text)
        found = diagnostics(seen.again(), seen.uri)
        assert [one for one in found if one.severity and one.severity <= 2] == []
        seen.write(f"new.{kind}.json", "")


def test_a_new_plan_is_bound_to_the_context_of_the_workspace() -> None:
    seen = project(f"{CONTEXT}-- new.plan.json --\n pl$0 ")
    (plan,) = items(seen)
    assert (plan.label, plan.detail) == ("new plan", "for the context “Site”")
    assert json.loads(accepted(seen, plan))["context_id"] == uuid_of("c1")


def test_a_new_confirm_is_about_a_plan_that_is_there() -> None:
    seen = project(f"{in_plan('Release', 'Release')}\n-- new.confirm.json --\n$0")
    (confirm,) = items(seen)
    assert confirm.detail == "for the plan “Release”"
    value = json.loads(accepted(seen, confirm))
    assert (value["target_type"], value["target_id"]) == ("plan", PLAN)


def test_an_empty_line_of_a_timeline_becomes_an_event_on_that_line() -> None:
    seen = at_time('-- a.events.ndjson --\n{"event_id": "<e1>"}\n$0\n')
    assert labels(seen)[0] == "new event"
    lines = accepted(seen, items(seen)[0]).split("\n")
    assert len(lines) == 3
    assert json.loads(lines[1])["timestamp"] == "2026-03-14T09:26:53.000Z"


def test_nothing_is_put_before_a_document_that_is_there() -> None:
    assert asked(project("$0 {}")) is None


# When nobody asked


@pytest.mark.parametrize(
    ("text", "typed", "is_answered"),
    [
        ('{"$0"}', '"', True),
        ('{"status": "$0"}', '"', True),
        ('{"status": "draft"$0}', '"', False),
        ('{"title": "$0"}', '"', False),
        ('{"title"$0}', '"', False),
        ('{"status":$0}', ":", True),
        ('{"title":$0}', ":", False),
        ('{"title": "a:$0"}', ":", False),
        ('{"status": $0}', " ", True),
        ('{"title": "a $0"}', " ", False),
        ('{"title": "a", $0}', " ", False),
        ('{"title": "a",$0}', ",", False),
        ('{"steps": [{"step_id": "<s1>"}, {"dependencies": ["x",$0]}]}', ",", True),
        ('{"steps": [{"step_id": "<s1>"}, {"dependencies": ["x", $0]}]}', " ", True),
        ('{"steps": [{"step_id": "<s1>"},$0]}', ",", False),
        ('{"steps": [$0]}', "[", False),
        ("{ $0}", " ", False),
        ("$0", " ", False),
        ('{"title": 1.$0}', ".", False),
    ],
)
def test_nothing_pops_up_where_nothing_is_to_be_completed(text: str, typed: str, is_answered: bool) -> None:
    assert (asked(project(text), typed) is not None) is is_answered


# Form


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_positions_are_in_the_encoding_of_the_client(encoding: Encoding) -> None:
    seen = project(
        '-- a.plan.json --\n{"title": "😀é", "status": "dr$0", "objective": "😀"}', encoding=encoding
    )
    (proposed, *_) = [item for item in items(seen) if item.label == "proposed"]
    assert accepted(seen, proposed) == '{"title": "😀é", "status": "proposed", "objective": "😀"}'


def test_a_value_between_quotes_leaves_the_quotes_alone() -> None:
    seen = project('{"status": "dr$0"}')
    edit = items(seen)[0].text_edit
    assert isinstance(edit, types.TextEdit)
    assert (edit.range.start.character, edit.range.end.character, edit.new_text) == (12, 14, "draft")
    unclosed = items(project('{"status": "dr$0'))[0].text_edit
    assert isinstance(unclosed, types.TextEdit)
    assert unclosed.new_text == 'draft"'


def test_the_quote_that_is_typed_stays_so_that_words_behind_it_find_the_item() -> None:
    for text in ('{"status": "d$0"}', '{"status": d$0}'):
        seen = project(text)
        first = items(seen)[0]
        assert (first.label, first.filter_text) == ("draft", None)
        assert isinstance(first.text_edit, types.TextEdit)
        assert first.text_edit.range.start.character == text.index("d$0")
    # Where the quote has to go, it is part of what is looked for.
    assert items(project('-- a.role.json --\n{"governance": {"locked": "$0"}}'))[0].filter_text == '"true'


def test_texts_of_authors_are_no_snippet_syntax() -> None:
    contexts = CONTEXT + CONTEXT.replace("a.c", "b.c").replace("<c1>", "<c2>")
    name = "pay} $1 \\ x"
    role = "-- r.role.json --\n" + json.dumps({"meta": META, "role_id": uuid_of("r1"), "name": name}) + "\n"
    text = contexts + role + '-- a.plan.json --\n{\n  "steps": [$0]\n}'
    value = json.loads(completed(text, "new step"))
    assert value["steps"][0]["agent_role"] == name


# Documentation


def resolved(seen: Project, label: str) -> str:
    (item,) = [each for each in items(seen) if each.label == label]
    told = completion_resolve(seen.snapshot, seen.snapshot.document(seen.uri), item)
    assert isinstance(told.documentation, types.MarkupContent)
    return told.documentation.value


def test_documentation_comes_when_it_is_asked_for() -> None:
    markdown = replace(ABLE_CLIENT, completion_documentation_markdown=True)
    seen = project('{"title": "T", $0}', client=markdown)
    assert all(item.documentation is None for item in items(seen))
    assert "`draft`, `proposed`" in resolved(seen, "status")
    assert "`" not in resolved(project('{"title": "T", $0}'), "status")
    assert (
        resolved(project('{"status": "$0"}', client=markdown), "draft")
        == "From `draft` a plan goes to `proposed`."
    )


def test_clients_that_never_ask_for_documentation_get_it_at_once() -> None:
    eager = replace(ABLE_CLIENT, completion_documentation_resolve=False)
    first = items(project('{"title": "T", $0}', client=eager))[0]
    assert isinstance(first.documentation, types.MarkupContent)
    assert first.documentation.kind is types.MarkupKind.PlainText
    assert first.documentation.value
    assert items(project(in_plan('"draft"', '"draft$0"'), client=eager))[0].documentation is not None


def test_the_documentation_of_an_id_says_what_it_stands_for() -> None:
    markdown = replace(ABLE_CLIENT, completion_documentation_markdown=True)
    told = resolved(project(dependencies('3:"$0"', 4, {2: [1]}), client=markdown), "Task 2")
    assert told.split("\n\n") == [
        "**Task 2**",
        "Step 2 of 4, `pending`, done by `tester`.",
        "Waits for 1 step.",
        f"`{uuid_of('s2')}`",
    ]
    context = resolved(project(in_plan(f'"{uuid_of("c1")}"', "$0"), client=markdown), "Site")
    assert context == f"**Site**\n\nContext in `a.context.json`, `active`.\n\n`{uuid_of('c1')}`"


def test_every_item_can_be_resolved() -> None:
    for text in ('{"title": "T", $0}', '{"steps": $0}', '{"events": [{"data": $0}]}'):
        seen = project(text)
        for item in items(seen):
            assert item.data["uri"] == seen.uri
            assert completion_resolve(seen.snapshot, seen.snapshot.document(seen.uri), item) is item


def test_an_item_of_a_document_that_is_gone_is_answered_as_it_came() -> None:
    seen = project(in_plan('"agent_role": "tester"', '"agent_role": "$0"'))
    (item,) = items(seen)
    assert completion_resolve(seen.snapshot, None, item) is item
    assert item.documentation is None
