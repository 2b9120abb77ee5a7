"""Features that misbehave, for tests of the loop around features."""

from __future__ import annotations

import threading
import time

from mplp_lsp.features import checkpoint

BEGUN = threading.Event()
STOPPED = threading.Event()


def spin(snapshot: object, document: object, params: object) -> str:
    BEGUN.set()
    deadline = time.monotonic() + 20
    try:
        while time.monotonic() < deadline:
            checkpoint()
    finally:
        STOPPED.set()
    return "never"


def broken(snapshot: object, document: object, params: object) -> str:
    raise KeyError("a bug")


def offset_of(snapshot: object, document: object, offset: int, params: object) -> int:
    return offset
