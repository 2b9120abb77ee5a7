"""Statuses that contradict each other inside a plan, and edits that the lifecycle of any document forbids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.graph import StepGraph, graph_of
from mplp_runtime.rules.graph_changes import Memory
from mplp_runtime.rules.history import history_findings, is_legal_edit
from mplp_runtime.rules.lifecycle import DONE, TRANSITIONS, is_legal, legal_targets, targets_sentence
from mplp_runtime.rules.step_tables import found_by_step
from mplp_runtime.rules.words import quoted
from mplp_runtime.rules.world import Baseline, DocumentFacts, World

NOT_STARTED = ("draft", "proposed", "approved")
MOST_RELATED = 20

_STATUS: Pointer = ("status",)


def contradiction_findings(
    plan: DocumentFacts, graph: StepGraph | None = None, memory: Memory | None = None
) -> list[Finding]:
    """Where the statuses of a plan and its steps cannot all be true. `memory` is that of `graph_of`."""
    known = graph if graph is not None else graph_of(plan.steps, memory)
    is_begun = plan.status not in NOT_STARTED

    def rule(index: int) -> Iterator[Finding]:
        yield from _before_dependencies(known, index, is_begun=is_begun)
        if not is_begun and known.steps[index].status == "in_progress":
            yield _running_too_early(plan, index)

    def under_way() -> Iterator[int]:
        return (i for i, step in enumerate(known.steps) if step.status in ("completed", "in_progress"))

    # Once begun, the word does not matter.
    found = found_by_step(memory, "contradictions", known, rule, under_way, is_begun or plan.status)
    by_place = [finding for index in sorted(found) for finding in found[index]]
    return [*by_place, *_plan_completed(plan)]


def status_edit_findings(
    facts: DocumentFacts, world: World, memory: Memory | None = None, *, cause: str | None = None
) -> list[Finding]:
    """Changes of status since the last save the graph knows that no lifecycle allows (D22).

    `memory` is that of `graph_of`, `cause` why the document's own status changes, where that is said.
    """
    baseline = world.baseline(facts.kind, facts.id) if facts.id is not None else None
    if baseline is None:
        return []
    findings = list(_own_edit(facts, baseline, cause))
    if baseline.steps and facts.steps:
        graph = graph_of(facts.steps, memory)
        saved = baseline.steps.get
        found = found_by_step(
            memory,
            "status edits",
            graph,
            lambda index: _step_edit(graph, index, baseline),
            # All but a few are as they were saved, or new.
            lambda: [i for i, s in enumerate(graph.steps) if saved(s.step_id or "") not in (None, s.status)],
            baseline,
        )
        findings += [finding for index in sorted(found) for finding in found[index]]
    if baseline.segments:
        findings += _segment_edits(facts, baseline)
    return [*findings, *history_findings(facts, baseline)]


def _step_edit(graph: StepGraph, index: int, baseline: Baseline) -> Iterator[Finding]:
    step = graph.steps[index]
    # Of two steps with one id nobody knows which one was saved; the id is the fault.
    if step.step_id is None or step.status is None or step.step_id in graph.duplicates:
        return
    before = baseline.steps.get(step.step_id)
    if before is not None and before != step.status:
        yield from _edit("step", before, step.status, _step_status(index))


def _segment_edits(trace: DocumentFacts, baseline: Baseline) -> Iterator[Finding]:
    segments = trace.entries.get("segments", ())
    counts = Counter(segment.id for segment in segments)
    for index, segment in enumerate(segments):
        is_one = segment.id is not None and counts[segment.id] == 1
        before = baseline.segments.get(segment.id) if is_one and segment.id is not None else None
        # From one end to another the content changes too: that is told of the whole segment.
        if before is not None and segment.status is not None and segment.seal is None:
            yield from _edit("segment", before, segment.status, ("segments", index, "status"))


def _finding(
    code: str, message: str, pointer: Pointer, related: list[Related], severity: Severity = Severity.WARNING
) -> Finding:
    return Finding(code, message, severity, Stage.LIFECYCLE, Place(pointer), tuple(related[:MOST_RELATED]))


def _step_status(index: int) -> Pointer:
    return ("steps", index, "status")


def _before_dependencies(graph: StepGraph, index: int, *, is_begun: bool) -> Iterator[Finding]:
    steps = graph.steps
    # In a plan that has not begun a running step is too early whatever it waits for: that is told instead.
    early = ("completed", "in_progress") if is_begun else ("completed",)
    if steps[index].status not in early:
        return
    open_ones = [
        target
        for target in dict.fromkeys(graph.targets(index))
        if steps[target].status not in DONE
        and steps[target].status in TRANSITIONS["step"]
        and not graph.is_circular(index, target)
    ]
    if not open_ones:
        return
    first = open_ones[0]
    others = f" and {len(open_ones) - 1} more" if len(open_ones) > 1 else ""
    waits = f"{graph.name(first)}, on which it depends, is {quoted(steps[first].status)}{others}"
    related = [
        Related(Place(_step_status(target)), f"Step {target + 1} is {quoted(steps[target].status)}.")
        for target in open_ones
    ]
    if steps[index].status == "completed":
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


def _running_too_early(plan: DocumentFacts, index: int) -> Finding:
    return _finding(
        "step-running-in-draft",
        f"This step is in progress, but the plan is still {quoted(plan.status)}.",
        _step_status(index),
        [Related(Place(_STATUS), "The plan's status.")],
    )


def _own_edit(facts: DocumentFacts, baseline: Baseline, cause: str | None) -> Iterator[Finding]:
    if baseline.status is None or facts.status is None:
        return
    if not is_legal_edit(facts, baseline, baseline.status, facts.status, cause=cause):
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
