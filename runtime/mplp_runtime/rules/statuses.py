"""Statuses that contradict each other inside a plan, and edits of statuses that the lifecycle forbids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.graph import StepGraph
from mplp_runtime.rules.lifecycle import DONE, TRANSITIONS, is_legal, legal_targets, targets_sentence
from mplp_runtime.rules.words import quoted
from mplp_runtime.rules.world import Baseline, DocumentFacts, World

NOT_STARTED = ("draft", "proposed", "approved")
MOST_RELATED = 20

_STATUS: Pointer = ("status",)


def contradiction_findings(plan: DocumentFacts, graph: StepGraph | None = None) -> list[Finding]:
    """Where the statuses of a plan and its steps cannot all be true."""
    known = graph if graph is not None else StepGraph(plan.steps)
    return [*_before_dependencies(plan, known), *_plan_completed(plan), *_running_too_early(plan)]


def status_edit_findings(facts: DocumentFacts, world: World) -> list[Finding]:
    """Changes of status since the last save the graph knows that no lifecycle allows (D22)."""
    baseline = world.baseline(facts.kind, facts.id) if facts.id is not None else None
    if baseline is None:
        return []
    findings = list(_own_edit(facts, baseline))
    counts = Counter(step.step_id for step in facts.steps)
    for index, step in enumerate(facts.steps):
        # Of two steps with one id nobody knows which one was saved; the id is the fault.
        is_one = step.step_id is not None and counts[step.step_id] == 1
        before = baseline.steps.get(step.step_id) if is_one and step.step_id is not None else None
        if before is not None and step.status is not None:
            findings += _edit("step", before, step.status, _step_status(index))
    return findings


def _finding(
    code: str, message: str, pointer: Pointer, related: list[Related], severity: Severity = Severity.WARNING
) -> Finding:
    return Finding(code, message, severity, Stage.LIFECYCLE, Place(pointer), tuple(related[:MOST_RELATED]))


def _step_status(index: int) -> Pointer:
    return ("steps", index, "status")


def _before_dependencies(plan: DocumentFacts, graph: StepGraph) -> Iterator[Finding]:
    # The graph may be one made for the same ids with other statuses (`graph_of`).
    steps = plan.steps
    # In a plan that has not begun a running step is too early whatever it waits for: that is told instead.
    early = ("completed",) if plan.status in NOT_STARTED else ("completed", "in_progress")
    for index, step in enumerate(steps):
        if step.status not in early or not step.dependencies:
            continue
        open_ones = [
            target
            for target in dict.fromkeys(graph.successors[index])
            if steps[target].status not in DONE
            and steps[target].status in TRANSITIONS["step"]
            and not graph.is_circular(index, target)
        ]
        if not open_ones:
            continue
        first = open_ones[0]
        others = f" and {len(open_ones) - 1} more" if len(open_ones) > 1 else ""
        waits = f"{graph.name(first)}, on which it depends, is {quoted(steps[first].status)}{others}"
        related = [
            Related(Place(_step_status(target)), f"Step {target + 1} is {quoted(steps[target].status)}.")
            for target in open_ones
        ]
        if step.status == "completed":
            code, message = "step-completed-before-dependency", f"This step is completed, but {waits}."
        else:
            code, message = "step-started-before-dependency", f"This step is in progress, but {waits}."
        yield _finding(code, message, _step_status(index), related)


def _plan_completed(plan: DocumentFacts) -> Iterator[Finding]:
    if plan.status != "completed":
        return
    unfinished = [
        index
        for index, step in enumerate(plan.steps)
        if step.status not in DONE and step.status in TRANSITIONS["step"]
    ]
    if unfinished:
        count = "one step is" if len(unfinished) == 1 else f"{len(unfinished)} steps are"
        first = unfinished[0]
        related = [
            Related(Place(_step_status(index)), f"Step {index + 1} is {quoted(plan.steps[index].status)}.")
            for index in unfinished
        ]
        yield _finding(
            "plan-completed-unfinished",
            f"The plan is completed, but {count} not. Step {first + 1} is `{plan.steps[first].status}`.",
            _STATUS,
            related,
        )


def _running_too_early(plan: DocumentFacts) -> Iterator[Finding]:
    if plan.status not in NOT_STARTED:
        return
    for index, step in enumerate(plan.steps):
        if step.status == "in_progress":
            yield _finding(
                "step-running-in-draft",
                f"This step is in progress, but the plan is still {quoted(plan.status)}.",
                _step_status(index),
                [Related(Place(_STATUS), "The plan's status.")],
            )


def _own_edit(facts: DocumentFacts, baseline: Baseline) -> Iterator[Finding]:
    if baseline.status is not None and facts.status is not None:
        yield from _edit(facts.kind, baseline.status, facts.status, _STATUS)


def _edit(kind: str, before: str, now: str, pointer: Pointer) -> Iterator[Finding]:
    arrows = TRANSITIONS.get(kind, {})
    # Words that are no states at all are the schema's business.
    if before not in arrows or now not in arrows or is_legal(kind, before, now):
        return
    yield Finding(
        "status-transition-illegal",
        f"At the last save this was {quoted(before)}, and a {kind} does not go from there to {quoted(now)}. "
        f"{targets_sentence(kind, before)}",
        Severity.WARNING,
        Stage.LIFECYCLE,
        Place(pointer),
        data={"before": before, "allowed": [before, *legal_targets(kind, before)], "suggestion": before},
    )
