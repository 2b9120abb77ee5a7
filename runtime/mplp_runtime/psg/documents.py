# ruff: noqa: A002 - `id` is the word of the protocol
"""Whole documents in the graph: created, read, changed and deleted with the graph's properties (seed 1, 3.3).

Every change is one transaction and one graph_update. The four properties hold because a change is refused
that would break one: steps form a directed acyclic graph; every id that is named is there; segments follow
each other in time; what has ended stays as it was. The same rules as in the editor say so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from mplp_runtime.errors import DocumentInvalid, DocumentUnknown, NodeConflict, NodeExists, TransitionIllegal
from mplp_runtime.psg.bulk import NodeKey, write_nodes
from mplp_runtime.psg.graph import Graph
from mplp_runtime.psg.world import PARTS, TYPES, GraphWorld, assembled, id_list, own_id, uri_of
from mplp_runtime.rules.check import check
from mplp_runtime.rules.facts import OWN_ID, document_facts
from mplp_runtime.rules.findings import Finding, Severity
from mplp_runtime.rules.statuses import status_edit_findings
from mplp_runtime.rules.world import DocumentFacts
from mplp_runtime.vsl.interface import Edge, Json, Node, Reading, Transaction, ValueStateLayer

Document = dict[str, Any]

_TEMPORAL_ORDER = frozenset({"times-backwards", "segment-outside-parent"})
"""What an author is only warned of, and what the graph does not take in (seed 1, 3.3, property 3)."""

_MAY_BE_ELSEWHERE = frozenset({"role"})
"""Kinds that many projects name without having documents of them; they must be there once one is."""


class Documents:
    """The operations on whole documents. Each raises DocumentInvalid, TransitionIllegal or StoreError."""

    def __init__(self, store: ValueStateLayer, graph: Graph) -> None:
        self._store = store
        self._graph = graph

    async def create(self, kind: str, value: Mapping[str, Json], *, stream: str = "project") -> Node:
        """Takes a new document in. Raises NodeExists where its id is taken, also by one that was deleted."""

        def work(transaction: Transaction) -> Node:
            facts = _refuse_invalid(transaction, kind, value)
            if transaction.read_node(TYPES[kind], str(facts.id), deleted=True) is not None:
                raise NodeExists(f"A {kind} with the id {facts.id} is in the graph already.")
            return self._write(transaction, kind, value, facts, stream)

        return await self._store.transact(work)

    async def replace(
        self,
        kind: str,
        value: Mapping[str, Json],
        *,
        expected_version: int | None = None,
        stream: str = "project",
    ) -> Node:
        """Puts a newer text of a document in the place of the one that is there.

        Raises TransitionIllegal for a change that the lifecycle or the immutability of history forbids,
        DocumentUnknown where there is none, NodeConflict where it is not of `expected_version` any more.
        """

        def work(transaction: Transaction) -> Node:
            facts = _refuse_invalid(transaction, kind, value)
            _expected(transaction, kind, str(facts.id), expected_version)
            _refuse_illegal(facts, GraphWorld(transaction))
            return self._write(transaction, kind, value, facts, stream)

        return await self._store.transact(work)

    async def change_status(
        self,
        kind: str,
        id: str,
        status: str,
        *,
        cause: str | None = None,
        expected_version: int | None = None,
        stream: str = "project",
    ) -> Node:
        """The document with another status; raises like `replace`.

        Some changes are legal for one `cause` only (`rules.lifecycle.CAUSED`): a plan that has not begun is
        cancelled by `cancel-before-start`, an approved one is proposed again by `reapproval`.
        """

        def work(transaction: Transaction) -> Node:
            node = _expected(transaction, kind, id, expected_version)
            value = {**assembled(transaction, kind, node), "status": status}
            facts = _refuse_invalid(transaction, kind, value)
            _refuse_illegal(facts, GraphWorld(transaction), cause)
            return self._write(transaction, kind, value, facts, stream)

        return await self._store.transact(work)

    async def delete(self, kind: str, id: str, *, stream: str = "project") -> None:
        """Leaves tombstones of the document and its parts.

        Raises DocumentInvalid while others name it, because their ids would lead nowhere.
        """

        def work(transaction: Transaction) -> None:
            node = _expected(transaction, kind, id, None)
            parts = [key for key, _ in _parts(kind, assembled(transaction, kind, node))]
            own = {(TYPES[kind], id), *parts}
            _refuse_named(transaction, own, own, f"The {kind} {id} cannot be deleted")
            growth = write_nodes(transaction, {}, (), gone=[*parts, (TYPES[kind], id)])
            self._graph.record_growth(
                transaction, f"{kind}_deleted", (TYPES[kind], id), growth, stream=stream
            )

        await self._store.transact(work)

    def read(self, kind: str, id: str) -> Document:
        """The document as the graph has it. Raises DocumentUnknown."""
        return self._store.read(lambda reading: assembled(reading, kind, _expected(reading, kind, id, None)))

    def all(self, kind: str) -> list[Document]:
        """Every document of one kind, in the order in which they were created."""
        return self._store.read(
            lambda reading: [assembled(reading, kind, node) for node in reading.nodes(TYPES[kind])]
        )

    def _write(
        self,
        transaction: Transaction,
        kind: str,
        value: Mapping[str, Json],
        facts: DocumentFacts,
        stream: str,
    ) -> Node:
        document_id = own_id(kind, value)
        known = transaction.read_node(TYPES[kind], document_id)
        parts = dict(_parts(kind, value))
        header = {
            name: member for name, member in value.items() if kind not in PARTS or name != PARTS[kind][0]
        }
        if kind in PARTS:
            header[id_list(kind)] = [part for _, part in parts]
        before = [] if known is None else _part_keys(kind, known)
        gone = [key for key in before if key not in parts]
        own = {(TYPES[kind], document_id), *before}
        _refuse_named(transaction, gone, own, f"The {kind} {document_id} cannot change so")
        for key in parts:
            owner = transaction.read_node(*key)
            if owner is not None and owner.data.get(OWN_ID[kind]) not in {None, document_id}:
                raise DocumentInvalid(
                    f"This {kind} cannot be taken in: {key[0]} {key[1]} belongs to the {kind} "
                    f"{owner.data[OWN_ID[kind]]}."
                )
        growth = write_nodes(
            transaction,
            {(TYPES[kind], document_id): header, **parts},
            [*_references(kind, document_id, facts, transaction), *_part_edges(kind, document_id, parts)],
            gone=gone,
        )
        word = "created" if known is None else "updated"
        self._graph.record_growth(
            transaction, f"{kind}_{word}", (TYPES[kind], document_id), growth, stream=stream
        )
        return _expected(transaction, kind, document_id, None)


def _parts(kind: str, value: Mapping[str, Json]) -> Iterator[tuple[NodeKey, Document]]:
    if kind not in PARTS:
        return
    field, type_, id_name = PARTS[kind]
    owner = OWN_ID[kind]
    for position, part in enumerate(value.get(field) or ()):
        yield (type_, part[id_name]), {**part, owner: value[owner], "position": position}


def _part_keys(kind: str, node: Node) -> list[NodeKey]:
    return [(PARTS[kind][1], part) for part in node.data.get(id_list(kind), ())] if kind in PARTS else []


def _part_edges(kind: str, id: str, parts: Mapping[NodeKey, Document]) -> Iterator[Edge]:
    for (type_, part_id), part in parts.items():
        yield Edge(kind, type_, part_id, TYPES[kind], id)
        for dependency in part.get("dependencies") or ():
            yield Edge("dependency", type_, part_id, type_, dependency)
        if part.get("parent_segment_id"):
            yield Edge("parent", type_, part_id, type_, part["parent_segment_id"])


def _references(kind: str, id: str, facts: DocumentFacts, reading: Reading) -> Iterator[Edge]:
    for reference in facts.references:
        target = _target(reading, reference.kind, reference.id)
        if target is not None and target != (TYPES[kind], id):
            # Named for what it leads to, except where the document says something else about it.
            word = "target" if reference.pointer == ("target_id",) else target[0].lower()
            yield Edge(word, TYPES[kind], id, *target)


def _target(reading: Reading, kind: str | None, id: str) -> NodeKey | None:
    for type_ in (TYPES[kind],) if kind is not None and kind in TYPES else TYPES.values():
        if reading.read_node(type_, id) is not None:
            return (type_, id)
    return None


def _refuse_named(reading: Reading, gone: Iterable[NodeKey], own: Collection[NodeKey], what: str) -> None:
    """Raises DocumentInvalid where something besides `own` names what is about to be gone."""
    for key in gone:
        for edge in reading.edges(target=key):
            if (edge.source_type, edge.source_id) not in own:
                raise DocumentInvalid(f"{what}: {edge.source_type} {edge.source_id} names {key[0]} {key[1]}.")


def _expected(reading: Reading, kind: str, id: str, version: int | None) -> Node:
    if kind not in TYPES:
        raise DocumentUnknown(f"There are no documents of the kind {kind!r}.")
    node = reading.read_node(TYPES[kind], id)
    if node is None:
        raise DocumentUnknown(f"There is no {kind} with the id {id} in the graph.")
    if version is not None and node.version != version:
        raise NodeConflict(f"The {kind} {id} is of version {node.version} by now, not {version}.")
    return node


def _refuse_invalid(reading: Reading, kind: str, value: Mapping[str, Json]) -> DocumentFacts:
    """Raises DocumentInvalid for a value that is no sound document, alone or beside the others."""
    if kind not in TYPES:
        raise DocumentUnknown(f"There are no documents of the kind {kind!r}.")
    world = GraphWorld(reading)
    facts = document_facts(uri_of(kind, str(value.get(OWN_ID[kind]))), kind, value, {})
    errors = [
        found
        for found in check(kind, value, facts, world)
        if found.severity == Severity.ERROR or found.code in _TEMPORAL_ORDER
    ]
    if errors:
        raise DocumentInvalid(f"This {kind} cannot be taken in: {_sentence(errors[0])}")
    for reference in facts.references:
        if reference.kind in _MAY_BE_ELSEWHERE and not reading.nodes(TYPES["role"]):
            continue
        if _target(reading, reference.kind, reference.id) is None and reference.id != facts.id:
            where = "/".join(map(str, reference.pointer))
            raise DocumentInvalid(
                f"This {kind} cannot be taken in: `{where}` names {reference.id}, "
                f"which is no {reference.kind or 'document'} of the graph."
            )
    return facts


def _refuse_illegal(facts: DocumentFacts, world: GraphWorld, cause: str | None = None) -> None:
    found = status_edit_findings(facts, world, cause=cause)
    if found:
        raise TransitionIllegal(f"The {facts.kind} {facts.id} cannot change so: {_sentence(found[0])}")


def _sentence(finding: Finding) -> str:
    where = "/".join(map(str, finding.place.pointer))
    return f"`{where}`: {finding.message}" if where else finding.message
