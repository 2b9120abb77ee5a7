"""CI and tools that failed hold a plan up, until they succeed or a person decides (seed 2, 4.3 and 4.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import StoreLocked
from mplp_runtime.integration.knowledge import Failure
from mplp_runtime.orchestrator.outside import Outside
from mplp_runtime.orchestrator.views import Question
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.projects import Project, plan, role, step, step_id, table
from tests.runtime.orchestrator.waiting import asked

CI_BLOCKS = table("gates", ci_blocks_completion=True)
RUFF_BLOCKS = table("gates", tool_failure_blocks=["ruff"])
WORK = role("worker", "print('ok')")


def ci(status: str, run: str = "1") -> dict[str, Any]:
    return {"ci_provider": "jenkins", "pipeline_id": "build", "run_id": run, "status": status}


def ruff(status: str, number: int = 1) -> dict[str, Any]:
    invocation = f"550e8400-e29b-41d4-a716-44665544{number:04}"
    return {"tool_id": "ruff", "tool_kind": "linter", "invocation_id": invocation, "status": status}


async def told(runtime: Runtime, *events: dict[str, Any]) -> None:
    for event in events:
        assert runtime.intake.offer(event, source="test").error is None
    await runtime.intake.settle()


@asynccontextmanager
async def held_up(
    root: Path, gates: str, *failures: dict[str, Any]
) -> AsyncIterator[tuple[Runtime, str, Question]]:
    """A run of one step that something outside holds up: its runtime, its id, and what it asks."""
    project = Project(root, plan(step("a")), WORK + gates)
    async with project.runtime() as runtime:
        await told(runtime, *failures)
        run_id = (await runtime.runs.start(project.request())).run_id
        [question] = (await asked(runtime, run_id)).questions
        yield runtime, run_id, question


async def test_a_plan_does_not_complete_while_ci_fails_and_completes_once_it_succeeds(tmp_path: Path) -> None:
    async with held_up(tmp_path, CI_BLOCKS, ci("failed")) as (runtime, run_id, question):
        assert question.kind == "completion"
        assert question.text == "CI failed: build of jenkins (run 1). Shall the plan complete all the same?"
        assert runtime.runs.view(run_id).steps[step_id("a")].status == "completed"
        await told(runtime, ci("succeeded", "2"))
        final = await runtime.runs.wait(run_id)
        assert (final.status, final.questions) == ("completed", ())


async def test_a_person_may_complete_the_plan_all_the_same(tmp_path: Path) -> None:
    async with held_up(tmp_path, CI_BLOCKS, ci("failed")) as (runtime, run_id, _):
        await runtime.runs.answer(run_id, step_id("a"), success=True)
        assert (await runtime.runs.wait(run_id)).status == "completed"


async def test_a_person_may_fail_the_plan_and_the_run_says_why(tmp_path: Path) -> None:
    async with held_up(tmp_path, CI_BLOCKS, ci("failed")) as (runtime, run_id, _):
        await runtime.runs.answer(run_id, step_id("a"), success=False)
        final = await runtime.runs.wait(run_id)
        assert (final.status, final.error) == ("failed", "CI failed: build of jenkins (run 1).")


async def test_a_run_that_waits_for_ci_can_be_cancelled_and_survives_its_process(tmp_path: Path) -> None:
    async with held_up(tmp_path, CI_BLOCKS, ci("failed")) as (_, run_id, _):
        pass  # Here its process goes.
    async with Runtime.open(tmp_path) as runtime:
        assert runtime.runs.view(run_id).status == "interrupted"
        await runtime.runs.resume(run_id, trusted=True)
        assert (await asked(runtime, run_id)).questions[0].kind == "completion"
        assert (await runtime.runs.cancel(run_id)).status == "cancelled"


async def test_ci_blocks_nothing_unasked(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), WORK)
    async with project.runtime() as runtime:
        await told(runtime, ci("failed"), ruff("failed"))
        run_id = (await runtime.runs.start(project.request())).run_id
        assert (await runtime.runs.wait(run_id)).status == "completed"


async def test_a_step_waits_for_a_tool_that_failed_and_starts_once_it_succeeds(tmp_path: Path) -> None:
    async with held_up(tmp_path, RUFF_BLOCKS, ruff("failed")) as (runtime, run_id, question):
        assert question.kind == "gate"
        assert question.text == "The last call of ruff failed. May this step start all the same?"
        await told(runtime, ruff("succeeded", 2))
        assert (await runtime.runs.wait(run_id)).status == "completed"


async def test_the_success_may_be_told_by_another_process(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), WORK + RUFF_BLOCKS)
    async with project.runtime() as runtime, project.runtime() as hook:
        await told(runtime, ruff("failed"))
        run_id = (await runtime.runs.start(project.request())).run_id
        await asked(runtime, run_id)
        await told(hook, ruff("succeeded", 2))
        assert (await runtime.runs.wait(run_id)).status == "completed"


async def test_a_gate_that_a_person_set_is_not_opened_by_a_tool(tmp_path: Path) -> None:
    gates = table("gates", tool_failure_blocks=["ruff"], confirm_steps=["worker"])
    async with held_up(tmp_path, gates, ruff("failed")) as (runtime, run_id, _):
        await told(runtime, ruff("succeeded", 2))
        await runtime.runs.answer(run_id, step_id("a"), success=False)
        assert (await runtime.runs.wait(run_id)).status == "failed"


async def test_a_dry_run_is_held_up_by_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), WORK + RUFF_BLOCKS)
    async with project.runtime() as runtime:
        await told(runtime, ruff("failed"))
        run_id = (await runtime.runs.start(project.request(simulate=True))).run_id
        assert (await runtime.runs.wait(run_id)).status == "completed"


async def test_a_state_that_is_locked_for_a_moment_does_not_end_a_run_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with held_up(tmp_path, CI_BLOCKS, ci("failed")) as (runtime, run_id, _):
        looks: list[int] = []

        def locked(self: Outside) -> Sequence[Failure]:
            looks.append(1)
            if len(looks) == 1:
                raise StoreLocked("The state is locked.")
            return ()

        monkeypatch.setattr(Outside, "failing_pipelines", locked)
        assert (await runtime.runs.wait(run_id)).status == "completed"
        assert len(looks) == 2
