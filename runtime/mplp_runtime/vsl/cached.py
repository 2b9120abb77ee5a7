# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""A decorator that answers repeated reads of one value or one node from memory (seed 1, 9.1)."""

from __future__ import annotations

import copy
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence

from mplp_runtime.vsl.decorator import StoreDecorator
from mplp_runtime.vsl.interface import (
    Json,
    Node,
    Reading,
    StoredForm,
    T,
    Transaction,
    ValueStateLayer,
)
from mplp_runtime.vsl.transaction_decorator import TransactionDecorator
from mplp_runtime.vsl.transaction_handle import TransactionHandle
from mplp_runtime.vsl.values import Sealed, as_stored

TTL_S = 60.0
"""How long a value may be answered from memory (seed 1, 9.1: 60 000 ms)."""

_Name = tuple[str, ...]
"""("entry", key) or ("node", type, id)."""


class CachedStore(StoreDecorator):
    """A ValueStateLayer over another one. `get` and `read_node` answer from memory for up to `ttl_s` seconds.

    What this process writes is seen at once: written values replace the kept ones when they are durable.
    What others write is seen after at most `look_every_s` seconds, when `data_version` has changed; 0 looks
    at every call. Inside `read` and `transact` nothing is answered from memory: there, all comes from one
    moment. At most `most` values are kept, those used last.

    >>> from mplp_runtime.vsl.memory import MemoryStore
    >>> import asyncio
    >>> store = CachedStore(MemoryStore())
    >>> asyncio.run(store.set("answer", 42)), asyncio.run(store.get("answer"))
    (None, 42)
    """

    def __init__(
        self,
        backend: ValueStateLayer,
        *,
        ttl_s: float = TTL_S,
        look_every_s: float = 0.1,
        most: int = 10_000,
        elapsed_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(backend)
        self._ttl_s = ttl_s
        self._look_every_s = look_every_s
        self._most = most
        self._elapsed_s = elapsed_s
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Name, tuple[float, Json]] = OrderedDict()
        # Rises with every change: an answer that was on its way meanwhile is not kept.
        self._generation = 0
        # Who wrote a name last. Of several in one commit only that one's value is kept, or a reader could
        # see an older value after a newer one.
        self._last_writers: dict[_Name, _WatchingTransaction] = {}
        self._seen_version = backend.data_version()
        self._looked_at_s = elapsed_s()

    async def get(self, key: str, transaction: TransactionHandle | None = None) -> Json | None:
        if transaction is not None:
            return await transaction.get(key)
        return self._answer(("entry", key), lambda reading: reading.get(key))

    async def read_node(
        self, type: str, id: str, transaction: TransactionHandle | None = None
    ) -> Node | None:
        if transaction is not None:
            return await transaction.read_node(type, id)
        found: Node | None = self._answer(("node", type, id), lambda reading: reading.read_node(type, id))
        return found

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        return await super().transact(self._watched(work))

    def transact_sync(self, work: Callable[[Transaction], T]) -> T:
        return super().transact_sync(self._watched(work))

    def show_sealed(self) -> None:
        super().show_sealed()
        self._forget_all()

    def close(self) -> None:
        self._forget_all()
        super().close()

    def _answer(self, name: _Name, question: Callable[[Reading], Json]) -> Json:
        self._look_at_others()
        with self._lock:
            known = self._kept.get(name)
            generation = self._generation
            if known is not None and self._elapsed_s() - known[0] < self._ttl_s:
                self._kept.move_to_end(name)
                # A copy, or who changes what it got would change what others get.
                return _copied(known[1])
        value = self.read(question)
        with self._lock:
            if generation == self._generation:
                self._keep(name, _copied(value))
        return value

    def _keep(self, name: _Name, value: Json) -> None:
        self._kept[name] = self._elapsed_s(), value
        self._kept.move_to_end(name)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def _look_at_others(self) -> None:
        now = self._elapsed_s()
        if now - self._looked_at_s < self._look_every_s:
            return
        version = self.data_version()
        self._looked_at_s = now
        if version != self._seen_version:
            self._seen_version = version
            self._forget_all()

    def _forget_all(self) -> None:
        with self._lock:
            self._generation += 1
            self._kept.clear()

    def _watched(self, work: Callable[[Transaction], T]) -> Callable[[Transaction], T]:
        def watched(transaction: Transaction) -> T:
            watching = _WatchingTransaction(transaction, self._written)
            # First, so that callbacks of the work itself read what it wrote.
            transaction.after_commit(lambda: self._committed(watching))
            return work(watching)

        return watched

    def _written(self, name: _Name, writer: _WatchingTransaction) -> None:
        with self._lock:
            if len(self._last_writers) >= self._most:
                # Left over from work that was undone.
                self._last_writers.clear()
            self._last_writers[name] = writer

    def _committed(self, watching: _WatchingTransaction) -> None:
        with self._lock:
            self._generation += 1
            if watching.is_all_changed:
                self._kept.clear()
            for name in watching.changed:
                self._kept.pop(name, None)
                if self._last_writers.get(name) is watching:
                    del self._last_writers[name]
                    if name in watching.written and not watching.is_all_changed:
                        self._keep(name, watching.written[name])


class _WatchingTransaction(TransactionDecorator):
    """Remembers what is written through it."""

    def __init__(self, inner: Transaction, wrote: Callable[[_Name, _WatchingTransaction], None]) -> None:
        super().__init__(inner)
        self._wrote = wrote
        self.changed: set[_Name] = set()
        self.written: dict[_Name, Json] = {}
        self.is_all_changed = False

    def set(self, key: str, value: Json) -> None:
        super().set(key, value)
        self._note(("entry", key))
        self.written["entry", key] = value if isinstance(value, Sealed) else as_stored(value)

    def delete(self, key: str) -> None:
        super().delete(key)
        self._note(("entry", key))

    def create_node(self, type: str, id: str, data: Mapping[str, Json]) -> Node:
        return self._noted(super().create_node(type, id, data))

    def write_node(
        self, type: str, id: str, data: Mapping[str, Json], *, expected_version: int | None = None
    ) -> Node:
        return self._noted(super().write_node(type, id, data, expected_version=expected_version))

    def delete_node(self, type: str, id: str) -> bool:
        self._note(("node", type, id))
        return super().delete_node(type, id)

    def restore_snapshot(
        self, id: str, *, keep_keys: Sequence[str] = (), keep_types: Collection[str] = ()
    ) -> None:
        self.is_all_changed = True
        super().restore_snapshot(id, keep_keys=keep_keys, keep_types=keep_types)

    def reseal(self, change: Callable[[StoredForm], StoredForm], key_id: str | None) -> None:
        self.is_all_changed = True
        super().reseal(change, key_id)

    def _note(self, name: _Name) -> None:
        self._wrote(name, self)
        self.changed.add(name)
        self.written.pop(name, None)

    def _noted(self, node: Node) -> Node:
        name = ("node", node.type, node.id)
        self._note(name)
        self.written[name] = _copied(node)
        return node


def _copied(value: Json) -> Json:
    """A value or node that shares nothing with the one given."""
    if isinstance(value, Node):
        return Node(value.type, value.id, copy.deepcopy(value.data), value.version, value.deleted)
    return copy.deepcopy(value)
