"""Changes that came faster than they can be looked at: typing never queues (performance.md 3, point 7).

Several `didChange` of one document are one `didChange` with all their content changes. So while more messages
wait in what was read from the client, changes are only collected; they are applied together before anything
else is done, when nothing more waits, or when the first of them has waited long enough.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from mplp_lsp.server.turns import SMALL_CHARACTERS
from mplp_lsp.text.edits import Change
from mplp_lsp.text.uris import key_of

SHORTEST_LIMIT_S = 0.2
LONGEST_LIMIT_S = 2.0
SHARE_OF_TIME = 4

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    """The changes of one document that nobody has seen yet."""

    uri: str
    version: int
    changes: list[Change]
    characters: int


class Backlog:
    """Collects changes by document.

    `version_of` gives the version of an open document, None for others. `apply` takes the changes of one
    document, in their order, with the version they lead to.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        version_of: Callable[[str], int | None],
        apply: Callable[[str, int, list[Change]], None],
    ) -> None:
        self._loop = loop
        self._version_of = version_of
        self._apply = apply
        self._waiting: dict[str, _Waiting] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._limit_s = SHORTEST_LIMIT_S

    def add(self, uri: str, version: int, changes: list[Change]) -> bool:
        """False for a change that must be dealt with on its own: a large one, or one that does not follow."""
        key = key_of(uri)
        known = self._waiting.get(key)
        before = known.version if known is not None else self._version_of(uri)
        if before is None or version <= before:
            return False
        for number in range(len(changes) - 1, -1, -1):
            if changes[number][0] is None:
                # A full text: whatever was changed before it does not matter any more.
                changes, known = changes[number:], None
                break
        characters = sum(len(text) for _, text in changes) + (known.characters if known is not None else 0)
        if characters > SMALL_CHARACTERS:
            return False
        if known is not None:
            known.changes += changes
            known.version, known.characters = version, characters
        else:
            self._waiting[key] = _Waiting(uri, version, changes, characters)
        if self._timer is None:
            self._timer = self._loop.call_later(self._limit_s, self.settle)
        return True

    def settle(self) -> None:
        """Applies what waits; a failure is logged, because whoever calls has other things to do."""
        if not self._waiting:
            return
        self._stop_timer()
        waiting, self._waiting = self._waiting, {}
        started = time.perf_counter()
        for one in waiting.values():
            try:
                self._apply(one.uri, one.version, one.changes)
            except Exception:
                logger.exception("A bug while applying changes.")
        # In an endless flood at most a fifth of the time is spent on texts that nobody sees for long.
        took_s = time.perf_counter() - started
        self._limit_s = min(max(SHORTEST_LIMIT_S, SHARE_OF_TIME * took_s), LONGEST_LIMIT_S)

    def forget(self) -> None:
        """Drops what waits."""
        self._stop_timer()
        self._waiting.clear()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
