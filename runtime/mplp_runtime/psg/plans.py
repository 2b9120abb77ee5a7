"""A Plan document as nodes and edges: one Plan, its Steps, what depends on what, and its Context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mplp_runtime.errors import DocumentInvalid
from mplp_runtime.psg.acyclic import cycle_in
from mplp_runtime.vsl.interface import Edge, Json, Node, Transaction
from mplp_runtime.vsl.texts import EdgeRow, TextRow, add_edges, edges_from, nodes_by_id, put_texts
from mplp_runtime.vsl.values import StoreLimits, encoded

_LIMITS = StoreLimits()
_OF_A_PLAN = frozenset({"context", "plan", "dependency"})
_AT_ONCE = 500
"""Rows that are handed to the store together."""


@dataclass(frozen=True, slots=True)
class PlanChange:
    """By how much the graph grew or shrank; `status_before` is None where the plan was unknown before."""

    is_new: bool
    node_delta: int
    edge_delta: int
    status: str | None = None
    status_before: str | None = None


def write_plan(
    transaction: Transaction, plan: Mapping[str, Json], *, keeps_statuses: bool = False
) -> PlanChange | None:
    """Brings nodes and edges in line with `plan`; None if they already are. Records no event itself.

    With `keeps_statuses` plan and steps that are known stay as far as they are.
    """
    plan_id: str = plan["plan_id"]
    steps: list[Mapping[str, Json]] = list(plan["steps"])
    _refuse_unsound(plan_id, steps)
    known = transaction.read_node("Plan", plan_id)
    ids = [step["step_id"] for step in steps]
    header = {name: value for name, value in plan.items() if name != "steps"}
    status_before = None if known is None else known.data.get("status")
    if keeps_statuses and status_before is not None:
        header["status"] = status_before
    # Piece by piece, because a plan may have a hundred thousand steps; edges last, because both their ends
    # must be there.
    is_changed = _put_header(transaction, known, plan_id, {**header, "step_ids": ids})
    node_delta = int(known is None)
    # What was not there, or is a tombstone, has no edges to look for.
    fresh = set()
    for first in range(0, len(steps), _AT_ONCE):
        present = nodes_by_id(transaction, "Step", ids[first : first + _AT_ONCE])
        rows: list[TextRow] = []
        for position, step in enumerate(steps[first : first + _AT_ONCE], first):
            step_id = step["step_id"]
            data = {**step, "plan_id": plan_id, "position": position}
            before = present.get(step_id)
            if before is None:
                fresh.add(step_id)
            elif keeps_statuses and before.data.get("plan_id") == plan_id:
                data["status"] = before.data["status"]
            if before is None or before.data != data:
                rows.append((step_id, encoded(data, _LIMITS)))
        is_changed = is_changed or bool(rows)
        put_texts(transaction, "Step", rows, are_new=False)
    node_delta += len(fresh)
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
    of_plan = _edges_of_plan(transaction, plan)
    if known is None:
        edge_delta += sum(transaction.add_edge(edge) for edge in of_plan)
    else:
        edge_delta, is_changed = _matched(transaction, ("Plan", plan_id), of_plan, edge_delta, is_changed)
    new: list[EdgeRow] = []
    for first in range(0, len(steps), _AT_ONCE):
        piece = steps[first : first + _AT_ONCE]
        wanted = {step["step_id"]: _edges_of_step(step, plan_id) for step in piece}
        present_edges = _edges_from(transaction, [each for each in wanted if each not in fresh])
        for step_id, rows_of_step in wanted.items():
            leaving = present_edges.get(step_id, {})
            for row in leaving.keys() - rows_of_step.keys():
                edge_delta -= transaction.remove_edge(Edge(*row))
                is_changed = True
            new += [row for row in rows_of_step if row not in leaving]
        is_changed = is_changed or bool(new)
        edge_delta += add_edges(transaction, new)
        new.clear()
    if not is_changed:
        return None
    return PlanChange(known is None, node_delta, edge_delta, header.get("status"), status_before)


def _edges_of_step(step: Mapping[str, Json], plan_id: str) -> dict[EdgeRow, None]:
    """What leaves from a step; a dependency that is named twice is one edge."""
    step_id = step["step_id"]
    rows: dict[EdgeRow, None] = {("plan", "Step", step_id, "Plan", plan_id): None}
    for each in step.get("dependencies", ()):
        rows["dependency", "Step", step_id, "Step", each] = None
    return rows


def _edges_from(transaction: Transaction, step_ids: list[str]) -> Mapping[str, dict[EdgeRow, None]]:
    """What leaves from these steps now, of what a plan decides about."""
    found: dict[str, dict[EdgeRow, None]] = {}
    for edge in edges_from(transaction, "Step", step_ids) if step_ids else ():
        if edge.kind in _OF_A_PLAN:
            found.setdefault(edge.source_id, {})[
                edge.kind, edge.source_type, edge.source_id, edge.target_type, edge.target_id
            ] = None
    return found


def _put_header(
    transaction: Transaction, known: Node | None, plan_id: str, header: Mapping[str, Json]
) -> bool:
    """Writes the plan's own node; False if it says the same already."""
    if known is not None and known.data == header:
        return False
    transaction.write_node("Plan", plan_id, header)
    return True


def _matched(
    transaction: Transaction, owner: tuple[str, str], edges: list[Edge], delta: int, is_changed: bool
) -> tuple[int, bool]:
    """Brings what leaves from a node in line with `edges`; the delta, and whether anything has changed."""
    ours = {edge for edge in transaction.edges(source=owner) if edge.kind in _OF_A_PLAN}
    for edge in ours.difference(edges):
        delta -= transaction.remove_edge(edge)
    for edge in edges:
        delta += transaction.add_edge(edge)
    return delta, is_changed or ours != set(edges)


def _edges_of_plan(transaction: Transaction, plan: Mapping[str, Json]) -> list[Edge]:
    """What the plan's own node points to: its context, where the graph has that."""
    plan_id, context_id = plan["plan_id"], plan.get("context_id")
    if context_id and transaction.read_node("Context", context_id):
        return [Edge("context", "Plan", plan_id, "Context", context_id)]
    return []


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
