# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""Reading and writing through one SQLite connection; when it commits is not decided here."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence

from mplp_runtime.errors import NodeConflict, NodeExists
from mplp_runtime.vsl.interface import Edge, Json, Node, StoredEvent
from mplp_runtime.vsl.values import StoreLimits, decoded, encoded, stamped

_EDGE_COLUMNS = "kind, source_type, source_id, target_type, target_id"


class SqliteReading:
    """The Reading of one connection: whatever its current transaction sees."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> Json | None:
        row = self._connection.execute("SELECT value FROM entries WHERE key = ?", (key,)).fetchone()
        return None if row is None else decoded(row[0])

    def keys(self, prefix: str = "") -> Sequence[str]:
        # A range by code point, because LIKE and GLOB have characters of their own.
        rows = self._connection.execute(
            "SELECT key FROM entries WHERE key >= ? AND substr(key, 1, ?) = ? ORDER BY key",
            (prefix, len(prefix), prefix),
        )
        return [key for (key,) in rows]

    def lamport(self) -> int:
        return int(self._connection.execute("SELECT lamport FROM clock").fetchone()[0])

    def read_node(self, type: str, id: str, *, deleted: bool = False) -> Node | None:
        row = self._connection.execute(
            "SELECT data, version, deleted FROM nodes WHERE type = ? AND id = ?", (type, id)
        ).fetchone()
        if row is None or (row[2] and not deleted):
            return None
        return Node(type, id, decoded(row[0]), row[1], bool(row[2]))

    def nodes(self, type: str, *, deleted: bool = False) -> Sequence[Node]:
        rows = self._connection.execute(
            "SELECT id, data, version, deleted FROM nodes WHERE type = ? AND deleted <= ? ORDER BY place",
            (type, int(deleted)),
        )
        return [Node(type, row[0], decoded(row[1]), row[2], bool(row[3])) for row in rows]

    def edges(
        self,
        *,
        kind: str | None = None,
        source: tuple[str, str] | None = None,
        target: tuple[str, str] | None = None,
    ) -> Sequence[Edge]:
        conditions: list[str] = []
        values: list[str] = []
        if source is not None:
            conditions.append("source_type = ? AND source_id = ?")
            values.extend(source)
        if target is not None:
            conditions.append("target_type = ? AND target_id = ?")
            values.extend(target)
        if kind is not None:
            conditions.append("kind = ?")
            values.append(kind)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        rows = self._connection.execute(f"SELECT {_EDGE_COLUMNS} FROM edges{where} ORDER BY place", values)  # noqa: S608
        return [Edge(*row) for row in rows]

    def events(
        self, stream: str | None = None, *, after: int = 0, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        most = -1 if limit is None else limit
        if stream is None:
            rows = self._connection.execute(
                "SELECT lamport, stream, event FROM events WHERE lamport > ? ORDER BY lamport LIMIT ?",
                (after, most),
            )
        else:
            rows = self._connection.execute(
                "SELECT lamport, stream, event FROM events"
                " WHERE stream = ? AND lamport > ? ORDER BY lamport LIMIT ?",
                (stream, after, most),
            )
        return [StoredEvent(lamport, name, decoded(text)) for lamport, name, text in rows]


class SqliteTransaction(SqliteReading):
    """The Transaction of the writer's connection, inside a BEGIN IMMEDIATE that the store manages.

    The Lamport clock is read once per commit and kept here; the store writes it back before COMMIT, so that
    no other process can have advanced it in between.
    """

    def __init__(self, connection: sqlite3.Connection, limits: StoreLimits) -> None:
        super().__init__(connection)
        self.connection = connection
        self._limits = limits
        self.clock = super().lamport()
        self.callbacks: list[Callable[[], None]] = []

    def lamport(self) -> int:
        return self.clock

    def set(self, key: str, value: Json) -> None:
        self._connection.execute(
            "INSERT INTO entries VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, encoded(value, self._limits)),
        )

    def delete(self, key: str) -> None:
        self._connection.execute("DELETE FROM entries WHERE key = ?", (key,))

    def create_node(self, type: str, id: str, data: Mapping[str, Json]) -> Node:
        text = encoded(dict(data), self._limits)
        added = self._connection.execute(
            "INSERT INTO nodes (type, id, data, version) VALUES (?, ?, ?, 1) ON CONFLICT DO NOTHING",
            (type, id, text),
        ).rowcount
        if not added:
            raise NodeExists(f"{type} {id} is already in the graph.")
        return Node(type, id, decoded(text), 1)

    def write_node(
        self, type: str, id: str, data: Mapping[str, Json], *, expected_version: int | None = None
    ) -> Node:
        if expected_version is not None:
            row = self._connection.execute(
                "SELECT version FROM nodes WHERE type = ? AND id = ?", (type, id)
            ).fetchone()
            version = 0 if row is None else row[0]
            if expected_version != version:
                raise NodeConflict(
                    f"{type} {id} changed meanwhile: version {version} is stored, not {expected_version}."
                )
        text = encoded(dict(data), self._limits)
        [(version,)] = self._connection.execute(
            "INSERT INTO nodes (type, id, data, version) VALUES (?, ?, ?, 1) ON CONFLICT (type, id)"
            " DO UPDATE SET data = excluded.data, version = version + 1, deleted = 0 RETURNING version",
            (type, id, text),
        )
        return Node(type, id, decoded(text), version)

    def delete_node(self, type: str, id: str) -> bool:
        changed = self._connection.execute(
            "UPDATE nodes SET deleted = 1, version = version + 1 WHERE type = ? AND id = ? AND deleted = 0",
            (type, id),
        ).rowcount
        if not changed:
            return False
        self._connection.execute("DELETE FROM edges WHERE source_type = ? AND source_id = ?", (type, id))
        self._connection.execute("DELETE FROM edges WHERE target_type = ? AND target_id = ?", (type, id))
        return True

    def add_edge(self, edge: Edge) -> bool:
        return bool(
            self._connection.execute(
                f"INSERT INTO edges ({_EDGE_COLUMNS}) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",  # noqa: S608
                (edge.kind, edge.source_type, edge.source_id, edge.target_type, edge.target_id),
            ).rowcount
        )

    def remove_edge(self, edge: Edge) -> bool:
        return bool(
            self._connection.execute(
                "DELETE FROM edges WHERE kind = ? AND source_type = ? AND source_id = ?"
                " AND target_type = ? AND target_id = ?",
                (edge.kind, edge.source_type, edge.source_id, edge.target_type, edge.target_id),
            ).rowcount
        )

    def append_event(self, stream: str, event: Mapping[str, Json]) -> int:
        lamport = self.clock + 1
        self._connection.execute(
            "INSERT INTO events VALUES (?, ?, ?)",
            (lamport, stream, encoded(stamped(event, lamport), self._limits)),
        )
        self.clock = lamport
        return lamport

    def after_commit(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)
