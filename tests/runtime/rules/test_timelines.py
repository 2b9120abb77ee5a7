"""The events of a timeline together: ids, order, clocks, runs and sessions by their profile, stages."""

from typing import Any

import pytest

from mplp_runtime.rules.event_facts import event_facts
from mplp_runtime.rules.rising import strays
from mplp_runtime.rules.timelines import timeline_findings
from tests.runtime.rules.documents import identifier

RUN, STEP = identifier(1), identifier(2)


def agent(kind: str, second: int, **payload: object) -> dict[str, Any]:
    event: dict[str, Any] = {"event_id": identifier(100 + second), "event_type": kind, "sa_id": RUN}
    event["timestamp"] = f"2026-03-14T09:26:{second:02}Z"
    return event | ({"payload": payload} if payload else {})


def a_run() -> list[dict[str, Any]]:
    return [
        agent("SAInitialized", 1),
        agent("SAContextLoaded", 2),
        agent("SAPlanEvaluated", 3),
        agent("SAStepStarted", 4, step_id=STEP),
        agent("SAStepCompleted", 5, step_id=STEP, status="completed"),
        agent("SATraceEmitted", 6),
        agent("SACompleted", 7, status="completed"),
    ]


def told(events: list[dict[str, Any]]) -> list[tuple[str, object]]:
    found = timeline_findings([event_facts(event) for event in events])
    return [(finding.code, finding.place.pointer[0]) for finding in found]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([], []),
        ([1, 2, 2, 3], []),
        ([1, 9, 2, 3], [1]),
        ([2, 1], [1]),
        ([3, None, 1, 2], [0]),
        ([4, 5, 1], [2]),
    ],
)
def test_the_fewest_are_named_without_which_the_others_rise(keys, expected):
    assert strays(keys) == expected


def test_a_whole_run_has_nothing_wrong():
    assert told(a_run()) == []


@pytest.mark.parametrize("gone", ["SAInitialized", "SAContextLoaded", "SAPlanEvaluated", "SATraceEmitted"])
def test_an_event_that_a_finished_run_lacks_is_told_where_it_ends(gone):
    events = [event for event in a_run() if event["event_type"] != gone]
    assert told(events) == [("profile-event-missing", 5)]


def test_a_run_that_goes_on_lacks_nothing_yet():
    assert told(a_run()[:4]) == []


def test_a_failed_run_may_end_early():
    events = [a_run()[0], agent("SACompleted", 7, status="failed")]
    assert told(events) == []


def test_a_step_that_never_ended_is_told_where_it_began():
    events = [event for event in a_run() if event["event_type"] != "SAStepCompleted"]
    assert told(events) == [("step-end-missing", 3)]


def test_the_end_of_a_step_under_another_id_is_told_once():
    events = a_run()
    events[4]["payload"]["step_id"] = identifier(3)
    assert told(events) == [("step-start-missing", 4)]


def test_a_line_that_was_moved_is_told_once():
    events = a_run()
    events.insert(5, events.pop(0))
    assert told(events) == [("event-out-of-order", 5)]


def test_an_event_in_the_wrong_turn_is_told_once_where_times_agree():
    events = [{**event, "timestamp": "2026-03-14T09:26:53Z"} for event in a_run()]
    events.insert(0, events.pop(6))
    assert told(events) == [("profile-event-out-of-turn", 0)]


def test_nothing_is_missed_where_an_event_could_not_be_understood():
    facts = [event_facts(event) for event in a_run()]
    first = facts[0]
    assert first is not None
    assert timeline_findings([first._replace(type="SAInit", is_sound=False), *facts[1:]]) == []


def test_clocks_of_several_processes_may_differ_a_little_where_events_are_counted():
    events = a_run()
    for number, event in enumerate(events):
        event["payload"] = event.get("payload", {}) | {"lamport_timestamp": number}
    events[3]["timestamp"] = "2026-03-14T09:26:01Z"
    assert told(events) == []
    events[3]["timestamp"] = "2026-03-14T09:20:01Z"
    assert told(events) == [("event-out-of-order", 3)]
