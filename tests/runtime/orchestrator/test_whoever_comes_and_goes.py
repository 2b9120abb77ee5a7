"""Runs are begun, taken up and cancelled at the same time, by several, some of whom go away."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.ael.process_table import start_ticks
from mplp_runtime.errors import RunRefused, StoreError
from mplp_runtime.orchestrator import files_at_rest, records
from mplp_runtime.orchestrator.carrying import Carrying
from mplp_runtime.orchestrator.live import RunFiles
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.commits import commits_through, full_at
from tests.runtime.orchestrator.projects import (
    Project,
    chain,
    timeline_of,
    trace_of,
)
from tests.runtime.orchestrator.unfinished_files import (
    WORKER,
    begun_after,
    interrupted_run_with_kept_timeline,
    is_told_to_the_end,
    keep_timeline,
    lasting,
    other_plan,
    stored_events,
)

LIMIT_S = 20


def always_full(_number: int) -> None:
    raise sqlite3.OperationalError("database or disk is full")


@asynccontextmanager
async def living_process() -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that does nothing, until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def goes_away(asking: asyncio.Task[Any]) -> None:
    """Whoever asked stops waiting, in the midst of it."""
    await asyncio.wait({asking}, timeout=0.1)
    assert not asking.done()
    asking.cancel()


async def is_asked(runtime: Runtime) -> None:
    """Returns once something is asked of the process that carries a run."""
    while not runtime.vsl.read(lambda reading: list(reading.nodes(records.RUN_REQUEST))):
        await asyncio.sleep(0)


@asynccontextmanager
async def cancel_that_nobody_heard(root: Path) -> AsyncIterator[tuple[Runtime, str, asyncio.Task[RunView]]]:
    """A run, the one who carries it and does not look, and another's cancel that was left for him."""
    project = Project(root, chain(2), WORKER)
    async with (
        project.runtime(handlers={"work": lasting}, follow_interval_s=60) as first,
        project.runtime() as second,
    ):
        run_id = (await first.runs.start(project.request())).run_id
        cancelling = asyncio.create_task(second.runs.cancel(run_id))
        await is_asked(second)
        yield first, run_id, cancelling


async def test_a_run_whose_canceller_goes_away_while_its_files_are_finished_is_cancelled(
    tmp_path: Path,
) -> None:
    async with interrupted_run_with_kept_timeline(tmp_path) as (runtime, run_id, lock):
        cancelling = asyncio.create_task(runtime.runs.cancel(run_id))
        await goes_away(cancelling)
        lock.close()
        await asyncio.wait({cancelling})
        assert runtime.runs.view(run_id).status == "cancelled"


async def test_a_run_whose_canceller_goes_away_while_it_begins_is_cancelled(tmp_path: Path) -> None:
    async with interrupted_run_with_kept_timeline(tmp_path, simulate=False) as (runtime, older_id, lock):
        starting = asyncio.create_task(runtime.runs.start(Project.existing(tmp_path).request(anew=True)))
        cancelling = asyncio.create_task(runtime.runs.cancel(await begun_after(runtime, older_id)))
        await goes_away(cancelling)
        lock.close()
        assert (await runtime.runs.wait((await starting).run_id)).status == "cancelled"


async def test_a_run_that_another_process_cancels_while_it_begins_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = asyncio.Event()

    async def slowly(_carrying: Carrying, _begun: object) -> None:
        await may_go_on.wait()

    monkeypatch.setattr(Carrying, "_abandon_older", slowly)
    project = Project(tmp_path, chain(2), WORKER)
    async with project.runtime(handlers={"work": lasting}) as first, project.runtime() as second:
        starting = asyncio.create_task(first.runs.start(project.request()))
        cancelling = asyncio.create_task(second.runs.cancel(await begun_after(second)))
        await is_asked(second)
        seen, looks = first.vsl.data_version(), first.runs.others
        while looks._version is None or looks._version[0] != seen:
            await asyncio.sleep(0)
        may_go_on.set()
        await starting
        assert (await asyncio.wait_for(cancelling, LIMIT_S / 2)).status == "cancelled"


async def test_a_run_of_another_process_whose_canceller_goes_away_unheard_is_cancelled(
    tmp_path: Path,
) -> None:
    async with cancel_that_nobody_heard(tmp_path) as (first, run_id, cancelling):
        await goes_away(cancelling)
        await asyncio.wait({cancelling})
        await first.runs.others._look()
        assert (await asyncio.wait_for(first.runs.wait(run_id), LIMIT_S)).status == "cancelled"


async def test_a_word_to_cancel_that_nobody_heard_goes_once_its_run_is_over(tmp_path: Path) -> None:
    project = Project(tmp_path, chain(1), WORKER)
    async with project.runtime(handlers={"work": str}) as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await runtime.runs.wait(run_id)
        async with project.runtime() as second:
            word = {"run_id": run_id, "kind": "cancel"}
            await second.vsl.transact(lambda tx: tx.create_node(records.RUN_REQUEST, "late", word))
        while runtime.vsl.read(lambda reading: list(reading.nodes(records.RUN_REQUEST))):
            await asyncio.sleep(0)


async def test_nothing_is_shouted_where_a_cancel_fails_after_its_caller_went_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with interrupted_run_with_kept_timeline(tmp_path) as (runtime, run_id, lock):
        cancelling = asyncio.create_task(runtime.runs.cancel(run_id))
        await goes_away(cancelling)
        with commits_through(always_full):
            lock.close()
            await asyncio.wait({cancelling})
        del cancelling
        gc.collect()
        await asyncio.sleep(0)
    assert [record.message for record in caplog.records if record.exc_info] == []
    assert [each for each in caplog.messages if "full" in each]


async def test_a_run_whose_cancel_failed_can_be_resumed(tmp_path: Path) -> None:
    project = Project(tmp_path, chain(5), WORKER)
    async with project.runtime(handlers={"work": str}, follow_interval_s=60) as runtime:
        with commits_through(full_at(6)):
            run_id = (await runtime.runs.start(project.request())).run_id
            await runtime.runs.wait(run_id)
        with commits_through(always_full), pytest.raises(StoreError, match="full"):
            await runtime.runs.cancel(run_id)
        await runtime.runs.resume(run_id, repeat=True, trusted=True)
        assert (await runtime.runs.wait(run_id)).status == "completed"


async def test_a_cancelled_run_whose_owner_closes_without_having_heard_is_cancelled(tmp_path: Path) -> None:
    async with cancel_that_nobody_heard(tmp_path) as (first, _run_id, cancelling):
        await first.close()
        assert (await cancelling).status == "cancelled"


async def test_who_resumes_a_run_that_is_just_being_cancelled_reads_that_it_is(tmp_path: Path) -> None:
    async with interrupted_run_with_kept_timeline(tmp_path) as (runtime, run_id, lock):
        cancelling = asyncio.create_task(runtime.runs.cancel(run_id))
        await asyncio.sleep(0)
        resuming = asyncio.create_task(runtime.runs.resume(run_id))
        await asyncio.wait({resuming}, timeout=0.1)
        lock.close()
        assert (await cancelling).status == "cancelled"
        with pytest.raises(RunRefused, match="The run is cancelled, and that is final"):
            await resuming


async def test_files_of_a_run_that_another_process_has_taken_up_count_as_behind_until_that_one_wrote_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close, is_closing, may_close = RunFiles.close, asyncio.Event(), asyncio.Event()
    may_work = threading.Event()

    async def late(files: RunFiles) -> None:
        if not is_closing.is_set():
            is_closing.set()
            await may_close.wait()
        await close(files)

    def work(_given: object) -> None:
        assert may_work.wait(LIMIT_S)

    monkeypatch.setattr(RunFiles, "close", late)
    project = Project(tmp_path, chain(5), WORKER)
    async with (
        project.runtime(handlers={"work": str}, follow_interval_s=60) as first,
        project.runtime(handlers={"work": work}) as second,
    ):
        with commits_through(full_at(6)):
            run_id = (await first.runs.start(project.request())).run_id
            await is_closing.wait()
        await second.runs.resume(run_id, repeat=True, trusted=True)
        may_close.set()
        await first.runs._carrying.at_rest(run_id)
        assert not is_told_to_the_end(second, run_id)
        may_work.set()
        final = await second.runs.wait(run_id)
        assert is_told_to_the_end(second, run_id)
    assert trace_of(tmp_path, final)["status"] == "completed"


async def test_files_that_another_living_process_is_to_finish_count_as_behind_until_it_did_or_is_gone(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, chain(1), WORKER)
    async with project.runtime(handlers={"work": str}) as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await runtime.runs.wait(run_id)
        async with living_process() as process:
            claim = {
                **records.own_claim(run_id, "another", "2026-03-14T10:00:00Z"),
                "pid": process.pid,
                "start_ticks": start_ticks(process.pid),
            }
            await runtime.vsl.transact(lambda tx: tx.set(records.files_key(run_id), claim))
            runtime.runs.recovery.files_written(run_id)
            assert not is_told_to_the_end(runtime, run_id)
        runtime.runs.recovery.files_written(run_id)
        assert is_told_to_the_end(runtime, run_id)


@pytest.mark.parametrize("is_another_process", [False, True])
async def test_a_run_that_is_cancelled_while_somebody_writes_its_files_is_cancelled_in_them_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_another_process: bool
) -> None:
    write, is_writing, may_write = files_at_rest.write_files_from_store, threading.Event(), threading.Event()

    def late(*given: Any) -> None:
        """What was read long ago is written."""
        if not is_writing.is_set():
            is_writing.set()
            assert may_write.wait(LIMIT_S)
        write(*given)

    project = Project(tmp_path, chain(5), WORKER)
    async with (
        project.runtime(handlers={"work": str}, follow_interval_s=60) as runtime,
        project.runtime(follow_interval_s=60) as second,
    ):
        with commits_through(full_at(6)):
            run_id = (await runtime.runs.start(project.request())).run_id
            await runtime.runs.wait(run_id)
        monkeypatch.setattr(files_at_rest, "write_files_from_store", late)
        writing = asyncio.create_task(asyncio.to_thread(runtime.runs._carrying.files.write, run_id))
        assert await asyncio.to_thread(is_writing.wait, LIMIT_S)
        cancelling = asyncio.create_task((second if is_another_process else runtime).runs.cancel(run_id))
        if is_another_process:
            await cancelling
        else:
            await asyncio.wait({cancelling}, timeout=0.2)
            assert not is_told_to_the_end(runtime, run_id), "the older files are written after this"
        may_write.set()
        await asyncio.gather(cancelling, writing)
        final = runtime.runs.view(run_id)
        assert is_told_to_the_end(runtime, run_id)
        stored = stored_events(runtime, run_id)
    assert trace_of(tmp_path, final)["status"] == final.status == "cancelled"
    assert timeline_of(tmp_path, final) == stored


async def test_a_run_that_others_give_up_before_its_last_files_are_written_is_cancelled_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = RunFiles.close

    async def given_up_before(files: RunFiles) -> None:
        await asyncio.to_thread(runtime.runs.recovery.abandon, run_id, "Another was started.")
        await close(files)

    monkeypatch.setattr(RunFiles, "close", given_up_before)
    project = Project(tmp_path, chain(5), WORKER)
    async with project.runtime(handlers={"work": str}, follow_interval_s=60) as runtime:
        with commits_through(full_at(6)):
            run_id = (await runtime.runs.start(project.request())).run_id
            final = await runtime.runs.wait(run_id)
        assert is_told_to_the_end(runtime, run_id)
    assert trace_of(tmp_path, final)["status"] == final.status == "cancelled"


async def test_a_run_goes_on_while_somebody_keeps_the_timeline_of_another_that_is_given_up(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, chain(5), WORKER)
    async with project.runtime(handlers={"work": str}, follow_interval_s=60) as runtime:
        with commits_through(full_at(6)):
            older_id = (await runtime.runs.start(project.request())).run_id
            await runtime.runs.wait(older_id)
        other = other_plan(tmp_path)
        with ExitStack() as lock:
            keep_timeline(tmp_path, lock)
            cancelling = asyncio.create_task(runtime.runs.cancel(older_id))
            while runtime.runs.view(older_id).status != "cancelled":
                await asyncio.sleep(0)
            run_id = (await runtime.runs.start(other.request())).run_id
            assert (await runtime.runs.wait(run_id)).status == "completed"
            assert not cancelling.done()
        await cancelling
