"""What a person can do with a plan right now: the one answer behind lenses and code actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mplp_lsp.features.plan_state import PlanState
from mplp_runtime.orchestrator.views import Question, RunView

_NO_REASON = "Rejected in the editor; no reason was given."
"""LSP has no way to ask for a text; clients that can ask send their own reason with the command."""

_LONGEST_REASON = 80

TERMINAL = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Door:
    """Something to choose: a title, and a command with its one argument. It is shown only where it opens.

    `step_id` places it at a step; without one it is about the whole plan. `is_lens` is False for what is rare
    enough to be found in the menu only.
    """

    title: str
    command: str
    arguments: Mapping[str, Any]
    step_id: str | None = None
    is_lens: bool = True


def doors(state: PlanState, uri: str) -> Iterator[Door]:
    """What a person would want to do next, the most likely first.

    While documents are still being read, nothing is offered that an approval decides about.
    """
    yield from _next_doors(state, uri)
    yield from _looking_doors(state, uri)


def _looking_doors(state: PlanState, uri: str) -> Iterator[Door]:
    """What changes nothing, or only the text in the editor: in the menu, below all else."""
    run = state.run
    if run is not None and run.has_trace:
        yield Door(
            "Show trace as text", "mplp.showTrace", {"run": run.run_id, "format": "text"}, is_lens=False
        )
    yield Door("Show graph", "mplp.showGraph", {"uri": uri}, is_lens=False)
    if run is not None and run.has_undo and not run.is_live and state.is_trusted:
        title = "Roll back the files that the run changed"
        yield Door(title, "mplp.rollbackRun", {"run": run.run_id}, is_lens=False)
    if (
        run is not None
        and run.status in TERMINAL
        and not run.simulated
        and state.plan.get("status") != run.status
    ):
        title = "Write the statuses of the run into the plan"
        yield Door(title, "mplp.writeBackStatus", {"run": run.run_id}, is_lens=False)


def _next_doors(state: PlanState, uri: str) -> Iterator[Door]:
    run = state.run
    if run is not None and run.is_live:
        yield from _live_doors(run)
        return
    if run is not None and run.status == "interrupted":
        yield from _interrupted_doors(run, may_run=state.is_trusted or run.simulated)
        if not run.simulated:
            # Nothing is run again before somebody has said what becomes of this run.
            yield Door("Dry run", "mplp.dryRunPlan", {"uri": uri}, is_lens=False)
    if state.is_complete and (run is None or run.status != "interrupted" or run.simulated):
        yield from _start_doors(state, uri)
    if run is not None and run.has_trace:
        yield Door("Show trace", "mplp.showTrace", {"run": run.run_id})


def _live_doors(run: RunView) -> Iterator[Door]:
    kind = "dry run" if run.simulated else "run"
    progress = f"{run.finished_steps}/{len(run.steps)} steps"
    if run.is_paused:
        yield Door(f"Go on with the paused {kind} ({progress})", "mplp.resumeRun", {"run": run.run_id})
    yield Door(f"Cancel {kind} ({progress})", "mplp.cancelRun", {"run": run.run_id})
    if not run.is_paused:
        yield Door(f"Pause {kind}", "mplp.pauseRun", {"run": run.run_id}, is_lens=False)
    if run.has_trace:
        yield Door("Show trace", "mplp.showTrace", {"run": run.run_id})
    for question in run.questions:
        yield from _question_doors(question)
        if question.kind in {"handoff", "gate"}:
            yield Door("Skip the step", "mplp.skipStep", _at(run, question.step_id), question.step_id)
    yield from _failed_step_doors(run)


def _failed_step_doors(run: RunView) -> Iterator[Door]:
    """What becomes of a step that failed, at the step."""
    if run.simulated:
        return
    for step in run.steps.values():
        if step.status == "failed":
            yield Door("Retry this step", "mplp.retryStep", _at(run, step.step_id), step.step_id)
            yield Door("Skip this step", "mplp.skipStep", _at(run, step.step_id), step.step_id)


def _at(run: RunView, step_id: str) -> dict[str, Any]:
    return {"run": run.run_id, "step": step_id}


def _question_doors(question: Question) -> Iterator[Door]:
    """The answers to what a step asks, at the step."""
    step = {"run": question.run_id, "step": question.step_id}
    answers: list[tuple[str, dict[str, Any]]] = {
        "handoff": [("Step is done", {"success": True}), ("Step failed", {"success": False})],
        "gate": [("Let the step start", {"success": True}), ("Do not start the step", {"success": False})],
        "completion": [
            ("Complete the plan all the same", {"success": True}),
            ("Do not complete it", {"success": False}),
        ],
        "conflict": [
            *_whose_holds(question),
            ("Nobody's holds: the run fails", {"success": False}),
        ],
        "repeat": [
            ("Run the step again", {"success": False, "repeat": True}),
            ("It was done", {"success": True}),
            ("It failed", {"success": False}),
        ],
    }[question.kind]
    for title, answer in answers:
        yield Door(title, "mplp.answerHandoff", {**step, **answer}, question.step_id)


def _whose_holds(question: Question) -> list[tuple[str, dict[str, Any]]]:
    return [(f"What {name} wrote holds", {"success": True, "output": name}) for name in question.choices]


def _interrupted_doors(run: RunView, *, may_run: bool) -> Iterator[Door]:
    target = {"run": run.run_id}
    if may_run:
        yield Door(f"Resume run ({run.finished_steps}/{len(run.steps)} steps)", "mplp.resumeRun", target)
        if any(step.interrupted for step in run.steps.values()):
            title = "Resume run, and run again what was under way"
            yield Door(title, "mplp.resumeRun", {**target, "repeat": True}, is_lens=False)
        yield from _failed_step_doors(run)
    yield Door("Give up the run", "mplp.cancelRun", target)
    if may_run and not run.simulated:
        for step in run.steps.values():
            if step.interrupted:
                yield Door("Skip this step", "mplp.skipStep", _at(run, step.step_id), step.step_id)


def _start_doors(state: PlanState, uri: str) -> Iterator[Door]:
    target = {"uri": uri}
    if state.status in TERMINAL:
        return
    if state.errors:
        # A dry run is refused with the first error and starts nothing, should the error be gone by then.
        title = (
            "Not ready to run: 1 error" if state.errors == 1 else f"Not ready to run: {state.errors} errors"
        )
        yield Door(title, "mplp.dryRunPlan", target)
        if not state.is_trusted:
            yield Door("Trust this workspace to run plans", "mplp.trustWorkspace", target)
        return
    if not state.is_trusted:
        yield Door("Dry run", "mplp.dryRunPlan", target)
        yield Door("Trust this workspace to run plans", "mplp.trustWorkspace", target)
        return
    word = state.approval.word if state.approval is not None else "none"
    if word == "unreadable":
        yield Door(f"Not ready to run: {_changed(state)}", "mplp.dryRunPlan", target)
        return
    if word == "approved" or (word not in {"pending", "rejected", "void"} and not state.needs_approval):
        again = state.run is not None and state.run.status in TERMINAL and not state.run.simulated
        yield Door("Run plan again" if again else "Run plan", "mplp.runPlan", target)
        if again and state.run is not None and not state.run.is_rolled_back:
            yield from _failed_step_doors(state.run)
        yield Door("Dry run", "mplp.dryRunPlan", target)
    else:
        yield Door(_approving(state, word), "mplp.runPlan", {**target, "approve": True})
        yield Door("Dry run", "mplp.dryRunPlan", target)
    yield from _approval_doors(word, target, is_asked_for=state.needs_approval)


def _approving(state: PlanState, word: str) -> str:
    if word == "void":
        return f"Approve again and run (approval is void: {_changed(state)})"
    return {"rejected": "Rejected: approve after all and run", "pending": "Approve and run"}.get(
        word, "Propose, approve and run"
    )


def _changed(state: PlanState) -> str:
    changed = state.approval.changed if state.approval is not None else ()
    first = changed[0] if changed else "the plan changed"
    if len(first) > _LONGEST_REASON:
        first = first[: _LONGEST_REASON - 1] + "…"
    return first if len(changed) < 2 else f"{first}, and {len(changed) - 1} more"


def _approval_doors(word: str, target: Mapping[str, Any], *, is_asked_for: bool) -> Iterator[Door]:
    """Deciding without running: as lenses where a decision is due, else in the menu only."""
    if word == "pending":
        yield Door("Approve", "mplp.approvePlan", target)
        yield Door("Reject", "mplp.rejectPlan", {**target, "reason": _NO_REASON})
        return
    yield Door("Propose", "mplp.proposePlan", target, is_lens=is_asked_for and word != "approved")
    if word != "approved":
        yield Door("Approve", "mplp.approvePlan", target, is_lens=False)
    if word != "rejected":
        title = "Withdraw the approval" if word == "approved" else "Reject"
        yield Door(title, "mplp.rejectPlan", {**target, "reason": _NO_REASON}, is_lens=False)
