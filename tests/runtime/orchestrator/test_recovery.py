"""Runs whose process went away: closed in order, or as if it had been killed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mplp_runtime.ael.process_table import process_identity
from mplp_runtime.ael.tool_call import attempt_mark
from mplp_runtime.errors import RunInProgress, RunLeftOpen, RunRefused, WorkspaceNotTrusted
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.recovery import end_leftovers
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.vsl.interface import Transaction
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
from tests.runtime.orchestrator.waiting import asked, effects, seen

# Each step notes that it began; `b` waits for a file that says it may end.
EFFECT = """
import os, pathlib, time
name = os.environ["MPLP_STEP_DESCRIPTION"]
with open("effects", "a") as file: file.write(name + "\\n")
while name == "b" and not pathlib.Path("go").exists(): time.sleep(0.01)
"""
STEPS = (step("a"), step("b", "a"), step("c", "b"))


async def interrupted(project: Project) -> RunView:
    """The run, left by its process while step b was under way."""
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request())
        await seen(runtime, view.run_id, lambda _: effects(project.root) == ["a", "b"])
    async with project.runtime() as runtime:
        found = runtime.runs.view(view.run_id)
        assert found.status == "interrupted"
        return found


async def test_closing_leaves_the_run_interrupted_and_ends_its_processes(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), role("worker", EFFECT))
    view = await interrupted(project)
    assert statuses(view) == {"a": "completed", "b": "in_progress", "c": "pending"}
    assert view.steps[step_id("b")].interrupted
    assert not view.is_live
    trace = trace_of(tmp_path, view)
    assert trace["status"] == "running"
    assert trace["root_span"]["attributes"]["run_status"] == "interrupted"
    assert [segment["status"] for segment in trace["segments"]] == ["completed", "running"]
    words = [event["event_type"] for event in timeline_of(tmp_path, view)]
    assert words.count("step_interrupted") == 1


async def test_a_resumed_run_asks_before_it_repeats_a_step(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), role("worker", EFFECT))
    run_id = (await interrupted(project)).run_id
    async with project.runtime() as runtime:
        await runtime.runs.resume(run_id, trusted=True)
        view = await asked(runtime, run_id)
        assert [(q.kind, q.step_id) for q in view.questions] == [("repeat", step_id("b"))]
        await runtime.runs.answer(run_id, step_id("b"), success=True)
        final = await runtime.runs.wait(run_id)
    assert final.status == "completed"
    assert effects(tmp_path) == ["a", "b", "c"]
    assert [s["status"] for s in trace_of(tmp_path, final)["segments"]] == [
        "completed",
        "completed",
        "completed",
    ]


async def test_a_person_may_have_the_step_repeated(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), role("worker", EFFECT))
    run_id = (await interrupted(project)).run_id
    (tmp_path / "go").touch()
    async with project.runtime() as runtime:
        await runtime.runs.resume(run_id, trusted=True)
        await asked(runtime, run_id)
        await runtime.runs.answer(run_id, step_id("b"), success=False, repeat=True)
        final = await runtime.runs.wait(run_id)
    assert final.status == "completed"
    assert effects(tmp_path) == ["a", "b", "b", "c"]
    segments = trace_of(tmp_path, final)["segments"]
    assert [(s["label"], s["status"]) for s in segments] == [
        ("a", "completed"),
        ("b", "failed"),
        ("b", "completed"),
        ("c", "completed"),
    ]
    assert segments[1]["attributes"]["interrupted"] is True


async def test_a_person_may_say_that_the_step_failed(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), role("worker", EFFECT))
    run_id = (await interrupted(project)).run_id
    async with project.runtime() as runtime:
        await runtime.runs.resume(run_id, trusted=True)
        await asked(runtime, run_id)
        await runtime.runs.answer(run_id, step_id("b"), success=False)
        final = await runtime.runs.wait(run_id)
    assert (final.status, statuses(final)["b"]) == ("failed", "failed")
    assert effects(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("asked_meanwhile", [False, True])
async def test_consent_to_repeat_may_be_given_for_the_whole_run(
    tmp_path: Path, asked_meanwhile: bool
) -> None:
    project = Project(tmp_path, plan(*STEPS), role("worker", EFFECT))
    run_id = (await interrupted(project)).run_id
    (tmp_path / "go").touch()
    async with project.runtime() as runtime:
        if asked_meanwhile:
            await runtime.runs.resume(run_id, trusted=True)
            await asked(runtime, run_id)
        await runtime.runs.resume(run_id, repeat=True, trusted=True)
        assert (await runtime.runs.wait(run_id)).status == "completed"
    assert effects(tmp_path) == ["a", "b", "b", "c"]


async def test_refusing_to_repeat_lets_the_step_fail(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), role("worker", EFFECT))
    run_id = (await interrupted(project)).run_id
    async with project.runtime() as runtime:
        await runtime.runs.resume(run_id, repeat=False, trusted=True)
        assert (await runtime.runs.wait(run_id)).status == "failed"
    assert effects(tmp_path) == ["a", "b"]


async def test_an_idempotent_step_is_repeated_without_asking(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), role("worker", EFFECT, idempotent=True))
    run_id = (await interrupted(project)).run_id
    (tmp_path / "go").touch()
    async with project.runtime() as runtime:
        await runtime.runs.resume(run_id, trusted=True)
        assert (await runtime.runs.wait(run_id)).status == "completed"
    assert effects(tmp_path) == ["a", "b", "b", "c"]


async def test_a_handoff_is_simply_asked_again(tmp_path: Path) -> None:
    toml = table("roles.worker", action="agent_handoff", to="human")
    project = Project(tmp_path, plan(step("a")), toml)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await asked(runtime, run_id)
    async with project.runtime() as runtime:
        assert runtime.runs.view(run_id).questions == ()
        await runtime.runs.resume(run_id, trusted=True)
        assert [question.kind for question in (await asked(runtime, run_id)).questions] == ["handoff"]
        await runtime.runs.answer(run_id, step_id("a"), success=True)
        assert (await runtime.runs.wait(run_id)).status == "completed"


async def test_a_step_that_failed_before_the_interruption_stays_failed(tmp_path: Path) -> None:
    code = EFFECT + "raise SystemExit(name == 'f')\n"
    toml = role("worker", code) + table("run", on_failure="continue-independent", max_parallel=1)
    project = Project(tmp_path, plan(step("f"), step("a"), step("b", "a")), toml)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        began = lambda: effects(tmp_path) == ["f", "a", "b"]  # noqa: E731
        assert await _soon(began)
    (tmp_path / "go").touch()
    async with project.runtime() as runtime:
        await runtime.runs.resume(run_id, repeat=True, trusted=True)
        final = await runtime.runs.wait(run_id)
    assert statuses(final) == {"f": "failed", "a": "completed", "b": "completed"}
    assert effects(tmp_path) == ["f", "a", "b", "b"]


async def _soon(condition: object, limit_s: float = 20.0) -> bool:
    for _ in range(int(limit_s * 100)):
        if condition():  # type: ignore[operator]
            return True
        await asyncio.sleep(0.01)
    return False


async def test_an_interrupted_run_is_not_resumed_in_a_folder_that_is_not_trusted(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), role("worker", EFFECT))
    run_id = (await interrupted(project)).run_id
    async with project.runtime() as runtime:
        with pytest.raises(WorkspaceNotTrusted):
            await runtime.runs.resume(run_id)


async def test_a_run_that_is_over_is_not_resumed(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", EFFECT))
    run_id = (await project.run()).run_id
    async with project.runtime() as runtime:
        with pytest.raises(RunRefused, match="Run the plan again"):
            await runtime.runs.resume(run_id, trusted=True)


async def test_an_interrupted_run_can_be_given_up(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), role("worker", EFFECT))
    run_id = (await interrupted(project)).run_id
    async with project.runtime() as runtime:
        final = await runtime.runs.cancel(run_id)
        assert final.status == "cancelled"
        assert "outcome is unknown" in str(final.steps[step_id("b")].error)
        assert trace_of(tmp_path, final)["status"] == "cancelled"


async def test_a_plan_whose_run_was_interrupted_is_not_run_again_without_a_word_about_it(
    tmp_path: Path,
) -> None:
    """Else the step that was under way would be repeated, and nobody was asked."""
    project = Project(tmp_path, plan(*STEPS), role("worker", EFFECT))
    old = await interrupted(project)
    async with project.runtime() as runtime:
        with pytest.raises(
            RunLeftOpen, match=f"Run {old.run_id[:8]} of this plan was interrupted"
        ) as refused:
            await runtime.runs.start(project.request())
        assert refused.value.code == "interrupted"
        assert runtime.runs.view(old.run_id).status == "interrupted"
        simulated = await runtime.runs.start(project.request(simulate=True))
        assert (await runtime.runs.wait(simulated.run_id)).status == "completed"


async def test_a_run_that_was_being_cancelled_when_its_process_went_is_cancelled(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), role("worker", EFFECT))
    run_id = (await interrupted(project)).run_id
    async with project.runtime() as runtime:

        def as_the_process_left_it(transaction: Transaction) -> None:
            attempt = next(
                node.data
                for node in transaction.nodes(records.STEP_ATTEMPT)
                if node.data["step_status"] == "in_progress"
            )
            records.change_attempt(transaction, attempt, status="cancelled", step_status="failed")
            records.change_run(transaction, run_id, status="running")

        await runtime.vsl.transact(as_the_process_left_it)
        assert runtime.runs.recovery.interrupt(run_id)
        assert (
            runtime.vsl.read(lambda reading: records.read_run(reading, run_id) or {})["status"] == "cancelled"
        )


async def test_starting_the_plan_anew_gives_the_interrupted_run_up(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), role("worker", EFFECT))
    old = (await interrupted(project)).run_id
    (tmp_path / "go").touch()
    async with project.runtime() as runtime:
        new = await runtime.runs.start(project.request(anew=True))
        assert (await runtime.runs.wait(new.run_id)).status == "completed"
        assert runtime.runs.view(old).status == "cancelled"
        assert "run 2 of the plan was started instead" in str(runtime.runs.view(old).error)
        node = runtime.graph.read("Step", step_id("b"))
        assert node is not None
        assert node.data["status"] == "completed"


async def test_two_processes_cannot_resume_the_same_run(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(*STEPS), role("worker", EFFECT))
    run_id = (await interrupted(project)).run_id
    async with project.runtime() as first, project.runtime() as second:
        await first.runs.resume(run_id, trusted=True)
        with pytest.raises(RunInProgress):
            await second.runs.resume(run_id, trusted=True)
        await first.runs.cancel(run_id)


def test_an_attempt_cannot_be_created_twice(tmp_path: Path) -> None:
    async def both() -> list[str]:
        project = Project(tmp_path, plan(step("a")), role("worker", EFFECT))
        view = await project.run()
        async with project.runtime() as runtime:
            nodes = runtime.vsl.read(lambda reading: reading.nodes(records.STEP_ATTEMPT))
            assert [node.id for node in nodes] == [f"{view.run_id}/000000/1"]
            return [str(node.data["status"]) for node in nodes]

    assert asyncio.run(both()) == ["completed"]


def test_leftovers_of_a_killed_run_are_ended_and_strangers_are_not() -> None:
    code = "import time; time.sleep(600)"
    name, _, value = attempt_mark("r", "s", 1).partition("=")
    with (
        subprocess.Popen([sys.executable, "-c", code], env={**os.environ, name: value}) as leftover,
        subprocess.Popen([sys.executable, "-c", code]) as stranger,
    ):
        try:
            known = process_identity(stranger.pid)
            attempt = {"run_id": "r", "step_id": "s", "attempt": 1, "pid": stranger.pid, "start_ticks": 1}
            assert end_leftovers(attempt) == 1
            assert leftover.wait(10) < 0
            assert stranger.poll() is None
            assert end_leftovers(attempt | {"start_ticks": known.start_ticks, "step_id": "t"}) == 1
            assert stranger.wait(10) < 0
        finally:
            leftover.kill()
            stranger.kill()
