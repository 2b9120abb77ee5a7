from __future__ import annotations

from mplp_runtime.rules.check import check, world_findings
from mplp_runtime.rules.findings import Finding, Severity
from mplp_runtime.rules.references import context_of
from mplp_runtime.rules.world import DocumentFacts
from mplp_runtime.settings import Settings
from tests.runtime.rules.documents import SmallWorld, context, facts, identifier, plan, role, step, told

ROLES = {"tester": {"action": "tool_call", "command": ["pytest"]}}


def bound() -> Settings:
    return Settings.model_validate({"roles": ROLES})


def found(document: DocumentFacts, *others: DocumentFacts, settings: Settings | None = None) -> list[Finding]:
    return world_findings(document, SmallWorld(document, *others, settings=settings or bound()))


def test_a_plan_beside_its_context_has_no_findings():
    assert found(facts("plan", plan()), facts("context", context())) == []


def test_without_any_context_in_the_workspace_a_missing_one_is_information():
    finding = found(facts("plan", plan()))[0]
    assert told([finding]) == [("plan-context-unknown", "/context_id")]
    assert finding.severity is Severity.INFORMATION


def test_where_there_are_contexts_a_missing_one_is_a_warning():
    other = facts("context", context(context_id=identifier(5)), "file:///elsewhere/context.json")
    finding = found(facts("plan", plan()), other)[0]
    assert (finding.code, finding.severity) == ("plan-context-unknown", Severity.WARNING)
    assert "suggestion" not in finding.data


def test_the_only_context_beside_the_plan_is_proposed():
    finding = found(facts("plan", plan()), facts("context", context(context_id=identifier(5))))[0]
    assert finding.data["suggestion"] == identifier(5)
    assert "Did you mean `Shop` in `context.json`" in finding.message
    assert finding.related[0].place.document == "file:///project/context.json"


def test_a_slip_in_the_context_id_is_recognised():
    near = identifier(21)[:-1] + "0"
    finding = found(facts("plan", plan()), facts("context", context(context_id=near), "file:///a/c.json"))[0]
    assert finding.data["suggestion"] == near


def test_a_malformed_context_id_is_left_to_the_schema():
    assert found(facts("plan", plan(context_id="x")), facts("context", context())) == []


def test_a_context_that_is_not_active_is_an_error_only_while_the_plan_runs():
    asleep = facts("context", context(status="suspended"))
    assert found(facts("plan", plan()), asleep) == []
    finding = found(facts("plan", plan(status="in_progress")), asleep)[0]
    assert told([finding]) == [("plan-context-inactive", "/context_id")]
    assert finding.severity is Severity.ERROR
    assert (finding.related[0].place.pointer, finding.related[0].place.document) == (("status",), asleep.uri)


def test_of_two_contexts_with_one_id_the_nearest_counts_and_the_plan_says_so():
    near = facts("context", context(), "file:///project/flow/context.json")
    far = facts("context", context(status="closed"), "file:///project/old/context.json")
    document = facts("plan", plan(status="in_progress"), "file:///project/flow/plan.json")
    findings = found(document, near, far)
    assert [(finding.code, finding.severity) for finding in findings] == [
        ("plan-context-ambiguous", Severity.INFORMATION)
    ]
    assert context_of(document, SmallWorld(near, far)) is near


def test_two_documents_with_one_id_are_told_at_both():
    one, two = (
        facts("context", context(), "file:///p/a.json"),
        facts("context", context(), "file:///p/b.json"),
    )
    finding = found(one, two)[0]
    assert told([finding]) == [("document-id-duplicate", "/context_id")]
    assert finding.severity is Severity.INFORMATION
    assert finding.related[0].place.document == "file:///p/b.json"
    assert [finding.code for finding in found(two, one)] == ["document-id-duplicate"]


def test_the_context_of_another_plan_is_told_where_an_own_one_stands_beside():
    other_context = facts("context", context(), "file:///p/one/context.json")
    other_plan = facts("plan", plan(plan_id=identifier(2), title="One"), "file:///p/one/plan.json")
    own_context = facts("context", context(context_id=identifier(5)), "file:///p/two/context.json")
    copied = facts("plan", plan(), "file:///p/two/plan.json")
    finding = found(copied, other_context, other_plan, own_context)[0]
    assert (finding.code, finding.data["suggestion"]) == ("plan-context-of-another", identifier(5))
    assert found(other_plan, other_context, own_context, copied) == []


def test_a_trace_that_names_another_context_than_the_plan_is_told():
    trace = {"trace_id": identifier(1), "span_id": identifier(2), "context_id": identifier(3)}
    findings = found(facts("plan", plan(trace=trace)), facts("context", context()))
    assert told(findings) == [("trace-context-mismatch", "/trace/context_id")]


def test_a_role_that_no_role_document_names_is_a_warning_with_the_meant_name():
    others = (facts("context", context()), facts("role", role("tester")))
    document = facts("plan", plan(step(0), step(1, agent_role="testr")))
    findings = found(document, *others)
    assert told(findings) == [
        ("step-role-unbound", "/steps/1/agent_role"),
        ("step-role-unknown", "/steps/1/agent_role"),
    ]
    assert findings[1].data["suggestion"] == "tester"
    assert findings[1].severity is Severity.WARNING


def test_a_role_may_be_named_by_the_id_of_its_document():
    others = (facts("context", context()), facts("role", role("Tester", 31)))
    settings = Settings.model_validate({"roles": {identifier(31): ROLES["tester"]}})
    assert found(facts("plan", plan(step(0, agent_role=identifier(31)))), *others, settings=settings) == []


def test_without_role_documents_no_role_is_unknown():
    assert found(facts("plan", plan(step(0, agent_role="tester"))), facts("context", context())) == []


def test_a_role_that_is_bound_nowhere_is_one_hint_at_its_first_step():
    document = facts("plan", plan(step(0), step(1, agent_role="writer"), step(2, agent_role="writer")))
    findings = found(document, facts("context", context()))
    assert told(findings) == [("step-role-unbound", "/steps/1/agent_role")]
    assert findings[0].severity is Severity.HINT
    assert findings[0].message.startswith("The role `writer` is bound to no action in `mplp.toml`.")


def test_without_settings_the_hint_says_that_there_are_none():
    document = facts("plan", plan())
    findings = world_findings(document, SmallWorld(document, facts("context", context())))
    assert told(findings) == [("step-role-unbound", "/steps/0/agent_role")]
    assert "there is no `mplp.toml`" in findings[0].message


def test_a_step_bound_by_itself_needs_no_bound_role():
    settings = Settings.model_validate({"steps": {identifier(0): ROLES["tester"]}})
    assert found(facts("plan", plan()), facts("context", context()), settings=settings) == []


def test_one_fault_is_told_once():
    document = plan(step(0, dependencies=["A50E8400-E29B-41D4-A716-446655440000"]), stepz=[], status="pendng")
    own = facts("plan", document)
    world = SmallWorld(own, facts("context", context()), settings=bound())
    assert told(check("plan", document, own, world)) == [
        ("value-not-allowed", "/status"),
        ("id-upper-case", "/steps/0/dependencies/0"),
        ("property-unknown", "key:/stepz"),
    ]
