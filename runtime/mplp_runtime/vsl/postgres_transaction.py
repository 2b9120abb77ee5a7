# ruff: noqa: A001, A002 - `type` and `id` are the words of the protocol
"""Reading and writing through one PostgreSQL connection; when it commits is not decided here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import psycopg

from mplp_runtime.errors import NodeExists
from mplp_runtime.vsl import sql_edges, sql_events, sql_snapshots
from mplp_runtime.vsl.interface import Edge, Json, Node, Snapshot, StoredEvent, StoredForm
from mplp_runtime.vsl.sql_events import EVENT_COLUMNS, Stretches
from mplp_runtime.vsl.values import (
    SCHEMA_VERSION,
    SCHEMA_VERSION_KEY,
    StoreLimits,
    mapping_of,
    refuse_other_version,
    refuse_schema_key,
    shown,
    shown_mapping,
    stored_form,
    timed,
)

_ADD_EVENTS = f"INSERT INTO events ({EVENT_COLUMNS}) VALUES (%s, %s, %s, %s, %s)"  # noqa: S608


class PostgresReading:
    """The Reading of one connection: whatever its current transaction sees."""

    def __init__(self, connection: psycopg.Connection, *, shows_sealed: bool = False) -> None:
        self._connection = connection
        self._shows_sealed = shows_sealed

    def get(self, key: str) -> Json | None:
        row = self._one("SELECT value, key_id FROM entries WHERE key = %s", key)
        if row is None:
            return SCHEMA_VERSION if key == SCHEMA_VERSION_KEY else None
        return shown(row[0], row[1], self._shows_sealed)

    def keys(self, prefix: str = "") -> Sequence[str]:
        rows = self._all(
            "SELECT key FROM entries WHERE key >= %s AND left(key, %s) = %s ORDER BY key",
            prefix,
            len(prefix),
            prefix,
        )
        return [key for (key,) in rows]

    def lamport(self) -> int:
        return int(self._clock()[0])

    def read_node(self, type: str, id: str, *, deleted: bool = False) -> Node | None:
        row = self._one(
            "SELECT data, version, deleted, key_id FROM nodes WHERE type = %s AND id = %s", type, id
        )
        if row is None or (row[2] and not deleted):
            return None
        return Node(type, id, shown_mapping(row[0], row[3], self._shows_sealed), row[1], bool(row[2]))

    def nodes(self, type: str, *, deleted: bool = False) -> Sequence[Node]:
        rows = self._all(
            "SELECT id, data, version, deleted, key_id FROM nodes"
            " WHERE type = %s AND deleted <= %s ORDER BY place",
            type,
            int(deleted),
        )
        show = self._shows_sealed
        return [Node(type, row[0], shown_mapping(row[1], row[4], show), row[2], bool(row[3])) for row in rows]

    def node_types(self) -> Sequence[str]:
        return [type for (type,) in self._all("SELECT DISTINCT type FROM nodes ORDER BY type")]

    def edges(
        self,
        *,
        kind: str | None = None,
        source: tuple[str, str] | None = None,
        target: tuple[str, str] | None = None,
    ) -> Sequence[Edge]:
        return sql_edges.edges(self._look, kind, source, target)

    def events(
        self, stream: str | None = None, *, after: int = 0, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        return sql_events.events(self._look, stream, after, limit, shows_sealed=self._shows_sealed)

    def snapshots(self) -> Sequence[Snapshot]:
        return [
            Snapshot(*row) for row in self._all("SELECT id, lamport, label FROM snapshots ORDER BY place")
        ]

    def key_id(self) -> str | None:
        key_id: str | None = self._clock()[1]
        return key_id

    def _clock(self) -> tuple[Any, ...]:
        return self._one("SELECT lamport, key_id FROM clock") or (0, None)

    def _look(self, query: str, values: Sequence[object]) -> psycopg.Cursor[tuple[Any, ...]]:
        """For questions in SQLite's spelling."""
        return self._connection.execute(query.replace("?", "%s").encode(), values)

    def _one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        return self._connection.execute(query.encode(), values).fetchone()

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), values).fetchall()


class PostgresTransaction(PostgresReading):
    """The Transaction of the writer's connection, which holds the lock of the clock's row.

    Events wait here until somebody reads or the unit of work ends: they leave in one go, because each
    statement costs a trip to the server and back.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        limits: StoreLimits,
        clock: tuple[int, str | None],
        *,
        shows_sealed: bool = False,
    ) -> None:
        super().__init__(connection, shows_sealed=shows_sealed)
        self._limits = limits
        self.clock, self._key_id = clock
        self._waiting = Stretches()
        self.has_written = False
        self.callbacks: list[Callable[[], None]] = []

    def lamport(self) -> int:
        return self.clock

    def key_id(self) -> str | None:
        return self._key_id

    def events(
        self, stream: str | None = None, *, after: int = 0, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        self.flush()
        return super().events(stream, after=after, limit=limit)

    def flush(self) -> None:
        """Sends the events that wait."""
        if self._waiting:
            with self._connection.cursor() as cursor:
                cursor.executemany(_ADD_EVENTS, self._waiting.take())

    def forget(self, clock: int, callbacks: int) -> None:
        """After the current unit of work was undone: what it had left here is gone as well."""
        self._waiting.clear()
        self.clock = clock
        self._key_id = super().key_id()
        del self.callbacks[callbacks:]

    def set(self, key: str, value: Json) -> None:
        refuse_schema_key(key)
        self._do(
            "INSERT INTO entries (key, value, key_id) VALUES (%s, %s, %s)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value, key_id = excluded.key_id",
            key,
            *stored_form(value, self._limits, self._key_id),
        )

    def delete(self, key: str) -> None:
        self._do("DELETE FROM entries WHERE key = %s", key)

    def create_node(self, type: str, id: str, data: Mapping[str, Json]) -> Node:
        text, key_id = stored_form(mapping_of(data), self._limits, self._key_id)
        if not self._do(
            "INSERT INTO nodes (type, id, data, key_id, version) VALUES (%s, %s, %s, %s, 1)"
            " ON CONFLICT DO NOTHING",
            type,
            id,
            text,
            key_id,
        ):
            raise NodeExists(f"{type} {id} is already in the graph.")
        return Node(type, id, shown(text, key_id, self._shows_sealed), 1)

    def write_node(
        self, type: str, id: str, data: Mapping[str, Json], *, expected_version: int | None = None
    ) -> Node:
        if expected_version is not None:
            row = self._one("SELECT version FROM nodes WHERE type = %s AND id = %s", type, id)
            refuse_other_version(type, id, 0 if row is None else row[0], expected_version)
        text, key_id = stored_form(mapping_of(data), self._limits, self._key_id)
        self.has_written = True
        [[version]] = self._all(
            "INSERT INTO nodes (type, id, data, key_id, version) VALUES (%s, %s, %s, %s, 1)"
            " ON CONFLICT (type, id) DO UPDATE SET data = excluded.data, key_id = excluded.key_id,"
            " version = nodes.version + 1, deleted = 0 RETURNING version",
            type,
            id,
            text,
            key_id,
        )
        return Node(type, id, shown(text, key_id, self._shows_sealed), version)

    def delete_node(self, type: str, id: str) -> bool:
        if not self._do(
            "UPDATE nodes SET deleted = 1, version = version + 1 WHERE type = %s AND id = %s AND deleted = 0",
            type,
            id,
        ):
            return False
        sql_edges.remove_all_at(self._execute, type, id)
        return True

    def add_edge(self, edge: Edge) -> bool:
        return sql_edges.add(self._execute, edge)

    def remove_edge(self, edge: Edge) -> bool:
        return sql_edges.remove(self._execute, edge)

    def append_event(self, stream: str, event: Mapping[str, Json]) -> int:
        lamport = self.clock + 1
        self._waiting.add(lamport, stream, *stored_form(timed(event, lamport), self._limits, self._key_id))
        self.has_written = True
        self.clock = lamport
        return lamport

    def create_snapshot(self, id: str, label: str = "") -> Snapshot:
        return sql_snapshots.create(self._execute, Snapshot(id, self.clock, label))

    def restore_snapshot(
        self, id: str, *, keep_keys: Sequence[str] = (), keep_types: Collection[str] = ()
    ) -> None:
        sql_snapshots.restore(self._execute, id, keep_keys, keep_types)

    def delete_snapshot(self, id: str) -> bool:
        return sql_snapshots.delete(self._execute, id)

    def reseal(self, change: Callable[[StoredForm], StoredForm], key_id: str | None) -> None:
        self.flush()
        sql_snapshots.reseal(self._execute, change, key_id)
        self._key_id = key_id

    def after_commit(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def _do(self, query: str, *values: object) -> int:
        """Runs a statement that changes something; returns the number of rows it changed."""
        self.has_written = True
        return self._connection.execute(query.encode(), values).rowcount

    def _execute(self, query: str, values: Sequence[object] = ()) -> psycopg.Cursor[tuple[Any, ...]]:
        """For statements in SQLite's spelling."""
        self.has_written = True
        return self._look(query, values)
