"""Who wants to know about runs, and how often: every change is told, in the end, but not each one alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.views import RunView

logger = logging.getLogger(__name__)

_OUTPUT_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_SMALL_RUN = 200
_SHARE = 10
_PAUSE_OF_A_STEP_S = 0.000_1
"""Whoever shows a run looks at each of its steps, on a thread that also answers the keyboard."""


class Notices:
    """Tells subscribers the newest view of a run.

    A view costs time in proportion to the steps, so large runs are told less often: telling takes about a
    tenth of the time at most, here and where it is shown. A run of 10,000 steps is told once a second while
    it moves, one of up to 200 at every change, and the first change after a pause and the last one at once.
    """

    def __init__(self, collected: Callable[[RunState], None], view: Callable[[str], RunView]) -> None:
        self._collected = collected
        self._view = view
        self._callbacks: list[Callable[[RunView], None]] = []
        self._pending: dict[str, tuple[asyncio.TimerHandle, RunState]] = {}
        self._earliest: dict[str, float] = {}
        self._waiting: list[asyncio.Future[None]] = []

    def subscribe(self, callback: Callable[[RunView], None]) -> Callable[[], None]:
        self._callbacks.append(callback)

        def unsubscribe() -> None:
            with suppress(ValueError):
                self._callbacks.remove(callback)

        return unsubscribe

    def tell_soon(self, state: RunState) -> None:
        """Something happened."""
        self._wake()
        self._schedule(state, 0.0)

    def tell_later(self, state: RunState) -> None:
        """A step printed something; several of these become one notice."""
        if state.run_id not in self._pending:
            self._schedule(state, _OUTPUT_PAUSE_S)

    def tell_now(self, state: RunState) -> None:
        """The last change of a run, told before anybody can ask."""
        self._cancel(state.run_id)
        self._tell(state)
        self._earliest.pop(state.run_id, None)

    def close(self) -> None:
        for run_id in list(self._pending):
            self._cancel(run_id)
        self._callbacks.clear()
        self._wake()

    async def until(self, condition: Callable[[], bool], limit_s: float) -> bool:
        """Waits until `condition` holds, looking again at each change; False if the limit passes first."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while not condition():
            rest = deadline - loop.time()
            if rest <= 0:
                return False
            await self.changed_within(rest)
        return True

    async def changed_within(self, limit_s: float) -> None:
        """Returns at the next change of any run, or after the limit."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        with suppress(TimeoutError):
            await asyncio.wait_for(waiting, limit_s)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def _schedule(self, state: RunState, pause_s: float) -> None:
        loop = asyncio.get_running_loop()
        at = max(loop.time() + pause_s, self._earliest.get(state.run_id, 0.0))
        pending = self._pending.get(state.run_id)
        if pending is not None:
            if pending[0].when() <= at:
                return
            pending[0].cancel()
        self._pending[state.run_id] = (loop.call_at(at, self._due, state.run_id), state)

    def _due(self, run_id: str) -> None:
        _, state = self._pending.pop(run_id)
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._tell(state)
        if len(state.steps) > _SMALL_RUN:
            pause_s = max(_SHARE * (loop.time() - began), _PAUSE_OF_A_STEP_S * len(state.steps))
            pause_s = min(_LONGEST_PAUSE_S, pause_s)
            self._earliest[run_id] = loop.time() + pause_s

    def _tell(self, state: RunState) -> None:
        self._collected(state)
        self._wake()
        if not self._callbacks:
            return
        state.is_watched = True
        view = self._view(state.run_id)
        for callback in list(self._callbacks):
            try:
                callback(view)
            except Exception:
                logger.exception("A subscriber to runs failed.")

    def _cancel(self, run_id: str) -> None:
        pending = self._pending.pop(run_id, None)
        if pending is not None:
            pending[0].cancel()
