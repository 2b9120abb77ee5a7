"""Who works in the background stops while a document is taken in, and goes on when its findings are out.

Python runs one thread at a time: an import in a worker takes half of it from the loop, for as long as the
import lasts, and to load what reads settings lasts longer than to open a large plan. So an import that nobody
waits for stops before the next module, and a piece of rehearsal before it begins.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

LONGEST_STOP_S = 0.06
"""No longer: the loop may wait for the very module that a worker has stopped in the midst of."""
LOOK_EVERY_S = 0.002

_lock = threading.Lock()
_busy = 0
_is_on = False
_background = threading.local()


def begin() -> None:
    """The first findings are out: what makes them is imported, so that nobody waits for a worker's import."""
    global _is_on  # noqa: PLW0603  # one interpreter, one right of way
    _is_on = True


@contextmanager
def taken() -> Iterator[None]:
    """Whoever works in the background gives way meanwhile; from any thread, also across `await`."""
    global _busy  # noqa: PLW0603
    with _lock:
        _busy += 1
    try:
        yield
    finally:
        with _lock:
            _busy -= 1


def is_taken() -> bool:
    """Whether work in the background should not begin now."""
    return _is_on and _busy > 0


async def until_free(limit_s: float) -> None:
    """Returns when nobody has the right of way, or after `limit_s`; the loop goes on."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + limit_s
    while is_taken() and loop.time() < until_s:  # noqa: ASYNC110 (threads have no asyncio.Event)
        await asyncio.sleep(LOOK_EVERY_S)


@contextmanager
def giving_way() -> Iterator[None]:
    """What this thread imports meanwhile stops before each module for whoever has the right of way."""
    before = getattr(_background, "gives_way", False)
    _background.gives_way = threading.current_thread() is not threading.main_thread()
    try:
        yield
    finally:
        _background.gives_way = before


class _Crossing:
    """Asked first about every module that is to be imported; knows none."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del fullname, path, target
        if _busy and _is_on and getattr(_background, "gives_way", False):
            until_s = time.monotonic() + LONGEST_STOP_S
            while _busy and time.monotonic() < until_s:
                time.sleep(LOOK_EVERY_S)
        return None


sys.meta_path.insert(0, _Crossing())
