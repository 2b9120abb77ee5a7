# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""A store that stays in memory until something is worth keeping, then moves into `.mplp/` (D23)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mplp_runtime.vsl.interface import (
    Edge,
    Json,
    Node,
    Reading,
    StoredEvent,
    T,
    Transaction,
    ValueStateLayer,
)
from mplp_runtime.vsl.memory import MemoryStore
from mplp_runtime.vsl.sqlite import SqliteStore

Change = tuple[str, tuple[Any, ...]]


class LazyStore:
    """A ValueStateLayer that can be asked to become durable; what was written before comes along.

    >>> import tempfile
    >>> store = LazyStore(Path(tempfile.mkdtemp()) / "state.db")
    >>> store.transact_sync(lambda transaction: transaction.set("answer", 42))
    >>> store.path.exists(), store.persist(), store.path.exists()
    (False, True, True)
    >>> store.read(lambda reading: reading.get("answer"))
    42
    >>> store.close()
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._switch = threading.RLock()
        self._memory: MemoryStore | None = MemoryStore()
        self._store: ValueStateLayer = self._memory
        self._changes: list[Change] = []

    @property
    def is_durable(self) -> bool:
        """Whether what is acknowledged survives the process."""
        return self._memory is None

    def persist(self) -> bool:
        """Moves into the file; False if that was done before. Raises StoreError if it cannot be used."""
        with self._switch:
            if self._memory is None:
                return False
            durable = SqliteStore(self.path)
            try:
                durable.transact_sync(self._repeat_changes)
            except BaseException:
                durable.close()
                raise
            self._store, self._memory, self._changes = durable, None, []
            return True

    async def get(self, key: str) -> Json | None:
        return await self._store.get(key)

    async def set(self, key: str, value: Json) -> None:
        await self.transact(lambda transaction: transaction.set(key, value))

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        if self._memory is not None:
            with self._switch:
                if self._memory is not None:
                    return self._remembered(work)
        return await self._store.transact(work)

    def transact_sync(self, work: Callable[[Transaction], T]) -> T:
        if self._memory is not None:
            with self._switch:
                if self._memory is not None:
                    return self._remembered(work)
        return self._store.transact_sync(work)

    def read(self, work: Callable[[Reading], T]) -> T:
        return self._store.read(work)

    def data_version(self) -> int:
        return self._store.data_version()

    def close(self) -> None:
        self._store.close()

    def _remembered(self, work: Callable[[Transaction], T]) -> T:
        made: list[Change] = []

        def recorded(transaction: Transaction) -> T:
            return work(_Recording(transaction, made))

        result = self._store.transact_sync(recorded)
        self._changes.extend(made)
        return result

    def _repeat_changes(self, transaction: Transaction) -> None:
        # Another process may have made the file meanwhile. What it has under a key stays, its graph's id
        # above all.
        keys = {arguments[0] for name, arguments in self._changes if name == "set"}
        taken = {key for key in keys if transaction.get(key) is not None}
        for name, arguments in self._changes:
            if name not in {"set", "delete"} or arguments[0] not in taken:
                getattr(transaction, name)(*arguments)


class _Recording:
    """A transaction that notes each change, in a form that can be repeated on a store that is not empty."""

    def __init__(self, transaction: Transaction, made: list[Change]) -> None:
        self._transaction = transaction
        self._made = made

    def get(self, key: str) -> Json | None:
        return self._transaction.get(key)

    def keys(self, prefix: str = "") -> Sequence[str]:
        return self._transaction.keys(prefix)

    def lamport(self) -> int:
        return self._transaction.lamport()

    def read_node(self, type: str, id: str, *, deleted: bool = False) -> Node | None:
        return self._transaction.read_node(type, id, deleted=deleted)

    def nodes(self, type: str, *, deleted: bool = False) -> Sequence[Node]:
        return self._transaction.nodes(type, deleted=deleted)

    def edges(
        self,
        *,
        kind: str | None = None,
        source: tuple[str, str] | None = None,
        target: tuple[str, str] | None = None,
    ) -> Sequence[Edge]:
        return self._transaction.edges(kind=kind, source=source, target=target)

    def events(
        self, stream: str | None = None, *, after: int = 0, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        return self._transaction.events(stream, after=after, limit=limit)

    def set(self, key: str, value: Json) -> None:
        self._transaction.set(key, value)
        self._made.append(("set", (key, value)))

    def delete(self, key: str) -> None:
        self._transaction.delete(key)
        self._made.append(("delete", (key,)))

    def create_node(self, type: str, id: str, data: Mapping[str, Json]) -> Node:
        node = self._transaction.create_node(type, id, data)
        self._made.append(("write_node", (type, id, node.data)))
        return node

    def write_node(
        self, type: str, id: str, data: Mapping[str, Json], *, expected_version: int | None = None
    ) -> Node:
        node = self._transaction.write_node(type, id, data, expected_version=expected_version)
        self._made.append(("write_node", (type, id, node.data)))
        return node

    def delete_node(self, type: str, id: str) -> bool:
        self._made.append(("delete_node", (type, id)))
        return self._transaction.delete_node(type, id)

    def add_edge(self, edge: Edge) -> bool:
        self._made.append(("add_edge", (edge,)))
        return self._transaction.add_edge(edge)

    def remove_edge(self, edge: Edge) -> bool:
        self._made.append(("remove_edge", (edge,)))
        return self._transaction.remove_edge(edge)

    def append_event(self, stream: str, event: Mapping[str, Json]) -> int:
        lamport = self._transaction.append_event(stream, event)
        self._made.append(("append_event", (stream, dict(event))))
        return lamport

    def after_commit(self, callback: Callable[[], None]) -> None:
        self._transaction.after_commit(callback)
