"""Events that were offered are taken in behind the back of whoever offered them, however long that takes.

A state that is locked is tried again until it opens; what waits meanwhile is bounded by the intake's backlog.
"""

from __future__ import annotations

import asyncio
import logging

from mplp_runtime.errors import MplpError
from mplp_runtime.integration.intake import Intake

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
LONGEST_CLOSE_S = 5.0
"""How long `close` waits for the state to take what is left."""

logger = logging.getLogger(__name__)


class Settling:
    """Settles an intake in a task of its own while there is something to do. Belongs to one event loop."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False

    def wake(self) -> None:
        """Something was offered."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._settle(), name="taking events in")

    async def until_settled(self) -> None:
        """Returns when nothing waits any more; whoever gives up waiting stops nothing."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Takes in what is left without minding rates; what the state does not take in time is given up."""
        self._is_closing = True
        self._intake.hurry()
        if self._intake.has_work:
            self.wake()
        if self._task is not None:
            _, late = await asyncio.wait({self._task}, timeout=LONGEST_CLOSE_S)
            for task in late:
                task.cancel()
                await asyncio.wait({task})
        if self._intake.depth:
            logger.warning("%d events from outside were not taken in.", self._intake.depth)

    async def _settle(self) -> None:
        pause_s = FIRST_PAUSE_S
        while self._intake.has_work:
            try:
                await self._intake.settle()
                pause_s = FIRST_PAUSE_S
            except MplpError as problem:
                if self._is_closing:
                    return
                if pause_s == FIRST_PAUSE_S:
                    logger.warning("%d events from outside wait: %s", self._intake.depth, problem)
                await self._intake.pause(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            except Exception:
                logger.exception("A bug in taking events in.")
                return
