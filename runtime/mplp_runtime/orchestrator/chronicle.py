"""Every event of a run, in the order of the single-agent profile: the one place that knows the sequence.

Each method writes into the transaction that also holds the change of state it tells about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import (
    Event,
    Stamper,
    event_core,
    pipeline_stage,
    sa_event,
)
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.passed_by import pass_by
from mplp_runtime.orchestrator.plan_in_graph import PlanInGraph, edges_to_plan, step_node
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.sessions.session import Cast, Session
from mplp_runtime.orchestrator.sessions.session_events import SessionEvents, turns_of
from mplp_runtime.orchestrator.step_events import FACTS, TOLD, StepEvents
from mplp_runtime.psg.graph import Graph
from mplp_runtime.sources import timestamp
from mplp_runtime.vsl.interface import Edge, Transaction
from mplp_runtime.vsl.ready import ReadyEvent

_AT_ONCE = 500
"""Events that are recorded together."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant, as text, and what makes the events of a session at it; None for a single agent's run."""

    at: str
    session: SessionEvents | None


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

    step_events: StepEvents = field(init=False)
    """Makes the events of this run's steps."""

    _in_graph: PlanInGraph = field(init=False)
    _session: SessionEvents | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_in_graph", PlanInGraph(self.graph, self.run, self.plan))
        object.__setattr__(self, "step_events", StepEvents(self.bus.stamper, self.run, self.graph.graph_id))
        if (known := self.run.get("session")) is not None:
            events = SessionEvents(self.bus.stamper, Session.of(known), self.run)
            object.__setattr__(self, "_session", events)

    @property
    def session(self) -> SessionEvents:
        """The events of the session; only for runs of several participants."""
        if self._session is None:
            raise RuntimeError("a run of a single agent has no session")
        return self._session

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
        if (generation := self._in_graph.begin(transaction)) is not None:
            self.plan_status(transaction, "approved", generation)
        payload = {"step_order": order, "simulated": run["simulated"], "generation": run["generation"]}
        self._sa(transaction, "SAPlanEvaluated", payload, with_ids=("context_id", "plan_id"))
        self._plan_execution(transaction, "plan_execution_started", "in_progress")
        self.plan_status(transaction, "in_progress", {"generation": run["generation"]})
        self._put_trace(transaction, "running")

    def session_started(self, transaction: Transaction, cast: Cast) -> None:
        """MAPSessionStarted and MAPRolesAssigned; right after the run's own start."""
        steps = {step["step_id"]: step for step in self.plan["steps"]}
        self._put_session(transaction, "active")
        self.tell(transaction, self.session.started(cast, steps))

    def run_paused(self, transaction: Transaction, *, paused: bool) -> None:
        """Nobody begins anything any more, or again: a session is suspended, or active again."""
        self._plan_execution(
            transaction, "plan_execution_paused" if paused else "plan_execution_unpaused", "in_progress"
        )
        if self._session is not None:
            self._put_session(transaction, "suspended" if paused else "active")
            word, status = ("session_suspended", "blocked") if paused else ("session_resumed", "in_progress")
            self.tell(transaction, [self._session.stage(word, status)])

    def run_resumed(self, transaction: Transaction, statuses: Mapping[str, str]) -> None:
        """An interrupted run goes on; `statuses` says how far its steps are."""
        self._in_graph.again(transaction, statuses)
        self._plan_execution(transaction, "plan_execution_resumed", "in_progress")
        self.plan_status(transaction, "in_progress", {"resumed": True})

    def run_interrupted(self, transaction: Transaction) -> None:
        """The process that carried the run is gone; the plan stays in progress."""
        self._plan_execution(transaction, "plan_execution_interrupted", "pending")

    def run_finished(
        self,
        transaction: Transaction,
        status: str,
        counts: Mapping[str, int],
        error: str | None,
        blocked: Mapping[str, str],
    ) -> None:
        """The plan's last transition, then SATraceEmitted and SACompleted; a failed run ends the same way.

        `blocked` are the steps that cannot run because of others, in plan order, and why.
        """
        if blocked:
            self._steps_blocked(transaction, blocked)
        self._put_plan_status(transaction, status)
        self._put_trace(transaction, status)
        self.plan_status(transaction, status)
        self._plan_execution(transaction, f"plan_execution_{status}", status)
        if self._session is not None:
            self._put_session(transaction, "completed" if status == "completed" else "cancelled")
            attempts = [
                each
                for step_id, position in self.positions.items()
                for each in records.read_attempts(transaction, self.stream, step_id, position)
            ]
            self.tell(transaction, self._session.ended(status, list(turns_of(attempts))))
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

    def step_finished(self, transaction: Transaction, attempt: Record) -> None:
        """After the action: execution, graph, stage, SAStepCompleted or SAStepFailed, SATraceEmitted."""
        self.tell(transaction, self.finished(transaction, attempt, self.moment()))

    def moment(self) -> Moment:
        """Now, for all that is told together; asked for in the transaction, so that times never go back."""
        now, session = self.bus.stamper.clock(), self._session
        if session is not None:
            session = replace(session, stamper=Stamper(lambda: now, self.bus.stamper.new_id))
        return Moment(timestamp(now), session)

    def tell(self, transaction: Transaction, events: Sequence[ReadyEvent]) -> None:
        """Records what `finished` and its like made; many events together cost less than one by one."""
        first = transaction.lamport() + 1
        texts = [event.text_at(lamport) for lamport, event in enumerate(events, first)]
        self.bus.record_texts(transaction, self.stream, texts)

    def finished(self, transaction: Transaction, attempt: Record, moment: Moment) -> list[ReadyEvent]:
        """The events that come after the action, not recorded yet; the step's node is written."""
        step, make, at = self._step(attempt["step_id"]), self.step_events, moment.at
        step_id, position = step["step_id"], self.positions[step["step_id"]]
        execution = attempt["status"]
        outcome = "completed" if execution == "completed" else "failed"
        known = {name: attempt[name] for name in TOLD if attempt.get(name) is not None}
        payload = {"attempt": attempt["attempt"], **known}
        facts: dict[str, Any] = {name: known[name] for name in FACTS if name in known}
        told = {"step_id": step_id, "status": outcome, **payload}
        if outcome == "completed":
            told["result"] = {"output": attempt.get("tail", "")[-500:]}
        else:
            told["will_retry"] = attempt["step_status"] == "pending"
        events = [
            make.execution(at, f"step_execution_{execution}", step, attempt, execution, facts),
            *self._put_step(transaction, at, step, position, outcome),
            make.stage(at, f"step_{outcome}", step, position, outcome, payload),
            make.profile(at, f"SAStep{outcome.title()}", told),
            make.profile(at, "SATraceEmitted", {"segment_ids": [attempt["segment_id"]]}),
        ]
        if moment.session is not None:
            events += self._turns_over(attempt, moment.session)
        if attempt["step_status"] == "pending":
            events += self._retried(transaction, at, step, attempt["attempt"])
        return events

    def step_retried(self, transaction: Transaction, attempt: Record) -> None:
        """A person has a step that failed tried once more (runtime.md 3: back to pending)."""
        step = self._step(attempt["step_id"])
        self.tell(transaction, self._retried(transaction, self._now(), step, attempt["attempt"]))

    def _retried(
        self, transaction: Transaction, at: str, step: Mapping[str, Any], attempt: int
    ) -> list[ReadyEvent]:
        position = self.positions[step["step_id"]]
        events = self._put_step(transaction, at, step, position, "pending")
        after = {"after_attempt": attempt}
        return [*events, self.step_events.stage(at, "step_retried", step, position, "pending", after)]

    def turns_begun(self, attempt: Record, moment: Moment) -> list[ReadyEvent]:
        """In a session a new attempt is somebody's turn, and that comes first."""
        if moment.session is None:
            return []
        return moment.session.dispatched(attempt["step_id"], attempt["turns"][0])

    def _turns_over(self, attempt: Record, session: SessionEvents) -> list[ReadyEvent]:
        """What is still somebody's turn ends with the attempt, the turn that was given last first."""
        return [
            event
            for turn in reversed(attempt["turns"])
            if "ended" not in turn
            for event in session.completed(
                attempt["step_id"],
                turn,
                attempt["status"],
                output=attempt.get("tail", ""),
                error=attempt.get("error"),
            )
        ]

    def step_interrupted(self, transaction: Transaction, attempt: Record) -> None:
        """What is known of a step that was under way when its process ended: that its outcome is not."""
        step = self._step(attempt["step_id"])
        payload = {"attempt": attempt["attempt"], "interrupted": True, "outcome": "unknown"}
        position = self.positions[step["step_id"]]
        event = self.step_events.stage(
            self._now(), "step_interrupted", step, position, "in_progress", payload
        )
        self.tell(transaction, [event])

    def step_blocked(
        self, transaction: Transaction, step_id: str, because: str, *, opened: bool = False
    ) -> None:
        """A step waits for a person, or waits no longer."""
        word = "step_unblocked" if opened else "step_blocked"
        status = "pending" if opened else "blocked"
        step, position = self._step(step_id), self.positions[step_id]
        self.tell(
            transaction,
            [self.step_events.stage(self._now(), word, step, position, status, {"because": because})],
        )

    def _steps_blocked(self, transaction: Transaction, blocked: Mapping[str, str]) -> None:
        """What waits for a step that failed: told once, when nothing can change it any more."""
        steps = [(self.positions[step_id], self._step(step_id)) for step_id in blocked]
        if self.is_newest:
            self._in_graph.blocked(transaction, steps)
        at, stage = self._now(), self.step_events.stage
        for first in range(0, len(steps), _AT_ONCE):
            self.tell(
                transaction,
                [
                    stage(
                        at, "step_blocked", step, position, "blocked", {"because": blocked[step["step_id"]]}
                    )
                    for position, step in steps[first : first + _AT_ONCE]
                ],
            )

    def steps_skipped(self, transaction: Transaction, words: Mapping[str, str]) -> None:
        """Steps, by their ids with why, are not going to run; the trace has segments that say so."""
        at, make, new_id = self._now(), self.step_events, self.bus.stamper.new_id
        steps = [(self._step(step_id), because) for step_id, because in words.items()]
        segment_ids = pass_by(transaction, self.stream, steps, at, new_id)
        for first in range(0, len(steps), _AT_ONCE):
            events: list[ReadyEvent] = []
            for step, because in steps[first : first + _AT_ONCE]:
                step_id, position = step["step_id"], self.positions[step["step_id"]]
                events += self._put_step(transaction, at, step, position, "skipped")
                events.append(make.stage(at, "step_skipped", step, position, "skipped", {"because": because}))
                if step_id in segment_ids:
                    told = {"segment_ids": [segment_ids[step_id]]}
                    events.append(make.profile(at, "SATraceEmitted", told))
            self.tell(transaction, events)

    def _put_step(
        self, transaction: Transaction, at: str, step: Mapping[str, Any], position: int, status: str
    ) -> list[ReadyEvent]:
        """The graph's node of a step; a simulation has nodes of its own, because it changes no plan."""
        if not self.is_newest:
            return []
        kind, identity, data = step_node(self.run, step, position, status)
        before = transaction.read_node(kind, identity)
        if before is not None and before.data == data:
            return []
        transaction.write_node(kind, identity, data)
        return [self.step_events.node_changed(at, kind, identity, status, is_new=before is None)]

    def _put_plan_status(self, transaction: Transaction, status: str) -> None:
        if self.is_newest:
            self._in_graph.status(transaction, status)

    def _put_trace(self, transaction: Transaction, status: str) -> None:
        run = self.run
        data = {
            "trace_id": run["trace_id"],
            "plan_id": run["plan_id"],
            "run_id": run["run_id"],
            "status": status,
        }
        edges = edges_to_plan(transaction, "Trace", run["trace_id"], run)
        if transaction.read_node("Context", run["context_id"]) is not None:
            edges.append(Edge("context", "Trace", run["trace_id"], "Context", run["context_id"]))
        self.graph.put(transaction, "Trace", run["trace_id"], data, edges=edges, stream=self.stream)

    def _put_session(self, transaction: Transaction, status: str) -> None:
        session, run = self.session.session, self.run
        data = {
            "collab_id": session.collab_id,
            "title": session.title,
            "mode": session.mode,
            "status": status,
            "participants": [each.participant_id for each in session.participants],
            "plan_id": run["plan_id"],
            "run_id": run["run_id"],
        }
        edges = edges_to_plan(transaction, "Session", run["run_id"], run)
        self.graph.put(
            transaction,
            "Session",
            run["run_id"],
            data,
            edges=edges,
            stream=self.stream,
            source_module="collab",
        )

    def _step(self, step_id: str) -> Mapping[str, Any]:
        step: Mapping[str, Any] = self.plan["steps"][self.positions[step_id]]
        return step

    def _now(self) -> str:
        return timestamp(self.bus.stamper.clock())

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
