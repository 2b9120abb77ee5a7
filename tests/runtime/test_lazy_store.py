"""A store that moves from memory to where it is kept, however long that takes."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from mplp_runtime.errors import StoreError
from mplp_runtime.lazy_store import LazyStore
from mplp_runtime.vsl.file_protection import PLAIN, Protection
from mplp_runtime.vsl.interface import Transaction, ValueStateLayer
from mplp_runtime.vsl.sqlite import SqliteStore


class Locked:
    """A state that cannot be opened until somebody unlocks it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_waiting = threading.Event()
        self.unlocked = threading.Event()
        self.is_open = False

    def opened(self) -> tuple[ValueStateLayer, Protection]:
        self.is_waiting.set()
        self.unlocked.wait(10)
        self.is_open = True
        return SqliteStore(self.path), PLAIN


async def test_a_write_while_the_state_moves_holds_up_no_loop_and_is_kept(tmp_path: Path) -> None:
    locked = Locked(tmp_path / "state.db")
    store = LazyStore(locked.path, locked.opened)
    await store.set("before", 1)
    moving = asyncio.ensure_future(asyncio.to_thread(store.persist))
    await asyncio.to_thread(locked.is_waiting.wait)
    writing = asyncio.ensure_future(store.set("meanwhile", 2))
    await asyncio.sleep(0)
    assert not locked.is_open, "the loop went on only once the state had moved"
    assert store.read(lambda reading: reading.get("before")) == 1
    locked.unlocked.set()
    await asyncio.gather(moving, writing)
    store.close()
    again = SqliteStore(locked.path)
    assert again.read(lambda reading: [reading.get(key) for key in ("before", "meanwhile")]) == [1, 2]
    again.close()


async def test_a_store_that_is_closed_while_it_moves_leaves_nothing_open(tmp_path: Path) -> None:
    locked = Locked(tmp_path / "state.db")
    store = LazyStore(locked.path, locked.opened)
    moving = asyncio.ensure_future(asyncio.to_thread(store.persist))
    await asyncio.to_thread(locked.is_waiting.wait)
    closing = asyncio.ensure_future(asyncio.to_thread(store.close))
    locked.unlocked.set()
    await asyncio.gather(moving, closing)
    with pytest.raises(StoreError, match="The state is closed"):
        store.read(lambda reading: reading.get("key"))


def test_a_closed_store_does_not_move(tmp_path: Path) -> None:
    store = LazyStore(tmp_path / "state.db")
    store.close()
    with pytest.raises(StoreError, match="The state is closed"):
        store.persist()
    assert not store.path.exists()


async def test_a_series_in_a_state_that_has_moved_goes_on_while_the_loop_of_its_caller_is_busy(
    tmp_path: Path,
) -> None:
    store = LazyStore(tmp_path / "state.db")
    store.persist()
    is_over = threading.Event()

    def last(transaction: Transaction) -> None:
        transaction.set("last", 2)
        transaction.after_commit(is_over.set)

    series = asyncio.ensure_future(
        store.transact_each([lambda transaction: transaction.set("first", 1), last])
    )
    await asyncio.sleep(0)
    # Nothing else has its turn on the loop meanwhile.
    assert is_over.wait(10)
    await series
    assert store.read(lambda reading: [reading.get(key) for key in ("first", "last")]) == [1, 2]
    store.close()
