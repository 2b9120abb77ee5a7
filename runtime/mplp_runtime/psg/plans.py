"""A Plan document as nodes and edges: one Plan, its Steps, what depends on what, and its Context."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mplp_runtime.errors import DocumentInvalid
from mplp_runtime.psg.acyclic import cycle_in
from mplp_runtime.vsl.interface import Edge, Json, Node, Transaction
from mplp_runtime.vsl.texts import TextRow, add_edges, put_texts
from mplp_runtime.vsl.values import StoreLimits, encoded

_LIMITS = StoreLimits()
_AT_ONCE = 500
"""Rows that are handed to the store together."""


@dataclass(frozen=True, slots=True)
class PlanChange:
    """By how much the graph grew or shrank, and whether the plan was unknown before."""

    is_new: bool
    node_delta: int
    edge_delta: int


def write_plan(transaction: Transaction, plan: Mapping[str, Json]) -> PlanChange | None:
    """Brings nodes and edges in line with `plan`; None if they already are. Records no event itself."""
    plan_id: str = plan["plan_id"]
    steps: list[Mapping[str, Json]] = list(plan["steps"])
    _refuse_unsound(plan_id, steps)
    known = transaction.read_node("Plan", plan_id)
    ids = [step["step_id"] for step in steps]
    header = {name: value for name, value in plan.items() if name != "steps"}
    # Step by step, because a plan may have a hundred thousand of them; edges last, because both their ends
    # must be there.
    fresh = set()
    node_delta, is_changed = 0, False
    rows: list[TextRow] = []
    for type_, id_, data in _nodes_of(plan_id, {**header, "step_ids": ids}, steps):
        before = transaction.read_node(type_, id_)
        if before is None or before.data != data:
            is_changed = True
            if type_ == "Step":
                rows.append((id_, encoded(data, _LIMITS)))
            else:
                transaction.write_node(type_, id_, data)
        if before is None:
            # What was not there, or is a tombstone, has no edges to look for.
            fresh.add((type_, id_))
            node_delta += 1
        if len(rows) == _AT_ONCE:
            put_texts(transaction, "Step", rows, are_new=False)
            rows.clear()
    put_texts(transaction, "Step", rows, are_new=False)
    edge_delta = 0
    present_ids = set(ids)
    before_ids = [] if known is None else known.data.get("step_ids", [])
    gone = [
        step_id
        for step_id in before_ids
        if step_id not in present_ids and _is_of(transaction.read_node("Step", step_id), plan_id)
    ]
    for old in gone:
        edge_delta -= _edges_at(transaction, old)
        node_delta -= transaction.delete_node("Step", old)
        is_changed = True
    new: list[Edge] = []
    for owner, edges in _edges_of(transaction, plan, steps):
        if owner in fresh:
            new += edges
            if len(new) >= _AT_ONCE:
                edge_delta += add_edges(transaction, new)
                new.clear()
            continue
        present = set(transaction.edges(source=owner))
        ours = {edge for edge in present if edge.kind in {"context", "plan", "dependency"}}
        for edge in ours.difference(edges):
            edge_delta -= transaction.remove_edge(edge)
        for edge in edges:
            edge_delta += transaction.add_edge(edge)
        is_changed = is_changed or ours != set(edges)
    edge_delta += add_edges(transaction, new)
    return PlanChange(known is None, node_delta, edge_delta) if is_changed else None


def _nodes_of(
    plan_id: str, header: Mapping[str, Json], steps: list[Mapping[str, Json]]
) -> Iterator[tuple[str, str, Mapping[str, Json]]]:
    yield "Plan", plan_id, header
    for position, step in enumerate(steps):
        yield "Step", step["step_id"], {**step, "plan_id": plan_id, "position": position}


def _edges_of(
    transaction: Transaction, plan: Mapping[str, Json], steps: list[Mapping[str, Json]]
) -> Iterator[tuple[tuple[str, str], list[Edge]]]:
    """The nodes that edges leave from, each with these edges."""
    plan_id, context_id = plan["plan_id"], plan.get("context_id")
    of_plan = []
    if context_id and transaction.read_node("Context", context_id):
        of_plan.append(Edge("context", "Plan", plan_id, "Context", context_id))
    yield ("Plan", plan_id), of_plan
    for step in steps:
        step_id = step["step_id"]
        # A dependency that is named twice is one edge.
        needed = dict.fromkeys(step.get("dependencies", []))
        yield (
            ("Step", step_id),
            [
                Edge("plan", "Step", step_id, "Plan", plan_id),
                *(Edge("dependency", "Step", step_id, "Step", each) for each in needed),
            ],
        )


def _is_of(step: Node | None, plan_id: str) -> bool:
    """False where another plan has taken the step's id since: a copied plan file whose ids were kept."""
    return step is not None and step.data.get("plan_id") == plan_id


def _edges_at(transaction: Transaction, step_id: str) -> int:
    at = ("Step", step_id)
    return len({*transaction.edges(source=at), *transaction.edges(target=at)})


def _refuse_unsound(plan_id: str, steps: list[Mapping[str, Json]]) -> None:
    dependencies: dict[str, list[str]] = {}
    for step in steps:
        if step["step_id"] in dependencies:
            raise DocumentInvalid(f"Plan {plan_id} has two steps with the id {step['step_id']}.")
        dependencies[step["step_id"]] = list(step.get("dependencies", []))
    for step_id, needed in dependencies.items():
        for dependency in needed:
            if dependency not in dependencies:
                raise DocumentInvalid(
                    f"Step {step_id} depends on {dependency}, which plan {plan_id} does not have."
                )
    cycle = cycle_in(dependencies)
    if cycle:
        raise DocumentInvalid(
            f"The steps of plan {plan_id} depend on each other in a circle: {' → '.join(cycle)}."
        )
