"""Many units of work in one commit, where SQLite gives the whole transaction up by itself."""

from __future__ import annotations

import sqlite3
from concurrent.futures import Future
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.group_commit import Unit, commit_together
from mplp_runtime.vsl.sqlite import SqliteStore
from mplp_runtime.vsl.sqlite_transaction import SqliteReading, SqliteTransaction
from mplp_runtime.vsl.values import StoreLimits
from mplp_runtime.vsl.writer_turn import WriterTurn


def keeps_a_full_disk_to_itself(transaction: Any) -> str:
    transaction.append_event("project", {"event_type": "before"})
    transaction.set("small", 1)
    with suppress(sqlite3.Error):
        transaction.set("large", "x" * 1_000_000)
    assert not transaction.connection.in_transaction, "the disk is full"
    transaction.append_event("project", {"event_type": "after"})
    for write in (
        lambda: transaction.set("written after", 1),
        lambda: transaction.create_node("Step", "written after", {}),
        lambda: transaction.put_texts([("Step", "written after", "{}", False)]),
    ):
        with suppress(sqlite3.Error):
            write()
    return "done"


def sets_and_tells(transaction: SqliteTransaction) -> int:
    transaction.set("next", 1)
    return transaction.append_event("project", {"event_type": "next"})


@pytest.mark.parametrize("others", [0, 1, 2])
def test_work_that_keeps_a_full_disk_to_itself_is_not_acknowledged(tmp_path: Path, others: int) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path)
    store.transact_sync(lambda transaction: transaction.set("kept", True))
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 20}")
        units = [Unit(keeps_a_full_disk_to_itself, Future())]
        units += [Unit(lambda transaction: transaction.set("other", 1), Future()) for _ in range(others)]
        clock = SqliteReading(connection).lamport()
        commit_together(WriterTurn(connection), units, StoreLimits(), path)
        assert all(isinstance(unit.error, StoreError) for unit in units)
        assert {str(unit.error) for unit in units} == {
            f"The disk reported an error for {path}: nothing was saved."
        }
        assert connection.execute("SELECT key FROM entries").fetchall() == [("kept",)]
        assert connection.execute("SELECT count(*) FROM nodes").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
        assert SqliteReading(connection).lamport() == clock
        [following] = commit_together(
            WriterTurn(connection), [Unit(sets_and_tells, Future())], StoreLimits(), path
        )
        assert following.result == clock + 1
        assert connection.execute("SELECT count(*) FROM entries").fetchone() == (2,)
