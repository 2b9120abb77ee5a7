"""A runtime is closed while runs begin, are taken up or are cancelled: nothing goes on after it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import StoreError
from mplp_runtime.orchestrator import carrying, records
from mplp_runtime.orchestrator.live import RunFiles
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from mplp_runtime.vsl.sqlite import SqliteStore
from tests.runtime.orchestrator.commits import commits_through, full_at
from tests.runtime.orchestrator.projects import (
    PLAN_ID,
    Project,
    chain,
    table,
    timeline_of,
    trace_of,
)
from tests.runtime.orchestrator.unfinished_files import (
    WORKER,
    begun_after,
    interrupted_run_with_kept_timeline,
    is_told_to_the_end,
    lasting,
    other_plan,
    stored_events,
)

LIMIT_S = 20


def begun_steps(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What events tell of steps that began."""
    return [event for event in events if event["event_type"] == "SAStepStarted"]


async def begins_to_close(runtime: Runtime) -> asyncio.Task[None]:
    """The closing of the runtime, as soon as nothing new may begin."""
    closing = asyncio.create_task(runtime.close())
    while not runtime.runs.is_closed:
        await asyncio.sleep(0)
    return closing


def opened(root: Path) -> tuple[Project, Runtime, list[object]]:
    """A project with a chain of six steps, a runtime of it, and the steps that have run."""
    done = list[object]()
    return Project(root, chain(6), WORKER), Runtime.open(root, handlers={"work": done.append}), done


async def test_nothing_runs_after_a_runtime_was_closed_while_it_took_a_run_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path, chain(6), WORKER)
    take_over_run, is_claimed, done = carrying.take_over_run, asyncio.Event(), list[object]()

    async def claimed(*given: Any) -> None:
        await take_over_run(*given)
        is_claimed.set()
        while not runtime.runs.is_closed:
            await asyncio.sleep(0)

    monkeypatch.setattr(carrying, "take_over_run", claimed)
    (tmp_path / ".mplp").mkdir()

    store = SqliteStore(tmp_path / ".mplp/own.db")
    runtime = Runtime.open(tmp_path, store=store, handlers={"work": done.append})
    with commits_through(full_at(6)):
        run_id = (await runtime.runs.start(project.request())).run_id
        await runtime.runs.wait(run_id)
    resuming = asyncio.create_task(runtime.runs.resume(run_id, repeat=True, trusted=True))
    await is_claimed.wait()
    await runtime.close()
    left, count = store.read(lambda reading: records.read_run(reading, run_id)), len(done)
    with pytest.raises(StoreError, match="runtime is closed"):
        await resuming
    store.close()
    assert left is not None
    assert (left["status"], len(done)) == ("interrupted", count)


@contextmanager
def held_while_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[threading.Event, threading.Event]]:
    """The first event says that the files of a run are being read; that goes on only after the second."""
    is_reading, may_go_on = threading.Event(), threading.Event()

    def held(*given: Any) -> RunFiles:
        is_reading.set()
        assert may_go_on.wait(LIMIT_S)
        return RunFiles(*given)

    with monkeypatch.context() as patch:
        patch.setattr(carrying, "RunFiles", held)
        yield is_reading, may_go_on


async def comes(
    runtime: Runtime, project: Project, is_reading: threading.Event, *, is_resumed: bool
) -> asyncio.Task[RunView]:
    """A run that is being started, or resumed after an interruption, as soon as its files are read."""
    if is_resumed:
        with pytest.MonkeyPatch.context() as patch, commits_through(full_at(6)):
            patch.setattr(carrying, "RunFiles", RunFiles)
            run_id = (await runtime.runs.start(project.request())).run_id
            await runtime.runs.wait(run_id)
        coming = asyncio.create_task(runtime.runs.resume(run_id, repeat=True, trusted=True))
    else:
        coming = asyncio.create_task(runtime.runs.start(project.request()))
    assert await asyncio.to_thread(is_reading.wait, LIMIT_S)
    return coming


@pytest.mark.parametrize("is_resumed", [False, True])
async def test_no_step_begins_in_a_runtime_that_is_closed_while_a_run_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_resumed: bool
) -> None:
    project, runtime, done = opened(tmp_path)
    with held_while_it_is_read(monkeypatch) as (is_reading, may_go_on):
        coming = await comes(runtime, project, is_reading, is_resumed=is_resumed)
        count = len(done)
        closing = await begins_to_close(runtime)
        await asyncio.wait({closing}, timeout=0.1)
        assert not closing.done(), "it leaves nothing behind that begins"
        may_go_on.set()
        await closing
    await asyncio.wait({coming})
    assert "active drift" not in {task.get_name() for task in asyncio.all_tasks()}
    async with project.runtime() as second:
        left = second.runs.latest(PLAN_ID)
        assert left is not None
        assert (left.status, left.owner_pid, len(done)) == ("interrupted", None, count)
        assert is_told_to_the_end(second, left.run_id)
        begun = begun_steps(stored_events(second, left.run_id))
        assert len(begun) == len(begun_steps(timeline_of(tmp_path, left))) == count


@pytest.mark.parametrize("is_resumed", [False, True])
async def test_a_run_that_is_cancelled_while_it_is_read_is_so_also_where_the_runtime_is_closed_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_resumed: bool
) -> None:
    project, runtime, done = opened(tmp_path)
    with held_while_it_is_read(monkeypatch) as (is_reading, may_go_on):
        coming = await comes(runtime, project, is_reading, is_resumed=is_resumed)
        count, newest = len(done), runtime.runs.latest(PLAN_ID)
        assert newest is not None
        cancelling = asyncio.create_task(runtime.runs.cancel(newest.run_id))
        await asyncio.wait({cancelling}, timeout=0.05)
        closing = await begins_to_close(runtime)
        may_go_on.set()
        await closing
    assert (await cancelling).status == "cancelled"
    await asyncio.wait({coming})
    async with project.runtime() as second:
        left = second.runs.view(newest.run_id)
        assert (left.status, len(done)) == ("cancelled", count)
        assert is_told_to_the_end(second, left.run_id)
    assert trace_of(tmp_path, left)["status"] == "cancelled"


async def test_a_run_that_is_given_up_while_the_runtime_is_closed_is_given_up(tmp_path: Path) -> None:
    async with interrupted_run_with_kept_timeline(tmp_path) as (runtime, run_id, lock):
        cancelling = asyncio.create_task(runtime.runs.cancel(run_id))
        await asyncio.wait({cancelling}, timeout=0.1)
        closing = await begins_to_close(runtime)
        lock.close()
        await closing
        await asyncio.wait({cancelling})
    async with Project.existing(tmp_path).runtime() as second:
        assert second.runs.view(run_id).status == "cancelled"


async def test_a_runtime_that_is_closed_before_a_run_begins_begins_nothing_and_looks_at_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_persisting, may_go_on = threading.Event(), threading.Event()
    project = Project(tmp_path, chain(2), WORKER)
    runtime = Runtime.open(tmp_path, handlers={"work": str})
    persist = runtime.persist

    def slow() -> None:
        persist()
        is_persisting.set()
        assert may_go_on.wait(LIMIT_S)

    monkeypatch.setattr(runtime, "persist", slow)
    starting = asyncio.create_task(runtime.runs.start(project.request()))
    assert await asyncio.to_thread(is_persisting.wait, LIMIT_S)
    await runtime.close()
    may_go_on.set()
    with pytest.raises(StoreError, match=r"The runtime is closed\."):
        await starting
    assert asyncio.all_tasks() == {asyncio.current_task()}
    async with project.runtime() as second:
        assert second.runs.all() == []


async def test_closing_ends_the_steps_of_a_run_while_another_waits_to_begin(tmp_path: Path) -> None:
    has_begun, has_ended = threading.Event(), threading.Event()

    async def work(given: object) -> None:
        has_begun.set()
        try:
            await lasting(given)
        finally:
            has_ended.set()

    async with interrupted_run_with_kept_timeline(tmp_path, simulate=False) as (runtime, older_id, lock):
        runtime.handlers.register("slow", work)
        other = other_plan(tmp_path)
        toml = table("roles.worker", action="custom_action", handler="slow")
        (tmp_path / "mplp.toml").write_text(toml)
        await runtime.runs.start(other.request())
        assert await asyncio.to_thread(has_begun.wait, LIMIT_S)
        starting = asyncio.create_task(runtime.runs.start(Project.existing(tmp_path).request(anew=True)))
        await begun_after(runtime, older_id)
        closing = asyncio.create_task(runtime.close())
        assert await asyncio.to_thread(has_ended.wait, LIMIT_S)
        assert not starting.done()
        lock.close()
        await closing
        with pytest.raises(StoreError, match="runtime is closed"):
            await starting
