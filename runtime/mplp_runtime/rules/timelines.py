"""What holds for the events of a timeline together: ids of their own, times that rise, runs that are whole.

Every finding points at one event by its position; what one event says by itself is `event_sense`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mplp_runtime.rules.event_facts import EventFacts
from mplp_runtime.rules.findings import Finding, Place, Related, Severity, Stage
from mplp_runtime.rules.order import order_of
from mplp_runtime.rules.profile_runs import ABOUT_ABSENCE, run_findings
from mplp_runtime.rules.rising import strays
from mplp_runtime.rules.stages import stage_findings

Events = Sequence[EventFacts | None]
SKEW_S = 60.0
"""Where a Lamport clock orders the events, wall clocks of several processes may differ by this much."""


def timeline_findings(events: Events) -> list[Finding]:
    """What is wrong with a sequence of events, ordered by place; None stands for a line that holds none.

    Pointers start with the position of the event. What is no longer in its place is told once: runs and
    stages are then read in the order that the times tell, if that explains more.
    """
    by_clock = list(_lamport_backwards(events))
    out_of_place = {int(finding.place.pointer[0]) for finding in by_clock}
    by_time = [
        finding for finding in _time_backwards(events) if int(finding.place.pointer[0]) not in out_of_place
    ]
    out_of_place |= {int(finding.place.pointer[0]) for finding in by_time}
    found = [*_duplicates(events), *by_clock, *by_time]
    # An event with a wrong time does not fit its run either: it is told once.
    found += [
        finding
        for finding in _told_in_best_order(events, is_disordered=bool(out_of_place))
        if int(finding.place.pointer[0]) not in out_of_place
    ]
    return sorted(found, key=order_of)


def _duplicates(events: Events) -> Iterator[Finding]:
    ids = [event.id for event in events if event is not None and event.id is not None]
    if len(set(ids)) == len(ids):
        return
    first_with: dict[str, int] = {}
    for index, event in enumerate(events):
        if event is None or event.id is None:
            continue
        first = first_with.setdefault(event.id, index)
        if first != index:
            yield Finding(
                "entry-id-duplicate",
                f"This event has the same `event_id` as the one in line {first + 1}.",
                Severity.ERROR,
                Stage.GRAPH,
                Place((index, "event_id")),
                (Related(Place((first, "event_id")), f"Line {first + 1} has it too."),),
                data={"insert_format": "uuid"},
            )


def _lamport_backwards(events: Events) -> Iterator[Finding]:
    for index in strays([None if event is None else event.lamport for event in events]):
        event = events[index]
        if event is None:
            continue
        message = (
            f"The Lamport time {event.lamport} does not fit between those of the lines around it: "
            "each event has a later one than the event before."
        )
        place = Place((index, *event.lamport_place))
        yield Finding("event-lamport-backwards", message, Severity.WARNING, Stage.GRAPH, place)


def _time_backwards(events: Events) -> Iterator[Finding]:
    times = [None if event is None or event.time is None else event.time.timestamp() for event in events]
    found = strays(times)
    if not found:
        return
    is_clocked = all(event is None or event.lamport is not None for event in events)
    for index in found:
        if is_clocked and _is_near(times, index):
            continue
        message = (
            "This event is not in its place: its time does not fit between those of the lines around it."
        )
        place = Place((index, "timestamp"))
        yield Finding("event-out-of-order", message, Severity.WARNING, Stage.GRAPH, place)


def _is_near(times: Sequence[float | None], index: int) -> bool:
    own = times[index]
    before = next((time for time in reversed(times[:index]) if time is not None), own)
    after = next((time for time in times[index + 1 :] if time is not None), own)
    if own is None or before is None or after is None:
        return True
    return before - SKEW_S <= own <= after + SKEW_S


def _told_in_best_order(events: Events, *, is_disordered: bool) -> list[Finding]:
    """Runs and stages as the lines stand, or as the clocks tell where that leaves less to say."""
    as_written = _sequences(events, range(len(events)))
    if not as_written or not is_disordered:
        return as_written
    return min((as_written, *(_sequences(events, order) for order in _clock_orders(events))), key=len)


def _clock_orders(events: Events) -> Iterator[list[int]]:
    keys: tuple[Callable[[EventFacts], float | None], ...] = (
        lambda event: event.lamport,
        lambda event: event.time.timestamp() if event.time is not None else None,
    )
    for key in keys:
        known = {index: key(event) for index, event in enumerate(events) if event is not None}
        if None not in known.values():
            yield sorted(known, key=lambda index, known=known: known[index] or 0.0)  # type: ignore[misc]


def _sequences(events: Events, order: Sequence[int]) -> list[Finding]:
    sound = [
        (index, event)
        for index in order
        if (event := events[index]) is not None
        and (event.profile is not None or event.subject is not None)
        and event.is_sound
    ]
    if not sound:
        return []
    found = [*run_findings(sound), *stage_findings(sound)]
    if any(event is not None and not event.is_sound for event in events):
        # What seems to be missing may be what a faulty event was meant to be.
        found = [finding for finding in found if finding.code not in ABOUT_ABSENCE]
    return found
