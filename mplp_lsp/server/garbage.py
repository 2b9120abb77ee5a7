"""When Python's collector walks over everything: while nobody types.

With a few large plans in memory a full collection takes 0.2 s, holds every thread up, and finds next to
nothing, because documents and trees are made without circles. Young objects are collected as ever.
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
    """Collects when no message has come for three seconds; in endless activity every two minutes."""
    loop = asyncio.get_running_loop()
    collected_s = loop.time()
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        has_survivors = gc.get_count()[2] > 0 or _has_lasting
        is_due = quiet_for_s() >= QUIET_S or loop.time() - collected_s >= LONGEST_S
        if has_survivors and is_due:
            _collect_all()
            collected_s = loop.time()


def _collect_all() -> None:
    global _has_lasting  # noqa: PLW0603
    with _lock:
        if _has_lasting and not _undisturbed:
            # Sessions and other things with circles may have been frozen along with the texts.
            gc.unfreeze()
            _has_lasting = False
    gc.collect()
