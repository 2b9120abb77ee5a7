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

    `single` is the one change that it was, and of which node (an edge's is the one that it leaves); None
    where there were several.
    """

    node_delta: int
    edge_delta: int
    is_changed: bool
    single: tuple[UpdateKind, NodeKey] | None = None

    def kind(self, about: NodeKey) -> UpdateKind:
        """The word for it in an event about a node: `bulk` unless that node alone changed.

        >>> Growth(0, 0, is_changed=True, single=("node_update", ("Step", "s"))).kind(("Plan", "p"))
        'bulk'
        """
        if self.single is None or self.single[1] != about:
            return "bulk"
        return self.single[0]


def write_nodes(
    transaction: Transaction,
    nodes: Mapping[NodeKey, Mapping[str, Json]],
    edges: Iterable[Edge],
    *,
    gone: Iterable[NodeKey] = (),
) -> Growth:
    """Writes `nodes`, gives each exactly the `edges` that leave it, and leaves tombstones for `gone`."""
    did: list[tuple[UpdateKind, NodeKey]] = []
    edge_delta = 0
    for key in gone:
        lost = len({*transaction.edges(source=key), *transaction.edges(target=key)})
        if transaction.delete_node(*key):
            # Edges that go with their node are no change of their own.
            did.append(("node_delete", key))
            edge_delta -= lost
    for key, data in nodes.items():
        before = transaction.read_node(*key)
        if before is None or before.data != dict(data):
            transaction.write_node(*key, data)
            did.append(("node_add" if before is None else "node_update", key))
    wanted: dict[NodeKey, set[Edge]] = {key: set() for key in nodes}
    for edge in edges:
        wanted[edge.source_type, edge.source_id].add(edge)
    for key, leaving in wanted.items():
        present = set(transaction.edges(source=key))
        for edge in sorted(present - leaving, key=_order):
            if transaction.remove_edge(edge):
                did.append(("edge_delete", key))
                edge_delta -= 1
        for edge in sorted(leaving - present, key=_order):
            if transaction.add_edge(edge):
                did.append(("edge_add", key))
                edge_delta += 1
    kinds = [kind for kind, _ in did]
    node_delta = kinds.count("node_add") - kinds.count("node_delete")
    return Growth(node_delta, edge_delta, bool(did), did[0] if len(did) == 1 else None)


def _order(edge: Edge) -> tuple[str, ...]:
    return (edge.kind, edge.source_type, edge.source_id, edge.target_type, edge.target_id)
