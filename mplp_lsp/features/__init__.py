"""One file per LSP feature: pure functions from a snapshot to LSP values, no input or output.

A feature is named in `server/routes.py` as `"module:function"` and is called with keywords' worth of context
that the server has already worked out:

- `takes="snapshot"`: `answer(snapshot, params)`
- `takes="document"`: `answer(snapshot, document, params)`; a URI we do not hold answers null without a call
- `takes="position"`: `answer(snapshot, document, offset, params)`, `offset` in code points

It returns an `lsprotocol` value, plain JSON, or None.
Long loops call `checkpoint()` now and then, so that a cancelled request stops working.
"""

from __future__ import annotations

from contextvars import ContextVar
from threading import Event

stop_requested: ContextVar[Event | None] = ContextVar("stop_requested", default=None)
"""Set by the server around each answer that runs in a worker; the event is set when the client cancels."""


class Stopped(Exception):  # noqa: N818 - it is no error: somebody no longer wants the answer.
    """The answer is no longer wanted. Only the server catches it."""


def checkpoint() -> None:
    """Ends the work if the request was cancelled meanwhile; costs well under a microsecond."""
    event = stop_requested.get()
    if event is not None and event.is_set():
        raise Stopped
