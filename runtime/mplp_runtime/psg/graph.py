# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""The project's graph (seed 1, 3.3): every change of it is one transaction and one graph_update event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from mplp_runtime.errors import DocumentInvalid
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import Event, Stamper, UpdateKind, graph_update
from mplp_runtime.psg.acyclic import path_between
from mplp_runtime.psg.bulk import Growth
from mplp_runtime.psg.plans import PlanChange, write_plan
from mplp_runtime.psg.properties import HISTORY, refuse_backwards, refuse_lost, refuse_named, refuse_rewriting
from mplp_runtime.sources import Clock, NewId
from mplp_runtime.vsl.interface import Edge, Json, Node, Reading, Transaction, ValueStateLayer
from mplp_runtime.vsl.values import can_be_a_name

PSG_PATHS: Mapping[str, str] = MappingProxyType(
    {
        "Context": "/psg/contexts",
        "Plan": "/psg/plans",
        "Step": "/psg/steps",
        "Confirm": "/psg/confirms",
        "Trace": "/psg/traces",
        "Segment": "/psg/segments",
        "Role": "/psg/roles",
        "Dialog": "/psg/dialogs",
        "Collab": "/psg/collabs",
        "Extension": "/psg/extensions",
        "Core": "/psg/cores",
        "Network": "/psg/networks",
        "File": "/psg/files",
        "Commit": "/psg/commits",
        "CiRun": "/psg/ci-runs",
        "ToolInvocation": "/psg/tool-invocations",
    }
)
"""Node type -> path (seed 1, 3.3 for contexts and plans; the others by analogy)."""

SOURCE_MODULES: Mapping[str, str] = MappingProxyType(
    {"Step": "plan", "Segment": "trace", "File": "integration"}
)
"""Node types that are kept by a module of another name; every other type is its own module in lower case."""

_GRAPH_ID = "graph_id"


class Graph:
    """Nodes and edges of one project. Changes happen inside a transaction and are recorded on the bus.

    The deltas of the recorded events are true: summed up, they give the number of nodes and edges.
    """

    def __init__(self, store: ValueStateLayer, bus: EventBus, *, clock: Clock, new_id: NewId) -> None:
        self._store = store
        self._bus = bus
        self._stamper = Stamper(clock, new_id)
        known = store.read(lambda reading: reading.get(_GRAPH_ID))
        self.graph_id: str = known or store.transact_sync(self._keep_graph_id)

    def put(
        self,
        transaction: Transaction,
        type: str,
        id: str,
        data: Mapping[str, Json],
        *,
        edges: Iterable[Edge] = (),
        stream: str = "project",
        source_module: str | None = None,
        event_type: str | None = None,
        told: Mapping[str, Json] | None = None,
    ) -> list[Event]:
        """Creates or replaces a node and adds edges; returns the events recorded, [] if nothing changed.

        `event_type` is `<type>_created` or `<type>_updated` unless given; `told` goes into the event's
        payload. Raises DocumentInvalid if a `dependency` edge would close a cycle, a `context_id`, `plan_id`,
        `trace_id` or parent is not in the graph, or a Segment's times run backwards; and TransitionIllegal
        where history would be told differently: a Trace or a Segment that has ended, or was deleted, stays
        as it was.
        """
        before = transaction.read_node(type, id)
        if type in HISTORY:
            refuse_rewriting(transaction, type, id, data)
        is_changed = before is None or before.data != dict(data)
        if is_changed:
            refuse_lost(transaction, type, id, data, None if before is None else before.data)
            if type == "Segment":
                refuse_backwards(transaction, id, data)
            transaction.write_node(type, id, data)
        added = sum(self._link(transaction, edge) for edge in edges)
        if not is_changed and not added:
            return []
        kind: UpdateKind = "node_add" if before is None else "node_update"
        if added:
            kind = "bulk" if is_changed else "edge_add"
        word = f"{type.lower()}_{'created' if before is None else 'updated'}"
        members = {"status": data["status"]} if isinstance(data.get("status"), str) else {}
        return self._record(
            transaction,
            event_type or word,
            kind,
            (type, id),
            node_delta=int(before is None),
            edge_delta=added,
            stream=stream,
            source_module=source_module,
            members={**members, **told} if told else members,
        )

    def put_plan(
        self,
        transaction: Transaction,
        plan: Mapping[str, Json],
        *,
        stream: str = "project",
        source_module: str | None = None,
        keeps_statuses: bool = False,
        told: Callable[[PlanChange], Mapping[str, Json] | None] = lambda _: None,
    ) -> list[Event]:
        """Makes the graph say what a valid Plan document says: its node, its steps, and their edges.

        One `bulk` event: `plan_created` the first time, `plan_updated` later; [] if nothing changed. Steps
        that are gone become tombstones. The edge to the Context is added once the Context is known. With
        `keeps_statuses` the statuses that the graph knows stay. The event says where the plan's own status
        changed, and what more `told` says of the change. Raises DocumentInvalid if the steps are no directed
        acyclic graph.
        """
        change = write_plan(transaction, plan, keeps_statuses=keeps_statuses)
        if change is None:
            return []
        return self._record(
            transaction,
            "plan_created" if change.is_new else "plan_updated",
            "bulk",
            ("Plan", plan["plan_id"]),
            node_delta=change.node_delta,
            edge_delta=change.edge_delta,
            stream=stream,
            source_module=source_module,
            members={**_moved(change), **(told(change) or {})},
        )

    def delete(
        self,
        transaction: Transaction,
        type: str,
        id: str,
        *,
        stream: str = "project",
        source_module: str | None = None,
    ) -> list[Event]:
        """Leaves a tombstone and takes the node's edges away; [] if there was no such node.

        Raises DocumentInvalid while other documents, or steps and segments, name this one.
        """
        refuse_named(transaction, type, id)
        gone = {*transaction.edges(source=(type, id)), *transaction.edges(target=(type, id))}
        if not transaction.delete_node(type, id):
            return []
        return self._record(
            transaction,
            f"{type.lower()}_deleted",
            "node_delete",
            (type, id),
            node_delta=-1,
            edge_delta=-len(gone),
            stream=stream,
            source_module=source_module,
        )

    def connect(self, transaction: Transaction, edge: Edge, *, stream: str = "project") -> list[Event]:
        """Adds one edge; [] if it was there. Raises DocumentInvalid if a dependency would close a cycle."""
        if not self._link(transaction, edge):
            return []
        return self._record_edge(transaction, edge, "edge_add", 1, stream)

    def disconnect(self, transaction: Transaction, edge: Edge, *, stream: str = "project") -> list[Event]:
        """Takes one edge away; [] if it was not there."""
        if not transaction.remove_edge(edge):
            return []
        return self._record_edge(transaction, edge, "edge_delete", -1, stream)

    def record_growth(
        self,
        transaction: Transaction,
        event_type: str,
        node: tuple[str, str],
        growth: Growth,
        *,
        stream: str,
        source_module: str | None = None,
        members: Mapping[str, Json] | None = None,
    ) -> list[Event]:
        """Records what `write_nodes` did as one event about `node`; [] if it changed nothing."""
        if not growth.is_changed:
            return []
        return self._record(
            transaction,
            event_type,
            growth.kind(node),
            node,
            node_delta=growth.node_delta,
            edge_delta=growth.edge_delta,
            stream=stream,
            source_module=source_module,
            members=members,
        )

    def read(self, type: str, id: str, *, deleted: bool = False) -> Node | None:
        """What is committed; inside a transaction use its own `read_node`."""
        if not can_be_a_name(type, id):
            return None
        return self._store.read(lambda reading: reading.read_node(type, id, deleted=deleted))

    def neighbours(
        self, type: str, id: str, *, kind: str | None = None, direction: Literal["out", "in"] = "out"
    ) -> list[Node]:
        """The nodes that edges of `kind` lead to (`out`) or come from (`in`), in the order of the edges."""
        if not can_be_a_name(type, id):
            return []

        def found(reading: Reading) -> list[Node]:
            if direction == "out":
                ends = [(e.target_type, e.target_id) for e in reading.edges(kind=kind, source=(type, id))]
            else:
                ends = [(e.source_type, e.source_id) for e in reading.edges(kind=kind, target=(type, id))]
            nodes = (reading.read_node(*end) for end in ends)
            return [node for node in nodes if node is not None]

        return self._store.read(found)

    def dangling(self) -> Sequence[Edge]:
        """Edges with an end that is not in the graph; none in a sound graph (seed 1, 3.3, property 2)."""

        def found(reading: Reading) -> list[Edge]:
            return [
                edge
                for edge in reading.edges()
                if reading.read_node(edge.source_type, edge.source_id) is None
                or reading.read_node(edge.target_type, edge.target_id) is None
            ]

        return self._store.read(found)

    def _keep_graph_id(self, transaction: Transaction) -> str:
        # Another process may have chosen one since we looked.
        known = transaction.get(_GRAPH_ID)
        if known is None:
            known = self._stamper.new_id()
            transaction.set(_GRAPH_ID, known)
        return str(known)

    def _link(self, transaction: Transaction, edge: Edge) -> bool:
        if edge.kind == "dependency":
            path = path_between(transaction, edge.target_id, edge.source_id)
            if path:
                cycle = " → ".join([edge.source_id, *path])
                raise DocumentInvalid(f"This dependency would close a cycle: {cycle}.")
        return transaction.add_edge(edge)

    def _record_edge(
        self, transaction: Transaction, edge: Edge, kind: UpdateKind, delta: int, stream: str
    ) -> list[Event]:
        prefix = "dag_edge" if edge.kind == "dependency" else "edge"
        return self._record(
            transaction,
            f"{prefix}_{'added' if delta > 0 else 'removed'}",
            kind,
            (edge.source_type, edge.source_id),
            edge_delta=delta,
            stream=stream,
            members={"target_type": edge.target_type, "target_id": edge.target_id, "edge_kind": edge.kind},
        )

    def _record(
        self,
        transaction: Transaction,
        event_type: str,
        update_kind: UpdateKind,
        node: tuple[str, str],
        *,
        node_delta: int = 0,
        edge_delta: int = 0,
        stream: str,
        source_module: str | None = None,
        members: Mapping[str, Json] | None = None,
    ) -> list[Event]:
        type, id = node  # noqa: A001
        payload: dict[str, Json] = {"node_type": type, "node_id": id, **(members or {})}
        if type == "Plan":
            payload["plan_id"] = id
        event = graph_update(
            self._stamper,
            event_type,
            graph_id=self.graph_id,
            update_kind=update_kind,
            node_delta=node_delta,
            edge_delta=edge_delta,
            source_module=source_module or SOURCE_MODULES.get(type, type.lower()),
            payload=payload,
        )
        self._bus.record(transaction, stream, event)
        return [event]


def _moved(change: PlanChange) -> Mapping[str, Json]:
    before, now = change.status_before, change.status
    return {} if before is None or before == now else {"status_before": before, "status": now}
