"""Features that misbehave, for tests of the loop around features."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from mplp_lsp.features import checkpoint
from mplp_lsp.features.ready_json import ReadyItems
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.errors import MplpError

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


def refused(snapshot: object, document: object, offset: int, params: object) -> str:
    raise MplpError("This id is taken. Choose another.")


def described(snapshot: object, document: object, params: object) -> str:
    return "there" if document is not None else "gone"


def counted(snapshots: Sequence[Snapshot], params: object) -> list[str]:
    return [str(snapshot.root) for snapshot in snapshots]


def many(snapshots: Sequence[Snapshot], params: object) -> list[int]:
    return list(range(450))


def thread_name(snapshot: object, document: object, params: object) -> str:
    return threading.current_thread().name


def long_on_the_loop(snapshot: object, document: object, params: object) -> str:
    deadline = time.monotonic() + 20
    while threading.current_thread() is threading.main_thread() and time.monotonic() < deadline:
        checkpoint()
    return "done"


def many_ready(snapshots: object, params: object) -> ReadyItems:
    return ReadyItems([str(number) for number in range(450)])
