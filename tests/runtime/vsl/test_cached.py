"""What is answered from memory, for how long, and what makes it forget."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.vsl.cached import CachedStore
from mplp_runtime.vsl.interface import Reading, T, Transaction
from mplp_runtime.vsl.memory import MemoryStore
from mplp_runtime.vsl.sqlite import SqliteStore


class CountingStore(MemoryStore):
    """Counts how often it is asked; `before_answer` runs between a read and its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.before_answer: Callable[[], None] = lambda: None

    def read(self, work: Callable[[Reading], T]) -> T:
        self.reads += 1
        answer = super().read(work)
        self.before_answer()
        return answer


class Time:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def backend() -> CountingStore:
    return CountingStore()


async def test_a_second_read_asks_nobody(backend: CountingStore) -> None:
    store = CachedStore(backend)
    backend.transact_sync(lambda transaction: transaction.set("key", {"list": [1]}))
    first = await store.get("key")
    first["list"].append(2)
    assert await store.get("key") == {"list": [1]}, "each caller gets a value of its own"
    assert await store.get("nothing") is None
    assert await store.get("nothing") is None
    assert backend.reads == 2


async def test_a_node_is_answered_from_memory_too(backend: CountingStore) -> None:
    store = CachedStore(backend)
    await store.write_node("Plan", "p", {"n": [1]})
    for _ in range(3):
        node = await store.read_node("Plan", "p")
        assert node is not None
        assert (node.data, node.version) == ({"n": [1]}, 1)
        node.data["n"].append(2)
    assert backend.reads == 0, "what was written is known"
    await store.delete_node("Plan", "p")
    assert await store.read_node("Plan", "p") is None


async def test_what_is_kept_is_asked_for_again_after_its_time(backend: CountingStore) -> None:
    time = Time()
    store = CachedStore(backend, ttl_s=60, elapsed_s=time)
    await store.get("key")
    time.now_s += 59
    await store.get("key")
    assert backend.reads == 1
    time.now_s += 2
    await store.get("key")
    assert backend.reads == 2


async def test_what_is_written_is_answered_at_once_and_written_through(backend: CountingStore) -> None:
    store = CachedStore(backend)
    await store.set("key", (1, 2))
    assert await store.get("key") == [1, 2], "as the store has it, not as it came"
    assert backend.reads == 0
    assert backend.read(lambda reading: reading.get("key")) == [1, 2]
    await store.transact(lambda transaction: transaction.delete("key"))
    assert await store.get("key") is None


async def test_work_that_is_undone_is_never_answered(backend: CountingStore) -> None:
    store = CachedStore(backend)
    await store.set("key", "kept")

    def work(transaction: Transaction) -> None:
        transaction.set("key", "undone")
        transaction.write_node("Plan", "p", {})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.transact(work)
    assert await store.get("key") == "kept"
    assert await store.read_node("Plan", "p") is None


async def test_a_restore_forgets_everything(backend: CountingStore) -> None:
    store = CachedStore(backend)
    await store.set("key", 1)
    snapshot = await store.create_snapshot()
    await store.set("key", 2)
    await store.restore_snapshot(snapshot)
    assert await store.get("key") == 1


async def test_a_callback_of_the_work_reads_what_the_work_wrote(backend: CountingStore) -> None:
    store = CachedStore(backend)
    await store.set("key", "before")
    seen: list[Any] = []

    def work(transaction: Transaction) -> None:
        transaction.set("key", "after")
        transaction.after_commit(lambda: seen.append(store._answer(("entry", "key"), lambda _: "asked")))

    await store.transact(work)
    assert seen == ["after"]


async def test_an_answer_that_was_overtaken_is_not_kept(backend: CountingStore) -> None:
    store = CachedStore(backend)
    backend.transact_sync(lambda transaction: transaction.set("key", "old"))

    def overtake() -> None:
        backend.before_answer = lambda: None
        thread = threading.Thread(target=lambda: store.transact_sync(lambda tx: tx.set("key", "new")))
        thread.start()
        thread.join()

    backend.before_answer = overtake
    assert await store.get("key") == "old", "it was so when it was read"
    assert await store.get("key") == "new"


async def test_what_another_process_writes_is_seen_after_a_look(tmp_path: Path) -> None:
    time = Time()
    store = CachedStore(SqliteStore(tmp_path / "state.db"), look_every_s=0.1, elapsed_s=time)
    other = SqliteStore(tmp_path / "state.db")
    await store.set("key", "ours")
    await other.set("key", "theirs")
    assert await store.get("key") == "ours"
    time.now_s += 0.1
    assert await store.get("key") == "theirs"
    other.close()
    store.close()


async def test_only_the_values_used_last_are_kept(backend: CountingStore) -> None:
    store = CachedStore(backend, most=2)
    for key in ("a", "b", "a", "c"):
        await store.get(key)
    assert backend.reads == 3
    await store.get("a")
    assert backend.reads == 3
    await store.get("b")
    assert backend.reads == 4


async def test_many_threads_read_what_one_writes(backend: CountingStore) -> None:
    store = CachedStore(backend)
    await store.set("n", 0)

    def rising() -> bool:
        last = 0
        for _ in range(200):
            found = asyncio.run(store.get("n"))
            if found < last:
                return False
            last = found
        return True

    readers = [asyncio.to_thread(rising) for _ in range(3)]

    async def write() -> None:
        for number in range(1, 100):
            await store.set("n", number)
            await asyncio.sleep(0)

    *results, _ = await asyncio.gather(*readers, write())
    assert results == [True] * 3, "nobody sees a value older than one seen before"
    assert await store.get("n") == 99
