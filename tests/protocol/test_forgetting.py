"""An editor is left open for weeks: what was closed is forgotten (E13). Objects are counted, not bytes."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mplp_lsp.server.capabilities import Client
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.warming import warm_up
from mplp_lsp.workspace.snapshot import ClientView
from tests.protocol.in_process import Editor

LIMIT_S = 30
TEXT = json.dumps({"plan_id": "6f7d2a3e-0d7c-4d3c-9d3b-2f6b8c1f4a10", "steps": [{"step_id": "a"}]}, indent=2)


async def open_change_and_close(editor: Editor, name: str) -> None:
    uri = editor.open(name, TEXT)
    place = {"line": 0, "character": 0}
    edit = {"range": {"start": place, "end": place}, "text": "\n"}
    change = {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [edit]}
    editor.sink.data = b""
    editor.send("textDocument/didChange", change)
    await until(lambda: b'"version":2' in editor.sink.data)
    editor.send("textDocument/didClose", {"textDocument": {"uri": uri}})


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
    # Else the objects of modules that are imported meanwhile are counted.
    await warm_up(process, Client(), ClientView())
    editor = Editor(process, tmp_path)
    for number in range(20):
        await open_change_and_close(editor, name.format(number))
    before = kept_objects()
    for number in range(20, 120):
        await open_change_and_close(editor, name.format(number))

    def grown() -> Counter[str]:
        return Counter({kind: more for kind, more in (kept_objects() - before).items() if more > 20})

    # The last closed ones are still being compared with the disk.
    deadline = time.monotonic() + LIMIT_S
    while grown():
        assert time.monotonic() < deadline, grown()
        await asyncio.sleep(0.05)
    editor.send("exit", None)
    await process.close()
