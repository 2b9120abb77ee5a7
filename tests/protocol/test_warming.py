"""What is done ahead, so that the first request is as quick as the second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mplp_lsp.server.capabilities import Client, client_view
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.rehearsal import TEXT, URI, Rehearsal
from mplp_lsp.server.workbench import Workbench
from mplp_lsp.workspace.snapshot import ClientView
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
