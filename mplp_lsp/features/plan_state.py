"""What can be done with a plan right now: the one answer behind lenses, code actions and hints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.orchestrator.views import RunView

if TYPE_CHECKING:
    from mplp_runtime.approvals import ApprovalState

_NO_REASON = "Rejected in the editor; no reason was given."
"""LSP has no way to ask for a text; clients that can ask send their own reason with the command."""

TERMINAL = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Door:
    """Something a person can do: a title, and a command with its one argument. Every door opens by itself."""

    title: str
    command: str
    arguments: Mapping[str, Any]
    step_id: str | None = None


@dataclass(frozen=True, slots=True)
class PlanState:
    """A plan document with its newest run and its approval."""

    plan: Mapping[str, Any]
    run: RunView | None
    approval: ApprovalState | None
    is_trusted: bool


def plan_state(snapshot: Snapshot, document: Document) -> PlanState | None:
    """None for documents that are no plan, or that are too broken to have a plan_id and steps."""
    if document.kind != "plan" or document.tree is None:
        return None
    value = document.tree.header
    if not isinstance(value, dict) or not isinstance(value.get("plan_id"), str):
        return None
    return PlanState(
        plan=value,
        run=snapshot.runs.get(value["plan_id"]),
        approval=_approval(snapshot, document),
        is_trusted=snapshot.is_trusted,
    )


def _approval(snapshot: Snapshot, document: Document) -> ApprovalState | None:
    """How the plan stands by the Confirm documents that name it; None where the project has none of them."""
    from mplp_runtime.approvals import approval_of

    plan = None if document.tree is None else document.tree.value
    if not isinstance(plan, dict):
        return None
    confirms = [
        confirm.tree.value
        for facts in snapshot.index.referring(str(plan.get("plan_id")))
        if facts.kind == "confirm"
        and (confirm := snapshot.document(facts.uri)) is not None
        and confirm.tree is not None
    ]
    return approval_of(plan, confirms, snapshot.settings) if confirms else None


def doors(state: PlanState, uri: str) -> Iterator[Door]:
    """What a person would want to do next, the most likely first."""
    if state.run is not None and state.run.is_live:
        yield from _live_doors(state.run)
        return
    if state.run is not None and state.run.status == "interrupted":
        yield Door("Resume run", "mplp.resumeRun", {"run": state.run.run_id})
    yield from _start_doors(state, uri)
    if state.run is not None and state.run.trace_path is not None:
        yield Door("Show trace", "mplp.showTrace", {"run": state.run.run_id})


def _live_doors(run: RunView) -> Iterator[Door]:
    yield Door(
        f"Cancel run ({run.finished_steps}/{len(run.steps)} steps)", "mplp.cancelRun", {"run": run.run_id}
    )
    yield Door("Show trace", "mplp.showTrace", {"run": run.run_id})
    yield from question_doors(run)


def question_doors(run: RunView) -> Iterator[Door]:
    """Two answers for each step that waits for a person."""
    for question in run.questions:
        step = {"run": run.run_id, "step": question.step_id}
        yes, no = {
            "handoff": ("Step is done", "Step failed"),
            "gate": ("Let the step start", "Do not start the step"),
            "repeat": ("It was done", "It was not done"),
        }[question.kind]
        yield Door(yes, "mplp.answerHandoff", {**step, "success": True}, question.step_id)
        yield Door(no, "mplp.answerHandoff", {**step, "success": False}, question.step_id)


def _start_doors(state: PlanState, uri: str) -> Iterator[Door]:
    status = state.plan.get("status")
    target = {"uri": uri}
    if not state.is_trusted:
        yield Door("Dry run", "mplp.dryRunPlan", target)
        yield Door("Trust this workspace to run plans", "mplp.trustWorkspace", target)
        return
    word = state.approval.word if state.approval is not None else "none"
    if status in TERMINAL:
        yield Door("Dry run", "mplp.dryRunPlan", target)
        return
    if word == "approved" or (word == "none" and status in {"approved", "in_progress"}):
        again = state.run is not None and state.run.status in TERMINAL
        yield Door("Run plan again" if again else "Run plan", "mplp.runPlan", target)
        yield Door("Dry run", "mplp.dryRunPlan", target)
        return
    title = {
        "void": "Approve the changed plan and run",
        "rejected": "Approve and run after all",
        "pending": "Approve and run",
    }.get(word, "Propose, approve and run")
    yield Door(title, "mplp.runPlan", {**target, "approve": True})
    yield Door("Dry run", "mplp.dryRunPlan", target)
    if word == "pending":
        yield Door("Approve", "mplp.approvePlan", target)
        yield Door("Reject", "mplp.rejectPlan", {**target, "reason": _NO_REASON})
    else:
        yield Door("Propose", "mplp.proposePlan", target)
