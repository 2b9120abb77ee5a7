"""The loop around every feature: snapshot, offset, worker or not, cancellation; a bug stays inside."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from mplp_lsp.features import Stopped, is_stopped
from mplp_lsp.server.encoded import Encoded, encode
from mplp_lsp.server.params import structured
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.routes import Route, answering
from mplp_lsp.server.workbench import Workbench

logger = logging.getLogger(__name__)


def answer_of(
    process: ServerProcess, bench: Workbench, route: Route, params: Any
) -> object | Awaitable[object]:
    """The result of one feature request on the documents as they stand now.

    Raises RequestError for params that do not fit. A bug in the feature is logged and answers null.
    """
    call = _call(bench, route, structured(route.method, params))
    if call is None:
        return None
    if route.runs == "now":
        return _guarded(route, call)
    return _in_worker(process, route, call)


def _call(bench: Workbench, route: Route, params: Any) -> Callable[[], object] | None:
    """The feature with its arguments; None where the document is not one we hold."""
    if route.takes == "snapshot":
        snapshot = bench.snapshot()
        return lambda: answering(route.answer)(snapshot, params)
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


def _guarded(route: Route, call: Callable[[], object]) -> object:
    try:
        return call()
    except Stopped:
        return None
    except Exception:
        # Once in the log and an empty answer: nobody's editor shows a pop-up for a bug of ours (pitfall 13).
        logger.exception("A bug in %s.", route.answer)
        return None


def _encoded(result: object) -> Encoded | None:
    """Encoded in the worker: ten thousand hints would hold the loop up."""
    return None if result is None else Encoded(encode(result))


async def _in_worker(process: ServerProcess, route: Route, call: Callable[[], object]) -> object:
    stop = threading.Event()

    def work() -> object:
        is_stopped.set(stop.is_set)
        return None if stop.is_set() else _guarded(route, lambda: _encoded(call()))

    try:
        return await process.work(work)
    except asyncio.CancelledError:
        stop.set()
        raise
