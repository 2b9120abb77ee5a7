"""When Python's collector walks over everything: while nobody types.

With a few large plans in memory a full collection takes 0.2 s, holds every thread up, and finds next to
nothing, because documents and trees are made without circles. Young objects are collected as ever.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

YOUNG_OBJECTS = 10_000
YOUNG_COLLECTIONS = 20
NEVER = 1_000_000

LOOK_EVERY_S = 1.0
QUIET_S = 3.0
LONGEST_S = 120.0


def collect_only_young_objects() -> None:
    """From now on full collections happen in `collect_when_quiet` only."""
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_COLLECTIONS, NEVER)


async def collect_when_quiet(quiet_for_s: Callable[[], float]) -> None:
    """Collects when no message has come for three seconds; in endless activity every two minutes."""
    loop = asyncio.get_running_loop()
    collected_s = loop.time()
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        has_survivors = gc.get_count()[2] > 0
        is_due = quiet_for_s() >= QUIET_S or loop.time() - collected_s >= LONGEST_S
        if has_survivors and is_due:
            gc.collect()
            collected_s = loop.time()
