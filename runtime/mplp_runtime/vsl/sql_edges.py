# ruff: noqa: A001, A002, S608 - `type` and `id` are the words of the protocol; names are put together here, values
# never are
"""Edges in SQL that SQLite and PostgreSQL both understand, in SQLite's spelling (`sql_snapshots`).

The table `links` names both ends by the places of their nodes: small rows in the order of the plan, where the
ids of nodes are long and random. The view `edges` shows them with types and ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mplp_runtime.vsl.interface import Edge
from mplp_runtime.vsl.values import missing_end

Execute = Callable[..., Any]
"""`execute(sql, parameters)` of a connection: a cursor with `fetchone`, `fetchall` and `rowcount`."""

EDGE_COLUMNS = "kind, source_type, source_id, target_type, target_id"
"""In the order of the members of `Edge`."""

INTO_LINKS = """
INSERT INTO links (place, kind, source, target)
    SELECT edges.place, kind, source.place, target.place FROM edges
    JOIN nodes source ON source.type = source_type AND source.id = source_id
    JOIN nodes target ON target.type = target_type AND target.id = target_id
"""
"""Fills the table from the one of earlier versions, which had types and ids."""

IN_THE_PLACE_OF_EDGES = """
CREATE INDEX links_by_target ON links (target, kind);
DROP TABLE edges;
CREATE VIEW edges AS
SELECT links.place, links.kind, source.type AS source_type, source.id AS source_id,
    target.type AS target_type, target.id AS target_id
FROM links JOIN nodes source ON source.place = links.source JOIN nodes target ON target.place = links.target
"""

_LIVE = "type = ? AND id = ? AND deleted = 0"
_ADD = (
    "INSERT INTO links (kind, source, target) SELECT CAST(? AS TEXT), source.place, target.place"
    f" FROM (SELECT place FROM nodes WHERE {_LIVE}) source, (SELECT place FROM nodes WHERE {_LIVE}) target"
    " WHERE 1 = 1 ON CONFLICT DO NOTHING"
)
_ONE = " AND ".join(f"{name} = ?" for name in EDGE_COLUMNS.split(", "))


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
    rows = execute(f"SELECT {EDGE_COLUMNS} FROM edges{where} ORDER BY place", values)
    return [Edge(*row) for row in rows]


def add(execute: Execute, edge: Edge) -> bool:
    """False if the edge was there already. Raises NodeMissing where one of its ends is not in the graph."""
    ends = (edge.source_type, edge.source_id), (edge.target_type, edge.target_id)
    if execute(_ADD, (edge.kind, *ends[0], *ends[1])).rowcount:
        return True
    for type, id in ends:
        if execute(f"SELECT 1 FROM nodes WHERE {_LIVE}", (type, id)).fetchone() is None:
            raise missing_end(edge, type, id)
    return False


def remove(execute: Execute, edge: Edge) -> bool:
    """False if there was no such edge."""
    values = (edge.kind, edge.source_type, edge.source_id, edge.target_type, edge.target_id)
    return bool(
        execute(f"DELETE FROM links WHERE place IN (SELECT place FROM edges WHERE {_ONE})", values).rowcount
    )


def remove_all_at(execute: Execute, type: str, id: str) -> None:
    """Takes away what leads from a node and to it."""
    for end in ("source", "target"):
        execute(
            f"DELETE FROM links WHERE {end} = (SELECT place FROM nodes WHERE type = ? AND id = ?)", (type, id)
        )


def edges_from(execute: Execute, type: str, ids_as_json: str) -> list[Edge]:
    """What leaves from the nodes with these ids, in the order it was added. SQLite only: it reads JSON."""
    rows = execute(
        f"SELECT {EDGE_COLUMNS} FROM edges"
        " WHERE source_type = ? AND source_id IN (SELECT value FROM json_each(?)) ORDER BY place",
        (type, ids_as_json),
    )
    return [Edge(*row) for row in rows]


def places(execute: Execute, type: str, ids_as_json: str) -> Mapping[str, int]:
    """Where the nodes with these ids stand, of those that are there. SQLite only: it reads JSON."""
    rows = execute(
        "SELECT id, place FROM nodes"
        " WHERE type = ? AND deleted = 0 AND id IN (SELECT value FROM json_each(?))",
        (type, ids_as_json),
    )
    return dict(rows.fetchall())
