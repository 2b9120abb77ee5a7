"""What of a run an editor shows, and where; pure. Only what looks different is asked for again."""

from __future__ import annotations

from mplp_runtime.orchestrator.views import RunView, StepView


def progress_message(view: RunView) -> str:
    """The steps under way; between steps the next one, at the end the last that ended."""
    if view.current:
        return ", ".join(step.description for step in view.current)
    if view.questions:
        return view.questions[0].text
    waiting = next((step for step in view.steps.values() if step.status == "pending"), None)
    if waiting is not None:
        return waiting.description
    ended = [step for step in view.steps.values() if step.finished_at is not None]
    last = max(ended, key=lambda step: step.finished_at or view.started_at, default=None)
    return last.description if last is not None else view.title


def in_lenses(view: RunView | None) -> object:
    """What the lenses of a plan say about its run: equal values need no new lenses."""
    if view is None:
        return None
    is_interrupted = any(step.interrupted for step in view.steps.values())
    return (
        view.run_id,
        view.status,
        view.finished_steps,
        len(view.steps),
        view.questions,
        view.trace_path,
        is_interrupted,
    )


def at_steps(view: RunView | None) -> object:
    """What hints and findings say at the steps of a plan about its run."""
    if view is None:
        return None
    return (
        view.run_id,
        view.status,
        view.questions,
        {step_id: _at_step(step) for step_id, step in view.steps.items()},
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
        output,
    )
