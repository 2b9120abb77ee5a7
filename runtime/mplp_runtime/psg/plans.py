"""A Plan document as nodes and edges: one Plan, its Steps, what depends on what, and its Context."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
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
                rows.append(("Step", step_id, encoded(data, _LIMITS), True))
        is_changed = is_changed or bool(rows)
        put_texts(transaction, rows)
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
    of_plan = {plan_id: _edges_of_plan(transaction, plan)}
    edge_delta, is_changed = _matched(
        transaction, "Plan", of_plan, {plan_id} if known is None else (), edge_delta, is_changed
    )
    for first in range(0, len(steps), _AT_ONCE):
        wanted = {step["step_id"]: _edges_of_step(step, plan_id) for step in steps[first : first + _AT_ONCE]}
        edge_delta, is_changed = _matched(transaction, "Step", wanted, fresh, edge_delta, is_changed)
    if not is_changed:
        return None
    return PlanChange(known is None, node_delta, edge_delta, header.get("status"), status_before)


def _edges_of_step(step: Mapping[str, Json], plan_id: str) -> list[EdgeRow]:
    """What leaves from a step."""
    step_id = step["step_id"]
    needed = step.get("dependencies", ())
    return [
        ("plan", "Step", step_id, "Plan", plan_id),
        *(("dependency", "Step", step_id, "Step", each) for each in needed),
    ]


def _put_header(
    transaction: Transaction, known: Node | None, plan_id: str, header: Mapping[str, Json]
) -> bool:
    """Writes the plan's own node; False if it says the same already."""
    if known is not None and known.data == header:
        return False
    transaction.write_node("Plan", plan_id, header)
    return True


def _matched(
    transaction: Transaction,
    type_: str,
    wanted: Mapping[str, Iterable[EdgeRow]],
    fresh: Container[str],
    delta: int,
    is_changed: bool,
) -> tuple[int, bool]:
    """Brings what leaves from these nodes in line; the delta, and whether anything has changed.

    From those that are `fresh` nothing leaves yet.
    """
    known = [node_id for node_id in wanted if node_id not in fresh]
    leaving = {
        (edge.kind, edge.source_type, edge.source_id, edge.target_type, edge.target_id)
        for edge in (edges_from(transaction, type_, known) if known else ())
        if edge.kind in _OF_A_PLAN
    }
    rows = dict.fromkeys(row for of_node in wanted.values() for row in of_node)
    for row in leaving - rows.keys():
        delta -= transaction.remove_edge(Edge(*row))
    delta += add_edges(transaction, [row for row in rows if row not in leaving])
    return delta, is_changed or leaving != rows.keys()


def _edges_of_plan(transaction: Transaction, plan: Mapping[str, Json]) -> list[EdgeRow]:
    """What the plan's own node points to: its context, where the graph has that."""
    plan_id, context_id = plan["plan_id"], plan.get("context_id")
    if context_id and transaction.read_node("Context", context_id):
        return [("context", "Plan", plan_id, "Context", context_id)]
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
