"""What of a run an editor shows, and where; pure. Only what looks different is asked for again."""

from __future__ import annotations

from mplp_lsp.commands.services import LogLevel
from mplp_runtime.orchestrator.views import RunView, StepView

MOST_LOGGED_STEPS = 200
"""Of a run with more steps only the failed ones are logged, step by step."""


def progress_message(view: RunView) -> str:
    """The steps under way; between steps the next one, at the end the last that ended."""
    if view.is_paused and not view.current:
        return "paused"
    if view.current:
        return ", ".join(_whose(step) for step in view.current)
    if view.questions:
        return view.questions[0].text
    waiting = next((step for step in view.steps.values() if step.status == "pending"), None)
    if waiting is not None:
        return waiting.description
    ended = [step for step in view.steps.values() if step.finished_at is not None]
    last = max(ended, key=lambda step: step.finished_at or view.started_at, default=None)
    return last.description if last is not None else view.title


def _whose(step: StepView) -> str:
    return step.description if step.participant is None else f"{step.participant}: {step.description}"


def in_lenses(view: RunView | None) -> object:
    """What the lenses of a plan say about its run: equal values need no new lenses."""
    if view is None:
        return None
    return (
        view.run_id,
        view.status,
        view.is_paused,
        view.finished_steps,
        len(view.steps),
        view.questions,
        view.has_trace,
        view.has_undo,
        view.is_rolled_back,
        [step.step_id for step in view.steps.values() if step.status == "failed"],
        [step.step_id for step in view.steps.values() if step.interrupted],
    )


def looks_different_at_steps(before: RunView | None, view: RunView) -> bool:
    """Whether hints and findings say something else at the steps of a plan about its run.

    A step of which nothing changed is the same object in both, so a large run is looked through in no time.
    """
    if before is None or len(before.steps) != len(view.steps):
        return True
    if (before.run_id, before.status, before.questions) != (view.run_id, view.status, view.questions):
        return True
    if before.drift != view.drift:
        return True
    known = before.steps
    changed = [step for step_id, step in view.steps.items() if known.get(step_id) is not step]
    return any(
        step.step_id not in known or _at_step(known[step.step_id]) != _at_step(step) for step in changed
    )


def _at_step(step: StepView) -> object:
    # While a step works its output changes many times a second and is shown nowhere.
    output = step.output if step.status != "in_progress" else ""
    return (
        step.status,
        step.attempt,
        step.started_at,
        step.finished_at,
        step.error,
        step.interrupted,
        step.participant,
        output,
    )


def log_lines(before: RunView | None, view: RunView) -> list[tuple[LogLevel, str]]:
    """What happened between two views of a run, one line each for the editor's log; nothing is told twice."""
    lines: list[tuple[LogLevel, str]] = []
    if before is None or before.status != view.status:
        if view.is_live and (before is None or not before.is_live):
            kind = "Dry run" if view.simulated else "Run"
            lines.append(
                ("info", f"{kind} {view.run_id[:8]} of “{view.title}” began: {len(view.steps)} steps.")
            )
        elif before is not None and not view.is_live:
            lines.extend(_step_lines(before, view))
            why = f": {view.error}" if view.error else "."
            level: LogLevel = "info" if view.status == "completed" else "warning"
            return [*lines, (level, f"Run {view.run_id[:8]} of “{view.title}” is {view.status}{why}")]
    return [*lines, *_step_lines(before, view)] if before is not None or view.is_live else []


def _step_lines(before: RunView | None, view: RunView) -> list[tuple[LogLevel, str]]:
    lines: list[tuple[LogLevel, str]] = []
    for step in view.steps.values():
        known = before.steps.get(step.step_id) if before is not None else None
        if step is known or (
            known is not None and (known.status, known.attempt) == (step.status, step.attempt)
        ):
            continue
        if step.status == "failed" or (step.status in _TOLD and len(view.steps) <= MOST_LOGGED_STEPS):
            took = "" if step.duration_s is None else f" after {step.duration_s:.1f} s"
            why = f": {step.error}" if step.error else ""
            level: LogLevel = "warning" if step.status == "failed" else "info"
            lines.append((level, f"{view.run_id[:8]}: “{step.description}” {_TOLD[step.status]}{took}{why}"))
    return lines


_TOLD = {"in_progress": "started", "completed": "completed", "failed": "failed", "skipped": "was skipped"}
