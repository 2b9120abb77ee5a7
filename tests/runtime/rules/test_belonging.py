"""What confirms, traces, dialogs, collabs, networks and cores say about other documents."""

from __future__ import annotations

from typing import Any

import pytest

from mplp_runtime.rules.check import world_findings
from mplp_runtime.rules.findings import Finding, Severity
from mplp_runtime.rules.world import DocumentFacts
from tests.runtime.rules.documents import SmallWorld, context, facts, identifier, plan, role, step, told

CONTEXT, PLAN, OTHER = identifier(21), identifier(20), identifier(7)
NEAR_PLAN = PLAN[:-1] + ("0" if PLAN[-1] != "0" else "1")


def loud(document: DocumentFacts, *others: DocumentFacts) -> list[Finding]:
    found = world_findings(document, SmallWorld(document, *others))
    return [finding for finding in found if finding.code != "step-role-unbound"]


def the_plan(**members: object) -> DocumentFacts:
    return facts("plan", plan(**members))


def the_context(**members: object) -> DocumentFacts:
    return facts("context", context(**members), f"file:///project/{members.get('title', 'c')}.context.json")


def confirm(kind: str = "plan", target: str = PLAN, **members: object) -> dict[str, Any]:
    return {
        "confirm_id": identifier(10),
        "target_type": kind,
        "target_id": target,
        "status": "pending",
        "requested_at": "2026-03-14T09:00:00Z",
    } | members


@pytest.mark.parametrize("kind", ["trace", "dialog", "extension", "collab", "network"])
def test_a_context_is_known_unknown_or_nowhere(kind: str):
    value = {"context_id": CONTEXT}
    assert loud(facts(kind, value), the_context()) == []
    unknown = loud(facts(kind, value), the_context(context_id=OTHER))[0]
    assert told([unknown]) == [("context-unknown", "/context_id")]
    assert (unknown.severity, unknown.data) == (Severity.WARNING, {"suggestion": OTHER})
    nowhere = loud(facts(kind, value))[0]
    assert (nowhere.code, nowhere.severity) == ("context-unknown", Severity.INFORMATION)


def test_an_id_that_many_documents_name_is_no_slip():
    others = [facts("dialog", {"context_id": CONTEXT}, f"file:///project/{n}.dialog.json") for n in range(3)]
    trace = facts("trace", {"context_id": CONTEXT})
    assert loud(trace, *others, the_context(context_id=OTHER))[0].severity is Severity.INFORMATION
    assert loud(trace, *others[1:], the_context(context_id=OTHER))[0].severity is Severity.WARNING


def test_the_target_of_a_confirm_is_known_unknown_or_of_another_kind():
    assert loud(facts("confirm", confirm()), the_plan()) == []
    unknown = loud(facts("confirm", confirm(target=NEAR_PLAN)), the_plan())[0]
    assert told([unknown]) == [("confirm-target-unknown", "/target_id")]
    assert (unknown.severity, unknown.data["suggestion"]) == (Severity.WARNING, PLAN)
    assert loud(facts("confirm", confirm()))[0].severity is Severity.INFORMATION
    wrong = loud(facts("confirm", confirm("trace")), the_plan())[0]
    assert told([wrong]) == [("confirm-target-type", "/target_type")]
    assert wrong.data == {"suggestion": "plan"}
    assert wrong.message == "The target is a plan, `Release` in `plan.json`, and not a trace."
    assert loud(facts("confirm", confirm("other", OTHER)), the_plan()) == []
    assert loud(facts("confirm", confirm("plan", "x")), the_plan()) == []


@pytest.mark.parametrize(
    ("status", "word", "is_told"),
    [
        ("approved", "pending", True),
        ("in_progress", "pending", True),
        ("in_progress", "rejected", True),
        ("proposed", "pending", False),
        ("draft", "approved", False),
        ("approved", "approved", False),
        ("approved", "cancelled", False),
        ("completed", "pending", False),
        ("cancelled", "rejected", False),
    ],
)
def test_a_plan_does_not_go_ahead_of_its_approval(status: str, word: str, is_told: bool):
    document = facts("plan", plan(step(0, status="completed"), status=status))
    found = loud(document, the_context(), facts("confirm", confirm(status=word)))
    assert told(found) == ([("plan-approval-contradicts", "/status")] if is_told else [])


def test_of_several_confirms_the_newest_counts():
    older = facts("confirm", confirm(), "file:///project/z.confirm.json")
    decided = [{"decision_id": identifier(1), "status": "approved", "decided_at": "2026-03-14T10:00:00Z"}]
    newer = confirm(confirm_id=identifier(11), status="approved", decisions=decided)
    document = the_plan(status="approved")
    assert loud(document, the_context(), older, facts("confirm", newer)) == []
    told_anew = confirm(confirm_id=identifier(12), requested_at="2026-03-14T11:00:00Z")
    asked = facts("confirm", told_anew, "file:///project/a.confirm.json")
    finding = loud(document, the_context(), older, facts("confirm", newer), asked)[0]
    assert finding.code == "plan-approval-contradicts"
    assert finding.related[0].place.document == "file:///project/a.confirm.json"


def trace(**members: object) -> dict[str, Any]:
    return {"trace_id": identifier(3), "context_id": CONTEXT, "plan_id": PLAN, "status": "running"} | members


def test_a_trace_is_in_the_context_of_its_plan():
    elsewhere = the_plan(context_id=OTHER)
    found = loud(facts("trace", trace()), the_context(), the_context(context_id=OTHER, title="o"), elsewhere)
    assert told(found) == [("trace-context-mismatch", "/context_id")]
    assert (found[0].severity, found[0].data) == (Severity.WARNING, {"suggestion": OTHER})
    ended = loud(facts("trace", trace(status="completed")), the_context(), elsewhere)
    assert [(each.code, each.severity) for each in ended] == [("trace-context-mismatch", Severity.ERROR)]
    # A wrong context is one fault, whatever the spans say.
    spans = trace(root_span={"context_id": OTHER})
    assert told(loud(facts("trace", spans), the_context(), elsewhere)) == [
        ("trace-context-mismatch", "/context_id")
    ]


def test_spans_name_the_context_of_their_document():
    value = trace(root_span={"context_id": OTHER})
    found = loud(facts("trace", value), the_context(), the_plan())
    assert told(found) == [("trace-context-mismatch", "/root_span/context_id")]
    assert (
        found[0].message
        == f"The root span of this trace names another context than the trace itself, `{CONTEXT}`."
    )
    own = facts("context", context(trace={"context_id": OTHER}))
    assert told(loud(own)) == [("trace-context-mismatch", "/trace/context_id")]
    slip = facts("trace", trace(context_id=OTHER, root_span={"context_id": CONTEXT}, plan_id=None))
    found = loud(slip, the_context())
    assert told(found) == [("context-unknown", "/context_id")]
    assert found[0].data == {"suggestion": CONTEXT}


def test_the_plan_of_a_trace_and_its_steps_are_known():
    segments = [{"segment_id": identifier(n), "attributes": {"step_id": identifier(n)}} for n in (0, 1)]
    document = facts("trace", trace(segments=segments))
    known = facts("plan", plan(step(0), step(1)))
    assert loud(document, the_context(), known) == []
    found = loud(document, the_context(), facts("plan", plan(step(0))))
    assert told(found) == [("trace-step-unknown", "/segments/1/attributes/step_id")]
    assert found[0].message == "No step of `Release` in `plan.json` has this id."
    near = facts("plan", plan(step(0), step(1, step_id=identifier(1)[:-1] + "1")))
    found = loud(document, the_context(), near)
    assert found[0].data == {"suggestion": identifier(1)[:-1] + "1"}
    assert found[0].related[0].place.pointer == ("steps", 1, "step_id")
    lost = loud(facts("trace", trace(plan_id=OTHER, segments=segments)), the_context(), known)
    assert told(lost) == [("trace-plan-unknown", "/plan_id")]


def test_what_the_runtime_recorded_is_not_measured_against_the_plan_of_today():
    segments = [{"segment_id": identifier(1), "attributes": {"step_id": OTHER}}]
    recorded = facts("trace", trace(segments=segments), "file:///project/.mplp/traces/1.trace.json")
    assert loud(recorded, the_context(), the_plan()) == []


@pytest.mark.parametrize(
    ("kind", "field", "own"), [("collab", "participants", "participant_id"), ("network", "nodes", "node_id")]
)
def test_roles_of_participants_and_nodes_are_those_of_role_documents(kind: str, field: str, own: str):
    def of(word: object) -> DocumentFacts:
        return facts(kind, {field: [{own: identifier(1), "role_id": word}]})

    tester = facts("role", role("tester", 30))
    assert loud(of("anything")) == []
    assert loud(of("tester"), tester) == loud(of(identifier(30)), tester) == []
    # A blank one is told as blank, not as unknown.
    assert [each.code for each in loud(of("  "), tester) if each.code == "role-unknown"] == []
    assert loud(of(7), tester) == []
    slip = loud(of("testr"), tester)
    assert told(slip) == [("role-unknown", f"/{field}/0/role_id")]
    assert slip[0].data == {"suggestion": "tester"}
    near = loud(of(identifier(30)[:-1] + "0"), tester)
    assert near[0].data == {"suggestion": identifier(30)}
    assert loud(of(OTHER), tester)[0].data == {}


def test_a_thread_stays_in_the_context_in_which_it_began():
    def dialog(name: str, context_id: str) -> DocumentFacts:
        value = {"dialog_id": identifier(ord(name)), "context_id": context_id, "thread_id": identifier(40)}
        return facts("dialog", value, f"file:///project/{name}.dialog.json")

    here, there = the_context(), the_context(context_id=OTHER, title="o")
    first, second = dialog("a", CONTEXT), dialog("b", OTHER)
    assert loud(first, second, here, there) == []
    found = loud(second, first, here, there)
    assert told(found) == [("dialog-thread-context", "/thread_id")]
    assert found[0].related[0].place.document == first.uri
    assert loud(dialog("c", CONTEXT), first, here, there) == []


def test_the_last_confirm_is_one_that_is_there():
    def of(module: str, target: str) -> DocumentFacts:
        reference = {"id": target, "module": module}
        return facts("role", role("tester") | {"governance": {"lastConfirmRef": reference}})

    known = facts("confirm", confirm("other"))
    assert loud(of("confirm", identifier(10)), known) == []
    found = loud(of("confirm", OTHER), known)
    assert told(found) == [("confirm-reference-unknown", "/governance/lastConfirmRef/id")]
    assert found[0].data == {"suggestion": identifier(10)}
    # Another module is told at the module, and its id is nobody's.
    assert loud(of("plan", OTHER), known) == []


def test_a_disabled_module_that_is_used_is_worth_knowing():
    def core(status: str) -> DocumentFacts:
        modules = [{"module_id": "plan", "status": "disabled"}, {"module_id": "trace", "status": "disabled"}]
        return facts("core", {"core_id": identifier(8), "status": status, "modules": modules})

    found = loud(core("active"), the_plan())
    assert told(found) == [("core-module-in-use", "/modules/0/status")]
    assert found[0].severity is Severity.INFORMATION
    assert loud(core("draft"), the_plan()) == []


def test_a_confirm_of_another_document_is_not_the_last_one_of_this():
    reference = {"lastConfirmRef": {"id": identifier(10), "module": "confirm"}}
    own = facts("context", context(governance=reference))
    assert loud(own, facts("confirm", confirm("context", CONTEXT))) == []
    assert loud(own, facts("confirm", confirm("plan", PLAN))) == []
    found = loud(own, facts("confirm", confirm("context", OTHER)))
    assert told(found) == [("confirm-reference-other", "/governance/lastConfirmRef/id")]


@pytest.mark.parametrize(
    ("status", "word", "plan_status", "is_told"),
    [
        ("running", "suspended", "draft", True),
        ("running", "active", "draft", False),
        ("running", "dunno", "draft", False),
        ("completed", "suspended", "draft", False),
    ],
)
def test_a_trace_runs_in_an_active_context(status: str, word: str, plan_status: str, is_told: bool):
    found = loud(facts("trace", trace(status=status)), the_context(status=word), the_plan(status=plan_status))
    assert told(found) == ([("trace-context-inactive", "/context_id")] if is_told else [])


def test_a_run_in_a_sleeping_context_is_told_once():
    asleep, running = the_context(status="suspended"), the_plan(status="in_progress")
    assert loud(facts("trace", trace()), asleep, running) == []
    assert told(loud(running, asleep)) == [("plan-context-inactive", "/context_id")]
