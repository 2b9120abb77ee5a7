"""What the latest run of a plan has to say at its steps: which failed, which wait for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mplp_lsp.analysis.located import Located, range_of
from mplp_lsp.workspace.documents import Document
from mplp_runtime.orchestrator.views import Question, RunView, StepView
from mplp_runtime.rules.findings import Finding, Place, Pointer, Severity, Stage

LAST_LINES = 10
_LONGEST_LINE = 200


def run_findings(document: Document, runs: Mapping[str, RunView]) -> list[Located]:
    """Findings of the latest run of this plan, in step order; they go when the next run starts.

    A step that is no longer in the text has none: there is no place to show it.
    """
    facts = document.facts
    run = runs.get(facts.id) if facts is not None and facts.kind == "plan" and facts.id is not None else None
    if facts is None or run is None:
        return []
    speaking = dict(_speaking(document, run))
    found: list[Located] = []
    if not speaking:
        return found
    for index, step in enumerate(facts.steps):
        view = speaking.pop(step.step_id, None) if step.step_id is not None else None
        if view is not None:
            pointer = _place(document, index)
            place = range_of(document, pointer)
            found.extend(Located(finding, *place) for finding in _of_step(run, view, pointer))
    return found


def _speaking(document: Document, run: RunView) -> dict[str, StepView]:
    """The steps that have something to say, by their ids; shared, and not to be changed."""
    # Every hover asks, also while a run of 10,000 steps is under way.
    known = document.lineage.get("speaking steps")
    if isinstance(known, tuple) and known[0] is run:
        found: dict[str, StepView] = known[1]
        return found
    asked = {question.step_id for question in run.questions}
    found = {
        view.step_id: view
        for view in run.steps.values()
        if view.status == "failed" or view.interrupted or view.step_id in asked
    }
    document.lineage["speaking steps"] = (run, found)
    return found


def _place(document: Document, index: int) -> Pointer:
    """The step's description where it has one, else its id."""
    table = document.tree.tables.get("steps") if document.tree is not None else None
    value = table.element(index).value if table is not None and index < table.count else None
    word = "description" if isinstance(value, Mapping) and "description" in value else "step_id"
    return ("steps", index, word)


def _of_step(run: RunView, view: StepView, pointer: Pointer) -> Iterator[Finding]:
    data: dict[str, object] = {
        "run_id": run.run_id,
        "step_id": view.step_id,
        "generation": run.generation,
        "simulated": run.simulated,
    }
    if view.status == "failed":
        yield Finding(
            "run-step-failed", _failure(run, view), Severity.ERROR, Stage.LIFECYCLE, Place(pointer), data=data
        )
    question = next((question for question in run.questions if question.step_id == view.step_id), None)
    if question is not None:
        yield Finding(
            "run-step-waiting",
            _asked(question),
            Severity.INFORMATION,
            Stage.LIFECYCLE,
            Place(pointer),
            data={**data, "kind": question.kind},
        )
    elif view.interrupted and view.status == "in_progress":
        yield Finding(
            "run-step-interrupted",
            "The process ended while this step was under way. Resume the run to go on.",
            Severity.WARNING,
            Stage.LIFECYCLE,
            Place(pointer),
            data=data,
        )


def _failure(run: RunView, view: StepView) -> str:
    """One sentence, and the last lines of the output where there is any."""
    where = "Failed in the dry run" if run.simulated else "Failed in the last run"
    attempt = f", attempt {view.attempt}" if view.attempt > 1 else ""
    reason = (view.error or "").strip()
    sentence = f"{where}{attempt}: {reason}" if reason else f"{where}{attempt}."
    lines = [line.rstrip()[:_LONGEST_LINE] for line in view.output.strip().splitlines()[-LAST_LINES:]]
    return "\n".join([sentence, *lines])


def _asked(question: Question) -> str:
    text = question.text.strip()
    if question.kind == "handoff":
        return f"Waiting for you to do this step: {text}" if text else "Waiting for you to do this step."
    if question.kind == "gate":
        return f"Waiting for your approval: {text}" if text else "Waiting for your approval."
    if question.kind == "completion":
        return f"Waiting for CI or for you: {text}"
    return text or "This step was under way when the process ended. Was it done?"
