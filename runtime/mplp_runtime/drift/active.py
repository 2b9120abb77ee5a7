"""While plans run, files are looked at in turns (seed 1, 5.1: `[drift] active_interval_s`, five seconds)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from mplp_runtime.drift.check import DriftCheck
from mplp_runtime.errors import SettingsInvalid, StoreError

DEFAULT_INTERVAL_S = 5.0
"""Between two looks while mplp.toml never said so."""

logger = logging.getLogger(__name__)


class ActiveDrift:
    """Looks again and again while there is something that may drift. Belongs to one event loop."""

    def __init__(
        self,
        check: DriftCheck,
        list_files: Callable[[], Iterable[str]],
        *,
        interval_s: Callable[[], float],
        is_wanted: Callable[[], bool],
    ) -> None:
        self._check = check
        self._list_files = list_files
        self._interval_s = interval_s
        self._is_wanted = is_wanted
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """A run has begun, or goes on."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look_in_turns(), name="active drift")

    async def close(self) -> None:
        """Ends the turns; of a look that is under way nothing is stored any more, or all of it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _look_in_turns(self) -> None:
        interval_s = DEFAULT_INTERVAL_S
        while True:
            try:
                interval_s = self._interval_s()
            except SettingsInvalid:
                # Somebody is typing in mplp.toml, or left it so: what it said last counts.
                logger.debug("mplp.toml cannot be read; files are looked at as often as before.")
            if interval_s <= 0:
                return
            await asyncio.sleep(interval_s)
            if not self._is_wanted():
                return
            try:
                await self._check.look(self._list_files)
            except StoreError as problem:
                # The next turn tries again; a run is not to fail because of a look.
                logger.warning("A look for changed files failed: %s", problem)
            except Exception:
                logger.exception("A bug in looking for changed files.")
