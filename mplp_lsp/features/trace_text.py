"""A run as a text to read: one line per step with its state and duration, and where the step stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from mplp_lsp.features import checkpoint
from mplp_lsp.features.durations import seconds
from mplp_lsp.features.hover_markup import cut
from mplp_lsp.features.hover_runs import step_word
from mplp_lsp.features.places import STEPS
from mplp_lsp.features.plan_steps import steps_by_id
from mplp_lsp.workspace.documents import Document
from mplp_runtime.orchestrator.views import RunView, StepView

LINES_OF_OUTPUT = 10
LONGEST_LINE = 200
_WIDEST_NAME = 60
_MARGIN = " " * 12 + "│ "
_SIGNS = {"completed": "✓", "failed": "✗", "skipped": "-", "blocked": "-", "in_progress": "▶", "pending": "·"}


def trace_text(view: RunView, plan: Document | None = None) -> str:
    """The trace of a run. With the plan's document each step names its line, as `a.plan.json:12`."""
    return "\n".join(_lines(view, plan)) + "\n"


def _lines(view: RunView, plan: Document | None) -> Iterator[str]:
    kind = "dry run" if view.simulated else "run"
    yield f"{cut(view.title) or 'Plan'}: {kind} {view.generation}, {view.status}"
    yield f"started {_moment(view.started_at)}{_took(view)}, {_over(view)}"
    yield f"plan: {cut(view.plan_path, LONGEST_LINE)}"
    if view.session is not None:
        names = ", ".join(view.session.participants)
        yield f"together: {cut(view.session.title)} ({view.session.mode}): {cut(names, LONGEST_LINE)}"
    if view.error:
        yield f"error: {cut(view.error, LONGEST_LINE)}"
    yield ""
    width = min(max((len(cut(step.description)) for step in view.steps.values()), default=0), _WIDEST_NAME)
    asked = {question.step_id: question.text for question in view.questions}
    for step in view.steps.values():
        checkpoint()
        yield _step_line(step, width, _place(view, plan, step.step_id))
        if step.step_id in asked:
            yield f"{_MARGIN}? {cut(asked[step.step_id], LONGEST_LINE)}"
        if step.error:
            yield f"{_MARGIN}{cut(step.error, LONGEST_LINE)}"
        yield from _output(step)
    yield ""
    if view.trace_path:
        yield f"trace: {view.trace_path}"
    if view.is_sealed:
        yield "trace: kept encrypted"
    if view.timeline_path:
        yield f"timeline: {view.timeline_path}"


def _step_line(step: StepView, width: int, place: str) -> str:
    sign = "?" if step.interrupted else _SIGNS[step.status]
    took = "" if step.duration_s is None else seconds(step.duration_s)
    more = [f"[{cut(step.agent_role, 40)}]"] if step.agent_role else []
    if step.participant is not None:
        more.append(cut(step.participant, 40))
    if step.attempt > 1:
        more.append(f"attempt {step.attempt}")
    columns = [
        f"{sign} {cut(step.description):<{width}}",
        f"{step_word(step):<11}",
        f"{took:>11}",
        *more,
        place,
    ]
    return "  ".join(column for column in columns if column).rstrip()


def _output(step: StepView) -> Iterator[str]:
    lines = step.output.strip().splitlines()
    left = len(lines) - LINES_OF_OUTPUT
    if left > 0:
        yield f"{_MARGIN}({left:,} earlier lines are in the timeline)"
    for text in lines[-LINES_OF_OUTPUT:]:
        yield f"{_MARGIN}{cut(text, LONGEST_LINE)}"


def _place(view: RunView, plan: Document | None, step_id: str) -> str:
    """File and line of a step, in the form that editors and terminals can jump to."""
    if plan is None or plan.tree is None:
        return ""
    known = steps_by_id(plan).get(step_id)
    if known is None:
        return ""
    offset = plan.tree.tables[STEPS].start_of(known[0])
    return f"{view.plan_path}:{plan.text.position(offset, 'utf-32')[0] + 1}"


def _took(view: RunView) -> str:
    if view.finished_at is None:
        return ""
    return f", took {seconds((view.finished_at - view.started_at).total_seconds())}"


def _over(view: RunView) -> str:
    noun = "step" if len(view.steps) == 1 else "steps"
    return f"{view.finished_steps:,} of {len(view.steps):,} {noun} over"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
