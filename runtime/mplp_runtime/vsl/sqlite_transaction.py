# ruff: noqa: A001, A002 - `type` and `id` are the words of the protocol
"""Reading and writing through one SQLite connection; when it commits is not decided here."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence

from mplp_runtime.errors import NodeExists, StoreError
from mplp_runtime.vsl import sql_edges, sql_events, sql_snapshots
from mplp_runtime.vsl.interface import Edge, Json, Node, Snapshot, StoredEvent, StoredForm
from mplp_runtime.vsl.one_transaction import OneTransaction
from mplp_runtime.vsl.ready import WrittenNode
from mplp_runtime.vsl.sql_events import EVENT_COLUMNS, Stretches
from mplp_runtime.vsl.texts import EdgeRow, TextRow
from mplp_runtime.vsl.values import (
    SCHEMA_VERSION,
    SCHEMA_VERSION_KEY,
    StoreLimits,
    compact,
    mapping_of,
    refuse_other_version,
    refuse_schema_key,
    refuse_texts,
    shown,
    shown_mapping,
    stored_form,
    timed,
)

_ADD_LINKS = "INSERT INTO links (kind, source, target) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
# The newest event tells the time; the row of the clock does for states that came from elsewhere.
_CLOCK = "SELECT max(lamport, (SELECT coalesce(max(lamport), 0) FROM events)), key_id FROM clock"
_ADD_EVENTS = f"INSERT INTO events ({EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?)"  # noqa: S608
_CREATE_NODE = (
    "INSERT INTO nodes (type, id, data, key_id, version) VALUES (?, ?, ?, ?, 1) ON CONFLICT DO NOTHING"
)
_LARGE = 1024 * 1024
_READERS_MS = 10_000
_REPLACING = (
    "ON CONFLICT (type, id) DO UPDATE SET data = excluded.data, key_id = excluded.key_id,"
    " version = version + 1, deleted = 0"
)
_PUT_TEXTS = f"INSERT INTO nodes (type, id, data, version) VALUES (?1, ?2, ?3, 1) {_REPLACING} WHERE ?4"  # noqa: S608


def _clock(connection: sqlite3.Connection | OneTransaction) -> tuple[int, str | None]:
    """The Lamport time, and the id of the key. Raises StoreError."""
    row: tuple[int, str | None] | None = connection.execute(_CLOCK).fetchone()
    if row is None or not isinstance(row[0], int):
        raise StoreError("The state is damaged: it does not say its Lamport time.")
    return row


class SqliteReading:
    """The Reading of one connection: whatever its current transaction sees."""

    def __init__(
        self, connection: sqlite3.Connection | OneTransaction, *, shows_sealed: bool = False
    ) -> None:
        self._connection = connection
        self._shows_sealed = shows_sealed

    def get(self, key: str) -> Json | None:
        row = self._connection.execute("SELECT value, key_id FROM entries WHERE key = ?", (key,)).fetchone()
        if row is None:
            return SCHEMA_VERSION if key == SCHEMA_VERSION_KEY else None
        return shown(row[0], row[1], self._shows_sealed)

    def keys(self, prefix: str = "") -> Sequence[str]:
        # A range by code point, because LIKE and GLOB have characters of their own.
        rows = self._connection.execute(
            "SELECT key FROM entries WHERE key >= ? AND substr(key, 1, ?) = ? ORDER BY key",
            (prefix, len(prefix), prefix),
        )
        return [key for (key,) in rows]

    def lamport(self) -> int:
        return _clock(self._connection)[0]

    def read_node(self, type: str, id: str, *, deleted: bool = False) -> Node | None:
        row = self._connection.execute(
            "SELECT data, version, deleted, key_id FROM nodes WHERE type = ? AND id = ?", (type, id)
        ).fetchone()
        if row is None or (row[2] and not deleted):
            return None
        if row[3] is None:
            return WrittenNode(type, id, row[0], row[1], bool(row[2]))
        return Node(type, id, shown(row[0], row[3], self._shows_sealed), row[1], bool(row[2]))

    def nodes(self, type: str, *, deleted: bool = False) -> Sequence[Node]:
        rows = self._connection.execute(
            "SELECT id, data, version, deleted, key_id FROM nodes"
            " WHERE type = ? AND deleted <= ? ORDER BY place",
            (type, int(deleted)),
        )
        show = self._shows_sealed
        return [Node(type, row[0], shown_mapping(row[1], row[4], show), row[2], bool(row[3])) for row in rows]

    def node_types(self) -> Sequence[str]:
        return [type for (type,) in self._connection.execute("SELECT DISTINCT type FROM nodes ORDER BY type")]

    def edges(
        self,
        *,
        kind: str | None = None,
        source: tuple[str, str] | None = None,
        target: tuple[str, str] | None = None,
    ) -> Sequence[Edge]:
        return sql_edges.edges(self._connection.execute, kind, source, target)

    def events(
        self, stream: str | None = None, *, after: int = 0, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        return sql_events.events(
            self._connection.execute, stream, after, limit, shows_sealed=self._shows_sealed
        )

    def snapshots(self) -> Sequence[Snapshot]:
        rows = self._connection.execute("SELECT id, lamport, label FROM snapshots ORDER BY place")
        return [Snapshot(*row) for row in rows]

    def key_id(self) -> str | None:
        return _clock(self._connection)[1]


class SqliteTransaction(SqliteReading):
    """The Transaction of the writer's connection, inside a BEGIN IMMEDIATE that the store manages.

    The Lamport clock is read once per commit and kept here; until COMMIT no other process can advance it.
    """

    TAKES_TEXTS = True

    def __init__(
        self, connection: sqlite3.Connection, limits: StoreLimits, *, shows_sealed: bool = False
    ) -> None:
        super().__init__(OneTransaction(connection), shows_sealed=shows_sealed)
        self.connection = connection
        self._limits = limits
        self.clock, self._key_id = _clock(connection)
        self.callbacks: list[Callable[[], None]] = []
        # What follows the commit in the same connection; once too often does no harm.
        self.in_turn: list[Callable[[], None]] = []
        # Events of one unit of work that are still to be inserted.
        self._pending = Stretches()

    def lamport(self) -> int:
        return self.clock

    def key_id(self) -> str | None:
        return self._key_id

    def set(self, key: str, value: Json) -> None:
        refuse_schema_key(key)
        self._connection.execute(
            "INSERT INTO entries (key, value, key_id) VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value, key_id = excluded.key_id",
            (key, *stored_form(value, self._limits, self._key_id)),
        )

    def delete(self, key: str) -> None:
        self._connection.execute("DELETE FROM entries WHERE key = ?", (key,))

    def create_node(self, type: str, id: str, data: Mapping[str, Json]) -> Node:
        text, key_id = stored_form(mapping_of(data), self._limits, self._key_id)
        if not self._connection.execute(_CREATE_NODE, (type, id, text, key_id)).rowcount:
            raise NodeExists(f"{type} {id} is already in the graph.")
        if len(text) > _LARGE:
            # A prepared statement keeps a copy of what it was last given, which may be all that a run needs.
            self._connection.execute(_CREATE_NODE, (type, id, "", None))
        return self._written(type, id, text, key_id, 1)

    def write_node(
        self, type: str, id: str, data: Mapping[str, Json], *, expected_version: int | None = None
    ) -> Node:
        if expected_version is not None:
            row = self._connection.execute(
                "SELECT version FROM nodes WHERE type = ? AND id = ?", (type, id)
            ).fetchone()
            refuse_other_version(type, id, 0 if row is None else row[0], expected_version)
        text, key_id = stored_form(mapping_of(data), self._limits, self._key_id)
        [(version,)] = self._connection.execute(
            f"INSERT INTO nodes (type, id, data, key_id, version) VALUES (?, ?, ?, ?, 1) {_REPLACING}"  # noqa: S608
            " RETURNING version",
            (type, id, text, key_id),
        )
        return self._written(type, id, text, key_id, version)

    def _written(self, type: str, id: str, text: str, key_id: str | None, version: int) -> Node:
        if key_id is None:
            return WrittenNode(type, id, text, version)
        return Node(type, id, shown(text, key_id, self._shows_sealed), version)

    def delete_node(self, type: str, id: str) -> bool:
        changed = self._connection.execute(
            "UPDATE nodes SET deleted = 1, version = version + 1 WHERE type = ? AND id = ? AND deleted = 0",
            (type, id),
        ).rowcount
        if not changed:
            return False
        sql_edges.remove_all_at(self._connection.execute, type, id)
        return True

    def add_edge(self, edge: Edge) -> bool:
        return sql_edges.add(self._connection.execute, edge)

    def add_edges(self, rows: Sequence[EdgeRow]) -> int:
        places = self._places(rows)
        try:
            links = [
                (kind, places[source_type][source], places[target_type][target])
                for kind, source_type, source, target_type, target in rows
            ]
        except KeyError:
            # Whoever lacks an end is told which.
            return sum(self.add_edge(Edge(*row)) for row in rows)
        return self._connection.executemany(_ADD_LINKS, links).rowcount

    def _places(self, rows: Sequence[EdgeRow]) -> Mapping[str, Mapping[str, int]]:
        ids: dict[str, dict[str, None]] = {}
        for _, source_type, source, target_type, target in rows:
            ids.setdefault(source_type, {})[source] = None
            ids.setdefault(target_type, {})[target] = None
        execute = self._connection.execute
        return {type: sql_edges.places(execute, type, compact(list(found))) for type, found in ids.items()}

    def nodes_by_id(self, type: str, ids: Sequence[str]) -> Mapping[str, Node]:
        marks = ", ".join("?" * len(ids))
        rows = self._connection.execute(
            "SELECT id, data, version, key_id FROM nodes"  # noqa: S608
            f" WHERE type = ? AND deleted = 0 AND id IN ({marks})",
            (type, *ids),
        )
        return {id: self._written(type, id, text, key_id, version) for id, text, version, key_id in rows}

    def edges_from(self, type: str, ids: Sequence[str]) -> Sequence[Edge]:
        return sql_edges.edges_from(self._connection.execute, type, compact(list(ids)))

    def remove_edge(self, edge: Edge) -> bool:
        return sql_edges.remove(self._connection.execute, edge)

    def append_event(self, stream: str, event: Mapping[str, Json]) -> int:
        lamport = self.clock + 1
        text, key_id = stored_form(timed(event, lamport), self._limits, self._key_id)
        self._pending.add(lamport, stream, text, key_id)
        self.clock = lamport
        return lamport

    def append_texts(self, stream: str, texts: Sequence[str]) -> None:
        refuse_texts(texts, self._limits, self._key_id)
        self._pending.add_texts(self.clock + 1, stream, texts)
        self.clock += len(texts)

    def put_texts(self, rows: Sequence[TextRow]) -> None:
        refuse_texts([row[2] for row in rows], self._limits, self._key_id)
        if self._connection.executemany(_PUT_TEXTS, rows).rowcount != len(rows):
            raise NodeExists("A node that was to be new is already in the graph.")

    def events(
        self, stream: str | None = None, *, after: int = 0, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        self.insert_pending()
        return super().events(stream, after=after, limit=limit)

    def insert_pending(self) -> None:
        """Brings what was appended to the table; a unit of work is not done before."""
        if self._pending:
            self._connection.executemany(_ADD_EVENTS, self._pending.take())

    def undo(self, clock: int, callbacks: int) -> None:
        """Brings back what is kept here of a unit of work that was undone in the database."""
        self.clock = clock
        self._pending.clear()
        # It may have changed the key.
        self._key_id = super().key_id()
        del self.callbacks[callbacks:]

    def create_snapshot(self, id: str, label: str = "") -> Snapshot:
        return sql_snapshots.create(self._connection.execute, Snapshot(id, self.clock, label))

    def restore_snapshot(
        self, id: str, *, keep_keys: Sequence[str] = (), keep_types: Collection[str] = ()
    ) -> None:
        sql_snapshots.restore(self._connection.execute, id, keep_keys, keep_types)

    def delete_snapshot(self, id: str) -> bool:
        return sql_snapshots.delete(self._connection.execute, id)

    def reseal(self, change: Callable[[StoredForm], StoredForm], key_id: str | None) -> None:
        self.insert_pending()
        # What was there before must not be left over in freed parts of the file, nor in the journal.
        self._connection.execute("PRAGMA secure_delete = ON")
        sql_snapshots.reseal(self._connection.execute, change, key_id)
        self._key_id = key_id
        self.in_turn.append(self._empty_journal)

    def _empty_journal(self) -> None:
        # It answers instead of raising where somebody reads, so only SQLite itself can wait for them.
        self.connection.execute(f"PRAGMA busy_timeout = {_READERS_MS}")
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self.connection.execute("PRAGMA busy_timeout = 0")

    def after_commit(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)
