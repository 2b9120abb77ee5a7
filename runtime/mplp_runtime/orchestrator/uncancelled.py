"""Work that a cancellation may not leave half done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from mplp_runtime.errors import MplpError

logger = logging.getLogger(__name__)

T = TypeVar("T")


async def to_the_end(work: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
    """Awaits `work`; a cancellation takes effect only after it, so that memory and disk say the same.

    What goes wrong after the cancellation is told in the log.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled() and (problem := task.exception()) is not None:
            is_ours = isinstance(problem, MplpError)
            logger.warning("%s", problem, exc_info=None if is_ours else problem)
        raise
