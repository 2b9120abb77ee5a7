"""Keeps a trace document on disk in step with its run: at most one write a second, and one at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mplp_runtime.errors import StoreError
from mplp_runtime.trace.document import Item, trace_text
from mplp_runtime.trace.files import write_atomically
from mplp_runtime.vsl.file_protection import PLAIN, Protection

logger = logging.getLogger(__name__)

TraceParts = tuple[Mapping[str, Any], Iterable[Item], Iterable[Item]]

_INTERVAL_S = 1.0
_SHARE = 20
_LONGEST_S = 10.0


class TraceWriter:
    """Writes what `parts` returns. Belongs to one event loop; the file work happens in a thread.

    A write that takes long makes the pause after it longer: a huge trace costs at most a twentieth of the
    time. One that is going to take long because the document has grown waits up to ten seconds more.
    `size` says how many items the document has by now.
    """

    def __init__(
        self,
        path: Path,
        parts: Callable[[], TraceParts],
        *,
        size: Callable[[], int] = lambda: 1,
        interval_s: float = _INTERVAL_S,
        protection: Protection = PLAIN,
    ) -> None:
        self.path = path.with_name(f"{path.name}{protection.suffix}")
        self._protection = protection
        self.problem: str | None = None
        self._parts = parts
        self._size = size
        self._interval_s = interval_s
        self._changed = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def changed(self) -> None:
        """Says that the document on disk is no longer up to date."""
        self._changed.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write_until_closed())

    async def close(self) -> None:
        """Writes what is left to write; the document on disk is complete afterwards."""
        if self._task is None:
            return
        self._closing.set()
        self._changed.set()
        await self._task
        self._task = None

    async def _write_until_closed(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._changed.wait()
            is_last = self._closing.is_set()
            self._changed.clear()
            began, size = loop.time(), max(self._size(), 1)
            await self._write()
            if is_last:
                return
            took_s = loop.time() - began
            await self._pause(max(self._interval_s, _SHARE * took_s))
            await self._pause(further_pause_s(took_s, self._size() / size))

    async def _pause(self, seconds: float) -> None:
        """Ends early when there is nothing to wait for any more."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), seconds)

    async def _write(self) -> None:
        try:
            head, segments, events = self._parts()
            text = self._protection.text(trace_text(head, segments, events))
            await asyncio.to_thread(write_atomically, self.path, text, folders=False)
            self.problem = None
        except StoreError as problem:
            # The database is the record; a trace that cannot be written is told once and does not stop the
            # run.
            if self.problem is None:
                logger.warning("%s", problem)
            self.problem = str(problem)


def further_pause_s(took_s: float, growth: float) -> float:
    """How much longer to wait before a document is written again that is by now `growth` times as large.

    >>> further_pause_s(0.01, 1.0), further_pause_s(0.01, 11.0), further_pause_s(0.01, 1000.0)
    (0.0, 2.0, 10.0)
    """
    return min(_SHARE * took_s * max(growth - 1.0, 0.0), _LONGEST_S)
