"""How many steps of a run are carried out at once, and whose place others have while a person thinks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Away:
    """A step whose place others may have: so many of its questions are open, or it waits to come back."""

    questions: int = 0
    returning: asyncio.Future[None] | None = None


class Places:
    """The places of one run; `taken` counts those that steps have. Belongs to one event loop.

    `changed` is called when there may be a place for somebody, or somebody may want one.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.taken = 0
        self._changed = changed
        self._away: dict[str, _Away] = {}
        self._returning: deque[str] = deque()

    def give_back(self) -> bool:
        """Gives a free place to the step that has waited longest for its own; False if none waits."""
        if not self._returning:
            return False
        away = self._away.pop(self._returning.popleft())
        self.taken += 1
        _let_go_on(away)
        return True

    @asynccontextmanager
    async def left(self, step_id: str) -> AsyncIterator[None]:
        """While a question of the step is open others may have its place; afterwards it waits for one.

        Of several questions the first gives the place up and the last gets one again: who has an answer
        while others are still open goes on at once. Without an answer nothing is waited for.
        """
        away = self._leave(step_id)
        try:
            yield
        except BaseException:
            away.questions -= 1
            if not away.questions:
                self._come_back(step_id)
            raise
        away.questions -= 1
        if not away.questions:
            await self._returned(step_id, away)

    def _leave(self, step_id: str) -> _Away:
        away = self._away.get(step_id)
        if away is None:
            away = self._away[step_id] = _Away()
            self.taken -= 1
            self._changed()
        elif away.returning is not None:
            # It was about to come back, and asks something else meanwhile.
            self._returning.remove(step_id)
            _let_go_on(away)
        away.questions += 1
        return away

    async def _returned(self, step_id: str, away: _Away) -> None:
        returning = away.returning = asyncio.get_running_loop().create_future()
        self._returning.append(step_id)
        self._changed()
        try:
            await returning
        except asyncio.CancelledError:
            if away.returning is returning:
                self._returning.remove(step_id)
                self._come_back(step_id)
            raise

    def _come_back(self, step_id: str) -> None:
        # Whoever ends the step gives the place up again.
        del self._away[step_id]
        self.taken += 1


def _let_go_on(away: _Away) -> None:
    returning, away.returning = away.returning, None
    if returning is not None and not returning.done():
        returning.set_result(None)
