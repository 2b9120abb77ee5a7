"""What a run leaves in the project's graph: the documents around its plan, its trace, how statuses moved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime import following
from mplp_runtime.ael import layer
from mplp_runtime.ael.action import Action, Outcome
from mplp_runtime.errors import DocumentInvalid, DocumentUnknown, RunUnknown, TransitionIllegal
from mplp_runtime.orchestrator import run
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.psg.graph import PSG_PATHS
from mplp_runtime.psg.requests import answer
from mplp_runtime.runtime import Runtime
from mplp_runtime.vsl.interface import GraphQuery
from tests.runtime.orchestrator.projects import (
    CONTEXT_ID,
    META,
    PLAN_ID,
    Project,
    context,
    errors,
    plan,
    role,
    statuses,
    step,
    step_id,
    table,
    timeline_of,
)

OK = role("worker", "print('ok')")
FAILS = role("worker", "raise SystemExit(1)")
WORKER = "d0000000-0000-4000-8000-000000000001"
COLLAB = "d0000000-0000-4000-8000-000000000002"


def write(root: Path, file: str, /, **document: Any) -> dict[str, Any]:
    value = {"meta": META, **document}
    (root / file).write_text(json.dumps(value))
    return value


def node_status(runtime: Runtime, kind: str, identity: str) -> str:
    node = runtime.graph.read(kind, identity)
    assert node is not None
    return str(node.data["status"])


def stages(root: Path, view: RunView, word: str) -> list[Mapping[str, Any]]:
    return [event for event in timeline_of(root, view) if event["event_type"] == word]


def deltas_are_true(runtime: Runtime) -> bool:
    events = [each.event for each in runtime.vsl.read(lambda reading: reading.events())]
    updates = [event for event in events if event.get("event_family") == "graph_update"]
    told = tuple(sum(event[name] for event in updates) for name in ("node_delta", "edge_delta"))
    nodes = runtime.vsl.read(lambda reading: sum(len(reading.nodes(type_)) for type_ in PSG_PATHS))
    return told == (nodes, len(runtime.vsl.read(lambda reading: reading.edges())))


async def test_after_a_run_the_graph_has_the_context_the_roles_and_the_collab_of_its_plan(
    tmp_path: Path,
) -> None:
    owned = context(owner_role="builder")
    project = Project(tmp_path, plan(step("a", role="builder")), role("builder", "print('ok')"), owned)
    named = write(tmp_path, "builder.role.json", role_id=WORKER, name="builder")
    write(tmp_path, "other.role.json", role_id="d0000000-0000-4000-8000-000000000009", name="nobody")
    participants = [
        {"participant_id": name, "kind": "agent", "role_id": WORKER, "display_name": name}
        for name in ("ann", "bob")
    ]
    team = write(
        tmp_path,
        "team.collab.json",
        collab_id=COLLAB,
        context_id=CONTEXT_ID,
        title="Team",
        purpose="Build",
        mode="round_robin",
        status="active",
        participants=participants,
        created_at="2026-01-01T00:00:00Z",
    )
    async with project.runtime() as runtime:
        view = await runtime.run(project.path, trusted=True)
        assert view.status == "completed", view.error
        assert runtime.documents.all("context") == [owned]
        assert runtime.documents.all("role") == [named]
        assert runtime.documents.all("collab") == [team]
        of_plan = runtime.graph.neighbours("Plan", PLAN_ID)
        of_team = runtime.graph.neighbours("Collab", COLLAB)
        of_trace = runtime.graph.neighbours("Trace", view.trace_id)
        assert [(each.type, each.id) for each in of_plan] == [("Context", CONTEXT_ID)]
        assert {(each.type, each.id) for each in of_team} == {("Context", CONTEXT_ID), ("Role", WORKER)}
        assert {each.type for each in of_trace} == {"Plan", "Context"}
        assert [each.id for each in runtime.graph.neighbours("Context", CONTEXT_ID)] == [WORKER]
        touched = [(each.node.type, each.node.id) for each in runtime.impact("Context", CONTEXT_ID)]
        assert {("Plan", PLAN_ID), ("Step", step_id("a")), ("Collab", COLLAB)} < set(touched)
        assert runtime.graph.dangling() == []
        told = [event["event_type"] for event in runtime.timeline()]
        assert told[:3] == ["role_created", "context_created", "collab_created"]
        again = await runtime.run(project.path, trusted=True)
        assert again.status == "completed"
        assert [event["event_type"] for event in runtime.timeline()] == told, "nothing of them has changed"


async def test_a_document_that_has_errors_does_not_get_into_the_graph_and_no_edge_leads_to_it(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(step("a")), OK, context=context(root={"domain": 7}))
    async with project.runtime() as runtime:
        view = await runtime.run(project.path, trusted=True)
        assert view.status == "completed", view.error
        assert runtime.documents.all("context") == []
        assert runtime.graph.neighbours("Plan", PLAN_ID) == []
        assert deltas_are_true(runtime)


async def test_trace_and_segments_of_a_run_are_read_from_the_graph_as_valid_documents(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(step("a"), step("b", "a")), OK)
    async with project.runtime() as runtime:
        view = await runtime.run(project.path, trusted=True)
        [trace] = await answer(runtime.documents, "GET", "/psg/traces")
        assert errors("trace", trace) == []
        known = runtime.trace(view.run_id)
        # The instant at which it was composed.
        trace["meta"]["updated_at"] = known["meta"]["updated_at"]
        assert trace == known
        segments = await answer(runtime.documents, "GET", "/psg/segments")
        assert [each["label"] for each in segments] == ["a", "b"]
        assert {each["trace_id"] for each in segments} == {view.trace_id}
        path = f"/psg/segments/{segments[1]['segment_id']}"
        assert await answer(runtime.documents, "GET", path) == segments[1]
        assert errors("plan", runtime.documents.read("plan", PLAN_ID)) == []


async def test_the_trace_of_a_run_is_changed_by_nobody_else(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), OK)
    async with project.runtime() as runtime:
        view = await runtime.run(project.path, trusted=True)
        path = f"/psg/traces/{view.trace_id}"
        with pytest.raises(TransitionIllegal, match=f"is that of run {view.run_id}"):
            await answer(runtime.documents, "PATCH", f"{path}/status", {"status": "failed"})
        with pytest.raises(TransitionIllegal):
            await answer(runtime.documents, "PUT", path, runtime.trace(view.run_id))
        with pytest.raises(TransitionIllegal):
            await answer(runtime.documents, "DELETE", path)
        with pytest.raises(DocumentInvalid, match="names Context"):
            await answer(runtime.documents, "DELETE", f"/psg/contexts/{CONTEXT_ID}")


async def test_the_steps_that_wait_for_one_that_failed_are_blocked_in_the_graph_as_in_the_view(
    tmp_path: Path,
) -> None:
    toml = FAILS + role("fine", "print('ok')") + '[run]\non_failure = "continue-independent"\n'
    steps = [step("a"), step("b", "a"), step("c", "b"), step("d", role="fine")]
    project = Project(tmp_path, plan(*steps), toml)
    async with project.runtime() as runtime:
        view = await runtime.run(project.path, trusted=True)
        expected = {"a": "failed", "b": "blocked", "c": "blocked", "d": "completed"}
        assert (view.status, statuses(view)) == ("failed", expected)
        assert {name: node_status(runtime, "Step", step_id(name)) for name in "abcd"} == expected
        assert deltas_are_true(runtime)
    [update] = stages(tmp_path, view, "steps_blocked")
    assert (update["update_kind"], update["node_delta"], update["payload"]["steps"]) == ("bulk", 0, 2)
    told = [(each["stage_id"], each["payload"]["because"]) for each in stages(tmp_path, view, "step_blocked")]
    assert told == [(step_id("b"), "“a” did not succeed"), (step_id("c"), "“b” did not succeed")]


async def test_a_run_that_is_given_up_blocks_what_waited_for_the_step_that_was_under_way(
    tmp_path: Path,
) -> None:
    project = Project(
        tmp_path, plan(step("a"), step("b", "a")), '[roles.worker]\naction = "agent_handoff"\nto = "human"\n'
    )
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        assert await runtime.runs.notices.until(lambda: bool(runtime.runs.view(run_id).questions), 20)
    async with project.runtime() as runtime:
        view = await runtime.runs.cancel(run_id)
        assert statuses(view) == {"a": "failed", "b": "blocked"}
        assert node_status(runtime, "Step", step_id("b")) == "blocked"
    assert len(stages(tmp_path, view, "step_blocked")) == 1


async def test_a_failed_plan_that_runs_again_is_told_as_another_generation_of_it(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), step("b", "a"), status="draft"), FAILS)
    (tmp_path / "mplp.toml").write_text(f"{FAILS}[run]\nrequire_approval = false\n")
    async with project.runtime() as runtime:
        first = await runtime.run(project.path, trusted=True)
        assert (first.status, node_status(runtime, "Plan", PLAN_ID)) == ("failed", "failed")
        second = await runtime.run(project.path, trusted=True)
    whole = [event for event in timeline_of(tmp_path, second) if event["event_type"] == "plan_updated"]
    told = [each["payload"] for each in whole]
    assert [each["status"] for each in told] == ["approved", "in_progress", "failed"]
    assert (told[0]["generation"], told[0]["status_before"]) == (2, "failed")
    changes = [each["payload"] for each in stages(tmp_path, second, "plan_status_changed")]
    assert [each["status"] for each in changes] == ["approved", "in_progress", "failed"]
    assert (changes[0]["generation"], changes[0]["status_before"]) == (2, "failed")
    assert [each.get("generation") for each in changes] == [2, 2, None]
    # The first time a plan simply begins, as approved as it is: a draft that may run without an approval.
    began = [each["payload"]["status"] for each in stages(tmp_path, first, "plan_status_changed")]
    assert began == ["in_progress", "failed"]


async def test_a_dry_run_changes_no_status_in_the_graph(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), OK)
    async with project.runtime() as runtime:
        await runtime.run(project.path, trusted=True)
        before = [runtime.graph.read("Plan", PLAN_ID), runtime.graph.read("Step", step_id("a"))]
        view = await runtime.run(project.path, simulate=True)
        assert view.status == "completed"
        assert [runtime.graph.read("Plan", PLAN_ID), runtime.graph.read("Step", step_id("a"))] == before
        assert node_status(runtime, "Step", step_id("a")) == "completed"


async def test_whoever_asks_what_changed_hears_of_steps_that_a_dry_run_could_not_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: Action) -> Outcome:
        return Outcome(False, error="no host")

    # Their actions always succeed; what fails is a step that was begun when the run was cancelled.
    monkeypatch.setattr(run, "AT_ONCE", frozenset())
    monkeypatch.setattr(layer, "simulated", fails)
    project = Project(tmp_path, plan(step("a"), step("b", "a"), step("c", "b")), OK)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request(simulate=True))).run_id
        assert (await runtime.runs.wait(run_id)).status == "failed"
        (told,) = runtime.vsl.read(
            lambda reading: [
                each for each in reading.events(run_id) if each.event["event_type"] == "steps_blocked"
            ]
        )
        # Whoever asks knows everything up to the event that comes before.
        since = GraphQuery(type="SimulatedStep", changed_since=told.lamport - 1)
        other = GraphQuery(type="SimulatedStep", changed_since=told.lamport)
        found = {node.data["step_id"]: node.data["status"] for node in await runtime.vsl.query_graph(since)}
        assert runtime.graph.read("SimulatedPlan", run_id) is not None
        later = await runtime.vsl.query_graph(other)
    assert (found[step_id("b")], found[step_id("c")], list(later)) == ("blocked", "blocked", [])


async def test_one_segment_is_read_without_composing_the_traces_of_other_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed = []

    def counted(store: Any, clock: Any, runs: Any, run_id: str) -> Any:
        composed.append(run_id)
        return following.trace_of(store, clock, runs, run_id)

    monkeypatch.setattr("mplp_runtime.runtime.trace_of", counted)
    project = Project(tmp_path, plan(step("a"), step("b", "a")), FAILS)
    async with project.runtime() as runtime:
        first = await runtime.run(project.path, trusted=True)
        on = await runtime.skip(first.run_id, step_id("a"), "not today", trusted=True)
        second = await runtime.runs.wait(on.run_id)
        await runtime.run(project.path, trusted=True)
        (failed,) = runtime.trace(first.run_id)["segments"]
        skipped, tried = runtime.trace(second.run_id)["segments"]
        for run_id, trace_id, segment in (
            (first.run_id, first.trace_id, failed),
            (second.run_id, second.trace_id, skipped),
            (second.run_id, second.trace_id, tried),
        ):
            composed.clear()
            found = await answer(runtime.documents, "GET", f"/psg/segments/{segment['segment_id']}")
            assert (found["label"], found["trace_id"]) == (segment["label"], trace_id)
            assert composed == [run_id]
        composed.clear()
        with pytest.raises(DocumentUnknown, match="There is no Segment nobody in the graph"):
            await answer(runtime.documents, "GET", "/psg/segments/nobody")
        assert composed == []
    assert (skipped["status"], tried["status"]) == ("skipped", "failed")


@pytest.mark.parametrize("where", ["on disk", "in memory"])
async def test_what_a_file_touches_whose_name_is_no_utf_8_is_nothing_and_no_fault_of_the_state(
    tmp_path: Path, where: str
) -> None:
    # So Python reads the name of a file that was written with the é of Latin-1.
    name = "caf\udce9.txt"
    project = Project(tmp_path, plan(step("a")), "[learning]\ncollect = true\n")
    async with project.runtime(in_memory=where == "in memory") as runtime:
        assert list(runtime.impact("File", name)) == []
        assert runtime.graph.read("File", name) is None
        assert runtime.graph.neighbours("File", name) == []
        with pytest.raises(RunUnknown):
            runtime.runs.view(name)
        with pytest.raises(RunUnknown):
            runtime.timeline(name)


def first_touched(runtime: Runtime, path: str) -> list[str]:
    """What is nearest to a file: types, and descriptions of steps."""
    touched = runtime.impact("File", path)
    return [str(each.node.data.get("description", each.node.type)) for each in touched if each.distance == 1]


async def test_a_file_that_a_step_wrote_touches_the_step_whatever_its_text_says(tmp_path: Path) -> None:
    write_it = {"action": "file_operation", "operation": "write", "target": "out/n.txt", "content": "x"}
    roles = table("roles.worker", **write_it) + role("other", "print('ok')")
    project = Project(tmp_path, plan(step("first"), step("second", "first", role="other")), roles)
    await project.run()
    async with project.runtime() as runtime:
        assert first_touched(runtime, "out/n.txt") == ["first"]
        assert {each.node.type for each in runtime.impact("File", "out/n.txt")} == {"Step", "Plan", "Trace"}
        assert deltas_are_true(runtime)

    # Another step does the same now: the file is that one's.
    (tmp_path / "mplp.toml").write_text(
        table("roles.other", **{**write_it, "content": "y"}) + role("worker", "print('ok')")
    )
    await project.run()
    async with project.runtime() as runtime:
        assert first_touched(runtime, "out/n.txt") == ["second"]
        assert deltas_are_true(runtime)
        assert not runtime.graph.dangling()


async def test_a_document_and_the_settings_touch_the_plan_that_ran_with_them(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(), OK)
    await project.run()
    async with project.runtime() as runtime:
        assert first_touched(runtime, "release.plan.json") == ["Plan"]
        assert first_touched(runtime, "mplp.toml") == ["Plan"]
        assert set(first_touched(runtime, "shop.context.json")) == {"Context", "Plan"}
        for path in ("../release.plan.json", "none.plan.json", "a\0b"):
            assert first_touched(runtime, path) == []
