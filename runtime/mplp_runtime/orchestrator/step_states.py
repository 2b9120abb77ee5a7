"""How the steps of one run stand, and what is shown of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.attempt_table import AttemptTable
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.views import QuestionKind, StepStatus, StepView

DONE = frozenset({"completed", "skipped"})
"""Statuses by which a step counts as done."""


@dataclass(slots=True)
class StepStates:
    """The steps of one run by their ids, the newest attempt at each, and what else decides how they stand.

    `blocked` are the steps that cannot run because of others.
    """

    run: Record
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, kw_only=True)
    attempts: AttemptTable = field(default_factory=AttemptTable, kw_only=True)
    live_output: dict[str, str] = field(default_factory=dict, kw_only=True)
    blocked: frozenset[str] = field(default=frozenset(), kw_only=True)

    def is_declined(self, step_id: str) -> bool:
        """A person said that this step shall not start."""
        return step_id in self.run.get("declined", ())

    def is_skipped(self, step_id: str) -> bool:
        """A person said that the run shall go on without this step."""
        return step_id in self.run.get("skipped", {})

    def status_of(self, step_id: str) -> StepStatus:
        """The step's status in this run, in the protocol's words."""
        # Asked about every step of a large run, of which hardly any is declined or skipped.
        run = self.run
        if (run.get("declined") and self.is_declined(step_id)) or (
            run.get("skipped") and self.is_skipped(step_id)
        ):
            return "skipped"
        status = self.attempts.step_status(step_id)
        if status is not None:
            return cast("StepStatus", status)
        told = self.steps[step_id]["status"]
        if told in DONE:
            return "completed" if told == "completed" else "skipped"
        if step_id in self.blocked or self.question_kind(step_id) is not None:
            return "blocked"
        return "pending"

    def question_kind(self, step_id: str) -> QuestionKind | None:
        """What is asked about this step; None if nothing is."""
        kind: QuestionKind | None = self.run.get("questions", {}).get(step_id)
        return kind

    def step_view(self, step_id: str) -> StepView:
        """The step as it is shown."""
        step, run = self.steps[step_id], self.run
        attempt = self.attempts.get(step_id)
        error = None
        if run.get("declined") or run.get("skipped"):
            if self.is_declined(step_id):
                error = "A person said that this step shall not start."
            if self.is_skipped(step_id):
                error = f"Skipped: {run['skipped'][step_id]}"
        elif attempt is None:
            # As nearly all steps of a large run are when it begins.
            return StepView(step_id, step["description"], self.status_of(step_id), step.get("agent_role"))
        attempt = attempt or {}
        error = error or attempt.get("error")
        return StepView(
            step_id=step_id,
            description=step["description"],
            status=self.status_of(step_id),
            agent_role=step.get("agent_role"),
            attempt=attempt.get("attempt", 0),
            started_at=records.instant_if_any(attempt.get("started_at")),
            finished_at=records.instant_if_any(attempt.get("finished_at")),
            output=self.live_output.get(step_id) or attempt.get("tail") or "",
            error=error,
            interrupted=bool(attempt.get("interrupted")) and attempt.get("step_status") == "in_progress",
            participant=self._participant(attempt),
        )

    def as_it_is(self) -> StepStates:
        """A copy that later changes do not reach, at the cost of a dictionary."""
        return StepStates(
            self.run,
            steps=self.steps,
            attempts=self.attempts.copy(),
            live_output=self.live_output.copy(),
            blocked=self.blocked,
        )

    def _participant(self, attempt: Mapping[str, Any]) -> str | None:
        """Who has the turn at a step: whoever it was given to last and who has not ended it."""
        turns = attempt.get("turns")
        if not turns:
            return None
        turn = next((each for each in reversed(turns) if "ended" not in each), turns[0])
        return str(self.run["session"]["participants"][turn["participant"]]["name"])


class LaterViews(Mapping[str, StepView]):
    """The views of all steps, each made when somebody looks at it: of a large run hardly anybody does."""

    __slots__ = ("_made", "_states")

    def __init__(self, states: StepStates) -> None:
        """`states` are some that nobody changes."""
        self._states = states
        self._made: dict[str, StepView] = {}

    def __getitem__(self, step_id: str) -> StepView:
        view = self._made.get(step_id)
        if view is None:
            # Whoever asks at the same moment on another thread gets the same one.
            view = self._made.setdefault(step_id, self._states.step_view(step_id))
        return view

    def __iter__(self) -> Iterator[str]:
        return iter(self._states.steps)

    def __len__(self) -> int:
        return len(self._states.steps)

    def __repr__(self) -> str:
        return repr(dict(self))
