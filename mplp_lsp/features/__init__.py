"""One file per LSP feature: pure functions from a snapshot to LSP values, no input or output.

A feature is named in `server/routes.py` as `"module:function"` and is called with what the
server has already worked out:

- `takes="snapshot"`: `answer(snapshot, params)`
- `takes="projects"`: `answer(snapshots, params)`, one snapshot for each project of the session
- `takes="document"`: `answer(snapshot, document, params)`; a URI we do not hold answers null without a call
- `takes="position"`: `answer(snapshot, document, offset, params)`, `offset` in code points
- `takes="item"`: `answer(snapshot, document, params)` for what came out of an earlier answer; the URI is
  `params.item.uri` for hierarchies and `params.data["uri"]` for `*/resolve`. `document` is None once it is
  gone: a resolve then gives its item back as it came. Everything else a resolve needs is in `data`.

It returns an `lsprotocol` value, plain JSON, or None. MplpError is for the user: the request fails with its
sentence. Any other exception is a bug; it is logged, and the request answers null.
Long loops call `checkpoint()` now and then, so that a cancelled request stops working.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

is_stopped: ContextVar[Callable[[], bool] | None] = ContextVar("is_stopped", default=None)
"""Set by the server around each answer that runs in a worker; answers True once the client has cancelled."""


class Stopped(Exception):
    """The answer is no longer wanted. Only the server catches it."""


def checkpoint() -> None:
    """Ends the work if the request was cancelled meanwhile; costs well under a microsecond."""
    stopped = is_stopped.get()
    if stopped is not None and stopped():
        raise Stopped
