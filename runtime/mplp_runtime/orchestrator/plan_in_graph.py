"""What the graph says of the plan of a run: how its statuses move, and what is new with each run of it.

The nodes of steps that begin and end are `chronicle.py`'s and `page.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.admission import with_statuses
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.psg.bulk import Growth
from mplp_runtime.psg.graph import Graph
from mplp_runtime.psg.plans import PlanChange
from mplp_runtime.vsl.interface import Edge, Transaction
from mplp_runtime.vsl.texts import nodes_by_id, put_texts
from mplp_runtime.vsl.values import compact

SIMULATED_STEP = "SimulatedStep"
_SIMULATED_PLAN = "SimulatedPlan"
_NOT_BEGUN = frozenset({None, "draft", "proposed", "approved"})
_AS_IT_BEGINS = frozenset({"pending", "completed", "skipped"})
_AT_ONCE = 500
"""Steps that are written together."""


def simulated_step_id(run_id: str, position: int) -> str:
    """Id of the node of a step in a simulated run; by its position for the same reason as an attempt's."""
    return f"{run_id}/{records.place(position)}"


def simulated_step(step_id: str, status: str, plan_id: str, position: int) -> dict[str, Any]:
    """Its data: how far the simulation is. What the step says stands at the plan's own node."""
    return {"step_id": step_id, "status": status, "plan_id": plan_id, "position": position}


def simulated_step_text(step_id: str, status: str, plan_id: str, position: int) -> str:
    """The same as it is stored; a simulation of 10,000 steps writes as many."""
    return (
        f'{{"step_id":{quoted(step_id)},"status":{quoted(status)}'
        f',"plan_id":{quoted(plan_id)},"position":{position}}}'
    )


def step_node(
    run: Record, step: Mapping[str, Any], position: int, status: str
) -> tuple[str, str, dict[str, Any]]:
    """Type, id and data of the node of a step; a simulation has nodes of its own."""
    step_id, plan_id = step["step_id"], run["plan_id"]
    if run["simulated"]:
        data = simulated_step(step_id, status, plan_id, position)
        return SIMULATED_STEP, simulated_step_id(run["run_id"], position), data
    return "Step", step_id, {**step, "status": status, "plan_id": plan_id, "position": position}


def edges_to_plan(transaction: Transaction, type_: str, identity: str, run: Record) -> list[Edge]:
    """The edge from a node to the plan of the run; none where a restore took the plan out of the graph."""
    if transaction.read_node("Plan", run["plan_id"]) is None:
        return []
    return [Edge("plan", type_, identity, "Plan", run["plan_id"])]


@dataclass(frozen=True, slots=True)
class PlanInGraph:
    """The plan of one run. A simulation has nodes of its own, because it changes no plan."""

    graph: Graph
    run: Record
    plan: Mapping[str, Any]

    def begin(self, transaction: Transaction) -> Mapping[str, Any] | None:
        """The plan is about to run: approved, whoever's word that is, with its steps still to come.

        After an earlier run of the plan this is another generation of it: nothing leads from `failed` to
        `approved` (seed 1, 4.2). What is to be told of that is returned, None for a plan that had not begun.
        """
        if self.run["simulated"]:
            self._put_plan(transaction, self.plan, keeps_statuses=True)
            return None
        found: list[Mapping[str, Any]] = []

        def told(change: PlanChange) -> Mapping[str, Any] | None:
            if change.status_before in _NOT_BEGUN:
                return None
            found.append({"generation": self.run["generation"], "status_before": change.status_before})
            return {"run_id": self.run["run_id"], **found[0]}

        left = [step["step_id"] for step in self.plan["steps"] if step["status"] not in _AS_IT_BEGINS]
        plan = with_statuses({**self.plan, "status": "approved"}, dict.fromkeys(left, "pending"))
        self._put_plan(transaction, plan, told=told)
        return found[0] if found else None

    def again(self, transaction: Transaction, statuses: Mapping[str, str]) -> None:
        """The run goes on: where a restore took the plan out of the graph since, it is there again.

        `statuses` says how far its steps are.
        """
        if transaction.read_node("Plan", self.run["plan_id"]) is None:
            plan: Mapping[str, Any] = self.plan
            if not self.run["simulated"]:
                plan = with_statuses({**self.plan, "status": "approved"}, statuses)
            self._put_plan(transaction, plan)

    def status(self, transaction: Transaction, status: str) -> None:
        """The plan's own status moves."""
        type_, identity = self._node
        if self.run["simulated"]:
            data = {"plan_id": self.run["plan_id"], "status": status}
        else:
            node = transaction.read_node(type_, identity)
            if node is None:
                return
            data = {**node.data, "status": status}
        self.graph.put(transaction, type_, identity, data, stream=self.run["run_id"], source_module="plan")

    def blocked(self, transaction: Transaction, steps: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
        """Steps, with their positions, that cannot run any more: one event for all of them."""
        # Piece by piece, because nearly all of a large plan may hang on one step.
        grown = sum(
            self._put_blocked(transaction, steps[first : first + _AT_ONCE])
            for first in range(0, len(steps), _AT_ONCE)
        )
        self.graph.record_growth(
            transaction,
            "steps_blocked",
            self._node,
            Growth(grown, 0, is_changed=True),
            stream=self.run["run_id"],
            source_module="plan",
            members={"status": "blocked", "steps": len(steps)},
        )

    @property
    def _node(self) -> tuple[str, str]:
        if self.run["simulated"]:
            return _SIMULATED_PLAN, self.run["run_id"]
        return "Plan", self.run["plan_id"]

    def _put_plan(self, transaction: Transaction, plan: Mapping[str, Any], **how: Any) -> None:
        stream = self.run["run_id"]
        self.graph.put_plan(transaction, dict(plan), stream=stream, source_module="plan", **how)

    def _put_blocked(self, transaction: Transaction, steps: Sequence[tuple[int, Mapping[str, Any]]]) -> int:
        """How many nodes are new: a simulation has none of a step that it did not reach."""
        nodes = [step_node(self.run, step, position, "blocked") for position, step in steps]
        type_ = nodes[0][0]
        known = nodes_by_id(transaction, type_, [identity for _, identity, _ in nodes])
        put_texts(transaction, [(type_, identity, compact(data), True) for _, identity, data in nodes])
        return len(nodes) - len(known)
