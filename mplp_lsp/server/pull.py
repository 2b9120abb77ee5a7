"""`textDocument/diagnostic` and `workspace/diagnostic` for clients that pull."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

from mplp_lsp.server import messages
from mplp_lsp.server.analyst import Analyst
from mplp_lsp.server.capabilities import at
from mplp_lsp.server.encoded import Encoded, array, encode, with_member
from mplp_lsp.server.messages import RequestError
from mplp_lsp.server.protocol import SessionProtocol
from mplp_lsp.server.publish import Publisher, Report
from mplp_lsp.server.workbench import Workbench
from mplp_lsp.text.uris import key_of

REPORTS_PER_PART = 50


class Pulls:
    """Answers for one session. A document that is not ours has no findings, which is an answer too."""

    def __init__(
        self, protocol: SessionProtocol, bench: Workbench, analyst: Analyst, publisher: Publisher
    ) -> None:
        self._protocol = protocol
        self._bench = bench
        self._analyst = analyst
        self._publisher = publisher

    def document(self, params: Any) -> object | Awaitable[object]:
        """Full or unchanged; at once where the newest text has been looked at already."""
        uri = at(params, "textDocument.uri")
        if not isinstance(uri, str):
            raise RequestError(
                messages.INVALID_PARAMS, "textDocument/diagnostic needs the URI of a document."
            )
        previous = at(params, "previousResultId")
        report = self._analyst.ready(uri)
        if report is not None:
            return _answer(report, previous)
        return self._document_later(uri, previous)

    async def _document_later(self, uri: str, previous: object) -> object:
        return _answer(await self._analyst.up_to_date(uri), previous)

    async def workspace(self, params: Any) -> object:
        """All of our documents; in parts where the client gave a token for that."""
        known = at(params, "previousResultIds")
        previous = {
            key_of(item["uri"]): (item["uri"], item["value"])
            for item in (known if isinstance(known, list) else [])
            if isinstance(item, Mapping)
            and isinstance(item.get("uri"), str)
            and isinstance(item.get("value"), str)
        }
        token = at(params, "partialResultToken")
        items: list[Encoded] = []
        for document in self._bench.own_documents():
            report = await self._analyst.up_to_date(document.uri)
            if report is None:
                continue
            _, told = previous.pop(key_of(report.uri), ("", None))
            items.append(_answer(report, told, {"uri": report.uri, "version": report.version}))
            if isinstance(token, (str, int)) and len(items) >= REPORTS_PER_PART:
                self._part(token, items)
                items = []
            await asyncio.sleep(0)
        # Documents the client still shows something for, and that are gone or foreign now.
        items.extend(
            Encoded(encode({"uri": uri, "version": None, "kind": "full", "items": []}))
            for uri, _ in previous.values()
        )
        if isinstance(token, (str, int)):
            if items:
                self._part(token, items)
            return {"items": []}
        return _items(items)

    def _part(self, token: str | int, items: list[Encoded]) -> None:
        self._protocol.notify("$/progress", with_member({"token": token}, "value", _items(items).json))


def _items(items: list[Encoded]) -> Encoded:
    return Encoded(b'{"items":%b}' % array(items))


def _answer(report: Report | None, previous: object, head: dict[str, Any] | None = None) -> Encoded:
    if report is None:
        return Encoded(encode({"kind": "full", "items": []}))
    more = {**(head or {}), "resultId": report.result_id}
    if previous == report.result_id:
        return Encoded(encode({**more, "kind": "unchanged"}))
    return with_member({**more, "kind": "full"}, "items", report.encoded)
