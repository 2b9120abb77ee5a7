"""The client of pygls, with all of lsprotocol, works with our server: another maker's reading of LSP."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from tests.e2e.documents import PLAN_ID, context, plan, written

LIMIT_S = 60


class Client(LanguageClient):
    """Keeps the newest diagnostics of each document."""

    def __init__(self) -> None:
        super().__init__("pygls client", "1")
        self.found: dict[str, types.PublishDiagnosticsParams] = {}
        self.news = asyncio.Event()

        # pygls marks the function it is given, which a bound method does not let it.
        @self.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def published(params: types.PublishDiagnosticsParams) -> None:
            self.found[params.uri] = params
            self.news.set()

    async def codes(self, uri: str, version: int) -> set[str]:
        """The codes of what was found in this version of the document."""
        async with asyncio.timeout(LIMIT_S):
            while uri not in self.found or self.found[uri].version != version:
                self.news.clear()
                await self.news.wait()
        return {str(each.code) for each in self.found[uri].diagnostics}


async def test_a_plan_is_checked_hovered_mended_and_closed(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    written(folder, "a.context.json", context())
    client = Client()
    await client.start_io(sys.executable, "-m", "mplp_lsp", "--stdio")
    try:
        async with asyncio.timeout(LIMIT_S):
            started = await client.initialize_async(
                types.InitializeParams(
                    capabilities=types.ClientCapabilities(
                        text_document=types.TextDocumentClientCapabilities(
                            publish_diagnostics=types.PublishDiagnosticsClientCapabilities(
                                version_support=True
                            )
                        )
                    ),
                    workspace_folders=[types.WorkspaceFolder(folder.as_uri(), "work")],
                )
            )
            assert started.server_info is not None
            assert started.server_info.name == "mplp-lsp"
            client.initialized(types.InitializedParams())
            uri = written(folder, "a.plan.json", {**plan(), "status": "pendng"})
            text = (folder / "a.plan.json").read_text()
            item = types.TextDocumentItem(uri, "json", 1, text)
            client.text_document_did_open(types.DidOpenTextDocumentParams(item))
            assert "value-not-allowed" in await client.codes(uri, 1)
            at = text.splitlines()
            line = next(number for number, each in enumerate(at) if "pendng" in each)
            start = types.Position(line, at[line].index("pendng"))
            document = types.TextDocumentIdentifier(uri)
            hover = await client.text_document_hover_async(types.HoverParams(document, start))
            assert hover is not None
            assert "status" in str(hover.contents)
            changed = types.TextDocumentContentChangePartial(
                types.Range(start, types.Position(line, start.character + len("pendng"))), "draft"
            )
            versioned = types.VersionedTextDocumentIdentifier(2, uri)
            client.text_document_did_change(types.DidChangeTextDocumentParams(versioned, [changed]))
            assert "value-not-allowed" not in await client.codes(uri, 2)
            symbols = await client.text_document_document_symbol_async(types.DocumentSymbolParams(document))
            assert symbols
            client.text_document_did_close(types.DidCloseTextDocumentParams(document))
            await client.shutdown_async(None)
            client.exit(None)
    finally:
        await client.stop()
    assert PLAN_ID in text
