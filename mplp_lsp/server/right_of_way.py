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
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from importlib.abc import Loader  # To import it takes 13 ms.

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
    """Whether another thread waits for an import.

    Of plain `import` statements only Python's own notes tell it, which it keeps for itself: nothing public
    says who waits for a module's lock. Without them (a test would notice) such a wait lasts LONGEST_STOP_S.
    """
    blocked = getattr(sys.modules.get("_frozen_importlib"), "_blocking_on", None)
    # From Python 3.12 on the notes are inside an object of their own.
    blocked = getattr(blocked, "data", blocked)
    return _awaited > 0 or (isinstance(blocked, dict) and bool(blocked))


def _stop() -> None:
    global _stopped_s  # noqa: PLW0603
    while _busy and _stopped_s < LONGEST_STOP_S and not _is_awaited():
        began_s = time.monotonic()
        time.sleep(LOOK_EVERY_S)
        _stopped_s += time.monotonic() - began_s


class _StopsFirst:
    """Stops, then leaves the module to the loader that it stands in front of, as if it had never been there.

    Not the finder: Python asks that with the lock that every import in the process needs for a moment.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        spec.loader = self._loader
        _stop()
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)

    def __getattr__(self, name: str) -> object:
        # Who only looks for a module never loads it, and asks the loader in the spec for more than loading.
        return getattr(self._loader, name)


class _Crossing:
    """Asked first about every module that is to be imported; asks the others, and who has to stop is told."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not (_busy and _is_on and getattr(_background, "gives_way", False)):
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                loader = spec.loader
                if loader is not None and hasattr(loader, "exec_module"):
                    spec.loader = cast("Loader", _StopsFirst(loader))
                return spec
        return None


sys.meta_path.insert(0, _Crossing())
