"""When Python's collector walks over everything: while nobody types.

With a few large plans in memory a full collection takes 0.1 s or more, holds every thread up, and finds
next to nothing, because documents and trees are made without circles. Young objects are collected as ever.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 10_000
YOUNG_COLLECTIONS = 20
NEVER = 1_000_000

LOOK_EVERY_S = 1.0
QUIET_S = 3.0
LONGEST_S = 120.0
AWAY_S = 45.0
"""Who has not touched a key for so long is not looking, and does not notice a tenth of a second."""


def collect_only_young_objects() -> None:
    """From now on full collections happen in `collect_when_quiet` only."""
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_COLLECTIONS, NEVER)


_lock = threading.Lock()
_undisturbed = 0
_has_lasting = False


@contextmanager
def lasting_objects() -> Iterator[None]:
    """What is made meanwhile stays: the collector does not walk over it before a quiet moment.

    For reading a large text, which makes hundreds of thousands of objects without circles; to look at them
    again and again would take half as long as to make them. They are freed when the last reference goes.
    """
    global _undisturbed, _has_lasting  # noqa: PLW0603  # the collector is one for the whole process
    with _lock:
        _undisturbed += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _undisturbed -= 1
            if not _undisturbed:
                gc.freeze()
                _has_lasting = True
                gc.enable()


async def collect_when_quiet(quiet_for_s: Callable[[], float]) -> None:
    """Collects what is new when no message has come for three seconds; in endless activity every two minutes.

    Whatever survives is not walked over again before the author is away: to walk over one large plan takes
    longer than an author may wait, and would hit the first key after a pause.
    """
    loop = asyncio.get_running_loop()
    collected_s = loop.time()
    has_set_aside = False
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        quiet_s = quiet_for_s()
        if quiet_s >= AWAY_S and (has_set_aside or _has_lasting):
            _collect_all()
            collected_s = loop.time()
            has_set_aside = False
        elif gc.get_count()[2] > 0 and (quiet_s >= QUIET_S or loop.time() - collected_s >= LONGEST_S):
            has_set_aside = _collect_new() or has_set_aside
            collected_s = loop.time()


def _collect_new() -> bool:
    """Whether it was done: while a large text is read everything stays as it is."""
    with _lock:
        if _undisturbed:
            return False
        gc.collect()
        gc.freeze()
        return True


def _collect_all() -> None:
    global _has_lasting  # noqa: PLW0603
    with _lock:
        if _undisturbed:
            return
        # Sessions and other things with circles may have been set aside along with the texts.
        gc.unfreeze()
        _has_lasting = False
        gc.collect()
        gc.freeze()
