"""Works that are committed one after the other on the writer's own thread, without a trip to the caller's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mplp_runtime.vsl.interface import T, Transaction, ValueStateLayer
from mplp_runtime.vsl.memory import MemoryStore
from mplp_runtime.vsl.sqlite import SqliteStore

LIMIT_S = 20
Work = Callable[[Transaction], None]


def notes(seen: list[str], *names: str) -> list[Work]:
    def work(name: str) -> Work:
        def write(transaction: Transaction) -> None:
            transaction.set(name, 1)
            transaction.after_commit(lambda: seen.append(name))

        return write

    return [work(name) for name in names]


def waiting(asked: threading.Event, may_go_on: threading.Event) -> Work:
    def write(transaction: Transaction) -> None:
        transaction.set("first", 1)
        asked.set()
        assert may_go_on.wait(LIMIT_S)

    return write


async def test_what_others_want_to_write_comes_in_between(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    seen: list[str] = []
    asked, may_go_on = threading.Event(), threading.Event()
    series = asyncio.create_task(store.transact_each([waiting(asked, may_go_on), *notes(seen, "b", "c")]))
    assert await asyncio.to_thread(asked.wait, LIMIT_S)
    other = asyncio.create_task(store.transact(notes(seen, "other")[0]))
    await asyncio.sleep(0)
    may_go_on.set()
    await asyncio.gather(series, other)
    assert seen == ["b", "other", "c"]
    store.close()


async def test_a_store_that_closes_finishes_the_series_first(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    seen: list[str] = []
    asked, may_go_on = threading.Event(), threading.Event()
    series = asyncio.create_task(store.transact_each([waiting(asked, may_go_on), *notes(seen, "b", "c")]))
    assert await asyncio.to_thread(asked.wait, LIMIT_S)
    closing = asyncio.create_task(asyncio.to_thread(store.close))
    may_go_on.set()
    await asyncio.gather(series, closing)
    assert seen == ["b", "c"]


async def test_nothing_more_is_done_for_a_caller_who_has_given_up(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    seen: list[str] = []
    asked, may_go_on = threading.Event(), threading.Event()
    series = asyncio.create_task(store.transact_each([waiting(asked, may_go_on), *notes(seen, "b", "c")]))
    assert await asyncio.to_thread(asked.wait, LIMIT_S)
    series.cancel()
    with pytest.raises(asyncio.CancelledError):
        await series
    may_go_on.set()
    await store.set("later", 1)
    assert seen == []
    assert store.read(lambda reading: list(reading.keys())) == ["first", "later"]
    store.close()


async def test_a_series_that_fails_beside_others_is_over_and_the_others_are_written(tmp_path: Path) -> None:
    def fail(transaction: Transaction) -> None:
        transaction.set("failed", 1)
        raise ZeroDivisionError

    store = SqliteStore(tmp_path / "state.db")
    seen: list[str] = []
    asked, may_go_on = threading.Event(), threading.Event()
    first = asyncio.create_task(store.transact(waiting(asked, may_go_on)))
    assert await asyncio.to_thread(asked.wait, LIMIT_S)
    series = asyncio.create_task(store.transact_each([fail, *notes(seen, "b")]))
    other = asyncio.create_task(store.transact(notes(seen, "other")[0]))
    await asyncio.sleep(0)
    may_go_on.set()
    with pytest.raises(ZeroDivisionError):
        await series
    await asyncio.gather(first, other)
    await store.set("later", 1)
    assert seen == ["other"]
    assert store.read(lambda reading: list(reading.keys())) == ["first", "later", "other"]
    store.close()


async def test_a_store_of_somebodys_own_does_series_with_what_it_has() -> None:
    class Own(ValueStateLayer):
        def __init__(self) -> None:
            self.inner = MemoryStore()

        async def transact(self, work: Callable[[Transaction], T]) -> T:
            return await self.inner.transact(work)

    store, seen = Own(), list[str]()
    await store.transact_each(notes(seen, "a", "b"))
    assert seen == ["a", "b"]
    assert store.inner.read(lambda reading: list(reading.keys())) == ["a", "b"]
