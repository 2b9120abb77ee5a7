"""Every event of a run, in the order of the single-agent profile: the one place that knows the sequence.

Each method writes into the transaction that also holds the change of state it tells about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import (
    EXECUTOR_KIND,
    Event,
    event_core,
    pipeline_stage,
    runtime_execution,
    sa_event,
)
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.psg.graph import Graph
from mplp_runtime.vsl.interface import Edge, Transaction


@dataclass(frozen=True, slots=True)
class Chronicle:
    """Records the events of one run in the stream that has the run's id."""

    bus: EventBus
    graph: Graph
    run: Record
    plan: Mapping[str, Any]
    positions: Mapping[str, int]
    is_newest: bool = True
    """False for a run that is given up because the plan runs anew: the graph then tells of the newer run."""

    @property
    def stream(self) -> str:
        return str(self.run["run_id"])

    def run_started(self, transaction: Transaction, order: list[str], runtime_version: str) -> None:
        """SAInitialized to SAPlanEvaluated, then the plan's own transition to in_progress."""
        run = self.run
        self._sa(
            transaction,
            "SAInitialized",
            {"runtime": "mplp-lsp", "runtime_version": runtime_version, "profile": "mplp:profile:sa:1.0.0"},
            with_ids=(),
        )
        self._sa(transaction, "SAContextLoaded", None, with_ids=("context_id",))
        # The causal rule: a plan is executed after it was created, so the graph learns of it first.
        self.graph.put_plan(transaction, dict(self.plan), stream=self.stream, source_module="plan")
        payload = {"step_order": order, "simulated": run["simulated"], "generation": run["generation"]}
        self._sa(transaction, "SAPlanEvaluated", payload, with_ids=("context_id", "plan_id"))
        self._plan_execution(transaction, "plan_execution_started", "in_progress")
        self.plan_status(transaction, "in_progress")
        self._put_trace(transaction, "running")

    def run_resumed(self, transaction: Transaction) -> None:
        """An interrupted run goes on."""
        self._plan_execution(transaction, "plan_execution_resumed", "in_progress")
        self.plan_status(transaction, "in_progress", {"resumed": True})

    def run_interrupted(self, transaction: Transaction) -> None:
        """The process that carried the run is gone; the plan stays in progress."""
        self._plan_execution(transaction, "plan_execution_interrupted", "pending")

    def run_finished(
        self, transaction: Transaction, status: str, counts: Mapping[str, int], error: str | None
    ) -> None:
        """The plan's last transition, then SATraceEmitted and SACompleted; a failed run ends the same way."""
        self._put_plan_status(transaction, status)
        self._put_trace(transaction, status)
        self.plan_status(transaction, status)
        self._plan_execution(transaction, f"plan_execution_{status}", status)
        self._sa(transaction, "SATraceEmitted", {"status": status})
        payload: dict[str, Any] = {"status": status, "steps": dict(counts)}
        if error is not None:
            payload["error"] = error
        self._sa(transaction, "SACompleted", payload)

    def plan_status(
        self, transaction: Transaction, status: str, payload: Mapping[str, Any] | None = None
    ) -> None:
        """The plan's stage changes."""
        if status == "in_progress":
            self._put_plan_status(transaction, status)
        self._record(
            transaction,
            pipeline_stage(
                self.bus.stamper,
                "plan_status_changed",
                pipeline_id=self.run["plan_id"],
                stage_id="plan",
                stage_name=self.run["title"],
                status=status,
                project_id=self.run["context_id"],
                payload={"run_id": self.run["run_id"], **(payload or {})},
            ),
        )

    def step_started(self, transaction: Transaction, attempt: Record) -> None:
        """Before the action: SAStepStarted, stage running, execution running."""
        step = self._step(attempt["step_id"])
        payload = {
            "step_id": step["step_id"],
            "description": step["description"],
            "attempt": attempt["attempt"],
        }
        if step.get("agent_role"):
            payload["agent_role"] = step["agent_role"]
        self._sa(transaction, "SAStepStarted", payload)
        self._stage(transaction, "step_started", step, "in_progress", {"attempt": attempt["attempt"]})
        self._execution(transaction, "step_execution_started", attempt, "running")

    def step_finished(self, transaction: Transaction, attempt: Record) -> None:
        """After the action: execution, graph, stage, SAStepCompleted or SAStepFailed, SATraceEmitted."""
        step = self._step(attempt["step_id"])
        execution = attempt["status"]
        outcome = "completed" if execution == "completed" else "failed"
        self._execution(transaction, f"step_execution_{execution}", attempt, execution)
        self.put_step(transaction, step["step_id"], outcome)
        payload: dict[str, Any] = {"attempt": attempt["attempt"]}
        for name in ("exit_code", "error", "duration_s", "answered_by"):
            if attempt.get(name) is not None:
                payload[name] = attempt[name]
        self._stage(transaction, f"step_{outcome}", step, outcome, payload)
        told = {"step_id": step["step_id"], "status": outcome, **payload}
        if outcome == "completed":
            told["result"] = {"output": attempt.get("tail", "")[-500:]}
            self._sa(transaction, "SAStepCompleted", told)
        else:
            told["will_retry"] = attempt["step_status"] == "pending"
            self._sa(transaction, "SAStepFailed", told)
        self._sa(transaction, "SATraceEmitted", {"segment_ids": [attempt["segment_id"]]})
        if attempt["step_status"] == "pending":
            self.put_step(transaction, step["step_id"], "pending")
            self._stage(transaction, "step_retried", step, "pending", {"after_attempt": attempt["attempt"]})

    def step_interrupted(self, transaction: Transaction, attempt: Record) -> None:
        """What is known of a step that was under way when its process ended: that its outcome is not."""
        step = self._step(attempt["step_id"])
        payload = {"attempt": attempt["attempt"], "interrupted": True, "outcome": "unknown"}
        self._stage(transaction, "step_interrupted", step, "in_progress", payload)

    def step_blocked(
        self, transaction: Transaction, step_id: str, because: str, *, opened: bool = False
    ) -> None:
        """A step waits for a person, or waits no longer."""
        word = "step_unblocked" if opened else "step_blocked"
        status = "pending" if opened else "blocked"
        self._stage(transaction, word, self._step(step_id), status, {"because": because})

    def step_skipped(self, transaction: Transaction, step_id: str, because: str) -> None:
        """A step is not going to run."""
        self.put_step(transaction, step_id, "skipped")
        self._stage(transaction, "step_skipped", self._step(step_id), "skipped", {"because": because})

    def put_step(self, transaction: Transaction, step_id: str, status: str) -> None:
        """The graph's node of a step; a simulation has nodes of its own, because it changes no plan."""
        if not self.is_newest:
            return
        data = {
            **self._step(step_id),
            "status": status,
            "plan_id": self.run["plan_id"],
            "position": self.positions[step_id],
        }
        kind, identity = (
            ("SimulatedStep", f"{self.stream}/{step_id}") if self.run["simulated"] else ("Step", step_id)
        )
        self.graph.put(
            transaction,
            kind,
            identity,
            data,
            stream=self.stream,
            source_module="plan",
            event_type="step_updated",
        )

    def _put_plan_status(self, transaction: Transaction, status: str) -> None:
        plan_id = self.run["plan_id"]
        if not self.is_newest:
            return
        if self.run["simulated"]:
            data = {"plan_id": plan_id, "status": status}
            self.graph.put(
                transaction, "SimulatedPlan", self.stream, data, stream=self.stream, source_module="plan"
            )
            return
        node = transaction.read_node("Plan", plan_id)
        if node is not None:
            data = {**node.data, "status": status}
            self.graph.put(transaction, "Plan", plan_id, data, stream=self.stream, source_module="plan")

    def _put_trace(self, transaction: Transaction, status: str) -> None:
        run = self.run
        data = {
            "trace_id": run["trace_id"],
            "plan_id": run["plan_id"],
            "run_id": run["run_id"],
            "status": status,
        }
        edges = [Edge("plan", "Trace", run["trace_id"], "Plan", run["plan_id"])]
        self.graph.put(transaction, "Trace", run["trace_id"], data, edges=edges, stream=self.stream)

    def _step(self, step_id: str) -> Mapping[str, Any]:
        step: Mapping[str, Any] = self.plan["steps"][self.positions[step_id]]
        return step

    def _stage(
        self,
        transaction: Transaction,
        word: str,
        step: Mapping[str, Any],
        status: str,
        payload: Mapping[str, Any],
    ) -> None:
        position = self.positions[step["step_id"]]
        self._record(
            transaction,
            pipeline_stage(
                self.bus.stamper,
                word,
                pipeline_id=self.run["plan_id"],
                stage_id=step["step_id"],
                stage_name=step["description"],
                stage_order=step.get("order_index", position),
                status=status,
                project_id=self.run["context_id"],
                payload={"run_id": self.run["run_id"], **payload},
            ),
        )

    def _execution(self, transaction: Transaction, word: str, attempt: Record, status: str) -> None:
        payload = {"step_id": attempt["step_id"], "attempt": attempt["attempt"], "action": attempt["action"]}
        for name in ("exit_code", "error"):
            if status != "running" and attempt.get(name) is not None:
                payload[name] = attempt[name]
        self._record(
            transaction,
            runtime_execution(
                self.bus.stamper,
                word,
                execution_id=attempt["execution_id"],
                executor_kind=EXECUTOR_KIND.get(attempt["action"], "worker"),
                executor_role=self._step(attempt["step_id"]).get("agent_role"),
                status=status,
                project_id=self.run["context_id"],
                payload=payload,
            ),
        )

    def _plan_execution(self, transaction: Transaction, word: str, status: str) -> None:
        self._record(
            transaction,
            event_core(
                self.bus.stamper,
                word,
                "runtime_execution",
                project_id=self.run["context_id"],
                execution_id=self.run["run_id"],
                executor_kind="worker",
                status="running" if status == "in_progress" else status,
                payload={"plan_id": self.run["plan_id"], "run_id": self.run["run_id"]},
            ),
        )

    def _sa(
        self,
        transaction: Transaction,
        word: str,
        payload: Mapping[str, Any] | None,
        *,
        with_ids: tuple[str, ...] = ("context_id", "plan_id", "trace_id"),
    ) -> None:
        ids = {name: self.run[name] for name in with_ids}
        self._record(
            transaction, sa_event(self.bus.stamper, word, sa_id=self.run["sa_id"], payload=payload, **ids)
        )

    def _record(self, transaction: Transaction, event: Event) -> None:
        self.bus.record(transaction, self.stream, event)
