"""Stages of pipelines and executions over time: what is over stays so, a stage keeps its order."""

from __future__ import annotations

from collections.abc import Sequence

from mplp_runtime.rules.event_facts import EventFacts
from mplp_runtime.rules.findings import Finding, Place, Related, Severity, Stage
from mplp_runtime.rules.words import quoted

# A failed stage may be tried again; what was completed or left out stays so.
_OVER = frozenset({"completed", "skipped", "cancelled"})
_NOT_OVER = frozenset({"pending", "running"})
_FIRST_OF_A_RUN, _LAST_OF_A_RUN = "SAInitialized", "SACompleted"


def stage_findings(events: Sequence[tuple[int, EventFacts]]) -> list[Finding]:
    """What is wrong with the stages and executions of a timeline; pointers start with the position."""
    # A plan may run again, and all its stages with it: which run a stage belongs to is not told by the event.
    has_one_run = sum(event.type == _FIRST_OF_A_RUN for _, event in events) <= 1
    last: dict[tuple[str, ...], tuple[int, EventFacts]] = {}
    again: set[tuple[str, ...]] = set()
    orders: dict[tuple[str, ...], tuple[int, int]] = {}
    found: list[Finding] = []
    for index, event in events:
        if event.profile is not None or event.subject is None:
            continue
        before = last.get(event.subject)
        is_told = has_one_run or event.subject[0] == "runtime_execution"
        if is_told and before is not None and before[1].status in _OVER and event.status in _NOT_OVER:
            again.add(event.subject)
            found.append(_begun_again(before, index, event))
        last[event.subject] = (index, event)
        if event.order is not None:
            first = orders.setdefault(event.subject, (index, event.order))
            if first[1] != event.order:
                found.append(_other_order(first, index, event))
    if has_one_run and any(
        event.type == _LAST_OF_A_RUN and event.status == "completed" for _, event in events
    ):
        found += [
            _never_ended(index, event)
            for subject, (index, event) in last.items()
            if event.status == "running" and subject not in again
        ]
    return found


def _never_ended(index: int, event: EventFacts) -> Finding:
    what, member = _what(event)
    message = f"The run is completed, but this {what} is still `running`: no event tells its end."
    return Finding("stage-end-missing", message, Severity.WARNING, Stage.LIFECYCLE, Place((index, member)))


def _begun_again(before: tuple[int, EventFacts], index: int, event: EventFacts) -> Finding:
    earlier, was = before
    what, member = _what(event)
    return Finding(
        "stage-begun-again",
        f"This {what} is {quoted(event.status)}, but was {quoted(was.status)} already.",
        Severity.WARNING,
        Stage.LIFECYCLE,
        Place((index, member)),
        (Related(Place((earlier, member)), f"It is {quoted(was.status)} here."),),
    )


def _what(event: EventFacts) -> tuple[str, str]:
    """What the event is about, and the member that tells its state."""
    is_stage = event.subject is not None and event.subject[0] == "pipeline_stage"
    return ("stage", "stage_status") if is_stage else ("execution", "status")


def _other_order(first: tuple[int, int], index: int, event: EventFacts) -> Finding:
    earlier, order = first
    return Finding(
        "stage-order-differs",
        f"This stage has `stage_order` {event.order} here and {order} in line {earlier + 1}.",
        Severity.WARNING,
        Stage.GRAPH,
        Place((index, "stage_order")),
        (Related(Place((earlier, "stage_order")), f"It is {order} here."),),
        data={"suggestion": order},
    )
