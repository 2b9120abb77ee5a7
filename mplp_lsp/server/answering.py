"""The loop around every feature: snapshot, offset, worker or not, cancellation; a bug stays inside."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lsprotocol import types

from mplp_lsp.features import Stopped, checkpoint, is_stopped
from mplp_lsp.features.ready_json import ReadyItems, ReadyJson
from mplp_lsp.server.encoded import Encoded, encode, with_member
from mplp_lsp.server.pace import DEADLINE_S, read_only_so_far, until
from mplp_lsp.server.params import structured
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.routes import Route, answering
from mplp_lsp.server.workbench import Workbench
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.errors import MplpError

logger = logging.getLogger(__name__)

ITEMS_PER_PART = 200
Notify = Callable[[str, object], None]


def answer_of(
    process: ServerProcess,
    bench: Workbench,
    route: Route,
    params: Any,
    notify: Notify | None = None,
    *,
    may_be_quick: bool = True,
) -> object | Awaitable[object]:
    """The result of one feature request on the documents as they stand now.

    `notify` sends the parts of a long list where the client asked for parts (LSP 3.17, partial results).
    `may_be_quick` is False where the documents have changed so much that the last answer's duration says
    nothing about this one's.
    Raises RequestError for params that do not fit, MplpError where the feature refuses. A bug in the feature
    is logged and answers null.
    """
    shaped = structured(route.method, params)
    asked = _asked(bench, route, shaped)
    if asked is None:
        return None
    # What a failed resolve cannot add is not worth the item itself; null is no answer to it.
    otherwise = shaped if route.method.endswith("/resolve") else None
    call: Callable[[], object] = partial(asked.answer, asked.snapshot)
    if route.runs == "now":
        return _guarded(route, call, otherwise)
    if route.runs == "quick":
        if may_be_quick and process.pace.is_quick(route.method, asked.document):
            try:
                return _on_loop(process, route, asked, otherwise)
            except Stopped:
                process.pace.took(route.method, asked.document, DEADLINE_S)
        return _in_worker(process, route, _paced(process, route, asked, call), otherwise)
    token = getattr(shaped, "partial_result_token", None) if route.in_parts else None
    if token is not None and notify is not None:
        call = _in_parts(process, call, token, notify)
    return _in_worker(process, route, call, otherwise)


def rehearsed(process: ServerProcess, bench: Workbench, route: Route, params: Any) -> None:
    """Answers a request that nobody made, on the calling thread, and remembers how long that took."""
    asked = _asked(bench, route, structured(route.method, params))
    if asked is not None:
        _paced(process, route, asked, partial(asked.answer, asked.snapshot))()


def _in_parts(
    process: ServerProcess, call: Callable[[], object], token: int | str, notify: Notify
) -> Callable[[], object]:
    """The same call, whose list leaves piece by piece from the worker; what is left to answer is empty."""

    def piece_by_piece() -> object:
        result = call()
        items = result.items if isinstance(result, ReadyItems) else result
        if not isinstance(items, Sequence):
            return result
        for first in range(0, len(items), ITEMS_PER_PART):
            checkpoint()
            some = items[first : first + ITEMS_PER_PART]
            part = Encoded(ReadyItems(some).json if isinstance(result, ReadyItems) else encode(some))
            progress = with_member({"token": token}, "value", part.json)
            process.loop.call_soon_threadsafe(notify, types.PROGRESS, progress)
        return []

    return piece_by_piece


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a feature sees (several snapshots where it looks at all projects), and its call on that."""

    snapshot: Any
    document: Document | None
    answer: Callable[[Any], object]


def _asked(bench: Workbench, route: Route, params: Any) -> _Asked | None:
    """The feature with its arguments; None where the document is not one we hold."""
    if route.takes == "snapshot":
        return _Asked(bench.snapshot(), None, lambda snapshot: answering(route.answer)(snapshot, params))
    if route.takes == "projects":
        return _Asked(bench.snapshots(), None, lambda snapshots: answering(route.answer)(snapshots, params))
    uri: str | None = uri_of_item(params) if route.takes == "item" else params.text_document.uri
    seen = bench.snapshot(uri)
    document = seen.document(uri) if uri is not None else None
    if document is not None and document.kind is None:
        document = None
    if route.takes == "item":
        return _Asked(seen, document, lambda snapshot: answering(route.answer)(snapshot, document, params))
    if document is None:
        return None
    if route.takes == "document":
        return _Asked(seen, document, lambda snapshot: answering(route.answer)(snapshot, document, params))
    text, position = document.text, params.position

    def with_offset(snapshot: Snapshot) -> object:
        offset = text.offset(position.line, position.character, snapshot.encoding)
        return answering(route.answer)(snapshot, document, offset, params)

    return _Asked(seen, document, with_offset)


def uri_of_item(params: Any) -> str | None:
    """The document behind what an earlier answer offered; None where it names none."""
    uri = getattr(getattr(params, "item", None), "uri", None)
    if uri is None:
        data = getattr(params, "data", None)
        uri = data.get("uri") if isinstance(data, Mapping) else None
    return uri if isinstance(uri, str) else None


def _guarded(route: Route, call: Callable[[], object], otherwise: object, *, stops: bool = False) -> object:
    try:
        return call()
    except Stopped:
        if stops:
            raise
        return otherwise
    except MplpError:
        raise
    except Exception:
        # Once in the log and an empty answer: nobody's editor shows a pop-up for a bug of ours (pitfall 13).
        logger.exception("A bug in %s.", route.answer)
        return otherwise


def _paced(
    process: ServerProcess, route: Route, asked: _Asked, call: Callable[[], object]
) -> Callable[[], object]:
    """The same call, whose duration decides where the next one is made."""

    def measured() -> object:
        started_s = time.thread_time()
        try:
            return _encoded(call())
        finally:
            process.pace.took(route.method, asked.document, time.thread_time() - started_s)

    return measured


def _on_loop(process: ServerProcess, route: Route, asked: _Asked, otherwise: object) -> object:
    """The answer, at once. Raises Stopped where that takes too long."""
    call = _paced(process, route, asked, lambda: asked.answer(read_only_so_far(asked.snapshot)))
    token = is_stopped.set(until(DEADLINE_S))
    try:
        return _guarded(route, call, otherwise, stops=True)
    finally:
        is_stopped.reset(token)


def _encoded(result: object) -> Encoded | None:
    """Encoded in the worker: ten thousand hints would hold the loop up."""
    if isinstance(result, Encoded):
        return result
    if isinstance(result, ReadyJson | ReadyItems):
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
