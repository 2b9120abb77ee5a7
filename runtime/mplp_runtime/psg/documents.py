# ruff: noqa: A002 - `id` is the word of the protocol
"""Whole documents in the graph: created, read, changed and deleted with the graph's properties (seed 1, 3.3).

Every change is one transaction and one graph_update. The four properties hold because a change is refused
that would break one: steps form a directed acyclic graph; every id that is named is there; segments follow
each other in time; what has ended stays as it was. The same rules as in the editor say so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mplp_runtime.errors import DocumentInvalid, DocumentUnknown, NodeConflict, NodeExists, TransitionIllegal
from mplp_runtime.psg.bulk import NodeKey, write_nodes
from mplp_runtime.psg.document_nodes import part_keys, parts_of, record_document, target_of, write_document
from mplp_runtime.psg.files import FILE
from mplp_runtime.psg.graph import Graph
from mplp_runtime.psg.world import TYPES, GraphWorld, assembled, own_id, uri_of
from mplp_runtime.rules.check import check
from mplp_runtime.rules.facts import OWN_ID, document_facts
from mplp_runtime.rules.findings import Finding, Severity
from mplp_runtime.rules.statuses import status_edit_findings
from mplp_runtime.rules.world import DocumentFacts
from mplp_runtime.vsl.interface import Json, Node, Reading, Transaction, ValueStateLayer

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunTraces:
    """The traces of runs, which the graph has no documents of.

    `composed` makes one from what the state keeps of a run, by the run's id; `of_segment` says in which trace
    a segment is, by their ids, without composing any. Both give None where there is none.
    """

    composed: Callable[[str], Document | None]
    of_segment: Callable[[Reading, str], str | None]


_TEMPORAL_ORDER = frozenset({"times-backwards", "segment-outside-parent"})
"""What an author is only warned of, and what the graph does not take in (seed 1, 3.3, property 3)."""

_MAY_BE_ELSEWHERE = frozenset({"role"})
"""Kinds that many projects name without having documents of them; they must be there once one is."""

_SEGMENT = "Segment"


class Documents:
    """The operations on whole documents. Each raises DocumentInvalid, TransitionIllegal or StoreError.

    The trace of a run is composed by `run_traces` whenever it is read: the run alone writes it, and a node
    for each segment would be one more row a step.
    """

    def __init__(self, store: ValueStateLayer, graph: Graph, run_traces: RunTraces | None = None) -> None:
        self._store = store
        self._graph = graph
        self._run_traces = run_traces

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
            _refuse_of_run(_expected(transaction, kind, str(facts.id), expected_version))
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
            _refuse_of_run(node)
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
            _refuse_of_run(node)
            parts = [key for key, _ in parts_of(kind, assembled(transaction, kind, node))]
            own = {(TYPES[kind], id), *parts}
            _refuse_named(transaction, own, own, f"The {kind} {id} cannot be deleted")
            growth = write_nodes(transaction, {}, (), gone=[*parts, (TYPES[kind], id)])
            self._graph.record_growth(
                transaction, f"{kind}_deleted", (TYPES[kind], id), growth, stream=stream
            )

        await self._store.transact(work)

    def read(self, kind: str, id: str) -> Document:
        """The document as the graph has it. Raises DocumentUnknown."""
        return self._store.read(
            lambda reading: self._document(reading, kind, _expected(reading, kind, id, None))
        )

    def all(self, kind: str) -> list[Document]:
        """Every document of one kind, in the order in which they were created."""
        return self._store.read(
            lambda reading: [self._document(reading, kind, node) for node in reading.nodes(TYPES[kind])]
        )

    def entry(self, type: str, id: str) -> Document:
        """One node that is no document by itself: a Step, a Segment, a File, a Commit, a CiRun, …

        A step and a segment say what they belong to and at which `position`. Raises DocumentUnknown.
        """
        node = self._store.read(lambda reading: reading.read_node(type, id))
        if node is not None:
            return _entry(node)
        if type == _SEGMENT and (segment := self._run_segment(id)) is not None:
            return segment
        raise DocumentUnknown(f"There is no {type} {id} in the graph.")

    def entries(self, type: str) -> list[Document]:
        """All of one type, in the order in which they were created; the segments of runs come last."""
        nodes = self._store.read(lambda reading: reading.nodes(type))
        return [*map(_entry, nodes), *(self._run_segments() if type == _SEGMENT else ())]

    def _run_segments(self) -> Iterator[Document]:
        for node in self._store.read(lambda reading: reading.nodes(TYPES["trace"])):
            yield from self._segments_of(node)

    def _run_segment(self, id: str) -> Document | None:
        if (traces := self._run_traces) is None:
            return None

        def found(reading: Reading) -> Node | None:
            trace_id = traces.of_segment(reading, id)
            return None if trace_id is None else reading.read_node(TYPES["trace"], trace_id)

        # Only that one: composing a trace reads all events of its run.
        node = self._store.read(found)
        segments = () if node is None else self._segments_of(node)
        return next((each for each in segments if each["segment_id"] == id), None)

    def _segments_of(self, trace: Node) -> Iterator[Document]:
        return (segment for _, segment in parts_of("trace", self._composed(trace) or {}))

    def _document(self, reading: Reading, kind: str, node: Node) -> Document:
        return self._composed(node) or assembled(reading, kind, node)

    def _composed(self, node: Node) -> Document | None:
        if self._run_traces is None or not _is_of_run(node):
            return None
        return self._run_traces.composed(str(node.data["run_id"]))

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
        parts = [key for key, _ in parts_of(kind, value)]
        before = part_keys(kind, known)
        own = {(TYPES[kind], document_id), *before}
        gone = [key for key in before if key not in set(parts)]
        _refuse_named(transaction, gone, own, f"The {kind} {document_id} cannot change so")
        for key in parts:
            owner = transaction.read_node(*key)
            if owner is not None and owner.data.get(OWN_ID[kind]) not in {None, document_id}:
                raise DocumentInvalid(
                    f"This {kind} cannot be taken in: {key[0]} {key[1]} belongs to the {kind} "
                    f"{owner.data[OWN_ID[kind]]}."
                )
        growth = write_document(transaction, kind, value, facts, known)
        record_document(
            self._graph, transaction, kind, document_id, growth, is_new=known is None, stream=stream
        )
        return _expected(transaction, kind, document_id, None)


def _entry(node: Node) -> Document:
    return {"path": node.id, **node.data} if node.type == FILE else dict(node.data)


def _is_of_run(node: Node) -> bool:
    return node.type == TYPES["trace"] and "run_id" in node.data


def _refuse_of_run(node: Node) -> None:
    """Raises TransitionIllegal for the trace of a run."""
    if _is_of_run(node):
        raise TransitionIllegal(f"The trace {node.id} is that of run {node.data['run_id']}, which writes it.")


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
        if target_of(reading, reference.kind, reference.id) is None and reference.id != facts.id:
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
