"""The loop around every feature: snapshot, offset, worker or not, cancellation; a bug stays inside."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from lsprotocol import types

from mplp_lsp.features import Stopped, checkpoint, is_stopped
from mplp_lsp.features.ready_json import ReadyJson
from mplp_lsp.server.encoded import Encoded, encode, with_member
from mplp_lsp.server.params import structured
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.routes import Route, answering
from mplp_lsp.server.workbench import Workbench
from mplp_runtime.errors import MplpError

logger = logging.getLogger(__name__)

ITEMS_PER_PART = 200
Notify = Callable[[str, object], None]


def answer_of(
    process: ServerProcess, bench: Workbench, route: Route, params: Any, notify: Notify | None = None
) -> object | Awaitable[object]:
    """The result of one feature request on the documents as they stand now.

    `notify` sends the parts of a long list where the client asked for parts (LSP 3.17, partial results).
    Raises RequestError for params that do not fit, MplpError where the feature refuses. A bug in the feature
    is logged and answers null.
    """
    shaped = structured(route.method, params)
    call = _call(bench, route, shaped)
    if call is None:
        return None
    # What a failed resolve cannot add is not worth the item itself; null is no answer to it.
    otherwise = shaped if route.method.endswith("/resolve") else None
    if route.runs == "now":
        return _guarded(route, call, otherwise)
    token = getattr(shaped, "partial_result_token", None) if route.in_parts else None
    if token is not None and notify is not None:
        call = _in_parts(process, call, token, notify)
    return _in_worker(process, route, call, otherwise)


def _in_parts(
    process: ServerProcess, call: Callable[[], object], token: int | str, notify: Notify
) -> Callable[[], object]:
    """The same call, whose list leaves piece by piece from the worker; what is left to answer is empty."""

    def piece_by_piece() -> object:
        result = call()
        if not isinstance(result, list):
            return result
        for first in range(0, len(result), ITEMS_PER_PART):
            checkpoint()
            part = Encoded(encode(result[first : first + ITEMS_PER_PART]))
            progress = with_member({"token": token}, "value", part.json)
            process.loop.call_soon_threadsafe(notify, types.PROGRESS, progress)
        return []

    return piece_by_piece


def _call(bench: Workbench, route: Route, params: Any) -> Callable[[], object] | None:
    """The feature with its arguments; None where the document is not one we hold."""
    if route.takes == "snapshot":
        snapshot = bench.snapshot()
        return lambda: answering(route.answer)(snapshot, params)
    if route.takes == "projects":
        snapshots = bench.snapshots()
        return lambda: answering(route.answer)(snapshots, params)
    if route.takes == "item":
        return _call_of_item(bench, route, params)
    uri = params.text_document.uri
    snapshot = bench.snapshot(uri)
    document = snapshot.document(uri)
    if document is None or document.kind is None:
        return None
    if route.takes == "document":
        return lambda: answering(route.answer)(snapshot, document, params)
    position = params.position

    def with_offset() -> object:
        offset = document.text.offset(position.line, position.character, snapshot.encoding)
        return answering(route.answer)(snapshot, document, offset, params)

    return with_offset


def _call_of_item(bench: Workbench, route: Route, params: Any) -> Callable[[], object]:
    uri = uri_of_item(params)
    snapshot = bench.snapshot(uri)
    document = snapshot.document(uri) if uri is not None else None
    if document is not None and document.kind is None:
        document = None
    return lambda: answering(route.answer)(snapshot, document, params)


def uri_of_item(params: Any) -> str | None:
    """The document behind what an earlier answer offered; None where it names none."""
    uri = getattr(getattr(params, "item", None), "uri", None)
    if uri is None:
        data = getattr(params, "data", None)
        uri = data.get("uri") if isinstance(data, Mapping) else None
    return uri if isinstance(uri, str) else None


def _guarded(route: Route, call: Callable[[], object], otherwise: object) -> object:
    try:
        return call()
    except Stopped:
        return otherwise
    except MplpError:
        raise
    except Exception:
        # Once in the log and an empty answer: nobody's editor shows a pop-up for a bug of ours (pitfall 13).
        logger.exception("A bug in %s.", route.answer)
        return otherwise


def _encoded(result: object) -> Encoded | None:
    """Encoded in the worker: ten thousand hints would hold the loop up."""
    if isinstance(result, ReadyJson):
        return Encoded(result.json)
    return None if result is None else Encoded(encode(result))


async def _in_worker(
    process: ServerProcess, route: Route, call: Callable[[], object], otherwise: object
) -> object:
    stop = threading.Event()

    def work() -> object:
        is_stopped.set(stop.is_set)
        return otherwise if stop.is_set() else _guarded(route, lambda: _encoded(call()), otherwise)

    try:
        return await process.work(work)
    except asyncio.CancelledError:
        stop.set()
        raise
