# ruff: noqa: A002 - `id` is the word of the protocol
"""A document as nodes and edges: its own node, one for each of its parts, and an edge to each it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mplp_runtime.psg.bulk import Growth, NodeKey, write_nodes
from mplp_runtime.psg.graph import Graph
from mplp_runtime.psg.world import PARTS, TYPES, id_list, own_id, uri_of
from mplp_runtime.rules.facts import OWN_ID, document_facts
from mplp_runtime.rules.world import DocumentFacts
from mplp_runtime.vsl.interface import Edge, Json, Node, Reading, Transaction

Document = dict[str, Any]


def put_document(
    graph: Graph, transaction: Transaction, kind: str, value: Mapping[str, Json], *, stream: str = "project"
) -> None:
    """Makes the graph say what a valid document says, whatever it said before; one event if that differs.

    What the document names and the graph does not have gets no edge.
    """
    document_id = own_id(kind, value)
    known = transaction.read_node(TYPES[kind], document_id)
    facts = document_facts(uri_of(kind, document_id), kind, value, {})
    growth = write_document(transaction, kind, value, facts, known)
    record_document(graph, transaction, kind, document_id, growth, is_new=known is None, stream=stream)


def write_document(
    transaction: Transaction, kind: str, value: Mapping[str, Json], facts: DocumentFacts, known: Node | None
) -> Growth:
    """Brings nodes and edges of a document in line with it; records no event."""
    document_id = own_id(kind, value)
    parts = dict(parts_of(kind, value))
    header = {name: member for name, member in value.items() if kind not in PARTS or name != PARTS[kind][0]}
    if kind in PARTS:
        header[id_list(kind)] = [part for _, part in parts]
    return write_nodes(
        transaction,
        {(TYPES[kind], document_id): header, **parts},
        [
            *_references(kind, document_id, facts, transaction),
            *(_owner(document_id, value, transaction) if kind == "context" else ()),
            *_part_edges(kind, document_id, parts),
        ],
        gone=[key for key in part_keys(kind, known) if key not in parts],
    )


def record_document(
    graph: Graph, transaction: Transaction, kind: str, id: str, growth: Growth, *, is_new: bool, stream: str
) -> None:
    """Tells of it in one event: `<kind>_created` or `<kind>_updated`."""
    word = f"{kind}_{'created' if is_new else 'updated'}"
    graph.record_growth(transaction, word, (TYPES[kind], id), growth, stream=stream)


def parts_of(kind: str, value: Mapping[str, Json]) -> Iterator[tuple[NodeKey, Document]]:
    """The nodes of a document's parts: the steps of a plan, the segments of a trace."""
    if kind not in PARTS:
        return
    field, type_, id_name = PARTS[kind]
    owner = OWN_ID[kind]
    for position, part in enumerate(value.get(field) or ()):
        yield (type_, part[id_name]), {**part, owner: value[owner], "position": position}


def part_keys(kind: str, node: Node | None) -> list[NodeKey]:
    """Which nodes a document that is known has for its parts."""
    if kind not in PARTS or node is None:
        return []
    return [(PARTS[kind][1], part) for part in node.data.get(id_list(kind), ())]


def target_of(reading: Reading, kind: str | None, id: str) -> NodeKey | None:
    """The node that an id names; None where the graph has none. `kind` is None where any may be meant."""
    for type_ in (TYPES[kind],) if kind is not None and kind in TYPES else TYPES.values():
        if reading.read_node(type_, id) is not None:
            return (type_, id)
    return None


def _part_edges(kind: str, id: str, parts: Mapping[NodeKey, Document]) -> Iterator[Edge]:
    for (type_, part_id), part in parts.items():
        yield Edge(kind, type_, part_id, TYPES[kind], id)
        for dependency in part.get("dependencies") or ():
            yield Edge("dependency", type_, part_id, type_, dependency)
        if part.get("parent_segment_id"):
            yield Edge("parent", type_, part_id, type_, part["parent_segment_id"])


def _references(kind: str, id: str, facts: DocumentFacts, reading: Reading) -> Iterator[Edge]:
    for reference in facts.references:
        target = target_of(reading, reference.kind, reference.id)
        if target is not None and target != (TYPES[kind], id):
            # Named for what it leads to, except where the document says something else about it.
            word = "target" if reference.pointer == ("target_id",) else target[0].lower()
            yield Edge(word, TYPES[kind], id, *target)
    # Participants, and the nodes of a network, have roles. They are edges of the whole document.
    named = {entry.role for entries in facts.entries.values() for entry in entries if entry.role}
    for role_id in sorted(named):
        if (role := target_of(reading, "role", role_id)) is not None:
            yield Edge("role", TYPES[kind], id, *role)


def _owner(id: str, context: Mapping[str, Json], reading: Reading) -> Iterator[Edge]:
    """A context names the role that owns it by id or by name."""
    word = context.get("owner_role")
    for role in reading.nodes(TYPES["role"]) if word else ():
        if word in {role.id, role.data.get("name")}:
            yield Edge("owner_role", TYPES["context"], id, role.type, role.id)
