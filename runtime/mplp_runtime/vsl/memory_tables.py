"""The tables of the store in memory: rows as JSON text, so that nobody shares a mutable value with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mplp_runtime.vsl.interface import Edge, Snapshot, StoredForm

NodeKey = tuple[str, str]
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class NodeRow:
    """What is kept of a node; never changed, only replaced."""

    form: StoredForm
    version: int
    deleted: bool


EventRow = tuple[int, str, StoredForm]


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """Copies of tables whose rows never change."""

    snapshot: Snapshot
    entries: Mapping[str, StoredForm]
    nodes: Mapping[NodeKey, NodeRow]
    edges: Sequence[Edge]


@dataclass(slots=True)
class Tables:
    """Values are kept as JSON text, so that nobody shares a mutable value with the store."""

    entries: dict[str, StoredForm] = field(default_factory=dict)
    nodes: dict[str, dict[str, NodeRow]] = field(default_factory=dict)
    edges: dict[Edge, int] = field(default_factory=dict)
    edges_added: int = 0
    outgoing: dict[NodeKey, dict[Edge, None]] = field(default_factory=dict)
    incoming: dict[NodeKey, dict[Edge, None]] = field(default_factory=dict)
    events: list[EventRow] = field(default_factory=list)
    streams: dict[str, list[EventRow]] = field(default_factory=dict)
    lamport: int = 0
    key_id: str | None = None
    snapshots: dict[str, SnapshotRow] = field(default_factory=dict)

    def shorten(self, stream: str, kept: int) -> None:
        """Forgets the oldest events of a stream; not at each event, because that walks over all of them."""
        rows = self.streams.get(stream, [])
        if len(rows) < kept + max(1, kept // 2):
            return
        first = rows[-kept][0] if kept else self.lamport + 1
        self.events = [row for row in self.events if row[1] != stream or row[0] >= first]
        self.streams[stream] = [row for row in rows if row[0] >= first]

    def reseal(self, change: Callable[[StoredForm], StoredForm], key_id: str | None) -> Callable[[], None]:
        """Replaces every stored text by `change` of it, in place; returns what puts the old ones back."""
        entries, nodes = dict(self.entries), {type_: dict(rows) for type_, rows in self.nodes.items()}
        events, streams = list(self.events), {name: list(rows) for name, rows in self.streams.items()}
        snapshots, old_key_id = dict(self.snapshots), self.key_id

        def put_back() -> None:
            self._replace(entries, nodes, events, streams)
            self.snapshots.update(snapshots)
            self.key_id = old_key_id

        def changed(rows: Mapping[K, NodeRow]) -> dict[K, NodeRow]:
            return {key: replace(row, form=change(row.form)) for key, row in rows.items()}

        rows = {row[0]: (row[0], row[1], change(row[2])) for row in events}
        self._replace(
            {key: change(form) for key, form in entries.items()},
            {type_: changed(table) for type_, table in nodes.items()},
            [rows[row[0]] for row in events],
            {name: [rows[row[0]] for row in stream] for name, stream in streams.items()},
        )
        for name, kept in snapshots.items():
            forms = {key: change(form) for key, form in kept.entries.items()}
            self.snapshots[name] = replace(kept, entries=forms, nodes=changed(kept.nodes))
        self.key_id = key_id
        return put_back

    def _replace(
        self,
        entries: Mapping[str, StoredForm],
        nodes: Mapping[str, Mapping[str, NodeRow]],
        events: Sequence[EventRow],
        streams: Mapping[str, Sequence[EventRow]],
    ) -> None:
        """In place: what undoes earlier changes of the same transaction holds on to these very tables."""
        self.entries.update(entries)
        for type_, rows in nodes.items():
            self.nodes[type_].update(rows)
        self.events[:] = events
        for name, stream in streams.items():
            self.streams[name][:] = stream
