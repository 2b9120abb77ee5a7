"""One run in memory: the frozen plan, the latest attempt at each step, and the view made from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mplp_runtime.errors import PlanInvalid, StateDamaged
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.admission import plan_value, with_statuses
from mplp_runtime.orchestrator.attempt_table import EndedAttempt
from mplp_runtime.orchestrator.record_shapes import (
    refuse_strange_steps,
    refuse_unsound_frozen,
    sound_attempts,
    sound_plan,
    sound_run,
)
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.schedule import ScheduledStep, dependants, scheduled_steps
from mplp_runtime.orchestrator.step_states import DONE, LaterViews, StepStates
from mplp_runtime.orchestrator.views import Question, QuestionKind, RunView, SessionView, StepView
from mplp_runtime.vsl.interface import Node, Reading
from mplp_runtime.vsl.values import can_be_a_name


@dataclass(slots=True)
class RunState(StepStates):
    """Mutable, and used by one event loop only. `attempts` holds the newest attempt at each step.

    `moved` collects the attempts that changed, by the ids of their segments, for whoever keeps the trace.
    `is_watched`: somebody is told of each change, so that views of steps are kept for the next time.
    """

    plan: Mapping[str, Any]
    bindings: Mapping[str, Any]
    gates: frozenset[str] = frozenset()
    assigned: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of a run of several participants: who may do each step, by their positions."""
    seen_lamport: int = 0
    error: str | None = None
    moved: dict[str, Record | EndedAttempt] = field(default_factory=dict)
    is_watched: bool = False
    schedule: tuple[ScheduledStep, ...] | None = None
    """What the order of the steps depends on, while that is known; see `scheduled`."""
    positions: Mapping[str, int] = field(init=False)
    _views: dict[str, StepView] = field(init=False, default_factory=dict)
    _stale: set[str] = field(init=False, default_factory=set)
    _failed_attempts: set[str] = field(init=False, default_factory=set)
    _failed: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        self.steps = {step["step_id"]: step for step in self.plan["steps"]}
        self.positions = {step["step_id"]: place for place, step in enumerate(self.plan["steps"])}

    @property
    def run_id(self) -> str:
        return str(self.run["run_id"])

    @property
    def scheduled(self) -> tuple[ScheduledStep, ...]:
        """What the order of the steps depends on; made anew for who asks later, which is seldom."""
        return self.schedule or scheduled_steps(self.plan)

    @property
    def done_steps(self) -> frozenset[str]:
        """Steps that count as done: by the text that runs (D20), or completed since."""
        return frozenset(self._done())

    @property
    def is_done(self) -> bool:
        """Whether that is so of all steps."""
        return sum(1 for _ in self._done()) == len(self.steps)

    def _done(self) -> Iterator[str]:
        if self.run.get("declined") or self.run.get("skipped"):
            yield from filter(self._is_done, self.steps)
            return
        # Asked about every step of a large run.
        step_status = self.attempts.step_status
        for step_id, step in self.steps.items():
            if (step_status(step_id) or step["status"]) in DONE:
                yield step_id

    def _is_done(self, step_id: str) -> bool:
        if self.status_of(step_id) not in DONE:
            return False
        return not self.run.get("declined") or self.is_skipped(step_id) or not self.is_declined(step_id)

    def take_attempt(self, record: Record) -> None:
        """A newer record of an attempt at a step."""
        step_id = record["step_id"]
        if record["attempt"] >= self.attempts.number(step_id):
            kept = self.attempts.put(record, self.steps[step_id])
            # What a trace says of an attempt is settled when it ends.
            if kept is not None:
                self.moved[record["segment_id"]] = kept
            if record["step_status"] == "failed":
                self._failed_attempts.add(step_id)
            elif self._failed_attempts:
                self._failed_attempts.discard(step_id)
            self._stale.add(step_id)
            if self.live_output and record["step_status"] != "in_progress":
                self.live_output.pop(step_id, None)

    def take_attempts(self, records: Iterable[Record]) -> None:
        """The same for several."""
        for record in records:
            self.take_attempt(record)

    def take_run(self, record: Record) -> None:
        """A newer record of the run."""
        touched = {*self.run.get("questions", {}), *record.get("questions", {})}
        touched.update(self.run.get("declined", ()), record.get("declined", ()))
        touched.update(self.run.get("skipped", {}), record.get("skipped", {}))
        self.run = record
        self.forget(touched)

    def is_risky(self, step_id: str) -> bool:
        """Whether the run's settings name the step's role under `[drift] snapshot_before`."""
        return self.steps[step_id].get("agent_role") in (self.run.get("snapshot_before") or ())

    def forget(self, step_ids: Iterable[str]) -> None:
        """The views of these steps must be made again."""
        self._stale.update(step_ids)

    def view(
        self,
        *,
        owner_pid: int | None,
        trace_path: str | None,
        timeline_path: str | None,
        is_sealed: bool = False,
    ) -> RunView:
        """The run as it stands, an immutable value."""
        self._find_blocked()
        run = self.run
        return RunView(
            run_id=run["run_id"],
            plan_id=run["plan_id"],
            plan_path=run["plan_path"],
            title=run["title"],
            status=run["status"],
            trace_id=run["trace_id"],
            simulated=run["simulated"],
            generation=run["generation"],
            started_at=records.instant(run["started_at"]),
            finished_at=records.instant_if_any(run.get("finished_at")),
            steps=self._views_now() if self.is_watched else LaterViews(self.as_it_is()),
            questions=self.questions(),
            session=self._session_view(),
            is_paused=bool(run.get("paused")) and run["status"] == "running",
            error=self.error or run.get("error"),
            owner_pid=owner_pid,
            trace_path=trace_path,
            timeline_path=timeline_path,
            is_sealed=is_sealed,
        )

    def _views_now(self) -> Mapping[str, StepView]:
        # Only what has changed is made anew, and the whole is copied at once: a view of thousands of steps is
        # asked for at every change of one.
        stale, self._stale = (self._stale if self._views else self.steps), set()
        for step_id in stale:
            self._views[step_id] = self.step_view(step_id)
        return self._views.copy()

    def blocked_steps(self, failing: Iterable[str] = ()) -> dict[str, str]:
        """The steps that cannot run because of one that failed or was declined, in plan order, and why.

        `failing` are steps that count as failed besides.
        """
        self._find_blocked()
        blocked, failed = self.blocked, self._failed
        if fresh := frozenset(failing):
            failed |= fresh
            blocked = dependants(self.scheduled, failed)
        waiting = [step_id for step_id in self.steps if step_id in blocked] if blocked else ()
        told, without = {}, failed | blocked
        for step_id in waiting:
            if self.status_of(step_id) in {"pending", "blocked"}:
                cause = next(each for each in self.steps[step_id]["dependencies"] if each in without)
                told[step_id] = f"“{self.steps[cause]['description']}” did not succeed"
        return told

    def questions(self) -> tuple[Question, ...]:
        """What a person must answer, in plan order; nobody is asked while the run is not under way."""
        if self.run["status"] not in records.LIVE_STATUSES:
            return ()
        asked, texts = self.run.get("questions", {}), self.run.get("question_texts", {})
        numbers = self.run.get("question_numbers", {})
        return tuple(
            Question(
                self.run_id,
                step_id,
                asked[step_id],
                texts.get(step_id) or question_text(asked[step_id], self.steps[step_id]),
                tuple(self.run["conflict_between"]) if asked[step_id] == "conflict" else (),
                numbers.get(step_id, 0),
            )
            for step_id in sorted(asked, key=lambda step_id: self.positions[step_id])
        )

    def _session_view(self) -> SessionView | None:
        session = self.run.get("session")
        if session is None:
            return None
        return SessionView(
            collab_id=session["collab_id"],
            title=session["title"],
            mode=session["mode"],
            participants=tuple(each["name"] for each in session["participants"]),
            unmatched_roles=tuple(session["unmatched"]),
        )

    def _find_blocked(self) -> None:
        failed = self._failed_attempts.union(self.run.get("declined", ())).difference(
            self.run.get("skipped", {})
        )
        if failed == self._failed:
            return
        self._failed = frozenset(failed)
        blocked = dependants(self.scheduled, failed) if failed else frozenset()
        self.forget(blocked ^ self.blocked)
        self.blocked = blocked


def question_text(kind: QuestionKind, step: Mapping[str, Any]) -> str:
    """What a person is asked.

    >>> question_text("gate", {"description": "Publish the package"})
    'May this step start? Publish the package'
    """
    description = step["description"]
    if kind == "handoff":
        return f"This step is yours. Is it done? {description}"
    if kind == "gate":
        return f"May this step start? {description}"
    if kind == "completion":
        return "All steps are done. May the plan complete?"
    return f"This step was under way when the process ended. Did it succeed? {description}"


def why_not_completed(state: RunState, status: str) -> str:
    """One sentence about what kept the run from being completed."""
    if status == "cancelled":
        return "The run was cancelled."
    if state.run.get("not_completed_because"):
        return str(state.run["not_completed_because"])
    for step_id, step in state.steps.items():
        if state.is_skipped(step_id):
            continue
        if state.is_declined(step_id):
            return f"Step “{step['description']}” was declined."
        attempt = state.attempts.get(step_id)
        if attempt is not None and attempt["step_status"] == "failed":
            return f"Step “{step['description']}” failed: {attempt.get('error') or 'no reason was given'}"
    return "Not every step could run."


def frozen_plan(node: Node) -> dict[str, Any]:
    """The plan that runs, from its RunPlan node. Raises StateDamaged."""
    text, carried = node.data.get("text"), node.data.get("carried")
    try:
        # Versions up to 0.1 kept the value beside the text.
        plan = sound_plan(node.id, node.data.get("plan") or plan_value(str(text)))
    except PlanInvalid as problem:
        raise StateDamaged(f"The state is damaged: the plan of run {node.id[:8]} is none.") from problem
    return with_statuses(plan, carried) if isinstance(carried, dict) else plan


def step_positions(reading: Reading, run_id: str) -> Mapping[str, int]:
    """Where each step stands in the plan as it runs; nothing for a run that is not known."""
    node = reading.read_node(records.RUN_PLAN, run_id)
    steps = () if node is None else frozen_plan(node)["steps"]
    return {step["step_id"]: position for position, step in enumerate(steps)}


def load_state(reading: Reading, run_id: str) -> RunState | None:
    """The run as the store knows it; None if there is no such run. Raises StateDamaged."""
    if not can_be_a_name(run_id):
        return None
    run = records.read_run(reading, run_id)
    frozen = reading.read_node(records.RUN_PLAN, run_id)
    if run is None or frozen is None:
        return None
    refuse_unsound_frozen(run_id, frozen.data)
    state = RunState(
        run=sound_run(run_id, run),
        plan=frozen_plan(frozen),
        bindings=frozen.data["bindings"],
        gates=frozenset(frozen.data["gates"]),
        assigned={step_id: tuple(places) for step_id, places in frozen.data.get("assigned", {}).items()},
        seen_lamport=reading.lamport(),
    )
    refuse_strange_steps(run, state.steps.keys())
    for step_id, position in state.positions.items():
        attempts = records.read_attempts(reading, run_id, step_id, position)
        if attempts:
            state.take_attempt(sound_attempts(run, step_id, attempts)[-1])
    state.moved.clear()
    return state


def refresh_state(reading: Reading, state: RunState) -> bool:
    """Reads what another process has written about a run since the last look; False if that is nothing.

    Raises StateDamaged.
    """
    run = records.read_run(reading, state.run_id)
    news = reading.events(state.run_id, after=state.seen_lamport)
    if run is None or (run == state.run and not news):
        return False
    if run != state.run:
        refuse_strange_steps(sound_run(state.run_id, run), state.steps.keys())
        state.take_run(run)
    touched: set[str] = set()
    for stored in news:
        state.seen_lamport = stored.lamport
        payload = stored.event.get("payload")
        payload = payload if isinstance(payload, Mapping) else {}
        touched.update({str(stored.event.get("stage_id")), str(payload.get("step_id"))} & state.steps.keys())
    for step_id in touched:
        known = state.attempts.get(step_id)
        found = records.read_attempts(
            reading,
            state.run_id,
            step_id,
            state.positions[step_id],
            first=known["attempt"] if known else 1,
        )
        state.take_attempts(sound_attempts(state.run, step_id, found))
    return True
