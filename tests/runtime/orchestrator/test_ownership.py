"""Who carries a run, also where the owner goes at the worst moment: no run is ever left without one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import PlanNotApproved, RunLeftOpen, StoreError
from mplp_runtime.orchestrator import records
from mplp_runtime.runtime import Runtime
from mplp_runtime.vsl.interface import Transaction
from tests.runtime.orchestrator.projects import Project, plan, role, statuses, step, step_id, table
from tests.runtime.orchestrator.waiting import asked

PERSON = table("roles.worker", action="agent_handoff", to="human")


def person_project(root: Path, toml: str = PERSON) -> Project:
    return Project(root, plan(step("a")), toml)


def goes_at_once(runtime: Runtime) -> None:
    """The owner is gone as after kill -9: nothing is written any more, and its claims are dead."""
    records.instance_closed(runtime._instance)


async def test_a_run_whose_folder_for_traces_cannot_be_used_still_runs(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", "print('ok')"))
    (tmp_path / ".mplp").mkdir()
    (tmp_path / ".mplp/traces").write_text("not a folder")
    assert (await project.run()).status == "completed"


async def test_a_run_goes_on_when_whoever_started_it_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", "print('ok')"))
    async with project.runtime() as runtime:
        transact = runtime.vsl.transact
        starting = asyncio.ensure_future(runtime.runs.start(project.request()))

        async def cancelled_once_durable(work: Callable[[Transaction], Any]) -> Any:
            result = await transact(work)
            starting.cancel()
            return result

        monkeypatch.setattr(runtime.vsl, "transact", cancelled_once_durable)
        with pytest.raises(asyncio.CancelledError):
            await starting
        monkeypatch.undo()
        [view] = runtime.runs.all()
        assert (await runtime.runs.wait(view.run_id)).status == "completed"


async def test_a_run_that_met_a_full_disk_is_resumed_in_the_same_editor_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    project = person_project(tmp_path)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await asked(runtime, run_id, "handoff")

        def full(_work: object) -> None:
            raise StoreError("The disk is full.")

        async def full_too(work: object) -> None:
            full(work)

        with monkeypatch.context() as disk:
            disk.setattr(runtime.vsl, "transact", full_too)
            disk.setattr(runtime.vsl, "transact_sync", full)
            with pytest.raises(StoreError, match="does not count"):
                await runtime.runs.answer(run_id, step_id("a"), success=True)
            final = await runtime.runs.wait(run_id)
            assert (final.status, final.error) == ("interrupted", "The disk is full.")
            # The follower meets the same error many times meanwhile and says so once.
            for _ in range(20):
                await runtime.runs.notices.changed_within(0.02)
            # A sign of life that fell into that time may have said it, too.
            assert caplog.text.count("The disk is full.") <= 2
        await runtime.runs.resume(run_id, trusted=True)
        await asked(runtime, run_id, "handoff")
        await runtime.runs.answer(run_id, step_id("a"), success=True)
        assert (await runtime.runs.wait(run_id)).status == "completed"


async def test_a_full_disk_at_the_very_end_leaves_the_run_resumable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", "print('ok')"))
    async with project.runtime() as runtime:
        transact = runtime.vsl.transact

        async def full_at_the_end(work: Callable[[Transaction], Any]) -> Any:
            if work.__qualname__.startswith("end_run"):
                raise StoreError("The disk is full.")
            return await transact(work)

        monkeypatch.setattr(runtime.vsl, "transact", full_at_the_end)
        run_id = (await runtime.runs.start(project.request())).run_id
        final = await runtime.runs.wait(run_id)
        assert (final.status, final.error, statuses(final)) == (
            "interrupted",
            "The disk is full.",
            {"a": "completed"},
        )
        monkeypatch.undo()
        await runtime.runs.resume(run_id, trusted=True)
        assert (await runtime.runs.wait(run_id)).status == "completed"
    assert "Traceback" not in caplog.text


async def test_a_cancellation_that_nobody_heard_does_not_end_the_run_when_it_is_resumed(
    tmp_path: Path,
) -> None:
    project = person_project(tmp_path)
    async with project.runtime() as owner:
        run_id = (await owner.runs.start(project.request())).run_id
        await asked(owner, run_id, "handoff")
    async with project.runtime() as heir:
        heir.vsl.transact_sync(
            lambda transaction: transaction.create_node(
                records.RUN_REQUEST, "late", {"run_id": run_id, "kind": "cancel"}
            )
        )
        await heir.runs.resume(run_id, trusted=True)
        await asked(heir, run_id, "handoff")
        await heir.runs.answer(run_id, step_id("a"), success=True)
        assert (await heir.runs.wait(run_id)).status == "completed"


async def test_two_questions_at_one_step_are_answered_one_after_the_other_from_another_process(
    tmp_path: Path,
) -> None:
    project = person_project(tmp_path, PERSON + table("gates", confirm_steps=["worker"]))
    async with project.runtime() as editor, project.runtime() as terminal:
        editor.runs.subscribe(lambda _view: None)
        run_id = (await terminal.runs.start(project.request())).run_id
        await asked(editor, run_id, "gate")
        async with asyncio.timeout(10):
            await editor.runs.answer(run_id, step_id("a"), success=True)
            await asked(editor, run_id, "handoff")
            await editor.runs.answer(run_id, step_id("a"), success=True, output="mine")
            final = await editor.runs.wait(run_id)
        assert (final.status, final.steps[step_id("a")].output) == ("completed", "mine")


async def test_an_answer_to_a_question_that_was_answered_meanwhile_does_not_answer_the_next_one(
    tmp_path: Path,
) -> None:
    project = person_project(tmp_path, PERSON + table("gates", confirm_steps=["worker"]))
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await asked(runtime, run_id, "gate")
        gate = runtime.runs.view(run_id).question_at(step_id("a"))
        assert gate is not None
        await runtime.runs.answer(run_id, step_id("a"), success=True)
        await asked(runtime, run_id, "handoff")
        late = {"step_id": step_id("a"), "success": True, "output": "", "repeat": False}
        runtime.runs.obey(run_id, {"kind": "answer", "asked": list(gate), **late})
        still_open = runtime.runs.view(run_id).question_at(step_id("a"))
        assert still_open is not None
        assert still_open[:2] == ("handoff", 1)


async def test_a_plan_is_started_in_the_moment_in_which_its_owner_is_gone(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), PERSON)
    async with project.runtime(follow_interval_s=60) as other, project.runtime() as owner:
        lost = (await owner.runs.start(project.request())).run_id
        await asked(owner, lost, "handoff")
        goes_at_once(owner)
        with pytest.raises(RunLeftOpen):
            await other.runs.start(project.request())
        assert other.runs.view(lost).status == "interrupted"
        view = await other.runs.start(project.request(anew=True))
        await asked(other, view.run_id, "handoff")
        assert other.runs.view(lost).status == "cancelled"


async def test_cancelling_a_run_whose_owner_is_gone_gives_it_up(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), PERSON)
    async with project.runtime() as other, project.runtime() as owner:
        run_id = (await owner.runs.start(project.request())).run_id
        await asked(owner, run_id, "handoff")
        goes_at_once(owner)
        assert (await other.runs.cancel(run_id)).status == "cancelled"


async def test_a_run_whose_plan_was_rejected_meanwhile_is_not_resumed(tmp_path: Path) -> None:
    project = person_project(tmp_path)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await asked(runtime, run_id, "handoff")
    async with project.runtime() as runtime:
        await runtime.approvals.reject(project.path, project.plan, reason="not like this")
        with pytest.raises(PlanNotApproved, match="rejected"):
            await runtime.runs.resume(run_id, trusted=True)
        assert runtime.runs.view(run_id).status == "interrupted"
