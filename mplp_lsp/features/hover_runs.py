"""What the newest run of a plan says, in lines for a hover: no clock is read, so nothing is `ago`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from mplp_lsp.features.durations import seconds
from mplp_lsp.features.hover_markup import Line, Piece, line, said
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.orchestrator.views import RunView, StepView

_SIGNS = {
    "completed": "✓",
    "failed": "✗",
    "in_progress": "▶",
    "skipped": "↷",
    "blocked": "⏸",
    "cancelled": "✗",
    "interrupted": "⏸",
}


def status_sign(status: str | None) -> str:
    """One sign for a status that is worth one; a step that waits has none."""
    return _SIGNS.get(status or "", "")


def run_of_plan(snapshot: Snapshot, plan_id: object) -> RunView | None:
    """The newest run of a plan; None where there is none, or no such id."""
    return snapshot.runs.get(plan_id) if isinstance(plan_id, str) else None


def step_run_lines(snapshot: Snapshot, plan_id: object, step_id: object) -> Iterator[Line]:
    """How a step fared: nothing where it has not run."""
    run = run_of_plan(snapshot, plan_id)
    step = run.steps.get(step_id) if run is not None and isinstance(step_id, str) else None
    if run is None or step is None or (step.status == "pending" and not step.interrupted):
        return
    yield line(f"{_which(run)}: {step_word(step)}", *_took(step), *_attempt(step), *_when(step.started_at))
    if step.participant is not None:
        yield line("Turn of: " if step.status == "in_progress" else "Done by: ", said(step.participant))
    question = next((one for one in run.questions if one.step_id == step.step_id), None)
    if question is not None:
        yield line("Waits for an answer: ", said(question.text))
    if step.error:
        yield line("Error: ", said(step.error))
    elif step.output.strip():
        yield line("Said last: ", said(step.output.strip().splitlines()[-1]))


def step_word(step: StepView) -> str:
    """How a step of a run stands, as people say it."""
    return "interrupted" if step.interrupted else step.status.replace("_", " ")


def run_lines(snapshot: Snapshot, plan_id: object) -> Iterator[Line]:
    """How the newest run of a plan stands; nothing where it has not been run."""
    run = run_of_plan(snapshot, plan_id)
    if run is None:
        return
    done = f", {run.finished_steps:,} of {len(run.steps):,} steps over" if run.steps else ""
    took: list[Piece | str] = []
    if run.finished_at is not None:
        took = [f", took {seconds((run.finished_at - run.started_at).total_seconds())}"]
    yield line(f"{_which(run)}: {run.status}{done}", *took, *_when(run.started_at))
    counts = Counter(step_word(step) for step in run.steps.values())
    if counts["failed"]:
        failed = next(step for step in run.steps.values() if step.status == "failed")
        yield line("Failed: ", said(failed.description), *_because(failed))
    elif run.error:
        yield line("Error: ", said(run.error))


def _because(step: StepView) -> list[Piece | str]:
    return [": ", said(step.error)] if step.error else []


def _which(run: RunView) -> str:
    kind = "Dry run" if run.simulated else "Run"
    return f"{kind} {run.generation}"


def _took(step: StepView) -> list[Piece | str]:
    if step.duration_s is None:
        return []
    return [f" {'after' if step.status == 'failed' else 'in'} {seconds(step.duration_s)}"]


def _attempt(step: StepView) -> list[Piece | str]:
    return [f", attempt {step.attempt}"] if step.attempt > 1 else []


def _when(moment: datetime | None) -> list[Piece | str]:
    return [] if moment is None else [f", started {moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"]
