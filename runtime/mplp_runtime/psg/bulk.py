"""Several nodes and the edges that leave them, brought to what they should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mplp_runtime.events.families import UpdateKind
from mplp_runtime.vsl.interface import Edge, Json, Transaction

NodeKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Growth:
    """By how many nodes and edges the graph grew; `is_changed` also where only data did.

    `kind` is the word for it: `bulk` unless it was a single node, or a single edge.
    """

    node_delta: int
    edge_delta: int
    is_changed: bool
    kind: UpdateKind = "bulk"


def write_nodes(
    transaction: Transaction,
    nodes: Mapping[NodeKey, Mapping[str, Json]],
    edges: Iterable[Edge],
    *,
    gone: Iterable[NodeKey] = (),
) -> Growth:
    """Writes `nodes`, gives each exactly the `edges` that leave it, and leaves tombstones for `gone`."""
    did: list[UpdateKind] = []
    edge_delta = 0
    for key in gone:
        lost = len({*transaction.edges(source=key), *transaction.edges(target=key)})
        if transaction.delete_node(*key):
            # Edges that go with their node are no change of their own.
            did.append("node_delete")
            edge_delta -= lost
    for key, data in nodes.items():
        before = transaction.read_node(*key)
        if before is None or before.data != dict(data):
            transaction.write_node(*key, data)
            did.append("node_add" if before is None else "node_update")
    wanted: dict[NodeKey, set[Edge]] = {key: set() for key in nodes}
    for edge in edges:
        wanted[edge.source_type, edge.source_id].add(edge)
    for key, leaving in wanted.items():
        present = set(transaction.edges(source=key))
        for edge in sorted(present - leaving, key=_order):
            if transaction.remove_edge(edge):
                did.append("edge_delete")
                edge_delta -= 1
        for edge in sorted(leaving - present, key=_order):
            if transaction.add_edge(edge):
                did.append("edge_add")
                edge_delta += 1
    node_delta = did.count("node_add") - did.count("node_delete")
    return Growth(node_delta, edge_delta, bool(did), did[0] if len(did) == 1 else "bulk")


def _order(edge: Edge) -> tuple[str, ...]:
    return (edge.kind, edge.source_type, edge.source_id, edge.target_type, edge.target_id)
