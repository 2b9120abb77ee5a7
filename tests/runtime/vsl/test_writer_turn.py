"""One connection, a commit in it, and a question for changes of others."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from mplp_runtime.vsl.writer_turn import WriterTurn


class Noted:
    """A lock that says when somebody is about to wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.wanted = threading.Event()

    def acquire(self, *args: Any, **more: Any) -> bool:
        if self._lock.acquire(blocking=False):
            return True
        self.wanted.set()
        return self._lock.acquire(*args, **more)

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def test_a_question_that_comes_just_before_a_commit_begins_does_not_wait_for_its_end(tmp_path: Path) -> None:
    opened = sqlite3.connect(tmp_path / "state.db", isolation_level=None, check_same_thread=False)
    with closing(opened) as connection, ThreadPoolExecutor(1) as threads:
        turn, lock = WriterTurn(connection), Noted()
        turn._lock = lock  # type: ignore[assignment]
        before = turn.data_version()
        with turn.taken():
            asking = threads.submit(turn.data_version)
            assert lock.wanted.wait(30)
            connection.execute("BEGIN IMMEDIATE")
            turn.begun()
            assert asking.result(30) == before
            connection.execute("COMMIT")
