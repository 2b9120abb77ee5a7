"""Who works in the background stops while a document is taken in, and goes on when its findings are out.

Python runs one thread at a time: an import in a worker takes half of it from the loop, for as long as the
import lasts, and to load what reads settings lasts longer than to open a large plan. So an import that nobody
waits for stops before the next module, and a piece of rehearsal before it begins.
"""

from __future__ import annotations

import _imp
import asyncio
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

LONGEST_STOP_S = 0.3
"""For one document; a bound for what cannot be told: that somebody waits for the very module."""
LOOK_EVERY_S = 0.002

_lock = threading.Lock()
_busy = 0
_stopped_s = 0.0
_is_on = False
_awaited = 0
_background = threading.local()


def begin() -> None:
    """The first findings are out: what makes them is imported, so that nobody waits for a worker's import."""
    global _is_on  # noqa: PLW0603  # one interpreter, one right of way
    _is_on = True


@contextmanager
def taken() -> Iterator[None]:
    """Whoever works in the background gives way meanwhile; from any thread, also across `await`."""
    global _busy, _stopped_s  # noqa: PLW0603
    with _lock:
        _busy += 1
        if _busy == 1:
            _stopped_s = 0.0
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


@contextmanager
def awaiting() -> Iterator[None]:
    """Who waits meanwhile for an import in another thread, so that it does not stop."""
    global _awaited  # noqa: PLW0603
    with _lock:
        _awaited += 1
    try:
        yield
    finally:
        with _lock:
            _awaited -= 1


def _is_awaited() -> bool:
    """Whether another thread waits for an import. Of plain `import` statements Python's own notes tell it."""
    blocked = getattr(sys.modules.get("_frozen_importlib"), "_blocking_on", None)
    # From Python 3.12 on the notes are inside an object of their own.
    blocked = getattr(blocked, "data", blocked)
    return _awaited > 0 or (isinstance(blocked, dict) and bool(blocked))


def _stop() -> None:
    global _stopped_s  # noqa: PLW0603
    with _without_import_lock():
        while _busy and _stopped_s < LONGEST_STOP_S and not _is_awaited():
            began_s = time.monotonic()
            time.sleep(LOOK_EVERY_S)
            _stopped_s += time.monotonic() - began_s


@contextmanager
def _without_import_lock() -> Iterator[None]:
    """Python asks finders with the lock that every import in the process needs for a moment."""
    try:
        _imp.release_lock()
    except RuntimeError:
        # This thread does not hold it.
        yield
        return
    try:
        yield
    finally:
        _imp.acquire_lock()


class _Crossing:
    """Asked first about every module that is to be imported; knows none."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del fullname, path, target
        if _busy and _is_on and getattr(_background, "gives_way", False):
            _stop()
        return None


sys.meta_path.insert(0, _Crossing())
