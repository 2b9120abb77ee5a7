"""Who asks right after a change gets the answer before the findings are made.

A completion that follows a keystroke is waited for; the findings of that keystroke are not, and to make them
takes longer than to answer. So they come right behind the answer, or after `LONGEST_S` if it takes longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from mplp_lsp.text.uris import key_of
from mplp_lsp.workspace.store import Update

LONGEST_S = 0.03


class AnswersFirst:
    """Puts `look` off while a question is being answered; several updates of one document become one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, look: Callable[[Sequence[Update]], None]) -> None:
        self._loop = loop
        self._look = look
        self._waiting: dict[str, Update] = {}
        self._is_asked = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> Sequence[Update]:
        """What nobody has looked at yet."""
        return list(self._waiting.values())

    def changed(self, updates: Sequence[Update]) -> None:
        """Looks at them now, or after the answer to the question that is being taken in."""
        if not self._is_asked:
            self.look_now()
            self._look(updates)
            return
        for update in updates:
            key = key_of(update.uri)
            known = self._waiting.pop(key, None)
            self._waiting[key] = Update(update.uri, known.before, update.after) if known else update

    @contextmanager
    def question(self) -> Iterator[None]:
        """What changes meanwhile is looked at after the answer; `answered` must follow."""
        self._is_asked = True
        try:
            yield
        finally:
            self._is_asked = False

    def answered(self, result: object | Awaitable[object]) -> object | Awaitable[object]:
        """The same result; looks when it is there."""
        if not self._waiting:
            return result
        if not isinstance(result, Awaitable):
            self._loop.call_soon(self.look_now)
            return result
        if self._timer is None:
            self._timer = self._loop.call_later(LONGEST_S, self.look_now)
        return self._then_look(result)

    async def _then_look(self, result: Awaitable[object]) -> object:
        try:
            return await result
        finally:
            self._loop.call_soon(self.look_now)

    def look_now(self) -> None:
        """Does what waits; nothing if nothing does."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            waiting, self._waiting = list(self._waiting.values()), {}
            self._look(waiting)

    def forget(self) -> None:
        """Drops what waits."""
        self._waiting.clear()
        self.look_now()
