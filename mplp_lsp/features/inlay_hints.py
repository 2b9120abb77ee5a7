"""Inlay hints of a plan: how each step of the newest run fared, after its description."""

from __future__ import annotations

from lsprotocol import types

from mplp_lsp.features.places import elements
from mplp_lsp.features.plan_state import plan_state
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.orchestrator.views import QuestionKind, RunView, StepView

_WAITING: dict[QuestionKind, str] = {
    "handoff": "waiting for a person",
    "gate": "waiting for approval",
    "repeat": "interrupted: did it succeed?",
}


def inlay_hints(
    snapshot: Snapshot, document: Document, params: types.InlayHintParams
) -> list[types.InlayHint] | None:
    """Hints inside the asked range only. None for documents that are no plan."""
    state = plan_state(snapshot, document)
    if state is None or document.tree is None:
        return None
    if state.run is None:
        return []
    first = document.text.offset(params.range.start.line, params.range.start.character, snapshot.encoding)
    last = document.text.offset(params.range.end.line, params.range.end.character, snapshot.encoding)
    hints = []
    for index, element in elements(document, "steps"):
        step = (
            state.run.steps.get(str(element.value.get("step_id")))
            if isinstance(element.value, dict)
            else None
        )
        if step is None:
            continue
        label = step_label(state.run, step)
        if label is None:
            continue
        _start, end = document.tree.range_of(("steps", index, "description"))
        if not first <= end <= last:
            continue
        line, character = document.text.position(end, snapshot.encoding)
        hints.append(
            types.InlayHint(
                position=types.Position(line=line, character=character),
                label=label,
                padding_left=True,
                tooltip=_tooltip(state.run, step),
            )
        )
    return hints


def step_label(run: RunView, step: StepView) -> str | None:
    """`✓ 1.2 s`, `running`, `waiting for approval`; None for a step that nothing has happened to."""
    for question in run.questions:
        if question.step_id == step.step_id:
            return _WAITING[question.kind]
    if step.interrupted:
        return "interrupted"
    duration = "" if step.duration_s is None else f" {_seconds(step.duration_s)}"
    return {
        "completed": f"✓{duration}",
        "failed": f"✗{duration}",
        "skipped": "skipped",
        "blocked": "blocked",
        "in_progress": "running" if step.attempt <= 1 else f"running, attempt {step.attempt}",
        "pending": None,
    }[step.status]


def _seconds(duration_s: float) -> str:
    if duration_s < 60:
        return f"{duration_s:.1f} s"
    return f"{int(duration_s // 60)} min {int(duration_s % 60)} s"


def _tooltip(run: RunView, step: StepView) -> str:
    kind = "Simulated run" if run.simulated else "Run"
    lines = [f"{kind} {run.generation} of this plan: {run.status}"]
    if step.error:
        lines.append(step.error)
    if step.output:
        lines.append(step.output)
    return "\n".join(lines)
