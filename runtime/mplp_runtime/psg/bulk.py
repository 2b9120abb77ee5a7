"""Several nodes and the edges that leave them, brought to what they should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mplp_runtime.vsl.interface import Edge, Json, Transaction

NodeKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Growth:
    """By how many nodes and edges the graph grew; `is_changed` also where only data did."""

    node_delta: int
    edge_delta: int
    is_changed: bool


def write_nodes(
    transaction: Transaction,
    nodes: Mapping[NodeKey, Mapping[str, Json]],
    edges: Iterable[Edge],
    *,
    gone: Iterable[NodeKey] = (),
) -> Growth:
    """Writes `nodes`, gives each exactly the `edges` that leave it, and leaves tombstones for `gone`."""
    node_delta = edge_delta = 0
    is_changed = False
    for key in gone:
        edge_delta -= len({*transaction.edges(source=key), *transaction.edges(target=key)})
        node_delta -= transaction.delete_node(*key)
        is_changed = True
    for key, data in nodes.items():
        before = transaction.read_node(*key)
        if before is None or before.data != dict(data):
            transaction.write_node(*key, data)
            node_delta += before is None
            is_changed = True
    wanted: dict[NodeKey, set[Edge]] = {key: set() for key in nodes}
    for edge in edges:
        wanted[edge.source_type, edge.source_id].add(edge)
    for key, leaving in wanted.items():
        present = set(transaction.edges(source=key))
        for edge in sorted(present - leaving, key=_order):
            edge_delta -= transaction.remove_edge(edge)
        for edge in sorted(leaving - present, key=_order):
            edge_delta += transaction.add_edge(edge)
        is_changed = is_changed or present != leaving
    return Growth(node_delta, edge_delta, is_changed)


def _order(edge: Edge) -> tuple[str, ...]:
    return (edge.kind, edge.source_type, edge.source_id, edge.target_type, edge.target_id)
