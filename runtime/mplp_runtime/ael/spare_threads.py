"""Threads for functions that may block or never return: each has one to itself, which is used again."""

from __future__ import annotations

import contextvars
import logging
import os
import queue
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)

_IDLE_S = 10.0
"""A thread that was not needed for so long ends."""


class SpareThreads:
    """Runs functions on daemon threads; one whose function has returned takes the next.

    A pool would be waited for when the process ends, and one function that never returns would keep it alive.
    A thread takes longer to begin than most functions take, and whoever starts it waits for that.

    >>> done = threading.Event()
    >>> SpareThreads("mplp-example").run(done.set)
    >>> done.wait(10)
    True
    """

    def __init__(self, name: str, *, idle_s: float = _IDLE_S) -> None:
        self._name = name
        self._idle_s = idle_s
        self._forget()
        if hasattr(os, "register_at_fork"):
            # A process that was forked has none of the threads.
            os.register_at_fork(after_in_child=self._forget)

    def run(self, work: Callable[[], None]) -> None:
        """Has `work` called on a thread that does nothing else meanwhile. Any thread may ask."""
        with self._lock:
            waiting = self._idle.pop() if self._idle else None
        if waiting is not None:
            waiting.put(work)
            return
        given: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        # Not as an argument of the thread, which would hold it as long as it lives.
        given.put(work)
        threading.Thread(target=self._serve, args=(given,), name=self._name, daemon=True).start()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[queue.SimpleQueue[Callable[[], None]]] = []

    def _serve(self, given: queue.SimpleQueue[Callable[[], None]]) -> None:
        work = given.get()
        while True:
            try:
                # What it leaves in its context must not reach the next one.
                contextvars.Context().run(work)
            except BaseException:
                logger.exception("A function on a thread of its own failed.")
            # What it holds must not wait here for the next one.
            del work
            with self._lock:
                self._idle.append(given)
            try:
                work = given.get(timeout=self._idle_s)
            except queue.Empty:
                with self._lock:
                    if given in self._idle:
                        self._idle.remove(given)
                        return
                # It was chosen at the last moment.
                work = given.get()
