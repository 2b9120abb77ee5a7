"""An editor is left open for weeks: what was closed is forgotten (E13). Objects are counted, not bytes."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mplp_lsp.server.outbox import Outbox
from mplp_lsp.server.process import ServerProcess

LIMIT_S = 30
TEXT = json.dumps({"plan_id": "6f7d2a3e-0d7c-4d3c-9d3b-2f6b8c1f4a10", "steps": [{"step_id": "a"}]}, indent=2)


class KeptBytes:
    """A sink for one connection; forgets on demand."""

    def __init__(self) -> None:
        self.data = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.data += data

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


class Editor:
    """Types into one session without a socket between."""

    def __init__(self, process: ServerProcess, root: Path) -> None:
        session = process.session()
        self.sink = KeptBytes()
        session.attach(Outbox(self.sink), lambda: None)
        self._session = session
        self.root = root
        folders = [{"uri": root.as_uri(), "name": "work"}]
        self.send("initialize", {"capabilities": {}, "workspaceFolders": folders}, id=1)
        self.send("initialized", {})

    def send(self, method: str, params: Any, **more: Any) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params, **more}
        self._session.protocol.receive(json.dumps(message).encode())
        self._session.catch_up()

    async def open_change_and_close(self, name: str) -> None:
        uri = (self.root / name).as_uri()
        document = {"uri": uri, "languageId": "json", "version": 1, "text": TEXT}
        self.send("textDocument/didOpen", {"textDocument": document})
        place = {"line": 0, "character": 0}
        edit = {"range": {"start": place, "end": place}, "text": "\n"}
        change = {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [edit]}
        self.sink.data = b""
        self.send("textDocument/didChange", change)
        await until(lambda: b'"version":2' in self.sink.data)
        self.send("textDocument/didClose", {"textDocument": {"uri": uri}})


async def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


def kept_objects() -> Counter[str]:
    """Objects that the collector sees, by type: ours, and paths."""
    gc.collect()
    names = (f"{type(kept).__module__}.{type(kept).__qualname__}" for kept in gc.get_objects())
    return Counter(
        name for name in names if name.startswith(("mplp_", "pathlib.", "lsprotocol.", "_asyncio."))
    )


@pytest.mark.parametrize("name", ["{}.plan.json", "same.plan.json"])
async def test_documents_that_were_opened_changed_and_closed_leave_no_objects(
    name: str, tmp_path: Path
) -> None:
    process = ServerProcess()
    editor = Editor(process, tmp_path)
    for number in range(20):
        await editor.open_change_and_close(name.format(number))
    before = kept_objects()
    for number in range(20, 120):
        await editor.open_change_and_close(name.format(number))

    def grown() -> Counter[str]:
        return Counter({kind: more for kind, more in (kept_objects() - before).items() if more > 20})

    # The last closed ones are still being compared with the disk.
    deadline = time.monotonic() + LIMIT_S
    while grown():
        assert time.monotonic() < deadline, grown()
        await asyncio.sleep(0.05)
    editor.send("exit", None)
    await process.close()
