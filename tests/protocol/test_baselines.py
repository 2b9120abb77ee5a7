"""What a document said when it was opened is what later edits of its statuses are measured against."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

from mplp_lsp.server.process import ServerProcess
from tests.protocol.in_process import Editor

LIMIT_S = 60
PLAN = {
    "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},
    "plan_id": "6f7d2a3e-0d7c-4d3c-9d3b-2f6b8c1f4a10",
    "context_id": "6f7d2a3e-0d7c-4d3c-9d3b-2f6b8c1f4a11",
    "title": "T",
    "objective": "O",
    "status": "completed",
    "steps": [
        {
            "step_id": "6f7d2a3e-0d7c-4d3c-9d3b-2f6b8c1f4a12",
            "description": "D",
            "status": "completed",
            "agent_role": "r",
        }
    ],
}
TEXT = json.dumps(PLAN, indent=2)


async def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


async def test_a_status_that_goes_back_right_after_opening_is_told(tmp_path: Path) -> None:
    process = ServerProcess()
    editor = Editor(process, tmp_path)
    uri = editor.open("a.plan.json", TEXT)
    change = {
        "textDocument": {"uri": uri, "version": 2},
        "contentChanges": [{"text": TEXT.replace('"status": "completed"', '"status": "draft"', 1)}],
    }
    editor.send("textDocument/didChange", change)
    await until(lambda: b"status-transition-illegal" in editor.sink.data)
    editor.send("exit", None)
    await process.close()


async def test_a_document_that_is_closed_before_its_turn_is_not_waited_for(tmp_path: Path) -> None:
    process = ServerProcess()
    editor = Editor(process, tmp_path)
    uri = editor.open("a.plan.json", TEXT)
    baselines = editor.session.desk.baselines
    assert list(baselines._first_looks) == [uri]
    editor.send("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert not baselines._first_looks
    editor.send("exit", None)
    await process.close()
