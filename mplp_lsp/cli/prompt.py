"""Questions to the person at the terminal, without holding up the run that asks them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Collection
from typing import TextIO


class Prompt:
    """Reads lines of a terminal in a daemon thread of its own, from the first question on.

    asyncio's executor would wait for the thread when the run ends in another way, for instance because the
    question was answered in an editor.
    """

    def __init__(self, source: TextIO | None = None) -> None:
        self._source = source if source is not None else sys.stdin
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self._is_reading = False

    async def choice(self, letters: Collection[str]) -> str | None:
        """The first letter of a line, once it is one of `letters`; None when the input was closed.

        What was typed before the question is no answer to it.
        """
        self._read_in_background()
        while not self._lines.empty():
            if not self._lines.get_nowait():
                return None
        while line := await self._lines.get():
            letter = line.strip().lower()[:1]
            if letter in letters:
                return letter
        # The end of the input stays the end for every later question.
        self._lines.put_nowait("")
        return None

    def _read_in_background(self) -> None:
        if self._is_reading:
            return
        self._is_reading = True
        loop = asyncio.get_running_loop()

        def read() -> None:
            line = "?"
            while line:
                line = ""
                with contextlib.suppress(OSError, ValueError):
                    line = self._source.readline()
                try:
                    loop.call_soon_threadsafe(self._lines.put_nowait, line)
                except RuntimeError:  # the loop has ended meanwhile
                    return

        threading.Thread(target=read, name="mplp-prompt", daemon=True).start()
