"""Changes of files that reach no runtime, because the state that is to be opened for them is locked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mplp_lsp.server import file_events, ingest
from mplp_lsp.server.file_events import FileEvents
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.workbench import Workbench
from mplp_lsp.workspace.changes import FileChange
from mplp_runtime.errors import StoreLocked
from mplp_runtime.runtime import Runtime


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

    async def imported(_name: str) -> Any:
        return ingest

    events = FileEvents(
        cast("ServerProcess", SimpleNamespace(loop=asyncio.get_running_loop(), imported=imported)),
        cast("Workbench", SimpleNamespace(client=SimpleNamespace(name="vi"), is_trusted=lambda _root: True)),
        lambda work, name: asyncio.ensure_future(work),
        on_runtime,
    )
    for name in ("a.txt", "b.txt"):
        await events._ingest(tmp_path, [FileChange(tmp_path / name, "created", "editor")])
    assert not taken.is_set()
    await asyncio.wait_for(taken.wait(), timeout=30)
    await runtime.close()
    async with Runtime.open(tmp_path) as again:
        told = [event["payload"].get("file_path") for event in again.timeline()]
    assert [path for path in told if path] == ["a.txt", "b.txt"]
