"""Waiting for the locks of other processes without holding the connection meanwhile.

SQLite's own wait keeps everybody else off the connection, for as long as it lasts, and cannot be called off.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

_PAUSES_S = (0.001, 0.002, 0.005, 0.010, 0.015, 0.020, 0.025, 0.025, 0.025, 0.050, 0.050, 0.100)
"""SQLite's own pauses; the last goes on."""


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds a lock, so that the same may work a moment later."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def execute_patiently(
    connection: sqlite3.Connection,
    statement: str,
    patience_s: float,
    is_given_up: Callable[[], bool],
    sleep: Callable[[float], None],
) -> None:
    """Executes `statement` as soon as no lock is in its way. `sleep` waits for so many seconds.

    Raises sqlite3.OperationalError where that took longer than `patience_s`, or nobody wants it any more.
    """
    deadline = 0.0
    attempt = 0
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            now = time.monotonic()
            deadline = deadline or now + patience_s
            if now >= deadline or is_given_up():
                raise
            pause_s = _PAUSES_S[min(attempt, len(_PAUSES_S) - 1)]
            attempt += 1
            sleep(min(pause_s, deadline - now))
        else:
            return
