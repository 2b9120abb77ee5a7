"""Edges in SQL that SQLite and PostgreSQL both understand, in SQLite's spelling (`sql_snapshots`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mplp_runtime.vsl.interface import Edge

Execute = Callable[..., Any]
"""`execute(sql, parameters)` of a connection: a cursor with `fetchone`, `fetchall` and `rowcount`."""

EDGE_COLUMNS = "kind, source_type, source_id, target_type, target_id"
"""In the order of the members of `Edge`."""


def edges(
    execute: Execute, kind: str | None, source: tuple[str, str] | None, target: tuple[str, str] | None
) -> list[Edge]:
    """The edges of this kind that go from `source` to `target`, in the order they were added; None: any."""
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
    rows = execute(f"SELECT {EDGE_COLUMNS} FROM edges{where} ORDER BY place", values)  # noqa: S608
    return [Edge(*row) for row in rows]
