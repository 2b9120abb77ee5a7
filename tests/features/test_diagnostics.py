from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from lsprotocol import converters, types

from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.workspace.snapshot import ClientView, Snapshot
from mplp_runtime.orchestrator.views import Question, RunView, StepView
from mplp_runtime.rules.findings import Severity
from mplp_runtime.rules.world import Baseline
from tests.project import ABLE_CLIENT, project, uri, uuid_of

META = '"meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"}'
CONTEXT = (
    '{"context_id": "<c1>", "title": "Site", "status": "active", '
    + META
    + ', "root": {"domain": "web", "environment": "dev"}}'
)


def plan(steps: str, status: str = "draft") -> str:
    return (
        f'{{{META}, "plan_id": "<p1>", "context_id": "<c1>", "title": "T", "objective": "O", '
        f'"status": "{status}", "steps": [{steps}]}}'
    )


def step(word: str, *dependencies: str, status: str = "pending", description: str = "Do it") -> str:
    ids = ", ".join(f'"<{dependency}>"' for dependency in dependencies)
    return (
        f'{{"step_id": "<{word}>", "description": "{description}", "status": "{status}", '
        f'"agent_role": "tester", "dependencies": [{ids}]}}'
    )


def files(**texts: str) -> str:
    return "\n".join(f"-- {name.replace('_', '.')} --\n{text}" for name, text in texts.items())


def sound(steps: str, **options: str) -> str:
    return files(a_context_json=CONTEXT, a_plan_json=plan(steps, **options))


def codes(found: list[types.Diagnostic]) -> list[object]:
    return [diagnostic.code for diagnostic in found]


def at_least(found: list[types.Diagnostic], severity: Severity) -> list[object]:
    return [each.code for each in found if each.severity is not None and int(each.severity) <= severity]


def test_a_sound_plan_with_its_context_has_no_errors_and_no_warnings() -> None:
    snapshot, (plan_uri, _) = project(sound(step("s1") + ", " + step("s2", "s1")))
    assert at_least(diagnostics(snapshot, plan_uri), Severity.WARNING) == []
    assert at_least(diagnostics(snapshot, uri("a.context.json")), Severity.WARNING) == []


def test_an_event_whose_family_is_a_list_is_told_so() -> None:
    event = {"event_id": uuid_of("e1"), "event_type": "file_update", "event_family": ["x"]}
    seen = project(f"-- a.event.json --\n{json.dumps({**event, 'timestamp': '2026-03-14T09:26:53Z'})}")
    found = diagnostics(seen.snapshot, seen.uri)
    assert [one.code for one in found if "event_family" in one.message] == ["type-wrong"]


def test_a_file_that_is_not_ours_has_none() -> None:
    snapshot, _ = project('-- package.json --\n{"steps": [,]}\n-- note.txt --\n{')
    assert diagnostics(snapshot, uri("package.json")) == []
    assert diagnostics(snapshot, uri("note.txt")) == []
    assert diagnostics(snapshot, uri("unheard-of.plan.json")) == []


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
def test_ranges_are_in_the_encoding_that_was_agreed(encoding: str, character: int) -> None:
    text = plan(step("s1")).replace('"description": "Do it"', '\n"description": \n"😀", "agent_rol": "x"')
    snapshot, (plan_uri, _) = project(text, encoding=encoding)  # type: ignore[arg-type]
    (unknown,) = [one for one in diagnostics(snapshot, plan_uri) if one.code == "property-unknown"]
    assert unknown.range.start.line == 2
    assert unknown.range.start.character == len('"", ') + character


def test_the_link_leads_to_an_existing_page_and_the_code() -> None:
    snapshot, (plan_uri, _) = project(plan(step("s1", "gone")))
    found = {one.code: one for one in diagnostics(snapshot, plan_uri)}["step-dependency-unknown"]
    assert found.code_description is not None
    parts = urlsplit(found.code_description.href)
    assert parts.fragment == "step-dependency-unknown"
    assert Path(unquote(parts.path)).is_file()
    assert found.source == "mplp"


def test_a_cycle_names_its_edges_as_related_information() -> None:
    snapshot, (plan_uri, _) = project(sound(step("s1", "s2") + ",\n" + step("s2", "s1")))
    (cycle,) = [one for one in diagnostics(snapshot, plan_uri) if one.code == "plan-cycle"]
    assert cycle.related_information is not None
    assert {one.location.range.start.line for one in cycle.related_information} == {0, 1}
    assert {one.location.uri for one in cycle.related_information} == {plan_uri}


def test_a_client_without_related_information_reads_it_in_the_message() -> None:
    text = sound(step("s1", "s2") + ",\n" + step("s2", "s1"))
    snapshot, (plan_uri, _) = project(text, client=replace(ABLE_CLIENT, related_information=False))
    (cycle,) = [one for one in diagnostics(snapshot, plan_uri) if one.code == "plan-cycle"]
    assert cycle.related_information is None
    assert "(line 1)" in cycle.message
    assert "(line 2)" in cycle.message


def test_a_place_in_another_file_is_named_with_its_file() -> None:
    text = files(
        a_context_json=CONTEXT.replace('"active"', '\n"draft"'), a_plan_json=plan(step("s1"), "in_progress")
    )
    for client in (ABLE_CLIENT, ClientView()):
        snapshot, (plan_uri, _) = project(text, client=client)
        (found,) = [one for one in diagnostics(snapshot, plan_uri) if one.code == "plan-context-inactive"]
        if client.related_information:
            assert found.related_information is not None
            assert found.related_information[0].location.uri == uri("a.context.json")
            assert found.related_information[0].location.range.start.line == 1
        else:
            assert "a.context.json, line 2" in found.message


def test_a_client_that_announced_nothing_gets_nothing_extra() -> None:
    text = CONTEXT.replace("{", '{"$comment": "x", ', 1)
    snapshot, _ = project(f"-- a.context.json --\n{text}", client=ClientView())
    (found,) = diagnostics(snapshot, uri("a.context.json"))
    assert found.code == "comment-ignored"
    assert (found.data, found.tags, found.code_description, found.related_information) == (None,) * 4
    snapshot, _ = project(f"-- a.context.json --\n{text}")
    (found,) = diagnostics(snapshot, uri("a.context.json"))
    assert found.tags == [types.DiagnosticTag.Unnecessary]
    assert found.data == {"code": "comment-ignored", "pointer": ["$comment"], "part": "key"}


def test_everything_can_be_sent_as_json() -> None:
    snapshot, (plan_uri, _) = project(plan(step("s1", "s1", "gone") + "," + step("s1", status="don")))
    converter = converters.get_converter()
    assert json.dumps(converter.unstructure(diagnostics(snapshot, plan_uri)))


def test_broken_text_is_one_finding_and_not_a_flood() -> None:
    text = sound(step("s1") + ", " + step("s2", "s1"))
    broken = text.replace('"description": "Do it"', '"description" "Do it"', 1)
    snapshot, (plan_uri, _) = project(broken)
    assert len(at_least(diagnostics(snapshot, plan_uri), Severity.WARNING)) == 1


def test_a_step_whose_id_cannot_be_read_is_not_missed_by_those_who_depend_on_it() -> None:
    text = sound(step("s1") + ", " + step("s2", "s1")).replace('{"step_id"', '{step_id"', 1)
    snapshot, (plan_uri, _) = project(text)
    assert "step-dependency-unknown" not in codes(diagnostics(snapshot, plan_uri))


def test_diagnostics_are_in_the_order_of_the_text() -> None:
    text = sound(", ".join(step(f"s{number}", f"gone{number}", status="x") for number in range(9)))
    snapshot, (plan_uri, _) = project(text)
    places = [(one.range.start.line, one.range.start.character) for one in diagnostics(snapshot, plan_uri)]
    assert places == sorted(places)
    assert len(places) >= 18


def test_a_flood_is_capped_and_says_so_at_the_start() -> None:
    text = sound(", ".join(step(f"s{number}", status="x") for number in range(50)))
    project_seen = project(text, max_findings=10)
    found = diagnostics(project_seen.snapshot, project_seen.uri)
    assert len(found) == 11
    assert found[0].code == "findings-capped"
    assert found[0].severity == types.DiagnosticSeverity.Information
    assert found[0].range.start == types.Position(0, 0)
    assert "10 of them" in found[0].message
    every = diagnostics(replace(project_seen.snapshot, max_findings=1_000), project_seen.uri)
    assert "findings-capped" not in codes(every)
    assert f"{len(every):,} findings" in found[0].message


def test_errors_are_kept_before_hints_when_there_are_too_many() -> None:
    roles = ", ".join(step(f"s{number}").replace('"tester"', f'"role{number}"') for number in range(30))
    text = sound(roles + ", " + step("last", "gone"))
    snapshot, (plan_uri, _) = project(text, max_findings=5)
    assert "step-dependency-unknown" in codes(diagnostics(snapshot, plan_uri))


def test_settings_have_findings_with_ranges() -> None:
    snapshot, _ = project('-- mplp.toml --\n[roles.tester]\naction = "tool_call"\ncomand = ["true"]\n')
    found = diagnostics(snapshot, uri("mplp.toml"))
    assert any(one.range.start.line == 2 for one in found)
    assert diagnostics(project("-- mplp.toml --\n[roles\n").snapshot, uri("mplp.toml"))


def test_broken_settings_are_one_finding() -> None:
    for end in ('command = ["true"', "command = ", "command"):
        text = f'-- mplp.toml --\n[roles.tester]\naction = "tool_call"\n{end}\n'
        assert codes(diagnostics(project(text).snapshot, uri("mplp.toml"))) == ["toml-syntax"], end


def test_a_role_that_mplp_toml_binds_is_not_hinted_at() -> None:
    settings = '[roles.tester]\naction = "agent_handoff"\nto = "human"\n'
    text = sound(step("s1"))
    snapshot, (plan_uri, _) = project(f"-- mplp.toml --\n{settings}{text}")
    assert "step-role-unbound" not in codes(diagnostics(snapshot, plan_uri))
    snapshot, (plan_uri, _) = project(text)
    assert codes(diagnostics(snapshot, plan_uri)).count("step-role-unbound") == 1


def test_a_timeline_is_checked_line_by_line() -> None:
    good = (
        '{"event_id": "<e1>", "event_type": "a.b", "event_family": "graph_update", '
        '"timestamp": "2025-01-01T00:00:00Z", "graph_id": "<g1>", "update_kind": "bulk", '
        '"node_delta": 0, "edge_delta": 0}'
    )
    other = good.replace("<e1>", "<e2>")
    text = f'-- run.events.ndjson --\n{good}\n{{"event_id": 1}}\n{{broken\n\n{other}\n'
    snapshot, (timeline_uri, _) = project(text)
    found = diagnostics(snapshot, timeline_uri)
    assert {one.range.start.line for one in found if one.severity == types.DiagnosticSeverity.Error} == {1, 2}


def test_an_edit_of_the_lifecycle_is_compared_with_the_graph() -> None:
    text = sound(step("s1"), status="completed")
    quiet, (plan_uri, _) = project(text)
    assert "plan-status-transition" not in "".join(map(str, codes(diagnostics(quiet, plan_uri))))
    baseline = Baseline("draft", {uuid_of("s1"): "pending"})
    loud, _ = project(text, baselines=lambda _, word: baseline if word == uuid_of("p1") else None)
    new = set(codes(diagnostics(loud, plan_uri))) - set(codes(diagnostics(quiet, plan_uri)))
    assert len(new) == 1


# The latest run


def run(*steps: StepView, questions: tuple[Question, ...] = (), **more: object) -> dict[str, RunView]:
    view = RunView(
        run_id="r1",
        plan_id=uuid_of("p1"),
        plan_path="a.plan.json",
        title="T",
        status="failed",
        trace_id="t1",
        simulated=False,
        generation=3,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        steps={each.step_id: each for each in steps},
        questions=questions,
    )
    return {view.plan_id: replace(view, **more)}  # type: ignore[arg-type]


def live(snapshot: Snapshot, plan_uri: str) -> list[types.Diagnostic]:
    return [one for one in diagnostics(snapshot, plan_uri) if str(one.code).startswith("run-")]


def test_the_failed_step_shows_the_last_lines_of_its_output() -> None:
    output = "\n".join(f"line {number}" for number in range(40))
    failed = StepView(uuid_of("s2"), "Do it", "failed", attempt=2, output=output, error="exit code 1")
    snapshot, (plan_uri, _) = project(
        sound(step("s1") + ",\n" + step("s2", description="Pack")), runs=run(failed)
    )
    (found,) = live(snapshot, plan_uri)
    assert (found.code, found.severity) == ("run-step-failed", types.DiagnosticSeverity.Error)
    assert "exit code 1" in found.message
    assert "attempt 2" in found.message
    assert found.message.endswith("line 39")
    assert "line 29" not in found.message
    assert found.range.start.line == 1
    assert found.data is not None
    assert (found.data["generation"], found.data["run_id"], found.data["step_id"]) == (3, "r1", uuid_of("s2"))


def test_a_new_run_takes_the_old_failure_away() -> None:
    waiting = StepView(uuid_of("s1"), "Do it", "pending")
    snapshot, (plan_uri, _) = project(sound(step("s1")), runs=run(waiting, status="running", generation=4))
    assert live(snapshot, plan_uri) == []


def test_a_step_that_waits_for_a_person_says_what_for() -> None:
    view = StepView(uuid_of("s1"), "Do it", "in_progress")
    question = Question("r1", uuid_of("s1"), "gate", "May the release go out?")
    snapshot, (plan_uri, _) = project(
        sound(step("s1")), runs=run(view, questions=(question,), status="running")
    )
    (found,) = live(snapshot, plan_uri)
    assert (found.code, found.severity) == ("run-step-waiting", types.DiagnosticSeverity.Information)
    assert "May the release go out?" in found.message


def test_a_step_cut_off_by_a_crash_is_a_warning_until_the_run_is_resumed() -> None:
    view = StepView(uuid_of("s1"), "Do it", "in_progress", interrupted=True)
    snapshot, (plan_uri, _) = project(sound(step("s1")), runs=run(view, status="interrupted"))
    (found,) = live(snapshot, plan_uri)
    assert (found.code, found.severity) == ("run-step-interrupted", types.DiagnosticSeverity.Warning)


def test_a_failed_step_that_was_deleted_from_the_text_is_not_shown() -> None:
    failed = StepView(uuid_of("s9"), "Do it", "failed", error="no")
    snapshot, (plan_uri, _) = project(sound(step("s1")), runs=run(failed))
    assert live(snapshot, plan_uri) == []


def test_runs_of_other_plans_say_nothing_here() -> None:
    failed = StepView(uuid_of("s1"), "Do it", "failed", error="no")
    runs = {uuid_of("p2"): next(iter(run(failed, plan_id=uuid_of("p2")).values()))}
    snapshot, (plan_uri, _) = project(sound(step("s1")), runs=runs)
    assert live(snapshot, plan_uri) == []
