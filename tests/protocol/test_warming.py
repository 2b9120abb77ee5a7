"""What is done ahead, so that the first request is as quick as the second."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from mplp_lsp.server.capabilities import Client, client_view
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.rehearsal import TEXT, URI, Rehearsal
from mplp_lsp.server.warming import import_in_pieces, is_imported, make_ready_for_keys
from mplp_lsp.server.workbench import Workbench
from mplp_lsp.server.written import written
from mplp_lsp.workspace.snapshot import ClientView
from mplp_runtime.rules.graph import StepGraph
from tests.protocol.client import PLAIN


def view() -> ClientView:
    return client_view({"capabilities": PLAIN})


async def test_the_rehearsal_goes_without_a_hitch_and_knows_every_answer_afterwards(
    caplog: pytest.LogCaptureFixture,
) -> None:
    process = ServerProcess()
    pieces = Rehearsal(process, Client(), view()).pieces()
    assert isinstance(pieces, Iterator)
    for piece in pieces:
        piece()
    assert caplog.records == []
    made = Workbench(Client(), view(), [])
    made.workspace.open(URI, "json", 1, TEXT)
    document = made.document(URI)
    assert document is not None
    assert document.kind == "plan"
    for method in ("hover", "completion", "codeAction", "documentSymbol"):
        assert process.pace.knows(f"textDocument/{method}", document), method
    await process.close()


async def test_a_client_that_is_typing_still_gets_everything_ready() -> None:
    from mplp_lsp.server import warming

    process = ServerProcess()
    process.heard()
    assert not process.is_warm
    await warming.warm_up(process, Client(), view())
    assert process.is_warm
    await warming.warm_up(process, Client(), view())
    await process.close()


async def test_a_large_plan_is_ready_for_its_first_key_once_it_has_been_looked_at(tmp_path: Path) -> None:
    process = ServerProcess()
    made = Workbench(Client(), view(), [tmp_path])
    uri = (tmp_path / "a.plan.json").as_uri()
    steps = [{"step_id": f"step {number}", "dependencies": []} for number in range(1_000)]
    made.workspace.open(uri, "json", 1, json.dumps({"plan_id": "x", "steps": steps}))
    document = made.document(uri)
    assert document is not None
    ready = asyncio.ensure_future(make_ready_for_keys(process, lambda: document))
    written(made.snapshot(uri), uri)
    await ready
    graph = document.lineage["step graph"]
    assert isinstance(graph, StepGraph)
    assert "users" in vars(graph)
    await make_ready_for_keys(process, lambda: None)
    await process.close()


def test_a_module_that_another_thread_is_importing_is_not_there_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("half_there")
    module.__spec__ = ModuleSpec("half_there", None)
    assert not is_imported("half_there")
    monkeypatch.setitem(sys.modules, "half_there", module)
    assert is_imported("half_there")
    monkeypatch.setattr(module.__spec__, "_initializing", True, raising=False)
    assert not is_imported("half_there")


async def test_modules_are_imported_piece_by_piece_and_once() -> None:
    process = ServerProcess()
    await import_in_pieces(process, ["json", "mplp_lsp.server.ingest"])
    assert is_imported("mplp_lsp.server.ingest")
    await process.close()
