"""Large texts are read in a worker, so that the loop stays free; what follows about them waits for its turn.

Only messages about the document that is being read wait: order counts within a document, not between two.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from mplp_lsp.server.garbage import lasting_objects
from mplp_lsp.server.messages import RequestError
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.right_of_way import taken
from mplp_lsp.text.uris import key_of

T = TypeVar("T")

SMALL_CHARACTERS = 64_000
"""Texts up to this length are read at once: parsing them takes no longer than a hop to a worker and back."""

READ_AT_ONCE_CHARACTERS = 400_000
"""The same for a text that is opened, which happens once: reading it takes about 10 ms."""

logger = logging.getLogger(__name__)


class Turns:
    """One line of waiting messages per document that is being read."""

    def __init__(self, process: ServerProcess, spawn: Callable[[Any, str], asyncio.Task[Any]]) -> None:
        self._process = process
        self._spawn = spawn
        self._lines: dict[str, deque[Callable[[], None]]] = {}
        self._slow: dict[str, Callable[[], Awaitable[None]]] = {}
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def is_busy(self, uri: str) -> bool:
        """Whether something slow is being done to this document."""
        return bool(self._lines) and key_of(uri) in self._lines

    def slowly(self, uri: str, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Does `work` in a worker and `then` on the loop, before anything else about this document."""
        key = key_of(uri)

        def lasting() -> T:
            with lasting_objects():
                return work()

        async def both() -> None:
            with taken():
                then(await self._process.work(lasting))

        self._slow[key] = both
        if key not in self._lines:
            self._lines[key] = deque()
            self._tasks[key] = self._spawn(self._work_off(key), f"reading {uri}")

    def later(self, uri: str, turn: Callable[[], None]) -> None:
        """Does `turn` when all that came before it about this document is done."""
        self._lines[key_of(uri)].append(turn)

    async def answered(self, uri: str, begin: Callable[[], object]) -> object:
        """What `begin` gives, at once or later; it is called when its turn comes, and sees what was then."""
        begun: asyncio.Future[object] = self._process.loop.create_future()

        def turn() -> None:
            if begun.done():
                return
            try:
                begun.set_result(begin())
            except Exception as error:
                begun.set_exception(error)

        self.later(uri, turn)
        try:
            result = await begun
        except asyncio.CancelledError:
            if begun.done() and not begun.cancelled() and inspect.iscoroutine(begun.result()):
                begun.result().close()  # type: ignore[attr-defined]
            raise
        return await result if inspect.isawaitable(result) else result

    async def until_free(self) -> None:
        """Returns when nothing is being read that was being read at the call."""
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks)

    async def _work_off(self, key: str) -> None:
        line = self._lines[key]
        try:
            while True:
                slow = self._slow.pop(key, None)
                try:
                    if slow is not None:
                        await slow()
                    elif line:
                        line.popleft()()
                    else:
                        return
                except RequestError as error:
                    logger.warning("A message was ignored: %s", error.message)
                except Exception:
                    logger.exception("A bug while taking notice of a message.")
        finally:
            del self._lines[key], self._tasks[key]
