"""Which nodes a GraphQuery means, told with what every back end can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from mplp_runtime.vsl.interface import GraphQuery, Json, Node, Reading

_FILE = "File"
_OWNERS = {"Step": ("Plan", "plan_id"), "Segment": ("Trace", "trace_id")}
"""Types whose nodes are written with another one: its type, and the member that has its id."""
_SIMULATED_STEP, _SIMULATED_PLAN = "SimulatedStep", "SimulatedPlan"
_EVERY = "*"
"""Stands for the id where an event is about many nodes of a type."""
_RESTORED = "graph_restored"
_AT_ONCE = 1_000


def matching_nodes(reading: Reading, query: GraphQuery) -> Sequence[Node]:
    """The nodes that are meant; along edges in their order, else by type and age.

    Data is compared where it is read, so that a query costs the same over an encrypted store, which no
    database could search by content: every node of the type, or at the end of a fitting edge, is read.
    """
    candidates = _by_edges(reading, query) if query.source or query.target else _by_type(reading, query)
    meant: Iterator[Node] = (node for node in candidates if _is_meant(node, query))
    if query.changed_since is not None:
        meant = filter(_Changes(reading, query.changed_since).has, meant)
    return list(islice(meant, query.limit))


def _by_type(reading: Reading, query: GraphQuery) -> Iterator[Node]:
    types: Iterable[str] = [query.type] if query.type is not None else reading.node_types()
    if query.path is not None:
        types = [each for each in types if each == _FILE]
    for type_ in types:
        if query.ids is None:
            yield from reading.nodes(type_, deleted=query.deleted)
            continue
        found = (reading.read_node(type_, each, deleted=query.deleted) for each in dict.fromkeys(query.ids))
        yield from (node for node in found if node is not None)


def _by_edges(reading: Reading, query: GraphQuery) -> Iterator[Node]:
    ends: dict[tuple[str, str], None] = {}
    if query.source is not None:
        found = reading.edges(kind=query.kind, source=query.source)
        ends = dict.fromkeys((edge.target_type, edge.target_id) for edge in found)
    if query.target is not None:
        found = reading.edges(kind=query.kind, target=query.target)
        before = dict.fromkeys((edge.source_type, edge.source_id) for edge in found)
        ends = {end: None for end in ends if end in before} if query.source is not None else before
    wanted = None if query.ids is None else frozenset(query.ids)
    for end in ends if wanted is None else (end for end in ends if end[1] in wanted):
        node = reading.read_node(*end, deleted=query.deleted)
        if node is not None:
            yield node


def _is_meant(node: Node, query: GraphQuery) -> bool:
    if query.type is not None and node.type != query.type:
        return False
    if query.path is not None and not (node.type == _FILE and _is_at(node.id, query.path)):
        return False
    return all(name in node.data and node.data[name] == value for name, value in query.where.items())


def _is_at(path: str, wanted: str) -> bool:
    folder = wanted.removeprefix("./").rstrip("/")
    return folder in {"", ".", path} or path.startswith(f"{folder}/")


class _Changes:
    """What the events since a Lamport time tell of; they stay, so that no node needs a time of its own."""

    def __init__(self, reading: Reading, since: int) -> None:
        self._nodes: set[tuple[str, str]] = set()
        self._owners: set[tuple[str, str]] = set()
        self._is_all = False
        while events := reading.events(after=since, limit=_AT_ONCE):
            since = events[-1].lamport
            for stored in events:
                self._take(stored.event)

    def has(self, node: Node) -> bool:
        if self._is_all or (node.type, node.id) in self._nodes or (node.type, _EVERY) in self._nodes:
            return True
        return _owner(node) in self._owners

    def _take(self, event: Mapping[str, Json]) -> None:
        if event.get("event_family") != "graph_update":
            return
        payload = event["payload"]
        key = (payload["node_type"], payload["node_id"])
        self._nodes.add(key)
        if event["update_kind"] == "bulk":
            self._owners.add(key)
            self._is_all |= event["event_type"] == _RESTORED


def _owner(node: Node) -> tuple[str, Json] | None:
    """Type and id of the node that another one is written with; None where it stands for itself."""
    if node.type == _SIMULATED_STEP:
        # Named by its run, which is the id of the simulated plan, and its place in it.
        return _SIMULATED_PLAN, node.id.partition("/")[0]
    owner = _OWNERS.get(node.type)
    return None if owner is None else (owner[0], node.data.get(owner[1]))
