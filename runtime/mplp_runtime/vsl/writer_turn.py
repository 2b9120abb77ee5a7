"""Whose turn it is in the connection that writes to SQLite: that of a commit, or of a question for changes.

Of two threads in one connection each may be told what became of the other's statement: a write that failed
would count as done, and one that only had to wait as failed for good.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mplp_runtime.vsl.patience import is_busy

_MOMENT_S = 0.001
"""For a transaction to begin, or for its end."""


class WriterTurn:
    """One connection that writes. `begun` is called in each transaction that holds the lock for writing."""

    def __init__(self, connection: sqlite3.Connection, begun: Callable[[], None] = lambda: None) -> None:
        self.connection = connection
        self._begun = begun
        self._lock = threading.Lock()
        self._is_writing = False
        self._seen_version = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """The caller alone uses the connection, but for moments in which it waits for locks of others."""
        with self._lock:
            try:
                yield
            finally:
                self._is_writing = False

    def begun(self) -> None:
        """The caller's transaction holds the lock for writing: until it ends nobody else changes anything."""
        self._seen_version = self._version()
        self._is_writing = True
        self._begun()

    def sleep(self, seconds: float) -> None:
        """Waits for a lock of others, and lets go of the connection meanwhile."""
        self._lock.release()
        try:
            time.sleep(seconds)
        finally:
            self._lock.acquire()

    def data_version(self) -> int:
        """A number that changes when others have written, and not by what is written here.

        From any thread, also in the caller's own transaction, and it waits for none. Raises sqlite3.Error.
        """
        # Again and again, because a transaction may begin after the first look.
        while not self._is_writing:
            if not self._lock.acquire(timeout=_MOMENT_S):
                continue
            try:
                self._seen_version = self._version()
            except sqlite3.OperationalError as error:
                if not is_busy(error):
                    raise
                # Somebody is committing, without a write-ahead log: what they did is seen at the next look.
            finally:
                self._lock.release()
            break
        return self._seen_version

    def close(self) -> None:
        with self._lock:
            self.connection.close()

    def _version(self) -> int:
        [version] = self.connection.execute("PRAGMA data_version").fetchone()
        return int(version)
