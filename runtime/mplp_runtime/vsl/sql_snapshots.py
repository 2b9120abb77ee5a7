# ruff: noqa: A001, A002 - `id` is the word of the protocol
"""Snapshots and changes of key in SQL that SQLite and PostgreSQL both understand.

Both work on what is stored and never look into it, so that they cost the same for an encrypted store. The
words are all ours; what comes from outside is a parameter (`?`, which the PostgreSQL back end rewrites).
"""
# ruff: noqa: S608 - names of tables and columns are put together here, values never are

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl import sql_edges, sql_events
from mplp_runtime.vsl.interface import Snapshot, StoredForm
from mplp_runtime.vsl.sql_edges import EDGE_COLUMNS, Execute

_PARTS = ("snapshot_entries", "snapshot_nodes", "snapshot_edges")
_TEXTS = (
    ("entries", ("key",), "value"),
    ("nodes", ("type", "id"), "data"),
    ("events", ("lamport",), "event"),
    ("snapshot_entries", ("snapshot", "key"), "value"),
    ("snapshot_nodes", ("snapshot", "type", "id"), "data"),
)
"""Every place of a text that may be encrypted: table, primary key, column."""
_ROWS_AT_ONCE = 500


def create(execute: Execute, snapshot: Snapshot) -> Snapshot:
    """Copies values, nodes and edges beside themselves. Raises StoreError if the id is taken."""
    if _exists(execute, snapshot.id):
        raise StoreError(f"There is a snapshot {snapshot.id} already.")
    execute(
        "INSERT INTO snapshots (id, lamport, label) VALUES (?, ?, ?)",
        (snapshot.id, snapshot.lamport, snapshot.label),
    )
    for table, columns in (
        ("entries", "key, value, key_id"),
        ("nodes", "type, id, data, version, deleted, key_id"),
        ("edges", f"place, {EDGE_COLUMNS}"),
    ):
        execute(
            f"INSERT INTO snapshot_{table} (snapshot, {columns})"
            f" SELECT CAST(? AS TEXT), {columns} FROM {table}",
            (snapshot.id,),
        )
    return snapshot


def restore(execute: Execute, id: str, keep_keys: Sequence[str], keep_types: Collection[str]) -> None:
    """Brings the tables back to what the snapshot holds; see `Transaction.restore_snapshot`."""
    if not _exists(execute, id):
        raise StoreError(f"There is no snapshot {id}.")
    _restore_entries(execute, id, keep_keys)
    types = sorted(keep_types)
    _restore_edges(execute, id, types, _restore_nodes(execute, id, types))


def delete(execute: Execute, id: str) -> bool:
    """Forgets a snapshot; False if there was none."""
    if not execute("DELETE FROM snapshots WHERE id = ?", (id,)).rowcount:
        return False
    for table in _PARTS:
        execute(f"DELETE FROM {table} WHERE snapshot = ?", (id,))
    return True


def reseal(execute: Execute, change: Callable[[StoredForm], StoredForm], key_id: str | None) -> None:
    """Replaces every stored text by `change` of it; few rows are in memory at a time."""
    sql_events.split(execute)
    for table, names, column in _TEXTS:
        for *identity, text, old_key_id in _rows(execute, table, names, column):
            execute(
                f"UPDATE {table} SET {column} = ?, key_id = ? WHERE {_equal(names)}",
                (*change((text, old_key_id)), *identity),
            )
    execute("UPDATE clock SET key_id = ?", (key_id,))


def _exists(execute: Execute, id: str) -> bool:
    return execute("SELECT 1 FROM snapshots WHERE id = ?", (id,)).fetchone() is not None


def _restore_entries(execute: Execute, id: str, keep_keys: Sequence[str]) -> None:
    kept = "".join(" AND substr(key, 1, ?) <> ?" for _ in keep_keys)
    values = [value for prefix in keep_keys for value in (len(prefix), prefix)]
    execute(f"DELETE FROM entries WHERE 1 = 1{kept}", values)
    execute(
        "INSERT INTO entries (key, value, key_id)"
        f" SELECT key, value, key_id FROM snapshot_entries WHERE snapshot = ?{kept}",
        (id, *values),
    )


def _restore_nodes(execute: Execute, id: str, types: Sequence[str]) -> Sequence[tuple[str, str]]:
    """Returns the nodes that are newer than the snapshot, and so became tombstones."""
    same = "kept.snapshot = ? AND kept.type = nodes.type AND kept.id = nodes.id"
    chosen = _not_in("nodes.type", types)
    execute(
        "UPDATE nodes SET data = kept.data, key_id = kept.key_id, deleted = kept.deleted,"
        " version = nodes.version + 1"
        f" FROM snapshot_nodes kept WHERE {same} AND nodes.version <> kept.version{chosen}",
        (id, *types),
    )
    newer = f"deleted = 0 AND NOT EXISTS (SELECT 1 FROM snapshot_nodes kept WHERE {same}){chosen}"
    found = execute(f"SELECT type, id FROM nodes WHERE {newer}", (id, *types)).fetchall()
    execute(f"UPDATE nodes SET deleted = 1, version = version + 1 WHERE {newer}", (id, *types))
    return [(type, node_id) for type, node_id in found]


def _restore_edges(execute: Execute, id: str, types: Sequence[str], gone: Iterable[tuple[str, str]]) -> None:
    chosen = _not_in("source_type", types) + _not_in("target_type", types)
    execute(
        f"DELETE FROM links WHERE place IN (SELECT place FROM edges WHERE 1 = 1{chosen})", (*types, *types)
    )
    for type, node_id in gone if types else ():
        sql_edges.remove_all_at(execute, type, node_id)
    execute(
        "INSERT INTO links (kind, source, target) SELECT kept.kind, source.place, target.place"
        " FROM snapshot_edges kept"
        " JOIN nodes source ON source.type = kept.source_type AND source.id = kept.source_id"
        " JOIN nodes target ON target.type = kept.target_type AND target.id = kept.target_id"
        f" WHERE kept.snapshot = ?{chosen} ORDER BY kept.place",
        (id, *types, *types),
    )


def _not_in(column: str, values: Sequence[str]) -> str:
    return f" AND {column} NOT IN ({', '.join('?' * len(values))})" if values else ""


def _equal(names: Sequence[str]) -> str:
    return " AND ".join(f"{name} = ?" for name in names)


def _rows(execute: Execute, table: str, names: Sequence[str], column: str) -> Iterable[Any]:
    """All rows in the order of their key, a few at a time: they are changed on the way."""
    key = ", ".join(names)
    after, values = "", ()
    while True:
        rows = execute(
            f"SELECT {key}, {column}, key_id FROM {table}{after} ORDER BY {key} LIMIT {_ROWS_AT_ONCE}", values
        ).fetchall()
        yield from rows
        if len(rows) < _ROWS_AT_ONCE:
            return
        after = f" WHERE ({key}) > ({', '.join('?' * len(names))})"
        values = rows[-1][: len(names)]
