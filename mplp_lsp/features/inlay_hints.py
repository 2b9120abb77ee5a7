"""Inlay hints: how each step of a plan fared in the newest run, and what the ids of a document point to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lsprotocol import types

from mplp_lsp.features import checkpoint
from mplp_lsp.features.durations import seconds
from mplp_lsp.features.inlay_ids import id_hints
from mplp_lsp.features.places import STEPS, offsets_of, steps_between
from mplp_lsp.features.plan_state import plan_header
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.orchestrator.views import QuestionKind, RunView, StepView

# In a sound object without objects inside, only a key is followed by a colon.
_DESCRIPTION = re.compile(r'"description"[ \t\r\n]*:[ \t\r\n]*"(?:[^"\\]|\\.)*"', re.DOTALL)

_WAITING: dict[QuestionKind, str] = {
    "handoff": "waiting for a person",
    "gate": "waiting for approval",
    "repeat": "interrupted: did it succeed?",
    "completion": "waiting for CI",
    "conflict": "the participants disagree",
}


def inlay_hints(
    snapshot: Snapshot, document: Document, params: types.InlayHintParams
) -> list[types.InlayHint] | None:
    """Hints inside the asked range only. None for documents that have no places for any."""
    if document.tree is None and document.timeline is None:
        return None
    first, last = offsets_of(snapshot, document, params.range)
    hints = list(_run_hints(snapshot, document, first, last))
    if snapshot.shows_id_hints:
        hints.extend(id_hints(snapshot, document, first, last))
    return hints


def _run_hints(snapshot: Snapshot, document: Document, first: int, last: int) -> Iterator[types.InlayHint]:
    plan = plan_header(document)
    run = None if plan is None else snapshot.runs.get(plan["plan_id"])
    if run is None or document.tree is None:
        return
    asked = {question.step_id: question.kind for question in run.questions}
    for index, step_id in steps_between(document, first, last):
        checkpoint()
        step = run.steps.get(step_id)
        label = None if step is None else step_label(step, asked.get(step_id), simulated=run.simulated)
        if step is None or label is None:
            continue
        end = _end_of_description(document.tree, index)
        if not first <= end <= last:
            continue
        line, character = document.text.position(end, snapshot.encoding)
        yield types.InlayHint(
            position=types.Position(line=line, character=character),
            label=label,
            padding_left=True,
            tooltip=_tooltip(run, step),
        )


def _end_of_description(tree: Tree, index: int) -> int:
    """The end of the step's description, else of its id, else of its opening bracket.

    Some editors ask for the whole document at once; a sound, flat step is therefore searched, not parsed.
    """
    table = tree.tables[STEPS]
    element = table.element(index)
    value = element.value
    if not element.problems and isinstance(value, dict):
        if "description end" not in element.cache and not any(isinstance(v, dict) for v in value.values()):
            start = table.start_of(index)
            match = _DESCRIPTION.search(tree.text.slice(start, start + element.size))
            element.cache["description end"] = match.end() if match is not None else None
        known = element.cache.get("description end")
        if isinstance(known, int):
            return table.start_of(index) + known
    for key in ("description", "step_id"):
        if isinstance(value, dict) and key in value:
            return tree.range_of((STEPS, index, key))[1]
    return tree.range_of((STEPS, index), "open")[1]


def step_label(
    step: StepView, question: QuestionKind | None = None, *, simulated: bool = False
) -> str | None:
    """`✓ 1.2 s`, `running`, `waiting for approval`; None for a step that nothing has happened to.

    In a session with who has the turn, or had it: `running, Ana`.
    """
    if question is not None:
        return _WAITING[question]
    if step.interrupted:
        return "interrupted"
    duration = "" if step.duration_s is None else f" {seconds(step.duration_s)}"
    if simulated:
        duration = " dry run"
    attempt = f", attempt {step.attempt}" if step.attempt > 1 else ""
    if step.participant is not None:
        attempt += f", {step.participant}"
    return {
        "completed": f"✓{duration}{attempt}",
        "failed": f"✗{duration}{attempt}",
        "skipped": "skipped",
        "blocked": "blocked",
        "in_progress": f"running{attempt}",
        "pending": None,
    }[step.status]


def _tooltip(run: RunView, step: StepView) -> str:
    kind = "Dry run" if run.simulated else "Run"
    lines = [f"{kind} {run.generation} of this plan: {run.status}"]
    if step.error:
        lines.append(step.error)
    if step.output:
        lines.append(step.output)
    return "\n".join(lines)
