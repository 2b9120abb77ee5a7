"""What a person decides about a run that does not go well: retry, skip, roll back (runtime.md 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import (
    MplpError,
    PlanNotApproved,
    RunBuiltUpon,
    RunInProgress,
    RunRefused,
    WorkspaceNotTrusted,
)
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import Stamper
from mplp_runtime.orchestrator.interventions import StepNotOpen
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.file_work import FILE_STEPS, FILES, contents
from tests.runtime.orchestrator.projects import (
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
from tests.runtime.orchestrator.waiting import effects, seen

# `b` fails until there is a file called `fixed`; every step notes that it ran, and `c` what `a` had said.
WORK = """
import json, os, pathlib, sys
name = os.environ["MPLP_STEP_DESCRIPTION"]
with open("effects", "a") as file: file.write(name + "\\n")
inputs = json.load(sys.stdin)["inputs"]
if name == "b" and not pathlib.Path("fixed").exists(): sys.exit(3)
print("+".join([name, *(str(value).strip() for value in inputs.values())]))
"""
CHAIN = (step("a"), step("b", "a"), step("c", "a", "b"))


async def failed(runtime: Runtime, project: Project, **members: Any) -> RunView:
    view = await runtime.runs.start(project.request(**members))
    view = await runtime.runs.wait(view.run_id)
    assert view.status == "failed", view.error
    return view


# Runs that are over


async def test_a_failed_step_is_tried_again_and_what_was_completed_is_not(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*CHAIN), role("worker", WORK))
    async with project.runtime() as runtime:
        first = await failed(runtime, project)
        ended = trace_of(tmp_path, first)
        (tmp_path / "fixed").touch()
        again = await runtime.runs.interventions.retry(first.run_id, step_id("b"), project.request())
        view = await runtime.runs.wait(again.run_id)
        assert trace_of(tmp_path, first) == ended, "what has ended stays as it was"
    assert effects(tmp_path) == ["a", "b", "b", "c"]
    assert (view.status, view.generation, statuses(view)) == (
        "completed",
        2,
        {"a": "completed", "b": "completed", "c": "completed"},
    )
    assert view.steps[step_id("c")].output.strip() == "c+a+b+a", "the output of `a` was taken over"
    trace = trace_of(tmp_path, view)
    assert trace["root_span"]["attributes"]["continues_run"] == first.run_id
    assert [segment["label"] for segment in trace["segments"]] == ["b", "c"]


async def test_a_run_that_goes_on_from_another_survives_the_end_of_its_process(tmp_path: Path) -> None:
    slow = WORK.replace(
        "print(",
        "import time\nwhile name == 'c' and not pathlib.Path('go').exists(): time.sleep(0.01)\nprint(",
    )
    project = Project(tmp_path, plan(*CHAIN), role("worker", slow, idempotent=True))
    async with project.runtime() as runtime:
        first = await failed(runtime, project)
        (tmp_path / "fixed").touch()
        again = await runtime.runs.interventions.retry(first.run_id, step_id("b"), project.request())
        await seen(runtime, again.run_id, lambda view: effects(tmp_path)[-1:] == ["c"])
    (tmp_path / "go").touch()
    async with project.runtime() as runtime:
        await runtime.runs.resume(again.run_id, trusted=True)
        view = await runtime.runs.wait(again.run_id)
    assert view.status == "completed", view.error
    assert view.steps[step_id("c")].output.strip() == "c+a+b+a"
    assert effects(tmp_path).count("a") == 1


async def test_a_failed_step_is_skipped_and_the_rest_of_the_plan_runs(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*CHAIN), role("worker", WORK))
    async with project.runtime() as runtime:
        first = await failed(runtime, project)
        on = await runtime.runs.interventions.skip(
            first.run_id, step_id("b"), project.request(), "not this time"
        )
        view = await runtime.runs.wait(on.run_id)
    assert (view.status, statuses(view)) == (
        "completed",
        {"a": "completed", "b": "skipped", "c": "completed"},
    )
    assert view.steps[step_id("b")].error == "Skipped: not this time"
    assert effects(tmp_path) == ["a", "b", "c"]
    stages = [
        (event["event_type"], event["payload"].get("because"))
        for event in timeline_of(tmp_path, view)
        if event.get("event_family") == "pipeline_stage"
    ]
    assert ("step_skipped", "not this time") in stages


async def test_a_completed_step_that_was_edited_since_is_not_taken_over(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*CHAIN), role("worker", WORK))
    async with project.runtime() as runtime:
        first = await failed(runtime, project)
        changed = [
            {**each, "description": "a more"} if each["description"] == "a" else each for each in CHAIN
        ]
        project.save(plan(*changed))
        with pytest.raises(RunRefused, match="Step “a” has changed since"):
            await runtime.runs.interventions.retry(first.run_id, step_id("b"), project.request())
        project.save(plan(*CHAIN[1:], title="Release"))
        with pytest.raises(MplpError):
            await runtime.runs.interventions.retry(first.run_id, step_id("b"), project.request())


async def test_a_retry_needs_the_approval_and_the_trust_that_every_start_needs(tmp_path: Path) -> None:
    toml = role("worker", WORK) + table("run", require_confirm=True)
    project = Project(tmp_path, plan(*CHAIN), toml)
    async with project.runtime() as runtime:
        first = await failed(runtime, project, approve=True)
        with pytest.raises(WorkspaceNotTrusted):
            await runtime.runs.interventions.retry(first.run_id, step_id("b"), project.request(trusted=False))
        (tmp_path / "mplp.toml").write_text(role("worker", "print(1)") + table("run", require_confirm=True))
        with pytest.raises(PlanNotApproved, match="was approved, but"):
            await runtime.runs.interventions.retry(first.run_id, step_id("b"), project.request())
        with pytest.raises(PlanNotApproved):
            await runtime.runs.interventions.skip(first.run_id, step_id("b"), project.request())
    assert effects(tmp_path) == ["a", "b"]


async def test_a_dry_run_after_a_failure_does_not_keep_the_step_from_being_tried_again(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(*CHAIN), role("worker", WORK))
    async with project.runtime() as runtime:
        first = await failed(runtime, project)
        dry = await runtime.runs.start(project.request(simulate=True))
        await runtime.runs.wait(dry.run_id)
        (tmp_path / "fixed").touch()
        again = await runtime.runs.interventions.retry(first.run_id, step_id("b"), project.request())
        assert (await runtime.runs.wait(again.run_id)).status == "completed"
    assert effects(tmp_path) == ["a", "b", "b", "c"]


async def test_two_processes_that_retry_the_same_step_do_it_once(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*CHAIN), role("worker", WORK))
    async with project.runtime() as runtime, project.runtime() as other:
        first = await failed(runtime, project)
        (tmp_path / "fixed").touch()
        # The other has looked, and is about to start when the first is through already.
        request = replace(
            project.request(), continues=first.run_id, carried={step_id("a"): "completed"}, skipped={}
        )
        again = await runtime.runs.interventions.retry(first.run_id, step_id("b"), project.request())
        await runtime.runs.wait(again.run_id)
        with pytest.raises(RunRefused, match="Run 2 of the plan is newer"):
            await other.runs.start(request)
    assert effects(tmp_path) == ["a", "b", "b", "c"]


async def test_what_cannot_be_tried_again_or_skipped_is_refused_with_a_sentence(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*CHAIN), role("worker", WORK))
    async with project.runtime() as runtime:
        first = await failed(runtime, project)
        decide, request = runtime.runs.interventions, project.request()
        with pytest.raises(
            StepNotOpen, match="Only a step that failed is tried again; this one is completed"
        ):
            await decide.retry(first.run_id, step_id("a"), request)
        with pytest.raises(StepNotOpen, match="is completed, so there is nothing to skip"):
            await decide.skip(first.run_id, step_id("a"), request)
        with pytest.raises(MplpError, match="has no step nowhere"):
            await decide.retry(first.run_id, "nowhere", request)
        second = await failed(runtime, project)
        with pytest.raises(RunRefused, match="Run 2 of the plan is newer"):
            await decide.retry(first.run_id, step_id("b"), request)
        dry = await runtime.runs.start(project.request(simulate=True))
        dry = await runtime.runs.wait(dry.run_id)
        with pytest.raises(RunRefused, match="A dry run has done nothing"):
            await decide.roll_back(dry.run_id, trusted=True)
        (tmp_path / "fixed").touch()
    assert second.generation == 2


# Runs under way

GOES_ON = table("run", on_failure="continue-independent", max_parallel=4)
WAITS = WORK.replace(
    "print(",
    "import time\nwhile name == 'slow' and not pathlib.Path('go').exists(): time.sleep(0.01)\nprint(",
)


@pytest.mark.parametrize("policy", ["continue-independent", "stop"])
async def test_a_step_is_tried_again_while_others_are_still_under_way(tmp_path: Path, policy: str) -> None:
    steps = (step("slow"), step("b"), step("c", "b"))
    toml = role("worker", WAITS) + table("run", on_failure=policy, max_parallel=4)
    project = Project(tmp_path, plan(*steps), toml)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await seen(
            runtime, run_id, lambda view: statuses(view)["b"] == "failed" and "slow" in effects(tmp_path)
        )
        (tmp_path / "fixed").touch()
        await runtime.runs.interventions.retry(run_id, step_id("b"), project.request())
        await seen(runtime, run_id, lambda view: statuses(view)["c"] == "completed")
        (tmp_path / "go").touch()
        view = await runtime.runs.wait(run_id)
    assert (view.status, view.steps[step_id("b")].attempt) == ("completed", 2)
    labels = [(each["label"], each["status"]) for each in trace_of(tmp_path, view)["segments"]]
    assert sorted(labels) == [("b", "completed"), ("b", "failed"), ("c", "completed"), ("slow", "completed")]


async def test_a_failed_step_is_skipped_while_others_are_under_way(tmp_path: Path) -> None:
    project = Project(
        tmp_path, plan(step("slow"), step("b"), step("c", "b")), role("worker", WAITS) + GOES_ON
    )
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await seen(
            runtime, run_id, lambda view: statuses(view)["b"] == "failed" and "slow" in effects(tmp_path)
        )
        with pytest.raises(StepNotOpen, match="under way; cancel the run"):
            await runtime.runs.interventions.skip(run_id, step_id("slow"), project.request())
        await runtime.runs.interventions.skip(run_id, step_id("b"), project.request())
        await seen(runtime, run_id, lambda view: statuses(view)["c"] == "completed")
        (tmp_path / "go").touch()
        view = await runtime.runs.wait(run_id)
    assert (view.status, statuses(view)["b"]) == ("completed", "skipped")


async def test_a_step_that_is_skipped_while_what_it_waits_for_ends_never_runs(tmp_path: Path) -> None:
    slow = WORK.replace(
        "print(",
        "import time\nwhile name == 'a' and not pathlib.Path('go').exists(): time.sleep(0.01)\nprint(",
    )
    project = Project(tmp_path, plan(step("a"), step("b", "a"), step("c", "b")), role("worker", slow))
    (tmp_path / "fixed").touch()
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await seen(runtime, run_id, lambda _: effects(tmp_path) == ["a"])
        live = runtime.runs._carrying.live[run_id]
        ledger = live.loop._attempts.ledger
        written = ledger.written

        async def late() -> None:
            (tmp_path / "go").touch()
            await seen(runtime, run_id, lambda view: statuses(view)["a"] == "completed")
            await written()

        ledger.written = late  # type: ignore[method-assign]
        await runtime.runs.interventions.skip(run_id, step_id("b"), project.request())
        view = await runtime.runs.wait(run_id)
    assert (view.status, statuses(view)) == (
        "completed",
        {"a": "completed", "b": "skipped", "c": "completed"},
    )
    assert effects(tmp_path) == ["a", "c"]


@pytest.mark.parametrize("asked", ["gate", "handoff"])
async def test_a_step_that_waits_for_a_person_is_skipped(tmp_path: Path, asked: str) -> None:
    toml = role("worker", WORK) + table("roles.person", action="agent_handoff", to="human")
    toml += table("gates", confirm_steps=["worker"] if asked == "gate" else [])
    waiting = step("x", role="worker" if asked == "gate" else "person")
    project = Project(tmp_path, plan(waiting, step("y", "x", role="person")), toml)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await seen(runtime, run_id, lambda view: view.question_at(step_id("x")) is not None)
        await runtime.runs.interventions.skip(run_id, step_id("x"), project.request())
        now = await seen(runtime, run_id, lambda view: view.question_at(step_id("y")) is not None)
        assert [question.step_id for question in now.questions] == [step_id("y")]
        await runtime.runs.answer(run_id, step_id("y"), success=True)
        view = await runtime.runs.wait(run_id)
    assert (view.status, statuses(view)) == ("completed", {"x": "skipped", "y": "completed"})
    trace_of(tmp_path, view)
    assert effects(tmp_path) == []


async def test_another_process_skips_a_step_of_the_run_that_this_one_carries(tmp_path: Path) -> None:
    toml = role("worker", WORK) + table("gates", confirm_steps=["worker"])
    project = Project(tmp_path, plan(step("x")), toml)
    async with project.runtime() as runtime, project.runtime() as other:
        run_id = (await runtime.runs.start(project.request())).run_id
        await seen(runtime, run_id, lambda view: view.question_at(step_id("x")) is not None)
        await other.runs.interventions.skip(run_id, step_id("x"), project.request())
        view = await runtime.runs.wait(run_id)
    assert (view.status, statuses(view)) == ("completed", {"x": "skipped"})


# Interrupted runs


@pytest.mark.parametrize("decision", ["retry", "skip"])
async def test_a_decision_about_an_interrupted_run_is_kept_and_the_run_goes_on(
    tmp_path: Path, decision: str
) -> None:
    steps = (step("slow"), step("b"), step("c", "b"))
    project = Project(tmp_path, plan(*steps), role("worker", WAITS, idempotent=True) + GOES_ON)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await seen(
            runtime, run_id, lambda view: statuses(view)["b"] == "failed" and "slow" in effects(tmp_path)
        )
    (tmp_path / "fixed").touch()
    async with project.runtime() as runtime:
        assert runtime.runs.view(run_id).status == "interrupted"
        decide = getattr(runtime.runs.interventions, decision)
        with pytest.raises(WorkspaceNotTrusted):
            await decide(run_id, step_id("b"), project.request(trusted=False))
        await decide(run_id, step_id("b"), project.request())
    # That process ended as well; the decision stands.
    (tmp_path / "go").touch()
    async with project.runtime() as runtime:
        if runtime.runs.view(run_id).status == "interrupted":
            await runtime.runs.resume(run_id, trusted=True, repeat=True)
        view = await runtime.runs.wait(run_id)
    assert view.status == "completed", view.error
    assert statuses(view)["b"] == ("completed" if decision == "retry" else "skipped")


@pytest.mark.parametrize("waiting", ["handoff", "tool"])
async def test_a_step_whose_process_ended_while_it_waited_is_skipped_before_the_run_goes_on(
    tmp_path: Path, waiting: str
) -> None:
    toml = role("worker", WAITS) + table("roles.person", action="agent_handoff", to="human")
    first = step("slow", role="person" if waiting == "handoff" else "worker")
    project = Project(tmp_path, plan(first, step("y", "slow")), toml)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await seen(runtime, run_id, lambda view: bool(view.questions) or "slow" in effects(tmp_path))
    async with project.runtime() as runtime:
        assert runtime.runs.view(run_id).steps[step_id("slow")].interrupted
        await runtime.runs.interventions.skip(run_id, step_id("slow"), project.request(), "not needed")
        view = await runtime.runs.wait(run_id)
    assert (view.status, statuses(view)) == ("completed", {"slow": "skipped", "y": "completed"})
    assert view.steps[step_id("slow")].error == "Skipped: not needed"
    segments = trace_of(tmp_path, view)["segments"]
    assert [(each["label"], each["status"]) for each in segments] == [
        ("slow", "cancelled"),
        ("slow", "skipped"),
        ("y", "completed"),
    ]


# Rolling back


TOML = FILES + role("worker", "raise SystemExit(3)")
STEPS = (*FILE_STEPS, step("b", "v"))


async def test_a_failed_run_takes_back_its_file_operations_where_the_settings_say_so(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), TOML + table("run", on_failure="rollback"))
    (tmp_path / "notes.txt").write_text("old")
    (tmp_path / "draft.txt").write_text("draft")
    before = contents(tmp_path)
    view = await project.run()
    assert view.status == "failed"
    assert contents(tmp_path) == before
    assert not (tmp_path / "out").exists()
    assert "failed: " in str(view.error)
    assert "Rolled back: " in str(view.error)
    events = timeline_of(tmp_path, view)
    words = [event["event_type"] for event in events if event.get("event_family") == "compensation_plan"]
    assert words == ["compensation_recorded"] * 3 + ["rollback_planned", "rollback_executed"]
    kinds = [event["event_type"] for event in events]
    assert kinds.index("rollback_executed") < kinds.index("SACompleted")
    trace = trace_of(tmp_path, view)
    assert [each["status"] for each in trace["segments"]] == ["completed"] * 3 + ["failed"]
    rolled_back = trace["root_span"]["attributes"]["rolled_back"]
    assert rolled_back["files_left"] == []
    assert sorted(rolled_back["segments"]) == sorted(each["segment_id"] for each in trace["segments"][:3])


async def test_a_file_that_somebody_changed_since_is_named_and_left_by_a_rollback(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), TOML)
    (tmp_path / "notes.txt").write_text("old")
    (tmp_path / "draft.txt").write_text("draft")
    async with project.runtime() as runtime:
        first = await failed(runtime, project)
        ended = trace_of(tmp_path, first)
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(WorkspaceNotTrusted):
            await runtime.runs.interventions.roll_back(first.run_id, trusted=False)
        view, done = await runtime.runs.interventions.roll_back(first.run_id, trusted=True)
        assert contents(tmp_path) == {"draft.txt": "draft", "notes.txt": "mine"}
        assert done.left == (("notes.txt", "changed since"),)
        assert "Left as found: notes.txt (changed since)." in done.sentence
        assert view.status == "failed"
        with pytest.raises(RunRefused, match="was rolled back, so there is nothing to go on from"):
            await runtime.runs.interventions.retry(first.run_id, step_id("b"), project.request())
        # Once the conflict is out of the way, the rest is taken back too.
        (tmp_path / "notes.txt").write_text("new")
        _, done = await runtime.runs.interventions.roll_back(first.run_id, trusted=True)
        assert (done.restored, done.left) == (("notes.txt",), ())
        with pytest.raises(RunRefused, match="rolled back already"):
            await runtime.runs.interventions.roll_back(first.run_id, trusted=True)
        trace = trace_of(tmp_path, first)
    assert (tmp_path / "notes.txt").read_text() == "old"
    assert trace["segments"] == ended["segments"], "the failure stays in the trace"
    assert trace["events"][: len(ended["events"])] == ended["events"]


async def test_a_rollback_that_was_cut_off_is_finished_when_the_run_goes_on(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), TOML + table("run", on_failure="rollback"))
    (tmp_path / "notes.txt").write_text("old")
    (tmp_path / "draft.txt").write_text("draft")
    before = contents(tmp_path)

    async with project.runtime() as runtime:
        real = EventBus.tell

        async def cut(bus: EventBus, stream: str, make: Callable[[Stamper], Mapping[str, Any]]) -> int:
            if make(bus.stamper)["event_type"] == "rollback_planned":
                raise MemoryError
            return await real(bus, stream, make)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(EventBus, "tell", cut)
            view = await runtime.runs.start(project.request())
            view = await runtime.runs.wait(view.run_id)
        assert view.status == "interrupted"
    async with project.runtime() as runtime:
        await runtime.runs.resume(view.run_id, trusted=True)
        view = await runtime.runs.wait(view.run_id)
    assert view.status == "failed"
    assert contents(tmp_path) == before


async def test_a_run_from_which_a_later_one_went_on_is_not_rolled_back_under_it(tmp_path: Path) -> None:
    steps = (step("w", role="writer"), step("b", "w"), step("c", "b"))
    project = Project(tmp_path, plan(*steps), TOML)
    async with project.runtime() as runtime:
        decide = runtime.runs.interventions
        first = await failed(runtime, project)
        second = await decide.skip(first.run_id, step_id("b"), project.request())
        second = await runtime.runs.wait(second.run_id)
        third = await decide.skip(second.run_id, step_id("c"), project.request())
        third = await runtime.runs.wait(third.run_id)
        assert third.status == "completed", third.error
        for earlier in (first, second):
            with pytest.raises(RunBuiltUpon, match=rf"Run 3 \({third.run_id[:8]}\) of the plan went on"):
                await decide.roll_back(earlier.run_id, trusted=True)
        assert (tmp_path / "notes.txt").read_text() == "new"
        for undone in (third, second, first):
            await decide.roll_back(undone.run_id, trusted=True)
        assert not (tmp_path / "notes.txt").exists()


async def test_a_run_is_rolled_back_under_a_later_one_where_that_is_said(tmp_path: Path) -> None:
    steps = (step("w", role="writer"), step("b", "w"), step("h", "b", role="human"))
    toml = TOML + table("roles.human", action="agent_handoff", to="human")
    project = Project(tmp_path, plan(*steps), toml)
    async with project.runtime() as runtime:
        decide = runtime.runs.interventions
        first = await failed(runtime, project)
        later = await decide.skip(first.run_id, step_id("b"), project.request())
        with pytest.raises(RunInProgress, match=r"Run 2 .* is under way"):
            await decide.roll_back(first.run_id, trusted=True, force=True)
        await runtime.runs.cancel(later.run_id)
        _, done = await decide.roll_back(first.run_id, trusted=True, force=True)
        assert done.restored == ("notes.txt",)


async def test_what_a_rollback_writes_is_no_drift(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), TOML)
    (tmp_path / "notes.txt").write_text("old")
    (tmp_path / "draft.txt").write_text("draft")
    async with project.runtime() as runtime:
        first = await failed(runtime, project)
        await runtime.drift.look(lambda: runtime.list_files(tmp_path))
        await runtime.runs.interventions.roll_back(first.run_id, trusted=True)
        report = await runtime.drift.look(lambda: runtime.list_files(tmp_path))
        assert report.is_clean, report


async def test_a_run_under_way_is_cancelled_before_it_is_rolled_back(tmp_path: Path) -> None:
    toml = table("roles.worker", action="agent_handoff", to="human")
    project = Project(tmp_path, plan(step("x")), toml)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        with pytest.raises(RunInProgress, match="cancel it before"):
            await runtime.runs.interventions.roll_back(run_id, trusted=True)
