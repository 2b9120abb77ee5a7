"""Lists, times, segments, decisions and history of documents other than plans."""

from __future__ import annotations

from typing import Any

import pytest

from mplp_runtime.rules.check import check, own_findings, plan_findings
from mplp_runtime.rules.entry_facts import entry_facts
from mplp_runtime.rules.findings import Finding, Severity
from mplp_runtime.rules.history import baseline_after_save, baseline_of
from mplp_runtime.rules.instants import instant_of
from mplp_runtime.rules.lists import out_of_order
from mplp_runtime.rules.statuses import status_edit_findings
from mplp_runtime.rules.world import EntryFacts
from tests.runtime.rules.documents import SmallWorld, facts, identifier, told

DAY = "2026-03-14T"


def at(hour: int, minute: int = 0) -> str:
    return f"{DAY}{hour:02}:{minute:02}:00Z"


def segment(number: int, parent: int | None = None, **members: object) -> dict[str, Any]:
    around = {} if parent is None else {"parent_segment_id": identifier(parent)}
    return {"segment_id": identifier(number), **around, "label": "Test", "status": "completed"} | members


def timed(number: int, parent: int | None, begin: str, end: str) -> dict[str, Any]:
    return segment(number, parent, started_at=begin, finished_at=end)


def trace(*segments: object, **members: object) -> dict[str, Any]:
    return {"trace_id": identifier(20), "status": "running", "segments": list(segments)} | members


def alone(kind: str, value: object) -> list[Finding]:
    return plan_findings(facts(kind, value))


def test_of_two_equal_ids_the_second_is_told_and_the_first_linked():
    finding = alone("trace", trace(segment(0), segment(1), segment(0)))[0]
    assert told([finding]) == [("entry-id-duplicate", "/segments/2/segment_id")]
    assert finding.message == "This segment has the same `segment_id` as segment 1."
    assert finding.related[0].place.pointer == ("segments", 0, "segment_id")
    assert (finding.severity, finding.data) == (Severity.ERROR, {"insert_format": "uuid"})


def test_words_that_stand_twice_are_a_warning_and_need_no_fresh_id():
    value = {"participants": [{"participant_id": "a"}, {"participant_id": "a"}, {"participant_id": "b"}]}
    finding = alone("collab", value)[0]
    assert told([finding]) == [("entry-repeated", "/participants/1/participant_id")]
    assert (finding.severity, finding.data) == (Severity.WARNING, {})


@pytest.mark.parametrize("kind", ["context", "plan", "role", "extension", "dialog", "network", "core"])
def test_events_are_told_apart_in_documents_of_every_kind(kind: str):
    events = [{"event_id": identifier(1)}, {"event_id": identifier(1)}]
    assert told(alone(kind, {"events": events})) == [("entry-id-duplicate", "/events/1/event_id")]


def order(*minutes: int | None) -> list[int]:
    started = [None if minute is None else instant_of(at(10, minute)) for minute in minutes]
    return out_of_order([EntryFacts(started=each) for each in started])


@pytest.mark.parametrize(
    ("minutes", "astray"),
    [
        ((), []),
        ((1, 2, 3), []),
        ((1, 1, 1), []),
        ((2, 1), [1]),
        ((1, 9, 2, 3), [1]),
        ((1, 2, 0, 3), [2]),
        ((1, 3, 2, 4), [2]),
        ((5, None, 6, None, 4), [4]),
        ((1, 2, 9, 8, 3, 4), [2, 3]),
        ((1, 59, 2), [1]),
    ],
)
def test_as_few_entries_as_possible_are_out_of_order(minutes: tuple[int | None, ...], astray: list[int]):
    assert order(*minutes) == astray


def dialog(*instants: str, **members: object) -> dict[str, Any]:
    messages = [{"role": "user", "content": "", "timestamp": instant} for instant in instants]
    return {"status": "active", "messages": messages} | members


def test_a_message_in_the_wrong_place_is_told_with_its_neighbour():
    early = alone("dialog", dialog(at(9), at(10), at(9, 30)))
    assert told(early) == [("entry-out-of-order", "/messages/2/timestamp")]
    assert early[0].message == "This message is earlier than message 2, which stands before it."
    late = alone("dialog", dialog(at(12), at(9), at(10)))
    assert told(late) == [("entry-out-of-order", "/messages/0/timestamp")]
    assert late[0].message == "This message is later than message 2, which stands after it."
    assert late[0].related[0].place.pointer == ("messages", 1, "timestamp")


def test_a_list_that_stands_the_other_way_round_is_one_fault():
    findings = alone("dialog", dialog(*(at(12, 59 - minute) for minute in range(30))))
    assert told(findings) == [("entry-out-of-order", "open:/messages")]


def test_messages_outside_their_dialog_are_told_one_by_one_or_as_one_wrong_time():
    one = alone("dialog", dialog(at(9), at(10), started_at=at(9, 30)))
    assert told(one) == [("message-outside-dialog", "/messages/0/timestamp")]
    all_of_them = alone("dialog", dialog(at(9), at(10), ended_at=at(8)))
    assert told(all_of_them) == [("message-outside-dialog", "/ended_at")]
    assert alone("dialog", dialog(at(9), started_at=at(9, 30), ended_at=at(8))) == []


def test_a_message_outside_its_dialog_says_nothing_about_the_order_of_the_others():
    value = dialog(at(9), at(20), at(10), at(9, 30), started_at=at(9), ended_at=at(11))
    assert told(alone("dialog", value)) == [
        ("message-outside-dialog", "/messages/1/timestamp"),
        ("entry-out-of-order", "/messages/3/timestamp"),
    ]


def test_parents_are_resolved_and_a_slip_is_recognised():
    near = identifier(0)[:-1] + "2"
    finding = alone("trace", trace(segment(0), segment(1, parent_segment_id=near)))[0]
    assert told([finding]) == [("segment-parent-unknown", "/segments/1/parent_segment_id")]
    assert finding.data == {"suggestion": identifier(0)}
    assert alone("trace", trace(segment(0), segment(1, parent_segment_id="x"))) == []
    # The damage is at the id that was meant, where the schema speaks.
    damaged = trace(segment(0, segment_id=identifier(0).upper()), segment(1, 0))
    assert alone("trace", damaged) == []


def test_an_id_that_several_miss_is_one_fault():
    children = [segment(number, parent_segment_id=identifier(9)) for number in (1, 2, 3)]
    findings = alone("trace", trace(segment(0), *children))
    assert told(findings) == [("segment-parent-unknown", "/segments/1/parent_segment_id")]
    assert [each.place.pointer[1] for each in findings[0].related] == [2, 3]


def test_where_several_agree_against_one_id_the_slip_is_in_that():
    slip = identifier(9)[:-1] + "1"
    children = [segment(number, parent_segment_id=identifier(9)) for number in (1, 2)]
    findings = alone("trace", trace(segment(0, segment_id=slip), *children))
    assert told(findings) == [("segment-parent-unknown", "/segments/0/segment_id")]
    assert findings[0].data == {"suggestion": identifier(9)}


@pytest.mark.parametrize("broken", ["", identifier(9).replace("-", ""), None])
def test_while_a_segment_has_no_sound_id_no_parent_is_called_unknown(broken: str | None):
    events = [{"data": {"segment_id": identifier(9)}}]
    value = trace(segment(0, segment_id=broken), segment(1, parent_segment_id=identifier(9)), events=events)
    assert alone("trace", value) == []


def test_a_trace_id_against_which_all_others_agree_is_the_wrong_one():
    events = [{"trace_id": identifier(9)}, {"trace_id": identifier(9)}]
    root = {"trace_id": identifier(9)}
    findings = alone("trace", trace(root_span=root, events=events))
    assert told(findings) == [("trace-span-mismatch", "/trace_id")]
    assert findings[0].data == {"suggestion": identifier(9)}
    assert told(alone("trace", trace(root_span=root))) == [("trace-span-mismatch", "/root_span/trace_id")]


def test_each_circle_is_told_once_where_a_parent_stands_after_its_child():
    findings = alone(
        "trace", trace(segment(0, 2), segment(1, 0), segment(2, 1), segment(3, 4), segment(4, 3))
    )
    assert told(findings) == [
        ("segment-parent-cycle", "/segments/0/parent_segment_id"),
        ("segment-parent-cycle", "/segments/3/parent_segment_id"),
    ]
    assert (
        findings[0].message
        == "Segments contain each other: segment 1 in segment 3 in segment 2 in segment 1."
    )
    assert [each.place.pointer[1] for each in findings[0].related] == [2, 1]


def test_a_segment_that_hangs_below_a_circle_is_no_part_of_it():
    findings = alone("trace", trace(segment(0, 1), segment(1, 0), segment(2, 1), segment(3, 2)))
    assert told(findings) == [("segment-parent-cycle", "/segments/0/parent_segment_id")]


def test_ten_thousand_segments_one_inside_the_other_are_no_problem():
    segments = [{"segment_id": f"{n:08x}-0000-4000-8000-000000000000"} for n in range(10_000)]
    for index, inner in enumerate(segments[1:], start=1):
        inner["parent_segment_id"] = segments[index - 1]["segment_id"]
    assert alone("trace", trace(*segments)) == []
    segments[0]["parent_segment_id"] = segments[-1]["segment_id"]
    finding = alone("trace", trace(*segments))[0]
    assert "10000 segments in a circle, segment 1 among them" in finding.message
    assert len(finding.related) == 20


def test_segments_are_inside_their_parent_and_the_outermost_inside_the_trace():
    around = timed(0, None, at(10), at(11))
    early = alone("trace", trace(around, timed(1, 0, at(9, 59), at(10, 30)), timed(2, 0, at(10), at(11))))
    assert told(early) == [("segment-outside-parent", "/segments/1/started_at")]
    assert early[0].message == "This segment starts before its parent starts."
    late = alone("trace", trace(around, timed(1, 0, at(10), at(11, 1)), timed(2, 0, at(10), at(11))))
    assert told(late) == [("segment-outside-parent", "/segments/1/finished_at")]
    trace_itself = alone("trace", trace(around, segment(1), started_at=at(10, 30)))
    assert told(trace_itself) == [("segment-outside-parent", "/segments/0/started_at")]
    assert trace_itself[0].related[0].place.pointer == ("started_at",)


def test_where_all_inside_are_outside_in_one_way_the_time_around_them_is_told():
    inside = [timed(number, 0, at(10), at(10, 30)) for number in (1, 2, 3)]
    findings = alone("trace", trace(timed(0, None, at(10, 10), at(11)), *inside))
    assert told(findings) == [("segment-outside-parent", "/segments/0/started_at")]
    assert [each.place.pointer[1] for each in findings[0].related] == [1, 2, 3]


def test_times_that_run_backwards_are_told_once_and_bound_nothing():
    value = trace(timed(0, None, at(11), at(10)), timed(1, 0, at(9), at(9, 30)))
    assert alone("trace", value) == []
    assert told(own_findings("trace", value))[-1] == ("times-backwards", "/segments/0/finished_at")


@pytest.mark.parametrize(
    ("status", "segments", "expected"),
    [
        ("completed", ["completed", "failed", "cancelled", "skipped"], []),
        ("completed", ["running"], ["trace-ended-unfinished"]),
        ("completed", ["pending"], ["trace-ended-unfinished"]),
        ("failed", ["pending"], []),
        ("failed", ["running"], ["trace-ended-unfinished"]),
        ("cancelled", ["running", "running"], ["trace-ended-unfinished"]),
        ("pending", ["pending", "skipped"], []),
        ("pending", ["running"], ["trace-not-begun"]),
        ("pending", ["completed"], ["trace-not-begun"]),
        ("pending", ["dunno"], []),
        ("running", ["pending", "running", "failed"], []),
        ("dunno", ["running"], []),
    ],
)
def test_a_trace_and_its_segments_agree(status: str, segments: list[str], expected: list[str]):
    value = trace(*(segment(n, status=word) for n, word in enumerate(segments)), status=status)
    assert [finding.code for finding in alone("trace", value)] == expected


def test_a_stale_status_is_told_where_it_is_stale():
    value = trace(segment(0, status="running", finished_at=at(10)), status="completed")
    assert alone("trace", value) == []
    codes = [finding.code for finding in own_findings("trace", value)]
    assert "status-contradicts-time" in codes


def test_events_of_a_trace_belong_to_it_and_to_its_segments():
    events = [
        {"trace_id": identifier(20), "data": {"segment_id": identifier(0)}},
        {"trace_id": identifier(21), "data": {"segment_id": "the first"}},
        {"data": {"segment_id": identifier(5)}},
        {"data": None},
    ]
    assert told(alone("trace", trace(segment(0), events=events))) == [
        ("event-trace-mismatch", "/events/1/trace_id"),
        ("event-segment-unknown", "/events/2/data/segment_id"),
    ]
    assert alone("trace", trace(events=[{"data": {"segment_id": identifier(5)}}])) == []


def decision(number: int, status: str, hour: int) -> dict[str, Any]:
    return {
        "decision_id": identifier(number),
        "status": status,
        "decided_by_role": "lead",
        "decided_at": at(hour),
    }


def confirm(status: str, *decisions: object, **members: object) -> dict[str, Any]:
    return {
        "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},
        "confirm_id": identifier(10),
        "target_type": "other",
        "target_id": identifier(11),
        "status": status,
        "requested_by_role": "planner",
        "requested_at": at(9),
        "decisions": list(decisions),
    } | members


YES, NO = decision(0, "approved", 11), decision(1, "rejected", 10)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (confirm("approved", NO, YES), []),
        (confirm("approved", decision(0, "approved", 8)), ["decision-before-request"]),
        (confirm("approved", NO, YES, requested_at=at(12)), ["decision-before-request"]),
        (confirm("approved", NO), ["confirm-status-contradicts"]),
        (confirm("rejected", NO, YES), ["confirm-status-contradicts"]),
        (confirm("approved"), ["confirm-decision-missing"]),
        (confirm("rejected"), ["confirm-decision-missing"]),
        (confirm("cancelled"), []),
        (confirm("cancelled", NO), []),
        (confirm("cancelled", YES), ["confirm-status-contradicts"]),
        (confirm("pending"), []),
        (confirm("pending", NO), []),
        (confirm("pending", YES), ["confirm-status-contradicts"]),
        (confirm("pending", YES, requested_at=at(12)), []),
        (confirm("approved", YES, NO), ["entry-out-of-order"]),
        (confirm("rejected", YES, NO), ["entry-out-of-order"]),
        (confirm("approved", {**YES, "decided_at": "soon"}), ["format-datetime"]),
        (confirm("aproved", NO), ["value-not-allowed"]),
        (confirm("approved", decisions={}), ["type-wrong"]),
    ],
)
def test_a_confirm_follows_its_newest_decision(value: dict[str, Any], expected: list[str]):
    own = facts("confirm", value)
    assert [finding.code for finding in check("confirm", value, own, SmallWorld(own))] == expected


def edited(kind: str, saved: object, now: object) -> list[Finding]:
    before, after = facts(kind, saved), facts(kind, now)
    world = SmallWorld(baselines={(kind, str(before.id)): baseline_of(before)})
    return status_edit_findings(after, world)


def test_decisions_may_be_added_and_neither_changed_nor_removed():
    saved = confirm("rejected", NO)
    assert edited("confirm", saved, confirm("approved", NO, YES)) == []
    changed = edited("confirm", saved, confirm("rejected", {**NO, "reason": "Late"}))
    assert told(changed) == [("history-changed", "open:/decisions/0")]
    assert "add a new decision" in changed[0].message
    assert told(edited("confirm", saved, confirm("pending"))) == [("history-removed", "open:/decisions")]
    assert edited("confirm", saved, confirm("rejected", dict(reversed(NO.items())))) == []


def test_a_confirm_changes_its_status_by_a_new_decision_or_a_new_request_only():
    assert told(edited("confirm", confirm("rejected", NO), confirm("approved", NO))) == [
        ("status-transition-illegal", "/status")
    ]
    assert edited("confirm", confirm("approved", YES), confirm("pending", YES, requested_at=at(12))) == []
    assert told(edited("confirm", confirm("approved", YES), confirm("pending", YES))) == [
        ("status-transition-illegal", "/status")
    ]


def test_segments_that_have_ended_stay_as_they_were():
    saved = trace(segment(0), segment(1, status="running"))
    assert edited("trace", saved, trace(segment(0), segment(1), segment(2))) == []
    assert told(edited("trace", saved, trace(segment(0, label="Other"), segment(1)))) == [
        ("history-changed", "open:/segments/0")
    ]
    assert told(edited("trace", saved, trace(segment(0, status="failed"), segment(1)))) == [
        ("history-changed", "open:/segments/0")
    ]
    assert told(edited("trace", saved, trace(segment(0, status="running"), segment(1)))) == [
        ("status-transition-illegal", "/segments/0/status")
    ]
    assert told(edited("trace", saved, trace(segment(1)))) == [("history-removed", "open:/segments")]


def test_saving_twice_takes_no_warning_away():
    saved = baseline_of(facts("confirm", confirm("rejected", NO)))
    once = baseline_after_save(saved, facts("confirm", confirm("approved")))
    assert (once.status, once.sealed) == ("rejected", saved.sealed)
    legal = baseline_after_save(saved, facts("confirm", confirm("approved", NO, YES)))
    assert legal.status == "approved"
    assert legal.sealed.keys() == {identifier(0), identifier(1)}
    running = baseline_of(facts("trace", trace(segment(0, status="running"))))
    ended = baseline_after_save(running, facts("trace", trace(segment(0))))
    assert ended.segments == {identifier(0): "completed"}
    assert ended.sealed.keys() == {identifier(0)}
    again = baseline_after_save(ended, facts("trace", trace(segment(0, status="running"))))
    assert again.segments == {identifier(0): "completed"}


@pytest.mark.parametrize("entry", [None, 7, "x", [], {}, {"segment_id": 7, "attributes": [], "status": {}}])
@pytest.mark.parametrize(
    "field", ["segments", "decisions", "messages", "participants", "nodes", "modules", "events"]
)
def test_entries_of_any_shape_have_facts(field: str, entry: object):
    found = entry_facts(field, entry)
    assert found.id is None
    assert found.started is None


def test_typing_a_text_of_a_segment_changes_no_finding_and_looks_at_nothing_again():
    memory: dict[str, object] = {}
    first = plan_findings(facts("trace", trace(segment(0), segment(1, 0), segment(1, 0))), memory)
    kept = memory["trace"]
    again = plan_findings(
        facts("trace", trace(segment(0, label="Other"), segment(1, 0), segment(1, 0))), memory
    )
    assert again == first
    assert memory["trace"] is kept
    moved = plan_findings(facts("trace", trace(segment(0), segment(1, 0), segment(2, 0))), memory)
    assert moved == []
