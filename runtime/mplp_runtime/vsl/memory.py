# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""A store that lives as long as the process: for tests, for read-only and for untrusted folders (D23)."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mplp_runtime.errors import NodeConflict, NodeExists, StoreError
from mplp_runtime.vsl.callbacks import run_callback
from mplp_runtime.vsl.interface import Edge, Json, Node, Reading, StoredEvent, T, Transaction
from mplp_runtime.vsl.values import MISPLACED_TRANSACTION, StoreLimits, decoded, encoded, stamped

NodeKey = tuple[str, str]

KEPT_EVENTS = 4_000
"""Of a stream that tells a whole project's story: each edit adds to it for as long as the process lives, and
nobody reads far back in it where no timeline is written. Streams of runs are kept whole."""


@dataclass(frozen=True, slots=True)
class _NodeRow:
    text: str
    version: int
    deleted: bool


@dataclass(slots=True)
class _Tables:
    """Values are kept as JSON text, so that nobody shares a mutable value with the store."""

    entries: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, dict[str, _NodeRow]] = field(default_factory=dict)
    edges: dict[Edge, int] = field(default_factory=dict)
    edges_added: int = 0
    outgoing: dict[NodeKey, dict[Edge, None]] = field(default_factory=dict)
    incoming: dict[NodeKey, dict[Edge, None]] = field(default_factory=dict)
    events: list[tuple[int, str, str]] = field(default_factory=list)
    streams: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)
    lamport: int = 0

    def shorten(self, stream: str, kept: int) -> None:
        """Forgets the oldest events of a stream; not at each event, because that walks over all of them."""
        rows = self.streams.get(stream, [])
        if len(rows) < kept + max(1, kept // 2):
            return
        first = rows[-kept][0] if kept else self.lamport + 1
        self.events = [row for row in self.events if row[1] != stream or row[0] >= first]
        self.streams[stream] = [row for row in rows if row[0] >= first]


class _MemoryTransaction:
    """Changes the tables at once and remembers how to undo each change."""

    def __init__(self, tables: _Tables, limits: StoreLimits) -> None:
        self._tables = tables
        self._limits = limits
        self._undo: list[Callable[[], None]] = []
        self.callbacks: list[Callable[[], None]] = []

    def roll_back(self) -> None:
        while self._undo:
            self._undo.pop()()

    def get(self, key: str) -> Json | None:
        text = self._tables.entries.get(key)
        return None if text is None else decoded(text)

    def keys(self, prefix: str = "") -> Sequence[str]:
        return sorted(key for key in self._tables.entries if key.startswith(prefix))

    def lamport(self) -> int:
        return self._tables.lamport

    def read_node(self, type: str, id: str, *, deleted: bool = False) -> Node | None:
        row = self._tables.nodes.get(type, {}).get(id)
        if row is None or (row.deleted and not deleted):
            return None
        return Node(type, id, decoded(row.text), row.version, row.deleted)

    def nodes(self, type: str, *, deleted: bool = False) -> Sequence[Node]:
        return [
            Node(type, id, decoded(row.text), row.version, row.deleted)
            for id, row in self._tables.nodes.get(type, {}).items()  # noqa: A001
            if deleted or not row.deleted
        ]

    def edges(
        self, *, kind: str | None = None, source: NodeKey | None = None, target: NodeKey | None = None
    ) -> Sequence[Edge]:
        order = self._tables.edges
        candidates: Iterable[Edge] = order
        if source is not None:
            candidates = self._tables.outgoing.get(source, {})
        elif target is not None:
            candidates = self._tables.incoming.get(target, {})
        found = [
            edge
            for edge in candidates
            if (kind is None or edge.kind == kind)
            and (target is None or (edge.target_type, edge.target_id) == target)
        ]
        return sorted(found, key=order.__getitem__)

    def events(
        self, stream: str | None = None, *, after: int = 0, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        rows = self._tables.events if stream is None else self._tables.streams.get(stream, [])
        first = bisect_right(rows, after, key=lambda row: row[0])
        last = None if limit is None else first + limit
        return [StoredEvent(lamport, name, decoded(text)) for lamport, name, text in rows[first:last]]

    def set(self, key: str, value: Json) -> None:
        self._put_entry(key, encoded(value, self._limits))

    def delete(self, key: str) -> None:
        self._put_entry(key, None)

    def _put_entry(self, key: str, text: str | None) -> None:
        entries = self._tables.entries
        before = entries.get(key)

        def place(value: str | None) -> None:
            if value is None:
                entries.pop(key, None)
            else:
                entries[key] = value

        self._undo.append(lambda: place(before))
        place(text)

    def create_node(self, type: str, id: str, data: Mapping[str, Json]) -> Node:
        if id in self._tables.nodes.get(type, {}):
            raise NodeExists(f"{type} {id} is already in the graph.")
        return self.write_node(type, id, data)

    def write_node(
        self,
        type: str,
        id: str,
        data: Mapping[str, Json],
        *,
        expected_version: int | None = None,
    ) -> Node:
        before = self._tables.nodes.get(type, {}).get(id)
        version = before.version if before else 0
        if expected_version is not None and expected_version != version:
            raise NodeConflict(
                f"{type} {id} changed meanwhile: version {version} is stored, not {expected_version}."
            )
        text = encoded(dict(data), self._limits)
        self._put_node(type, id, _NodeRow(text, version + 1, deleted=False))
        return Node(type, id, decoded(text), version + 1)

    def _put_node(self, type: str, id: str, row: _NodeRow) -> None:
        table = self._tables.nodes.setdefault(type, {})
        before = table.get(id)

        def restore() -> None:
            if before is None:
                del table[id]
            else:
                table[id] = before

        self._undo.append(restore)
        table[id] = row

    def delete_node(self, type: str, id: str) -> bool:
        before = self._tables.nodes.get(type, {}).get(id)
        if before is None or before.deleted:
            return False
        self._put_node(type, id, _NodeRow(before.text, before.version + 1, deleted=True))
        for edge in (*self.edges(source=(type, id)), *self.edges(target=(type, id))):
            self.remove_edge(edge)
        return True

    def add_edge(self, edge: Edge) -> bool:
        if edge in self._tables.edges:
            return False
        self._tables.edges_added += 1
        self._undo.append(lambda: self._unlink(edge))
        self._link(edge, self._tables.edges_added)
        return True

    def remove_edge(self, edge: Edge) -> bool:
        if edge not in self._tables.edges:
            return False
        place = self._tables.edges[edge]
        self._undo.append(lambda: self._link(edge, place))
        self._unlink(edge)
        return True

    def _link(self, edge: Edge, place: int) -> None:
        self._tables.edges[edge] = place
        self._tables.outgoing.setdefault((edge.source_type, edge.source_id), {})[edge] = None
        self._tables.incoming.setdefault((edge.target_type, edge.target_id), {})[edge] = None

    def _unlink(self, edge: Edge) -> None:
        del self._tables.edges[edge]
        del self._tables.outgoing[edge.source_type, edge.source_id][edge]
        del self._tables.incoming[edge.target_type, edge.target_id][edge]

    def append_event(self, stream: str, event: Mapping[str, Json]) -> int:
        tables = self._tables
        lamport = tables.lamport + 1
        row = (lamport, stream, encoded(stamped(event, lamport), self._limits))
        rows = tables.streams.setdefault(stream, [])

        def restore() -> None:
            tables.lamport -= 1
            tables.events.pop()
            rows.pop()

        self._undo.append(restore)
        tables.lamport = lamport
        tables.events.append(row)
        rows.append(row)
        return lamport

    def after_commit(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)


class MemoryStore:
    """A ValueStateLayer in this process's memory, with the same promises as the SQLite one but durability.

    `kept_events` names streams of which only that many of the newest events are sure to stay.
    """

    def __init__(
        self, *, limits: StoreLimits | None = None, kept_events: Mapping[str, int] | None = None
    ) -> None:
        self._kept_events = dict(kept_events or {})
        self._limits = limits or StoreLimits()
        self._tables = _Tables()
        # Entered again by a read inside a read.
        self._lock = threading.RLock()
        self._reading_thread: int | None = None
        self._working_thread: int | None = None
        # Callbacks run outside the lock: they may wait for somebody who wants to read.
        self._undelivered: deque[Callable[[], None]] = deque()
        self._delivery = threading.Lock()
        self._delivering_thread: int | None = None
        self._is_closed = False

    async def get(self, key: str) -> Json | None:
        return self.read(lambda reading: reading.get(key))

    async def set(self, key: str, value: Json) -> None:
        self.transact_sync(lambda transaction: transaction.set(key, value))

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        return self.transact_sync(work)

    def transact_sync(self, work: Callable[[Transaction], T]) -> T:
        if threading.get_ident() in {self._working_thread, self._delivering_thread, self._reading_thread}:
            raise RuntimeError(MISPLACED_TRANSACTION)
        with self._lock:
            self._refuse_if_closed()
            transaction = _MemoryTransaction(self._tables, self._limits)
            self._working_thread = threading.get_ident()
            try:
                result = work(transaction)
            except BaseException:
                transaction.roll_back()
                raise
            finally:
                self._working_thread = None
            for stream, kept in self._kept_events.items():
                self._tables.shorten(stream, kept)
            self._undelivered.extend(transaction.callbacks)
        self._deliver()
        return result

    def read(self, work: Callable[[Reading], T]) -> T:
        if self._working_thread == threading.get_ident():
            raise RuntimeError("inside a transaction, read through it")
        with self._lock:
            self._refuse_if_closed()
            outer, self._reading_thread = self._reading_thread, threading.get_ident()
            try:
                return work(_MemoryTransaction(self._tables, self._limits))
            finally:
                self._reading_thread = outer

    def copy_into(self, transaction: Transaction) -> None:
        """Brings everything into another store, which need not be empty: what it has under a key stays.

        Events follow those that are there, in their order, and so get new logical times.
        """
        with self._lock:
            tables = self._tables
            for key, text in tables.entries.items():
                if transaction.get(key) is None:
                    transaction.set(key, decoded(text))
            for type_, rows in tables.nodes.items():
                for id_, row in rows.items():
                    transaction.write_node(type_, id_, decoded(row.text))
                    if row.deleted:
                        transaction.delete_node(type_, id_)
            for edge in sorted(tables.edges, key=tables.edges.__getitem__):
                transaction.add_edge(edge)
            for _, stream, text in tables.events:
                transaction.append_event(stream, decoded(text))

    def data_version(self) -> int:
        """Always 1: no other process can write here."""
        return 1

    def close(self) -> None:
        with self._lock:
            self._is_closed = True

    def _deliver(self) -> None:
        """Runs callbacks in the order of commits; when it returns, those of the caller have run."""
        with self._delivery:
            self._delivering_thread = threading.get_ident()
            try:
                while self._undelivered:
                    run_callback(self._undelivered.popleft())
            finally:
                self._delivering_thread = None

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise StoreError("The state is closed.")
