"""What a run looks like from outside: immutable values that editors, terminals and tests read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mplp_runtime.drift.dependence import RunDrift

RunStatus = Literal["pending", "running", "completed", "failed", "cancelled", "interrupted"]
StepStatus = Literal["pending", "in_progress", "completed", "blocked", "skipped", "failed"]
QuestionKind = Literal["handoff", "gate", "repeat", "completion", "conflict"]


@dataclass(frozen=True, slots=True)
class Question:
    """Something a person must answer before a step goes on.

    `handoff`: the step itself is done by a person. `gate`: may this step start? `repeat`: the step was under
    way when the process ended; did it succeed, and if not, may it run again? `completion`, at the last step:
    may the plan complete although CI failed? `conflict`: two participants wrote the same differently; whose
    holds? The answer's text names one of the `choices`. `number` counts what the run has asked at this step.
    """

    run_id: str
    step_id: str
    kind: QuestionKind
    text: str
    choices: tuple[str, ...] = ()
    number: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said. `repeat` only matters where the question is whether a step may run again."""

    success: bool
    output: str = ""
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a run. Times are None until they happen; `output` holds the last lines only.

    `participant` is who has the turn, or had it last; None in the run of a single agent.
    """

    step_id: str
    description: str
    status: StepStatus
    agent_role: str | None = None
    attempt: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    output: str = ""
    error: str | None = None
    interrupted: bool = False
    participant: str | None = None

    @property
    def duration_s(self) -> float | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class SessionView:
    """Who works together on a run. `collab_id` is the id of the Collab document, `mode` one of its words.

    `unmatched_roles` are roles of the plan that no participant has: their steps were given away by order.
    """

    collab_id: str
    title: str
    mode: str
    participants: tuple[str, ...]
    unmatched_roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunView:
    """One run, as it stands. `generation` rises with each run of the same plan.

    `is_sealed`: trace and timeline are kept encrypted, so that no path leads to anything that can be read.
    `is_rolled_back`: what its file operations did was taken back; `has_undo`: something is there
    to take back. `drift`: files that are no longer what the run relied on or left behind.
    `session` is there where several participants work together. `is_paused`: what is under way ends, and
    nothing more begins until the run is resumed.
    """

    run_id: str
    plan_id: str
    plan_path: str
    title: str
    status: RunStatus
    trace_id: str
    simulated: bool
    generation: int
    started_at: datetime
    finished_at: datetime | None = None
    steps: Mapping[str, StepView] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    error: str | None = None
    owner_pid: int | None = None
    trace_path: str | None = None
    timeline_path: str | None = None
    is_sealed: bool = False
    is_rolled_back: bool = False
    has_undo: bool = False
    drift: tuple[RunDrift, ...] = ()
    session: SessionView | None = None
    is_paused: bool = False

    @property
    def has_trace(self) -> bool:
        """Whether a trace is kept, as a document to open or encrypted."""
        return self.trace_path is not None or self.is_sealed

    @property
    def is_live(self) -> bool:
        return self.status in {"pending", "running"}

    def question_at(self, step_id: str) -> tuple[QuestionKind, int, str, int] | None:
        """The open question at a step: kind, the attempt it is about, text, number; None if nothing is asked.

        Two questions at one step differ in it: a gate is about attempt 0, each retry is a new attempt, and of
        what one attempt asks each question has its own number.
        """
        for question in self.questions:
            if question.step_id == step_id:
                return question.kind, self.steps[step_id].attempt, question.text, question.number
        return None

    @property
    def finished_steps(self) -> int:
        return sum(1 for step in self.steps.values() if step.status in {"completed", "skipped", "failed"})

    @property
    def current(self) -> tuple[StepView, ...]:
        """Steps under way, in plan order."""
        return tuple(step for step in self.steps.values() if step.status == "in_progress")


def as_interrupted(view: RunView) -> RunView:
    """What a run under way becomes once it is known that its process is gone."""
    steps = {step.step_id: replace(step, interrupted=True) for step in view.current}
    return replace(
        view,
        status="interrupted",
        steps={**view.steps, **steps},
        questions=(),
        owner_pid=None,
        is_paused=False,
    )
