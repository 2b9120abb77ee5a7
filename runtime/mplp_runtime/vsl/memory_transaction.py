# ruff: noqa: A001, A002 - `type` and `id` are the words of the protocol
"""Reading and writing the tables in memory, and undoing what was written."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from mplp_runtime.errors import NodeExists, StoreError
from mplp_runtime.vsl.interface import Edge, Json, Node, Snapshot, StoredEvent, StoredForm
from mplp_runtime.vsl.memory_tables import NodeKey, NodeRow, SnapshotRow, Tables
from mplp_runtime.vsl.values import (
    SCHEMA_VERSION,
    SCHEMA_VERSION_KEY,
    StoreLimits,
    mapping_of,
    missing_end,
    refuse_half_characters,
    refuse_other_version,
    refuse_schema_key,
    shown,
    stored_form,
    timed,
)


class MemoryTransaction:
    """Changes the tables at once and remembers how to undo each change."""

    def __init__(self, tables: Tables, limits: StoreLimits, *, shows_sealed: bool = False) -> None:
        self._tables = tables
        self._limits = limits
        self._shows_sealed = shows_sealed
        self._undo: list[Callable[[], None]] = []
        self.callbacks: list[Callable[[], None]] = []

    def roll_back(self) -> None:
        while self._undo:
            self._undo.pop()()

    def get(self, key: str) -> Json | None:
        form = self._tables.entries.get(key)
        if form is None:
            return SCHEMA_VERSION if key == SCHEMA_VERSION_KEY else None
        return shown(*form, self._shows_sealed)

    def keys(self, prefix: str = "") -> Sequence[str]:
        return sorted(key for key in self._tables.entries if key.startswith(prefix))

    def lamport(self) -> int:
        return self._tables.lamport

    def read_node(self, type: str, id: str, *, deleted: bool = False) -> Node | None:
        row = self._tables.nodes.get(type, {}).get(id)
        if row is None or (row.deleted and not deleted):
            return None
        return Node(type, id, shown(*row.form, self._shows_sealed), row.version, row.deleted)

    def nodes(self, type: str, *, deleted: bool = False) -> Sequence[Node]:
        return [
            Node(type, id, shown(*row.form, self._shows_sealed), row.version, row.deleted)
            for id, row in self._tables.nodes.get(type, {}).items()
            if deleted or not row.deleted
        ]

    def node_types(self) -> Sequence[str]:
        return sorted(type for type, rows in self._tables.nodes.items() if rows)

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
        show = self._shows_sealed
        return [StoredEvent(lamport, name, shown(*form, show)) for lamport, name, form in rows[first:last]]

    def snapshots(self) -> Sequence[Snapshot]:
        return [row.snapshot for row in self._tables.snapshots.values()]

    def key_id(self) -> str | None:
        return self._tables.key_id

    def set(self, key: str, value: Json) -> None:
        refuse_schema_key(key)
        refuse_half_characters(key)
        self._put_entry(key, self._form(value))

    def delete(self, key: str) -> None:
        self._put_entry(key, None)

    def _form(self, value: Json) -> StoredForm:
        return stored_form(value, self._limits, self._tables.key_id)

    def _put_entry(self, key: str, form: StoredForm | None) -> None:
        entries = self._tables.entries
        before = entries.get(key)

        def place(value: StoredForm | None) -> None:
            if value is None:
                entries.pop(key, None)
            else:
                entries[key] = value

        self._undo.append(lambda: place(before))
        place(form)

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
        if expected_version is not None:
            refuse_other_version(type, id, version, expected_version)
        refuse_half_characters(type, id)
        form = self._form(mapping_of(data))
        self._put_node(type, id, NodeRow(form, version + 1, deleted=False))
        return Node(type, id, shown(*form, self._shows_sealed), version + 1)

    def _put_node(self, type: str, id: str, row: NodeRow) -> None:
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
        self._put_node(type, id, NodeRow(before.form, before.version + 1, deleted=True))
        for edge in (*self.edges(source=(type, id)), *self.edges(target=(type, id))):
            self.remove_edge(edge)
        return True

    def add_edge(self, edge: Edge) -> bool:
        if edge in self._tables.edges:
            return False
        for end in ((edge.source_type, edge.source_id), (edge.target_type, edge.target_id)):
            if self.read_node(*end) is None:
                raise missing_end(edge, *end)
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
        refuse_half_characters(stream)
        tables = self._tables
        lamport = tables.lamport + 1
        value = timed(event, lamport)
        row = (lamport, stream, self._form(value))
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

    def create_snapshot(self, id: str, label: str = "") -> Snapshot:
        tables = self._tables
        if id in tables.snapshots:
            raise StoreError(f"There is a snapshot {id} already.")
        refuse_half_characters(id, label)
        snapshot = Snapshot(id, tables.lamport, label)
        nodes = {(type, key): row for type, rows in tables.nodes.items() for key, row in rows.items()}
        edges = sorted(tables.edges, key=tables.edges.__getitem__)

        def undo() -> None:
            del tables.snapshots[id]

        self._undo.append(undo)
        tables.snapshots[id] = SnapshotRow(snapshot, dict(tables.entries), nodes, edges)
        return snapshot

    def restore_snapshot(
        self, id: str, *, keep_keys: Sequence[str] = (), keep_types: Collection[str] = ()
    ) -> None:
        tables = self._tables
        if id not in tables.snapshots:
            raise StoreError(f"There is no snapshot {id}.")
        kept = tables.snapshots[id]
        for key in [*tables.entries, *kept.entries]:
            if not key.startswith(tuple(keep_keys)):
                self._put_entry(key, kept.entries.get(key))
        for type, rows in tables.nodes.items():
            for node_id, row in rows.items() if type not in keep_types else ():
                self._restore_node(type, node_id, row, kept.nodes.get((type, node_id)))
        for edge in list(tables.edges):
            if edge.source_type not in keep_types and edge.target_type not in keep_types:
                self.remove_edge(edge)
        for edge in kept.edges:
            if edge.source_type not in keep_types and edge.target_type not in keep_types:
                self.add_edge(edge)

    def _restore_node(self, type: str, id: str, row: NodeRow, kept: NodeRow | None) -> None:
        if kept is None:
            self.delete_node(type, id)
        elif kept.version != row.version:
            self._put_node(type, id, NodeRow(kept.form, row.version + 1, kept.deleted))

    def delete_snapshot(self, id: str) -> bool:
        snapshots = self._tables.snapshots
        if id not in snapshots:
            return False
        before = dict(snapshots)

        def undo() -> None:
            # The order of what is left counts, so all of it is put back.
            snapshots.clear()
            snapshots.update(before)

        self._undo.append(undo)
        del snapshots[id]
        return True

    def reseal(self, change: Callable[[StoredForm], StoredForm], key_id: str | None) -> None:
        self._undo.append(self._tables.reseal(change, key_id))

    def after_commit(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)
