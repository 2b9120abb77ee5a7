"""Changes of files that reach no runtime, because the state that is to be opened for them is locked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mplp_lsp.server import file_events, held_changes, ingest, session
from mplp_lsp.server.file_events import FileEvents, OnRuntime
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.workbench import Workbench
from mplp_lsp.workspace.changes import FileChange
from mplp_runtime.errors import StoreLocked
from mplp_runtime.runtime import Runtime


def events_to(on_runtime: OnRuntime) -> FileEvents:
    async def imported(_name: str) -> Any:
        return ingest

    return FileEvents(
        cast("ServerProcess", SimpleNamespace(loop=asyncio.get_running_loop(), imported=imported)),
        cast("Workbench", SimpleNamespace(client=SimpleNamespace(name="vi"), is_trusted=lambda _root: True)),
        lambda work, name: asyncio.ensure_future(work),
        on_runtime,
    )


def on(runtime: Runtime, problems: list[Exception]) -> OnRuntime:
    """Work on a runtime, which meets these problems first, the last one at once."""

    async def on_runtime(_root: Path, work: Callable[[Runtime], Awaitable[None]]) -> None:
        if problems:
            raise problems.pop()
        await work(runtime)

    return on_runtime


def made(root: Path, *names: str) -> list[FileChange]:
    return [FileChange(root / name, "created", "editor") for name in names]


def told_in(runtime: Runtime) -> list[str]:
    events = [event for event in runtime.timeline() if event["event_type"] == "file_update"]
    return [event["payload"]["file_path"] for event in events]


async def test_changes_wait_for_a_locked_state_to_open_and_come_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_events, "TRIED_AGAIN_S", 0.0)
    (tmp_path / "mplp.toml").write_text("")
    runtime = Runtime.open(tmp_path)
    locked, taken = [StoreLocked("The state is locked.")] * 2, asyncio.Event()

    async def on_runtime(_root: Path, work: Callable[[Runtime], Awaitable[None]]) -> None:
        if locked:
            raise locked.pop()
        await work(runtime)
        taken.set()

    events = events_to(on_runtime)
    for name in ("a.txt", "b.txt"):
        await events._ingest(tmp_path, [FileChange(tmp_path / name, "created", "editor")])
    assert not taken.is_set()
    await asyncio.wait_for(taken.wait(), timeout=30)
    await runtime.close()
    async with Runtime.open(tmp_path) as again:
        told = [event["payload"].get("file_path") for event in again.timeline()]
    assert [path for path in told if path] == ["a.txt", "b.txt"]


async def test_changes_that_waited_for_a_locked_state_are_told_at_the_shutdown(tmp_path: Path) -> None:
    (tmp_path / "mplp.toml").write_text("")
    runtime = Runtime.open(tmp_path)
    locked = [StoreLocked("The state is locked.")]
    events = events_to(on(runtime, locked))
    await events._ingest(tmp_path, made(tmp_path, "a.txt"))
    await events.close()
    assert told_in(runtime) == ["a.txt"]
    await runtime.close()


async def test_changes_for_a_state_that_is_locked_at_the_shutdown_are_said_to_be_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def on_runtime(_root: Path, _work: Callable[[Runtime], Awaitable[None]]) -> None:
        raise StoreLocked("The state is locked.")

    events = events_to(on_runtime)
    await events._ingest(tmp_path, made(tmp_path, "a.txt", "b.txt"))
    await events.close()
    assert caplog.messages[-1] == "2 file changes are given up: the state stays locked."
    assert events._next_try is None or events._next_try.cancelled()


async def test_a_state_that_stays_locked_is_warned_of_once_until_it_opens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = Runtime.open(tmp_path)
    locked = [StoreLocked("The state is locked.")] * 3
    events = events_to(on(runtime, locked))
    await events._ingest(tmp_path, made(tmp_path, "a.txt"))
    await events._ingest(tmp_path, made(tmp_path, "b.txt"))
    await events._ingest(tmp_path, [])
    assert caplog.messages == ["1 file changes wait: The state is locked."]
    await events._ingest(tmp_path, [])
    locked.append(StoreLocked("The state is locked."))
    await events._ingest(tmp_path, made(tmp_path, "c.txt"))
    assert len(caplog.messages) == 2, "that it is locked again is news"
    await events.close()
    await runtime.close()


async def test_changes_that_waited_for_a_locked_state_and_meet_a_bug_keep_no_later_ones_back(
    tmp_path: Path,
) -> None:
    runtime = Runtime.open(tmp_path)
    problems: list[Exception] = [KeyError("odd"), StoreLocked("The state is locked.")]
    events = events_to(on(runtime, problems))
    await events._ingest(tmp_path, made(tmp_path, "odd.txt"))
    with pytest.raises(KeyError):
        await events._send_held()
    await events._send_held()
    await events._ingest(tmp_path, made(tmp_path, "a.txt"))
    await events.close()
    paths = [event["payload"]["file_path"] for event in runtime.timeline() if "file_path" in event["payload"]]
    assert paths == ["a.txt"]
    await runtime.close()


async def test_the_end_leaves_time_for_runs_however_many_things_hold_up_what_is_to_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(file_events, "LONGEST_CLOSE_S", 0.1)
    never = asyncio.Event()

    async def on_runtime(_root: Path, _work: Callable[[Runtime], Awaitable[None]]) -> None:
        await never.wait()

    async def forever() -> None:
        await never.wait()

    events = events_to(on_runtime)
    events._held.hold(tmp_path, made(tmp_path, "a.txt"))
    events._told.add(tmp_path)
    events._looking, events._sending = asyncio.ensure_future(forever()), asyncio.ensure_future(forever())
    waits = 0
    wait = asyncio.wait

    async def counted(tasks: Any, **more: Any) -> Any:
        nonlocal waits
        waits += 1
        return await wait(tasks, **more)

    monkeypatch.setattr(asyncio, "wait", counted)
    await events.close()
    assert waits == 1, "each of them got the whole time"
    assert caplog.messages[-1] == "1 file changes are given up: the state stays locked."
    never.set()
    await asyncio.gather(events._looking, events._sending)


async def test_the_end_of_a_session_whose_server_is_leaving_already_is_no_bug(tmp_path: Path) -> None:
    async def on_runtime(_root: Path, _work: Callable[[Runtime], Awaitable[None]]) -> None:
        # As `RuntimeHost.run` does once it is closed.
        raise asyncio.CancelledError

    events = events_to(on_runtime)
    events._held.hold(tmp_path, made(tmp_path, "a.txt"))
    events._told.add(tmp_path)
    await events.close()


def test_what_is_to_be_recorded_at_the_end_takes_no_more_than_its_part_of_the_shutdown() -> None:
    assert file_events.LONGEST_CLOSE_S < session.SHUTDOWN_LIMIT_S - 1


async def test_changes_are_tried_again_also_when_another_project_is_being_told_of_its_own_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_events, "TRIED_AGAIN_S", 0.0)
    first, second = tmp_path / "first", tmp_path / "second"
    locked, is_slow, taken = [StoreLocked("The state is locked.")], asyncio.Event(), asyncio.Event()
    tries = 0
    try_again = FileEvents._try_again

    def tried(events: FileEvents) -> None:
        nonlocal tries
        tries += 1
        try_again(events)
        if tries == 2:
            is_slow.set()

    monkeypatch.setattr(FileEvents, "_try_again", tried)

    async def on_runtime(root: Path, _work: Callable[[Runtime], Awaitable[None]]) -> None:
        if root == second:
            await is_slow.wait()
        elif locked:
            raise locked.pop()
        else:
            taken.set()

    events = events_to(on_runtime)

    async def send() -> None:
        await events._ingest(first, made(first, "a.txt"))
        await events._ingest(second, made(second, "b.txt"))

    events._sending = asyncio.ensure_future(send())
    await asyncio.wait_for(taken.wait(), timeout=30)
    await events.close()


async def test_when_too_many_changes_wait_all_files_are_looked_at_once_the_state_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_changes, "MOST_HELD", 2)
    (tmp_path / "mplp.toml").write_text("")
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text(name)
    runtime = Runtime.open(tmp_path)
    looks = 0
    look = runtime.intake._look_at_files
    assert look is not None

    async def counted() -> object:
        nonlocal looks
        looks += 1
        return await look()

    monkeypatch.setattr(runtime.intake, "_look_at_files", counted)
    locked = [StoreLocked("The state is locked.")]
    events = events_to(on(runtime, locked))
    await events._ingest(tmp_path, made(tmp_path, "a.txt", "b.txt", "c.txt"))
    await events._ingest(tmp_path, [])
    await runtime.settling.until_settled()
    assert told_in(runtime)[:2] == ["b.txt", "c.txt"]
    assert looks == 1
    await events._ingest(tmp_path, made(tmp_path, "d.txt"))
    await runtime.settling.until_settled()
    assert looks == 1
    await events.close()
    await runtime.close()
