"""A connection as the work inside one transaction sees it: what is over stays over."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any


class OneTransaction:
    """Runs statements until SQLite ends the transaction by itself, as it does on a full disk.

    Whatever came after that would be a commit of its own, even for work that has kept the error to itself:
    the same error is raised again instead.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._problem: sqlite3.Error | None = None

    def execute(self, statement: str, values: Any = ()) -> sqlite3.Cursor:
        return self._run(self._connection.execute, statement, values)

    def executemany(self, statement: str, rows: Any) -> sqlite3.Cursor:
        return self._run(self._connection.executemany, statement, rows)

    def _run(self, run: Callable[[str, Any], sqlite3.Cursor], statement: str, values: Any) -> sqlite3.Cursor:
        if self._problem is not None:
            raise self._problem
        try:
            return run(statement, values)
        except sqlite3.Error as problem:
            if not self._connection.in_transaction:
                self._problem = problem
            raise
