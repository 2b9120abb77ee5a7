"""Which nodes a GraphQuery means, told with what every back end can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from mplp_runtime.vsl.interface import GraphQuery, Node, Reading


def matching_nodes(reading: Reading, query: GraphQuery) -> Sequence[Node]:
    """The nodes that are meant; along edges in their order, else by type and age.

    Data is compared where it is read, so that a query costs the same over an encrypted store, which no
    database could search by content: every node of the type, or at the end of a fitting edge, is read.
    """
    candidates = _by_edges(reading, query) if query.source or query.target else _by_type(reading, query)
    return list(islice((node for node in candidates if _is_meant(node, query)), query.limit))


def _by_type(reading: Reading, query: GraphQuery) -> Iterator[Node]:
    types: Iterable[str] = [query.type] if query.type is not None else reading.node_types()
    for type_ in types:
        yield from reading.nodes(type_, deleted=query.deleted)


def _by_edges(reading: Reading, query: GraphQuery) -> Iterator[Node]:
    ends: dict[tuple[str, str], None] = {}
    if query.source is not None:
        found = reading.edges(kind=query.kind, source=query.source)
        ends = dict.fromkeys((edge.target_type, edge.target_id) for edge in found)
    if query.target is not None:
        found = reading.edges(kind=query.kind, target=query.target)
        before = dict.fromkeys((edge.source_type, edge.source_id) for edge in found)
        ends = {end: None for end in ends if end in before} if query.source is not None else before
    for end in ends:
        node = reading.read_node(*end, deleted=query.deleted)
        if node is not None:
            yield node


def _is_meant(node: Node, query: GraphQuery) -> bool:
    if query.type is not None and node.type != query.type:
        return False
    return all(name in node.data and node.data[name] == value for name, value in query.where.items())
