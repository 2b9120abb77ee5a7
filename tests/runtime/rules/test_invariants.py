from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

import mplp_schemas
from mplp_runtime.rules.findings import Severity
from mplp_runtime.rules.invariants import (
    can_check,
    evaluate,
    further_invariant_findings,
    invariant_findings,
)
from mplp_runtime.rules.map_events import unanswered_turns, unheard_broadcasts
from mplp_runtime.rules.rule_language import MISSING, CannotCheck, parse_path, parse_rule, places_of
from tests.runtime.rules.documents import context, identifier, plan, step, told

SESSION = identifier(40)


@dataclass(frozen=True)
class Rule:
    """A rule as it stands in a rule file."""

    scope: str
    path: str | None
    rule: str | None
    when: Any = field(default_factory=mplp_schemas.Condition)
    id: str = "a_rule"


def broken(rule: str, value: object, **objects: object) -> str | None:
    return parse_rule(rule).broken_by(value, objects.pop("owner", {}), objects)


@pytest.mark.parametrize(
    ("rule", "sound", "faulty"),
    [
        ("uuid-v4", [identifier(1)], [identifier(9).upper(), "x", 3, None, MISSING]),
        ("non-empty-string", ["a", " a "], ["", "  ", "\n", 3, None, [], MISSING]),
        (
            "iso-datetime",
            ["2025-12-06T12:00:00Z", "2025-12-06T12:00:00.5+02:00"],
            ["2025", "Dec 6, 2025", 3, MISSING],
        ),
        ("exists", ["", 0, False, [], {}], [None, MISSING]),
        ("enum(a, b)", ["a", "b"], ["c", "", None, ["a"], MISSING]),
        ("enum(active)", ["active"], ["draft"]),
        ("min-length(2)", [[1, 2], "ab"], [[1], "a", 5, None, {"a": 1, "b": 2}, MISSING]),
        ('eq("1.0.0")', ["1.0.0"], ["1.0", 1, MISSING]),
        ("positive-integer", [1, 10**20], [0, -1, True, 1.5, "1", MISSING]),
        ("optional-string", ["", "a", MISSING], [None, 3]),
        ('one-of(["approved", "rejected"])', ["approved"], ["pending", None, MISSING]),
    ],
)
def test_each_rule_means_what_its_name_says(rule: str, sound: list[object], faulty: list[object]):
    assert [value for value in sound if broken(rule, value) is not None] == []
    assert [value for value in faulty if broken(rule, value) is None] == []


def test_eq_with_a_path_compares_with_another_object():
    objects = {"context": {"context_id": "c", "root": [{"a": 1}]}}
    assert broken("eq(context.context_id)", "c", **objects) is None
    assert broken("eq(context.context_id)", "d", **objects) == "is `d`, but `context.context_id` is `c`"
    assert broken("eq(context.root[0].a)", 1, **objects) is None
    assert broken("eq(context.root[0].a)", True, **objects) is not None
    assert "is missing" in str(broken("eq(context.nothing)", "c", **objects))


def test_eq_with_an_object_that_is_not_loaded_cannot_be_checked():
    with pytest.raises(CannotCheck):
        broken("eq(context.context_id)", "c")
    rule = Rule("plan", "context_id", "eq(context.context_id)")
    assert not can_check(rule, {"plan": plan()})
    assert evaluate(rule, {"plan": plan()}) == []
    assert len(evaluate(rule, {"plan": plan(), "context": {}})) == 1


def test_if_applies_its_rule_only_where_the_condition_holds():
    rule = 'if(status == "rejected", non-empty-string)'
    assert broken(rule, MISSING, owner={"status": "approved"}) is None
    assert broken(rule, MISSING, owner={"status": "rejected"}) == "is missing"
    assert broken(rule, "no", owner={"status": "rejected"}) is None
    assert broken('if(status != "rejected", exists)', MISSING, owner={}) == "is missing"
    assert broken("if(a.b == true, enum(x,y))", "z", owner={"a": {"b": True}}) is not None


@pytest.mark.parametrize(
    "text", ["", "uuid", "enum", "min-length(x)", "one-of(3)", "if(x)", "uuid-v4(3)", "a b"]
)
def test_a_rule_that_is_not_understood_never_passes_silently(text: str):
    with pytest.raises(ValueError, match=r"."):
        parse_rule(text)


def test_paths_lead_through_names_positions_and_all_entries():
    document = {"a": {"b": 1}, "list": [{"x": 1}, {"y": 2}, 3]}
    assert places_of(document, parse_path("a.b")) == [(("a", "b"), 1)]
    assert places_of(document, parse_path("list[0].x")) == [(("list", 0, "x"), 1)]
    assert places_of(document, parse_path("list[*].x")) == [
        (("list", 0, "x"), 1),
        (("list", 1, "x"), MISSING),
        (("list", 2, "x"), MISSING),
    ]
    assert places_of(document, parse_path("nothing[*].x")) == []
    assert places_of(document, parse_path("list[7]")) == [(("list", 7), MISSING)]


@pytest.mark.parametrize("text", ["a..b", "a[", "a[-1]", "[*", "a.[0]b]"])
def test_a_text_that_is_no_path_is_refused(text: str):
    with pytest.raises(ValueError, match="no path"):
        parse_path(text)


def test_something_missing_breaks_a_rule_unless_it_speaks_of_what_is_present():
    always = Rule("plan", "steps[*].agent_role", "non-empty-string")
    if_present = Rule("plan", "steps[*].agent_role", "non-empty-string", mplp_schemas.Condition(present=True))
    objects = {"plan": {"steps": [{}, {"agent_role": " "}, {"agent_role": "a"}]}}
    assert [violation.pointer[1] for violation in evaluate(always, objects)] == [0, 1]
    assert [violation.pointer[1] for violation in evaluate(if_present, objects)] == [1]


def test_every_official_rule_is_understood():
    assert len(mplp_schemas.invariants()) == 61
    for invariant in mplp_schemas.invariants():
        if invariant.when.events is None:
            assert invariant.path is not None
            assert invariant.rule is not None
            parse_path(invariant.path)
            parse_rule(invariant.rule)


def test_a_blank_role_is_told_by_the_official_rule():
    findings = invariant_findings("plan", plan(step(0, agent_role="  ")))
    assert told(findings) == [("sa-steps-agent-role-if-present", "/steps/0/agent_role")]
    assert findings[0].severity is Severity.ERROR
    assert findings[0].message.startswith("`agent_role` is blank. ")


def test_rules_about_runs_do_not_speak_while_a_document_is_written():
    draft = context(status="draft")
    assert invariant_findings("context", draft) == []
    assert told(invariant_findings("context", draft, moment="run")) == [
        ("sa-context-must-be-active", "/status")
    ]


def test_rules_about_finished_traces_speak_at_the_end():
    trace = {"context_id": identifier(21), "plan_id": identifier(20), "events": []}
    objects = {"context": context(), "plan": plan()}
    assert invariant_findings("trace", trace, objects, "run") == []
    assert told(invariant_findings("trace", trace, objects, "end-of-trace")) == [
        ("sa-trace-not-empty", "/events")
    ]
    del trace["events"]
    finding = invariant_findings("trace", trace, objects, "end-of-trace")[0]
    assert (told([finding]), finding.data["missing"]) == ([("sa-trace-not-empty", "open:")], "events")


def test_a_trace_that_says_it_has_ended_is_held_to_the_rules_of_the_end():
    assert invariant_findings("trace", {"status": "running", "events": []}) == []
    assert told(invariant_findings("trace", {"status": "failed", "events": []})) == [
        ("sa-trace-not-empty", "/events")
    ]


def test_a_trace_of_another_plan_is_told():
    trace = {"context_id": identifier(21), "plan_id": identifier(1), "events": [{}]}
    objects = {"context": context(), "plan": plan()}
    assert told(invariant_findings("trace", trace, objects, "run")) == [("sa-trace-plan-binding", "/plan_id")]


def test_what_a_document_told_by_itself_is_not_asked_again_when_it_is_to_run():
    objects = {"context": context(context_id=identifier(39)), "plan": plan()}
    documents = {
        "plan": plan(step(0, agent_role="  "), step(1, step_id="x"), context_id="nobody"),
        "context": context(status="draft", context_id="x"),
        "trace": {"context_id": identifier(21), "plan_id": identifier(1), "status": "failed", "events": []},
    }
    for kind, value in documents.items():
        for moment in ("run", "end-of-trace"):
            further = further_invariant_findings(kind, value, objects, moment)
            alone = invariant_findings(kind, value, moment="edit")
            together = invariant_findings(kind, value, objects, moment)
            assert sorted(told([*alone, *further])) == sorted(told(together))
            assert further


def test_rules_of_an_event_family_speak_of_that_family_only():
    event = {
        "event_family": "intent",
        "event_id": identifier(1),
        "event_type": "x",
        "timestamp": "2025-01-01T00:00:00Z",
    }
    assert invariant_findings("event", event) == []
    codes = {
        finding.code for finding in invariant_findings("event", event | {"event_family": "graph_update"})
    }
    assert codes == {"obs-graph-event-has-graph-id", "obs-graph-update-kind-valid"}


def test_single_and_multi_agent_events_have_no_family_and_are_left_alone():
    assert invariant_findings("event", {"event_type": "SAStepStarted", "sa_id": "x"}) == []
    assert invariant_findings("event", {"event_type": "MAPSessionStarted", "session_id": "x"}) == []
    assert invariant_findings("event", {"event_type": "plan.created", "source": "plan"}) == []


def turn(event_type: str, role: str = "a", number: int | None = 1, minute: int = 0) -> dict[str, object]:
    payload = {"role_id": role} if number is None else {"role_id": role, "turn_number": number}
    return {
        "event_type": f"MAPTurn{event_type}",
        "session_id": SESSION,
        "timestamp": f"2025-01-01T00:{minute:02d}:00Z",
        "payload": payload,
    }


def test_every_dispatched_turn_has_to_be_completed_by_its_role():
    assert unanswered_turns([turn("Dispatched"), turn("Completed", minute=1)]) == []
    assert [fault.position for fault in unanswered_turns([turn("Dispatched")])] == [0]
    assert len(unanswered_turns([turn("Dispatched", "a"), turn("Completed", "b")])) == 2
    assert len(unanswered_turns([turn("Dispatched", number=1), turn("Completed", number=2)])) == 2
    assert unanswered_turns([turn("Dispatched", number=1), turn("Completed", number=None)]) == []


def test_turns_are_matched_one_to_one_and_never_backwards_in_time():
    twice = [turn("Dispatched"), turn("Dispatched"), turn("Completed", minute=1)]
    assert [fault.position for fault in unanswered_turns(twice)] == [1]
    early = [turn("Dispatched", minute=5), turn("Completed", minute=1)]
    assert len(unanswered_turns(early)) == 2


def test_a_broadcast_has_to_be_received_in_its_session():
    sent = {"event_type": "MAPBroadcastSent", "session_id": SESSION}
    received = {"event_type": "MAPBroadcastReceived", "session_id": SESSION}
    assert unheard_broadcasts([sent, received]) == []
    assert [fault.position for fault in unheard_broadcasts([received, sent])] == [1]
    assert len(unheard_broadcasts([sent, received | {"session_id": identifier(41)}])) == 1


def test_the_rules_about_event_lists_need_the_list_of_events():
    turns = next(rule for rule in mplp_schemas.invariants() if rule.when.events == "turns")
    assert not can_check(turns, {"trace": {}})
    assert len(evaluate(turns, {"trace": {}, "events": [turn("Dispatched")]})) == 1


def test_odd_events_do_not_disturb_the_event_rules():
    odd = [None, 3, {}, {"event_type": "MAPTurnCompleted", "payload": [], "timestamp": "x", "session_id": 3}]
    assert len(unanswered_turns(odd)) == 1
    assert unheard_broadcasts(odd) == []
