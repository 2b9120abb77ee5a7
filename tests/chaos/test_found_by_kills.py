"""What the kills have found, each as its user saw it, without a kill."""

from __future__ import annotations

import asyncio
import os
from asyncio.base_subprocess import BaseSubprocessTransport
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import StoreError
from mplp_runtime.orchestrator.live import RunFiles
from mplp_runtime.orchestrator.questions import Questions
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.chaos.looks import left_running
from tests.chaos.scenarios import ROLES, numbered_id
from tests.chaos.steps import effects
from tests.runtime.orchestrator.projects import Project, plan, step, table, timeline_of, trace_of

LIMIT_S = 60.0


def project(root: Path, *roles: str, toml: str = "") -> Project:
    bound = "".join(table(f"roles.{role}", **ROLES[role]) for role in dict.fromkeys(roles))
    steps = [step(f"{role}-{n}", role=role, step_id=numbered_id(n)) for n, role in enumerate(roles)]
    return Project(root, plan(*steps), bound + toml)


async def until(runtime: Runtime, run_id: str, fits: Callable[[RunView], object]) -> RunView:
    async with asyncio.timeout(LIMIT_S):
        while not fits(view := runtime.runs.view(run_id)):
            await runtime.runs.notices.changed_within(0.05)
    return view


async def test_a_run_that_was_killed_right_after_its_end_is_not_under_way_in_its_trace_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def vanish(files: RunFiles) -> None:
        files._unsubscribe()
        raise StoreError("The process is gone.")

    here = project(tmp_path, "worker", "worker")
    with monkeypatch.context() as patched:
        patched.setattr(RunFiles, "close", vanish)
        patched.setattr(RunFiles, "_take", lambda _files, _events: None)
        view = await here.run()
        assert view.status == "completed"
    async with here.runtime() as runtime:
        view = runtime.runs.view(view.run_id)
        assert trace_of(tmp_path, view)["status"] == "completed"
        assert timeline_of(tmp_path, view)[-1]["event_type"] == "SACompleted"


@pytest.mark.parametrize("role", ["gated", "person"])
async def test_what_a_person_has_answered_is_not_asked_again_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    asked = Questions._asked

    async def stall(questions: Questions, *arguments: Any) -> Any:
        await asked(questions, *arguments)
        # The answer is acknowledged; before anything comes of it the process is gone.
        await asyncio.Event().wait()

    here = project(tmp_path, role, toml=table("gates", confirm_steps=["gated"]))
    with monkeypatch.context() as patched:
        patched.setattr(Questions, "_asked", stall)
        async with here.runtime() as runtime:
            run_id = (await runtime.runs.start(here.request())).run_id
            view = await until(runtime, run_id, lambda view: view.questions)
            await runtime.runs.answer(run_id, view.questions[0].step_id, success=True, output="seen")
    async with here.runtime() as runtime:
        await runtime.runs.resume(run_id, trusted=True)
        view = await until(runtime, run_id, lambda view: view.questions or not view.is_live)
        assert view.questions == ()
        assert (await runtime.runs.wait(run_id)).status == "completed"


async def test_an_answer_that_a_full_disk_keeps_from_being_written_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_arguments: Any) -> None:
        raise StoreError("No space is left on the device.")

    def full_sync(*_arguments: Any) -> None:
        raise StoreError("No space is left on the device.")

    here = project(tmp_path, "person")
    async with here.runtime() as runtime:
        run_id = (await runtime.runs.start(here.request())).run_id
        view = await until(runtime, run_id, lambda view: view.questions)
        with monkeypatch.context() as patched:
            patched.setattr(runtime.vsl, "transact", full)
            patched.setattr(runtime.vsl, "transact_sync", full_sync)
            with pytest.raises(StoreError, match=r"could not be written.*No space is left"):
                await runtime.runs.answer(run_id, view.questions[0].step_id, success=True)
            await runtime.runs.wait(run_id)
        await runtime.runs.resume(run_id, trusted=True)
        view = await until(runtime, run_id, lambda view: view.questions)
        await runtime.runs.answer(run_id, view.questions[0].step_id, success=True)
        assert (await runtime.runs.wait(run_id)).status == "completed"


async def test_a_timeline_with_zeros_from_a_power_cut_is_whole_again_when_the_project_is_opened(
    tmp_path: Path,
) -> None:
    here = project(tmp_path, "person")
    async with here.runtime() as runtime:
        run_id = (await runtime.runs.start(here.request())).run_id
        view = await until(runtime, run_id, lambda view: view.questions)
    path = tmp_path / str(view.timeline_path)
    lines = path.read_bytes().splitlines(keepends=True)
    # The second line never came to disk, the ones behind it did.
    path.write_bytes(lines[0] + bytes(len(lines[1])) + b"".join(lines[2:]))
    async with here.runtime() as runtime:
        await runtime.runs.resume(run_id, trusted=True)
        view = await until(runtime, run_id, lambda view: view.questions)
        await runtime.runs.answer(run_id, view.questions[0].step_id, success=True)
        view = await runtime.runs.wait(run_id)
    told = timeline_of(tmp_path, view)
    assert path.read_bytes().splitlines(keepends=True)[: len(lines)] == lines
    assert told[-1]["event_type"] == "SACompleted"


async def test_half_written_files_of_killed_processes_do_not_pile_up(tmp_path: Path) -> None:
    here = project(tmp_path, "worker")
    view = await here.run()
    trace = tmp_path / str(view.trace_path)
    left = [
        trace.with_name(".0123.trace.json.0123456789abcdef.tmp"),
        tmp_path / ".mplp/.gitignore.0123456789abcdef.tmp",
        tmp_path / ".release.confirm.json.0123456789abcdef.tmp",
    ]
    under_way = trace.with_name(".4567.trace.json.0123456789abcdef.tmp")
    others = tmp_path / ".notes.tmp"
    for path in (*left, under_way, others):
        path.write_text("half")
    for path in (*left, others):
        os.utime(path, (0, 0))
    async with here.runtime():
        assert [path for path in (*left, under_way, others) if path.exists()] == [under_way, others]


async def test_a_run_that_is_cancelled_while_its_program_starts_ends_with_all_that_the_program_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = BaseSubprocessTransport._connect_pipes  # type: ignore[attr-defined]
    gate = asyncio.Event()

    async def late(*arguments: Any) -> None:
        # The program runs already, and asyncio has not got round to its pipes.
        await gate.wait()
        await connect(*arguments)

    monkeypatch.setattr(BaseSubprocessTransport, "_connect_pipes", late)
    here = project(tmp_path, "stubborn")
    async with asyncio.timeout(LIMIT_S), here.runtime() as runtime:
        run_id = (await runtime.runs.start(here.request())).run_id
        while not effects(tmp_path):
            await asyncio.sleep(0.01)
        cancelling = asyncio.create_task(runtime.runs.cancel(run_id))
        # The word to cancel has reached the step.
        await until(runtime, run_id, lambda _view: _is_cancelled(runtime, run_id))
        gate.set()
        assert (await cancelling).status == "cancelled"
        assert list(left_running([run_id])) == []


def _is_cancelled(runtime: Runtime, run_id: str) -> bool:
    loop = runtime.runs._carrying.live[run_id].loop
    return bool(loop._tasks) and all(task.cancelling() for task in loop._tasks)
