"""A run has stopped and its files are still being finished: whatever is asked of it then is done rightly."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import StoreError
from mplp_runtime.events.families import event_core
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.live import RunFiles
from mplp_runtime.orchestrator.recovery import Recovery
from mplp_runtime.vsl.interface import StoredEvent
from tests.runtime.orchestrator.commits import commits_through, full_at
from tests.runtime.orchestrator.file_work import FILE_STEPS, FILES
from tests.runtime.orchestrator.projects import (
    Project,
    chain,
    plan,
    statuses,
    step,
    table,
    timeline_of,
    trace_of,
)
from tests.runtime.orchestrator.unfinished_files import (
    begun_after,
    interrupted_run_with_kept_timeline,
    is_told_to_the_end,
    keep_timeline,
    shown_as,
    stored_events,
)

LIMIT_S = 20


@pytest.mark.parametrize("repeat", [None, True])
async def test_a_dry_run_is_resumed_while_the_files_of_its_interruption_are_being_written(
    tmp_path: Path, repeat: bool | None
) -> None:
    async with interrupted_run_with_kept_timeline(tmp_path) as (runtime, run_id, lock):
        resumed = asyncio.create_task(runtime.runs.resume(run_id, repeat=repeat))
        await asyncio.wait({resumed}, timeout=0.3)
        lock.close()
        await resumed
        final = await asyncio.wait_for(runtime.runs.wait(run_id), LIMIT_S)
    assert (final.status, final.error) == ("completed", None)
    assert set(statuses(final).values()) == {"completed"}


async def test_a_dry_run_is_cancelled_while_the_files_of_its_interruption_are_being_written(
    tmp_path: Path,
) -> None:
    async with interrupted_run_with_kept_timeline(tmp_path) as (runtime, run_id, lock):
        asyncio.get_running_loop().call_later(0.2, lock.close)
        assert (await runtime.runs.cancel(run_id)).status == "cancelled"


async def test_a_runtime_that_closes_while_a_run_waits_to_be_resumed_leaves_it_to_others(
    tmp_path: Path,
) -> None:
    async with interrupted_run_with_kept_timeline(tmp_path) as (runtime, run_id, lock):
        resumed = asyncio.create_task(runtime.runs.resume(run_id))
        await asyncio.wait({resumed}, timeout=0.1)
        asyncio.get_running_loop().call_later(0.2, lock.close)
    with pytest.raises(StoreError, match="runtime is closed"):
        await resumed
    async with Project.existing(tmp_path).runtime() as second:
        assert (second.runs.view(run_id).status, second.runs.view(run_id).owner_pid) == ("interrupted", None)
        await second.runs.resume(run_id)
        assert (await second.runs.wait(run_id)).status == "completed"


async def test_a_run_that_is_cancelled_just_after_it_was_resumed_ends(tmp_path: Path) -> None:
    async with interrupted_run_with_kept_timeline(tmp_path) as (runtime, run_id, lock):
        resumed = asyncio.create_task(runtime.runs.resume(run_id))
        await asyncio.wait({resumed}, timeout=0.1)
        asyncio.get_running_loop().call_later(0.2, lock.close)
        assert (await runtime.runs.cancel(run_id)).status == "cancelled"
        final = await asyncio.wait_for(runtime.runs.wait(run_id), LIMIT_S)
        assert is_told_to_the_end(runtime, run_id)
    assert final.status == "cancelled"
    assert trace_of(tmp_path, final)["status"] == "cancelled"


@pytest.mark.parametrize("is_another_process", [False, True])
async def test_a_run_that_is_given_up_while_its_files_are_being_finished_is_cancelled_in_them_too(
    tmp_path: Path, is_another_process: bool
) -> None:
    async with interrupted_run_with_kept_timeline(tmp_path, simulate=False) as (runtime, run_id, lock):
        project = Project.existing(tmp_path)
        threading.Timer(0.4, lock.close).start()
        if is_another_process:
            async with project.runtime(handlers={"work": str}) as second:
                await second.runs.cancel(run_id)
        else:
            anew = await runtime.runs.start(project.request(anew=True))
            await runtime.runs.cancel(anew.run_id)
        await asyncio.wait_for(runtime.runs.wait(run_id), LIMIT_S)
        given_up = runtime.runs.view(run_id)
        assert is_told_to_the_end(runtime, run_id)
        stored = stored_events(runtime, run_id)
    assert given_up.status == "cancelled"
    assert "in_progress" not in statuses(given_up).values()
    assert trace_of(tmp_path, given_up)["status"] == "cancelled"
    assert timeline_of(tmp_path, given_up) == stored


async def test_a_run_is_rolled_back_while_the_files_of_its_end_are_being_written(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("old")
    (tmp_path / "draft.txt").write_text("draft")
    project = Project(tmp_path, plan(*FILE_STEPS), FILES)
    with ExitStack() as lock:

        def kept(number: int) -> None:
            if number == 7:
                keep_timeline(tmp_path, lock)
                threading.Timer(0.4, lock.close).start()

        async with project.runtime(follow_interval_s=60) as runtime:
            with commits_through(kept):
                run_id = (await runtime.runs.start(project.request())).run_id
                await shown_as(runtime, run_id, "completed")
            view, _ = await runtime.runs.interventions.roll_back(run_id, trusted=True)
            assert (view.is_rolled_back, view.has_undo) == (True, False)
            assert is_told_to_the_end(runtime, run_id)
            stored = stored_events(runtime, run_id)
    assert trace_of(tmp_path, view)["root_span"]["attributes"]["rolled_back"]["files_left"] == []
    assert timeline_of(tmp_path, view) == stored


async def test_what_comes_into_a_run_from_outside_while_it_ends_is_in_all_that_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path, chain(3), table("run", max_parallel=4))
    told, closing = threading.Event(), threading.Event()
    close = RunFiles.close

    async def closed_meanwhile(files: RunFiles) -> None:
        """The files are closed while the thread that commits is telling them of an event."""
        take = files._recorder.events

        def slow(events: Sequence[StoredEvent]) -> None:
            if threading.current_thread() is not threading.main_thread():
                told.set()
                assert closing.wait(LIMIT_S)
            take(events)

        monkeypatch.setattr(files._recorder, "events", slow)
        event = event_core(runtime.bus.stamper, "x", "intent")
        emitted = asyncio.create_task(runtime.bus.emit(files._state.run_id, event))
        assert await asyncio.to_thread(told.wait, LIMIT_S)
        threading.Timer(0.2, closing.set).start()
        await close(files)
        await emitted

    monkeypatch.setattr(RunFiles, "close", closed_meanwhile)
    async with project.runtime(follow_interval_s=60) as runtime:
        run_id = (await runtime.runs.start(project.request(simulate=True))).run_id
        final = await runtime.runs.wait(run_id)
        stored = stored_events(runtime, run_id)
    assert "x" in [event["event_type"] for event in stored]
    assert timeline_of(tmp_path, final) == stored
    assert len(trace_of(tmp_path, final)["events"]) == len(stored)


async def test_a_run_is_cancelled_while_it_is_being_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path, chain(100), table("run", max_parallel=4))
    is_locked, is_free = threading.Event(), threading.Event()
    interrupt = Recovery.interrupt

    def waits(recovery: Recovery, *args: Any, **more: Any) -> bool:
        """The state is locked by somebody else just then."""
        is_locked.set()
        assert is_free.wait(LIMIT_S)
        return interrupt(recovery, *args, **more)

    monkeypatch.setattr(Recovery, "interrupt", waits)
    async with project.runtime(follow_interval_s=60) as runtime:
        with commits_through(full_at(30)):
            run_id = (await runtime.runs.start(project.request(simulate=True))).run_id
            assert await asyncio.to_thread(is_locked.wait, LIMIT_S)
        cancelling = asyncio.create_task(runtime.runs.cancel(run_id))
        await asyncio.wait({cancelling}, timeout=0.05)
        is_free.set()
        assert (await cancelling).status == "cancelled"


async def test_a_run_that_the_state_still_calls_live_is_cancelled(tmp_path: Path) -> None:
    project = Project(tmp_path, chain(100), table("run", max_parallel=4))

    def full_twice(number: int) -> None:
        if number in {30, 31}:
            raise sqlite3.OperationalError("database or disk is full")

    async with project.runtime(follow_interval_s=60) as runtime:
        with commits_through(full_twice):
            run_id = (await runtime.runs.start(project.request(simulate=True))).run_id
            assert (await runtime.runs.wait(run_id)).status == "interrupted"
        assert (await runtime.runs.cancel(run_id)).status == "cancelled"
        stored = runtime.vsl.read(lambda reading: records.read_run(reading, run_id))
    assert stored is not None
    assert stored["status"] == "cancelled"


async def test_a_run_that_is_given_up_just_as_it_was_interrupted_has_no_step_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt = Recovery.interrupt

    def given_up_at_once(recovery: Recovery, run_id: str, **more: Any) -> bool:
        """Another process starts the plan anew in the moment in which the run can be given up."""
        is_done = interrupt(recovery, run_id, **more)
        recovery.abandon(run_id, "Another was started.")
        return is_done

    monkeypatch.setattr(Recovery, "interrupt", given_up_at_once)
    project = Project(tmp_path, chain(5), table("roles.worker", action="custom_action", handler="work"))
    async with project.runtime(follow_interval_s=60, handlers={"work": str}) as runtime:
        with commits_through(full_at(6)):
            run_id = (await runtime.runs.start(project.request())).run_id
            final = await runtime.runs.wait(run_id)
    assert final.status == "cancelled"
    assert "in_progress" not in statuses(final).values()
    trace = trace_of(tmp_path, final)
    assert trace["status"] == "cancelled"
    assert "running" not in {segment["status"] for segment in trace["segments"]}


async def test_a_cancelled_run_whose_end_could_not_be_written_is_told_as_cancelled(tmp_path: Path) -> None:
    project = Project(
        tmp_path, plan(step("one")), table("roles.worker", action="custom_action", handler="work")
    )
    has_begun, commits, told = asyncio.Event(), list[int](), list[str]()

    async def work(_given: object) -> None:
        has_begun.set()
        await asyncio.Event().wait()

    def full_after_the_step(number: int) -> None:
        """The step's end gets to disk; that of the run does not, nor that it is interrupted."""
        commits.append(number)
        if len(commits) in {2, 3}:
            raise sqlite3.OperationalError("database or disk is full")

    async with project.runtime(follow_interval_s=60, handlers={"work": work}) as runtime:
        runtime.runs.subscribe(lambda view: told.append(view.status))
        run_id = (await runtime.runs.start(project.request())).run_id
        await has_begun.wait()
        with commits_through(full_after_the_step):
            final = await runtime.runs.cancel(run_id)
        assert await runtime.runs.notices.until(lambda: told[-1] == "cancelled", LIMIT_S)
        assert is_told_to_the_end(runtime, run_id)
        stored = stored_events(runtime, run_id)
    assert final.status == "cancelled"
    assert trace_of(tmp_path, final)["status"] == "cancelled"
    assert timeline_of(tmp_path, final) == stored


async def test_a_run_is_cancelled_while_it_waits_for_the_files_of_the_one_before_it(tmp_path: Path) -> None:
    async with interrupted_run_with_kept_timeline(tmp_path, simulate=False) as (runtime, older_id, lock):
        starting = asyncio.create_task(
            runtime.runs.start(Project.existing(tmp_path).request(anew=True)),
        )
        newest_id = await begun_after(runtime, older_id)
        asyncio.get_running_loop().call_later(0.2, lock.close)
        assert (await asyncio.wait_for(runtime.runs.cancel(newest_id), LIMIT_S / 2)).status == "cancelled"
        assert (await starting).run_id == newest_id


async def test_a_runtime_that_closes_while_a_run_begins_leaves_it_to_others(tmp_path: Path) -> None:
    async with interrupted_run_with_kept_timeline(tmp_path, simulate=False) as (runtime, older_id, lock):
        starting = asyncio.create_task(runtime.runs.start(Project.existing(tmp_path).request(anew=True)))
        newest_id = await begun_after(runtime, older_id)
        asyncio.get_running_loop().call_later(0.2, lock.close)
    with pytest.raises(StoreError, match="runtime is closed"):
        await starting
    async with Project.existing(tmp_path).runtime() as second:
        left = second.runs.view(newest_id)
        assert (left.status, left.owner_pid) == ("interrupted", None)
