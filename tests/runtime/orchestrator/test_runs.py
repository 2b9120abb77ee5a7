"""Whole runs, with real processes, on real SQLite."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from mplp_runtime.errors import MplpError, RunUnknown
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.projects import (
    PLAN_ID,
    Project,
    plan,
    role,
    statuses,
    step,
    step_id,
    table,
    timeline_of,
    trace_of,
)
from tests.runtime.orchestrator.waiting import asked, seen, under_way

SAY_ID = "import os, sys; print('did', os.environ['MPLP_STEP_DESCRIPTION'])"
FAIL_B = "import os, sys; sys.exit(os.environ['MPLP_STEP_DESCRIPTION'] == 'b')"
SLEEP = "import time; time.sleep(600)"
PERSON = table("roles.person", action="agent_handoff", to="human")


async def test_a_plan_runs_to_its_end_and_leaves_a_valid_trace(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), step("b", "a"), step("c", "b")), role("worker", SAY_ID))
    view = await project.run()
    assert view.status == "completed"
    assert statuses(view) == {"a": "completed", "b": "completed", "c": "completed"}
    trace = trace_of(tmp_path, view)
    assert trace["status"] == "completed"
    assert [segment["label"] for segment in trace["segments"]] == ["a", "b", "c"]
    assert [segment["attributes"]["exit_code"] for segment in trace["segments"]] == [0, 0, 0]
    assert trace["segments"][1]["attributes"]["output"] == "did b"
    assert trace["plan_id"] == PLAN_ID
    assert trace["root_span"]["trace_id"] == trace["trace_id"]
    assert trace["root_span"]["context_id"] == trace["context_id"]
    embedded = [event["event_id"] for event in trace["events"]]
    assert embedded == [event["event_id"] for event in timeline_of(tmp_path, view)]


async def test_the_events_of_a_run_come_in_the_order_of_the_profile(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", SAY_ID))
    words = [event["event_type"] for event in timeline_of(tmp_path, await project.run())]
    assert words == [
        "SAInitialized",
        "SAContextLoaded",
        "plan_created",
        "SAPlanEvaluated",
        "plan_execution_started",
        "plan_updated",
        "plan_status_changed",
        "trace_created",
        "SAStepStarted",
        "step_started",
        "step_execution_started",
        "tool_execution",
        "tool_execution",
        "step_execution_completed",
        "step_updated",
        "step_completed",
        "SAStepCompleted",
        "SATraceEmitted",
        "plan_updated",
        "trace_updated",
        "plan_status_changed",
        "plan_execution_completed",
        "SATraceEmitted",
        "SACompleted",
    ]


async def test_the_logical_clock_rises_with_every_event(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), step("b")), role("worker", SAY_ID))
    events = timeline_of(tmp_path, await project.run())
    times = [
        event.get("lamport_timestamp", event.get("payload", {}).get("lamport_timestamp")) for event in events
    ]
    assert times == sorted(set(times))


async def test_the_plan_file_is_not_touched(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", SAY_ID))
    before = project.path.read_bytes()
    await project.run()
    assert project.path.read_bytes() == before


async def test_results_reach_the_steps_that_depend_on_them(tmp_path: Path) -> None:
    code = "import json, sys; print(sorted(json.load(sys.stdin)['inputs'].values()))"
    toml = role("worker", SAY_ID) + role("reader", code)
    view = await Project(tmp_path, plan(step("a"), step("b"), step("c", "a", "b", role="reader")), toml).run()
    assert view.steps[step_id("c")].output == "['did a\\n', 'did b\\n']"


async def test_independent_steps_run_side_by_side_up_to_the_limit(tmp_path: Path) -> None:
    names = ["a", "b", "c", "d", "e"]
    toml = role("worker", SLEEP) + table("run", max_parallel=3)
    project = Project(tmp_path, plan(*map(step, names)), toml)
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request())
        await under_way(runtime, view.run_id, 3)
        assert len(runtime.runs.view(view.run_id).current) == 3
        await runtime.runs.cancel(view.run_id)


async def test_a_failed_step_stops_the_run_and_says_why(tmp_path: Path) -> None:
    toml = role("worker", FAIL_B) + table("run", max_parallel=1)
    view = await Project(tmp_path, plan(step("a"), step("b", "a"), step("c", "b"), step("d")), toml).run()
    assert view.status == "failed"
    assert view.error == "Step “b” failed: Ended with exit code 1."
    assert statuses(view) == {"a": "completed", "b": "failed", "c": "blocked", "d": "completed"}
    assert trace_of(tmp_path, view)["status"] == "failed"
    words = [event["event_type"] for event in timeline_of(tmp_path, view)]
    assert "SAStepFailed" in words
    assert words[-1] == "SACompleted"


async def test_independent_steps_go_on_after_a_failure_when_asked_to(tmp_path: Path) -> None:
    toml = role("worker", FAIL_B) + table("run", on_failure="continue-independent", max_parallel=1)
    view = await Project(tmp_path, plan(step("b"), step("c", "b"), step("d"), step("e", "d")), toml).run()
    assert view.status == "failed"
    assert statuses(view) == {"b": "failed", "c": "blocked", "d": "completed", "e": "completed"}


async def test_nothing_new_starts_after_a_failure(tmp_path: Path) -> None:
    toml = role("worker", FAIL_B) + table("run", max_parallel=1)
    view = await Project(tmp_path, plan(step("b"), step("d")), toml).run()
    assert statuses(view) == {"b": "failed", "d": "pending"}


async def test_a_step_is_tried_again_as_often_as_its_binding_says(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys\npath = pathlib.Path('tries')\n"
        "path.write_text(path.read_text() + 'x' if path.exists() else 'x')\n"
        "sys.exit(len(path.read_text()) < 3)\n"
    )
    view = await Project(tmp_path, plan(step("a")), role("worker", code, retries=2)).run()
    assert (view.status, view.steps[step_id("a")].attempt) == ("completed", 3)
    segments = trace_of(tmp_path, view)["segments"]
    assert [segment["status"] for segment in segments] == ["failed", "failed", "completed"]
    assert [segment["attributes"]["attempt"] for segment in segments] == [1, 2, 3]


async def test_retries_end(tmp_path: Path) -> None:
    view = await Project(tmp_path, plan(step("b")), role("worker", FAIL_B, retries=1)).run()
    assert (view.status, view.steps[step_id("b")].attempt) == ("failed", 2)


async def test_steps_that_are_done_in_the_text_do_not_run_again(tmp_path: Path) -> None:
    done = plan(step("a", status="completed"), step("s", status="skipped"), step("c", "a", "s"))
    view = await Project(tmp_path, done, role("worker", SAY_ID)).run()
    assert view.status == "completed"
    assert [each["label"] for each in trace_of(tmp_path, view)["segments"]] == ["c"]


async def test_a_person_does_a_step_while_others_go_on(tmp_path: Path) -> None:
    toml = role("worker", SAY_ID) + PERSON + table("run", max_parallel=1)
    project = Project(tmp_path, plan(step("a", role="person", order_index=0), step("b", order_index=1)), toml)
    async with project.runtime() as runtime:
        view = await asked(runtime, (await runtime.runs.start(project.request())).run_id)
        assert [question.kind for question in view.questions] == ["handoff"]
        assert "a" in view.questions[0].text
        await seen(runtime, view.run_id, lambda now: statuses(now)["b"] == "completed")
        answered = await runtime.runs.answer(view.run_id, step_id("a"), success=True, output="signed")
        assert answered.questions == ()
        final = await runtime.runs.wait(view.run_id)
        assert (final.status, final.steps[step_id("a")].output) == ("completed", "signed")
        assert trace_of(tmp_path, final)["segments"][0]["attributes"]["answered_by"] == "human"


async def test_a_person_may_say_that_a_step_did_not_succeed(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a", role="person")), PERSON)
    async with project.runtime() as runtime:
        view = await asked(runtime, (await runtime.runs.start(project.request())).run_id)
        await runtime.runs.answer(view.run_id, step_id("a"), success=False, output="broken seal")
        final = await runtime.runs.wait(view.run_id)
        assert (final.status, final.error) == ("failed", "Step “a” failed: broken seal")


async def test_an_answer_to_nothing_is_refused(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", SAY_ID))
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request())
        with pytest.raises(MplpError, match="No question is open"):
            await runtime.runs.answer(view.run_id, step_id("a"), success=True)


async def test_a_gated_step_waits_for_consent(tmp_path: Path) -> None:
    toml = role("worker", SAY_ID) + table("gates", confirm_steps=[step_id("b")])
    project = Project(tmp_path, plan(step("a"), step("b", "a")), toml)
    async with project.runtime() as runtime:
        view = await asked(runtime, (await runtime.runs.start(project.request())).run_id)
        assert [question.kind for question in view.questions] == ["gate"]
        assert statuses(view) == {"a": "completed", "b": "blocked"}
        await runtime.runs.answer(view.run_id, step_id("b"), success=True)
        assert statuses(await runtime.runs.wait(view.run_id)) == {"a": "completed", "b": "completed"}


async def test_a_declined_gate_skips_the_step_and_fails_the_run(tmp_path: Path) -> None:
    toml = role("worker", SAY_ID) + table("gates", confirm_steps=["worker"])
    project = Project(tmp_path, plan(step("a"), step("b", "a")), toml)
    async with project.runtime() as runtime:
        view = await asked(runtime, (await runtime.runs.start(project.request())).run_id)
        await runtime.runs.answer(view.run_id, step_id("a"), success=False)
        final = await runtime.runs.wait(view.run_id)
        assert (final.status, final.error) == ("failed", "Step “a” was declined.")
        assert statuses(final) == {"a": "skipped", "b": "blocked"}


async def test_cancelling_ends_the_run_and_its_processes(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), step("b"), step("c", "a")), role("worker", SLEEP))
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request())
        await under_way(runtime, view.run_id)
        final = await runtime.runs.cancel(view.run_id)
        assert (final.status, final.error) == ("cancelled", "The run was cancelled.")
        assert final.steps[step_id("a")].error == "The run was cancelled."
        trace = trace_of(tmp_path, final)
        assert (trace["status"], trace["segments"][0]["status"]) == ("cancelled", "cancelled")
        assert timeline_of(tmp_path, final)[-1]["payload"]["status"] == "cancelled"


async def test_cancelling_a_run_that_is_over_changes_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", SAY_ID))
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request())
        await runtime.runs.wait(view.run_id)
        assert (await runtime.runs.cancel(view.run_id)).status == "completed"


async def test_subscribers_see_each_step_begin_and_end(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), step("b", "a")), role("worker", SAY_ID))
    seen: list[RunView] = []
    async with project.runtime() as runtime:
        unsubscribe = runtime.runs.subscribe(seen.append)
        view = await runtime.runs.start(project.request())
        await runtime.runs.wait(view.run_id)
        unsubscribe()
    story = [statuses(each)["a"] for each in seen]
    assert story.index("in_progress") < story.index("completed")
    assert seen[-1].status == "completed"
    assert statuses(seen[-1]) == {"a": "completed", "b": "completed"}


async def test_a_subscriber_that_fails_does_not_stop_a_run(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", SAY_ID))

    def fail(view: RunView) -> None:
        raise ValueError("not my day")

    async with project.runtime() as runtime:
        runtime.runs.subscribe(fail)
        view = await runtime.runs.start(project.request())
        assert (await runtime.runs.wait(view.run_id)).status == "completed"


async def test_output_is_seen_while_a_step_runs(tmp_path: Path) -> None:
    code = "import time; print('half way', flush=True); time.sleep(600)"
    project = Project(tmp_path, plan(step("a")), role("worker", code))
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request())
        shown = lambda: "half way" in runtime.runs.view(view.run_id).steps[step_id("a")].output  # noqa: E731
        assert await runtime.runs.notices.until(shown, 20)
        await runtime.runs.cancel(view.run_id)


async def test_runs_are_numbered_and_the_newest_is_found(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", SAY_ID))
    first, second = await project.run(), await project.run()
    async with project.runtime() as runtime:
        assert (first.generation, second.generation) == (1, 2)
        assert [view.run_id for view in runtime.runs.all()] == [first.run_id, second.run_id]
        latest = runtime.runs.latest(PLAN_ID)
        assert latest is not None
        assert latest.run_id == second.run_id
        assert latest == second


async def test_a_run_that_is_not_known_is_said_so(tmp_path: Path) -> None:
    async with Project(tmp_path).runtime() as runtime:
        with pytest.raises(RunUnknown):
            runtime.runs.view("nothing")


async def test_a_simulation_starts_nothing_and_touches_no_plan_in_the_graph(tmp_path: Path) -> None:
    project = Project(
        tmp_path, plan(step("a"), step("b", "a"), status="draft"), role("worker", "open('x', 'w')")
    )
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request(simulate=True))
        final = await runtime.runs.wait(view.run_id)
        assert (final.status, final.simulated) == ("completed", True)
        assert "x" not in project.names()
        node = runtime.graph.read("Step", step_id("a"))
        assert node is not None
        assert node.data["status"] == "pending"
        assert trace_of(tmp_path, final)["root_span"]["attributes"]["simulated"] is True


async def test_a_simulation_in_a_folder_that_is_not_trusted_writes_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), status="draft"))
    async with project.runtime(in_memory=True) as runtime:
        view = await runtime.runs.start(project.request(simulate=True, trusted=False))
        assert (await runtime.runs.wait(view.run_id)).status == "completed"
        assert view.trace_path is None
    assert project.names() == ["release.plan.json", "shop.context.json"]


async def test_the_graph_knows_how_each_step_ended(tmp_path: Path) -> None:
    toml = role("worker", FAIL_B) + table("run", max_parallel=1)
    project = Project(tmp_path, plan(step("a"), step("b", "a")), toml)
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request())
        await runtime.runs.wait(view.run_id)
        found = {name: runtime.graph.read("Step", step_id(name)) for name in "ab"}
        assert {name: node.data["status"] for name, node in found.items() if node} == {
            "a": "completed",
            "b": "failed",
        }
        known = runtime.graph.read("Plan", PLAN_ID)
        assert known is not None
        assert known.data["status"] == "failed"
        assert list(runtime.graph.dangling()) == []


async def test_the_state_folder_ignores_itself(tmp_path: Path) -> None:
    await Project(tmp_path, plan(step("a")), role("worker", SAY_ID)).run()
    assert (tmp_path / ".mplp/.gitignore").read_text() == "*\n"


async def test_a_comment_at_the_top_of_a_plan_does_not_keep_it_from_running(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", SAY_ID))
    commented = json.dumps({"$comment": "mine", **project.plan})
    view = await project.run(plan_text=commented)
    assert view.status == "completed"


async def test_what_runs_is_the_text_given_and_a_buffer_is_told_apart_from_a_file(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", SAY_ID))
    buffer = json.dumps(plan(step("x"), step("y")))
    view = await project.run(plan_text=buffer, unsaved=True)
    assert list(statuses(view)) == ["x", "y"]
    assert "not saved" in trace_of(tmp_path, view)["root_span"]["attributes"]["plan_text"]


async def test_many_steps_run_in_order_and_the_trace_stays_bounded(tmp_path: Path) -> None:
    names = [f"{number:03d}" for number in range(300)]
    chain = [step(name, *([names[place - 1]] if place else [])) for place, name in enumerate(names)]
    view = await Project(tmp_path, plan(*chain, status="draft")).run(simulate=True)
    assert view.status == "completed"
    trace = trace_of(tmp_path, view)
    assert [segment["label"] for segment in trace["segments"]] == names
    attributes = trace["root_span"]["attributes"]
    assert len(trace["events"]) == 1_000
    assert attributes["events_total"] == len(timeline_of(tmp_path, view))
    assert attributes["events_left_to_timeline"] == attributes["events_total"] - 1_000


async def test_closing_twice_or_with_nothing_running_is_fine(tmp_path: Path) -> None:
    runtime = Runtime.open(tmp_path)
    await runtime.close()
    await asyncio.sleep(0)
    assert not (tmp_path / ".mplp").exists()
