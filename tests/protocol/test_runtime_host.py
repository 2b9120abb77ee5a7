"""The thread on which runtimes live, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mplp_lsp.server.ingest import ingest_changes
from mplp_lsp.server.runtime_host import RuntimeHost
from mplp_runtime.errors import StoreError
from mplp_runtime.runtime import Runtime
from mplp_runtime.vsl.sqlite import SqliteStore


async def test_work_that_loses_its_state_because_the_server_leaves_is_no_bug(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host = RuntimeHost()
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def late(runtime: Runtime) -> None:
        loop.call_soon_threadsafe(begun.set)
        while not runtime_is_closed(runtime):
            await asyncio.sleep(0)
        runtime.vsl.read(lambda reading: reading.get("x"))

    working = asyncio.ensure_future(host.run(tmp_path, late))
    await begun.wait()
    with caplog.at_level(logging.DEBUG):
        await host.close()
        with pytest.raises(asyncio.CancelledError):
            await working
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_work_that_fails_while_the_server_goes_on_tells_who_asked(tmp_path: Path) -> None:
    host = RuntimeHost()

    async def failing(_runtime: Runtime) -> None:
        raise StoreError("The disk is full.")

    with pytest.raises(StoreError, match="The disk is full"):
        await host.run(tmp_path, failing)
    await host.close()


def runtime_is_closed(runtime: Runtime) -> bool:
    try:
        runtime.vsl.read(lambda reading: reading.get("x"))
    except StoreError:
        return True
    return False


async def test_whoever_waits_for_work_hears_of_its_end_before_the_thread_is_gone(tmp_path: Path) -> None:
    host = RuntimeHost()
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def endless(_runtime: Runtime) -> None:
        loop.call_soon_threadsafe(begun.set)
        await asyncio.Event().wait()

    working = asyncio.ensure_future(host.run(tmp_path, endless))
    await begun.wait()
    await host.close()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(working, timeout=10)


@contextmanager
def locked_state(root: Path) -> Iterator[sqlite3.Connection]:
    """A project whose state is locked until the connection rolls back."""
    (root / ".mplp").mkdir(parents=True)
    SqliteStore(root / ".mplp" / "state.db").close()
    with closing(sqlite3.connect(root / ".mplp" / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


async def root_of(runtime: Runtime) -> Path:
    return runtime.root


async def opening_of(host: RuntimeHost, root: Path) -> asyncio.Future[Path]:
    """Somebody who asked for a project, before whatever is asked for next."""
    asked = asyncio.ensure_future(host.run(root, root_of))
    # Its first turn, in which it hands its work to the thread.
    await asyncio.sleep(0)
    return asked


async def test_a_project_whose_state_is_locked_does_not_keep_another_one_waiting(tmp_path: Path) -> None:
    host = RuntimeHost()
    with locked_state(tmp_path / "locked") as other:
        opening = await opening_of(host, tmp_path / "locked")
        assert await host.run(tmp_path, root_of) == tmp_path
        assert not opening.done()
        other.execute("ROLLBACK")
        assert await opening == tmp_path / "locked"
    await host.close()


async def test_whoever_no_longer_waits_for_a_locked_project_takes_it_from_nobody(tmp_path: Path) -> None:
    host = RuntimeHost()
    with locked_state(tmp_path / "locked") as other:
        first = await opening_of(host, tmp_path / "locked")
        second = await opening_of(host, tmp_path / "locked")
        await host.run(tmp_path, root_of)
        first.cancel()
        other.execute("ROLLBACK")
        assert await second == tmp_path / "locked"
        assert first.cancelled()
    await host.close()


async def test_a_project_that_is_being_opened_while_the_server_leaves_is_closed(tmp_path: Path) -> None:
    host = RuntimeHost()
    with locked_state(tmp_path / "locked") as other:
        opening = await opening_of(host, tmp_path / "locked")
        await host.run(tmp_path, root_of)
        leaving = asyncio.ensure_future(host.close())
        other.execute("ROLLBACK")
        await leaving
        await asyncio.wait({opening})
    writers = {thread for thread in threading.enumerate() if thread.name == "mplp-state"}
    assert not writers


async def test_a_project_whose_state_is_locked_does_not_keep_the_others_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, loop, ended, close = RuntimeHost(), asyncio.get_running_loop(), asyncio.Event(), Runtime.close

    async def closed(runtime: Runtime) -> None:
        await close(runtime)
        if runtime.root == tmp_path:
            loop.call_soon_threadsafe(ended.set)

    monkeypatch.setattr(Runtime, "close", closed)
    with locked_state(tmp_path / "locked") as other:
        opening = await opening_of(host, tmp_path / "locked")
        await host.run(tmp_path, root_of)
        leaving = asyncio.ensure_future(host.close())
        await ended.wait()
        assert not opening.done(), "the locked project was waited for first"
        other.execute("ROLLBACK")
        await leaving
        await asyncio.wait({opening})


@pytest.mark.parametrize("how", ["made by others", "trusted now"])
async def test_a_state_that_is_moved_into_while_it_is_locked_keeps_no_other_project_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    host, loop, begun, ended = RuntimeHost(), asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    persist = Runtime.persist

    def moved(runtime: Runtime) -> bool:
        loop.call_soon_threadsafe(begun.set)
        try:
            return persist(runtime)
        finally:
            loop.call_soon_threadsafe(ended.set)

    async def told(runtime: Runtime) -> None:
        await ingest_changes(runtime, runtime.root, [], editor="vi", is_trusted=True)

    locked = tmp_path / "locked"
    locked.mkdir()
    await host.run(locked, root_of, in_memory=how == "trusted now")
    monkeypatch.setattr(Runtime, "persist", moved)
    with locked_state(locked) as other:
        telling = None if how == "made by others" else asyncio.ensure_future(host.run(locked, told))
        await begun.wait()
        assert await host.run(tmp_path, root_of) == tmp_path
        assert not ended.is_set(), "the other project was answered only after the lock"
        other.execute("ROLLBACK")
        await ended.wait()
        if telling is not None:
            await telling
    assert await host.run(locked, folder_of) == locked / ".mplp"
    await host.close()


async def folder_of(runtime: Runtime) -> Path | None:
    return runtime.folder


async def test_a_project_that_could_not_be_opened_is_tried_again(tmp_path: Path) -> None:
    host = RuntimeHost()
    (tmp_path / ".mplp").mkdir()
    (tmp_path / ".mplp" / "state.db").mkdir()
    with pytest.raises(StoreError, match="is not a regular file"):
        await host.run(tmp_path, root_of)
    (tmp_path / ".mplp" / "state.db").rmdir()
    assert await host.run(tmp_path, root_of) == tmp_path
    await host.close()
