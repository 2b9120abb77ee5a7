"""Many events in one row of the log: nobody who reads them can tell."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mplp_runtime.vsl import sql_events
from mplp_runtime.vsl.interface import Transaction, ValueStateLayer
from mplp_runtime.vsl.sql_events import Stretches
from mplp_runtime.vsl.sqlite import SqliteStore
from mplp_runtime.vsl.texts import append_texts
from mplp_runtime.vsl.values import compact, stamped

EVENT = {"event_family": "intent", "text": "line\nend and half \ud83d"}


def append(transaction: Transaction, stream: str, count: int) -> None:
    first = transaction.lamport() + 1
    append_texts(transaction, stream, [compact(stamped(EVENT, first + each)) for each in range(count)])


def counts(path: Path) -> list[tuple[int, str, int]]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT lamport, stream, count FROM events ORDER BY lamport").fetchall()
    connection.close()
    return found


def test_events_of_one_stream_that_follow_each_other_share_a_row(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")

    def work(transaction: Transaction) -> None:
        append(transaction, "run", 3)
        transaction.append_event("run", EVENT)
        transaction.append_event("project", EVENT)
        append(transaction, "run", 2)

    store.transact_sync(work)
    store.transact_sync(lambda transaction: transaction.append_event("run", EVENT))
    assert [each.lamport for each in store.read(lambda reading: reading.events())] == list(range(1, 9))
    store.close()
    assert counts(store.path) == [(4, "run", 4), (5, "project", 1), (7, "run", 2), (8, "run", 1)]


def test_a_row_never_holds_more_than_a_reader_wants_to_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_events, "_MOST_EVENTS", 3)
    monkeypatch.setattr(sql_events, "_MOST_CHARACTERS", 10)
    stretches = Stretches()
    stretches.add_texts(1, "s", ["1"] * 7)
    stretches.add_texts(8, "s", ["a" * 20, "b" * 9, "c" * 9, "d"])
    rows = stretches.take()
    assert [(lamport, count) for lamport, _, _, _, count in rows] == [
        (3, 3),
        (6, 3),
        (7, 1),
        (8, 1),
        (10, 2),
        (11, 1),
    ]
    assert "\n".join(texts for _, _, texts, _, _ in rows).split("\n") == [
        *["1"] * 7,
        "a" * 20,
        "b" * 9,
        "c" * 9,
        "d",
    ]
    for _ in range(4):
        stretches.add(1, "s", "1", None)
    assert [count for *_, count in stretches.take()] == [3, 1]


@settings(max_examples=25, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 40)), max_size=8),
    after=st.integers(0, 60),
    limit=st.none() | st.integers(0, 50),
)
def test_any_part_of_the_log_is_read_as_if_each_event_had_its_own_row(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[str, int]], after: int, limit: int | None
) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("log") / "state.db")
    for stream, count in pieces:
        store.transact_sync(lambda transaction, s=stream, c=count: append(transaction, s, c))  # type: ignore[misc]
    streams = [stream for stream, count in pieces for _ in range(count)]
    for wanted in ("a", None):
        expected = [
            (lamport, stream)
            for lamport, stream in enumerate(streams, 1)
            if lamport > after and wanted in (None, stream)
        ][:limit]
        found = store.read(lambda reading, w=wanted: reading.events(w, after=after, limit=limit))  # type: ignore[misc]
        assert [(each.lamport, each.stream) for each in found] == expected
        assert [each.event for each in found] == [stamped(EVENT, lamport) for lamport, _ in expected]
    store.close()


def test_what_becomes_encrypted_stands_alone_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    store.transact_sync(lambda transaction: append(transaction, "run", 50))
    before = store.read(lambda reading: list(reading.events()))
    store.transact_sync(lambda transaction: transaction.reseal(lambda form: (f"sealed {form[0]}", "k"), "k"))
    store.close()
    assert counts(store.path) == [(lamport, "run", 1) for lamport in range(1, 51)]
    store = SqliteStore(tmp_path / "state.db")
    store.transact_sync(
        lambda transaction: transaction.reseal(lambda form: (form[0].removeprefix("sealed "), None), None)
    )
    assert store.read(lambda reading: list(reading.events())) == before
    store.close()


def test_events_that_a_unit_of_work_reads_back_are_its_own_too(store: ValueStateLayer) -> None:
    def work(transaction: Transaction) -> list[int]:
        append(transaction, "run", 3)
        return [each.lamport for each in transaction.events("run", after=1, limit=1)]

    assert store.transact_sync(work) == [2]
