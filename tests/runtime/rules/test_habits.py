from __future__ import annotations

import pytest

from mplp_runtime.rules.check import own_findings
from mplp_runtime.rules.findings import Severity
from tests.runtime.rules.documents import context, identifier, plan, step, told


def test_a_camel_case_key_is_told_once_with_the_protocols_spelling():
    document = plan(step(0))
    document["steps"][0]["stepId"] = document["steps"][0].pop("step_id")
    findings = own_findings("plan", document)
    assert told(findings) == [("key-not-snake-case", "key:/steps/0/stepId")]
    assert findings[0].message == "`stepId` is written `step_id` in MPLP."
    assert findings[0].data["suggestion"] == "step_id"


def test_a_camel_case_key_in_meta_is_told():
    document = context()
    document["meta"]["createdBy"] = "ada"
    assert told(own_findings("context", document)) == [("key-not-snake-case", "key:/meta/createdBy")]


def test_the_governance_block_is_camel_case_by_right():
    assert own_findings("context", context(governance={"lifecyclePhase": "x", "locked": True})) == []


def test_a_snake_case_key_in_the_governance_block_is_no_habit_but_a_foreign_key():
    findings = own_findings("context", context(governance={"lifecycle_phase": "x"}))
    assert told(findings) == [("property-unknown", "key:/governance/lifecycle_phase")]
    assert findings[0].data["suggestion"] == "lifecyclePhase"


def test_a_key_with_blanks_around_it_is_told_once():
    document = plan()
    document[" status"] = document.pop("status")
    findings = own_findings("plan", document)
    assert told(findings) == [("key-blank", "key:/ status")]
    assert findings[0].data["suggestion"] == "status"


def test_a_key_that_is_there_in_both_spellings_is_not_offered_to_be_renamed():
    finding = own_findings("plan", plan(planId=identifier(1)))[0]
    assert "suggestion" not in finding.data
    assert "`plan_id` is there already" in finding.message


def test_open_objects_may_have_keys_of_any_spelling():
    assert own_findings("context", context(constraints={"maxCost": 3})) == []
    root = {"domain": "shop", "environment": "dev", "entryPoint": "x"}
    assert own_findings("context", context(root=root)) == []


def test_an_open_object_that_lacks_a_key_has_it_in_another_spelling():
    root = {"domain": "shop", "Environment": "dev"}
    findings = own_findings("context", context(root=root))
    assert told(findings) == [("key-not-snake-case", "key:/root/Environment")]
    assert findings[0].severity == Severity.ERROR


def test_an_open_object_that_lacks_a_key_has_it_misspelt():
    root = {"domain": "shop", "enviroment": "dev"}
    findings = own_findings("context", context(root=root))
    assert told(findings) == [("property-missing", "key:/root/enviroment")]
    assert findings[0].data["suggestion"] == "environment"


def test_an_upper_case_id_is_told_once_with_the_repaired_id():
    findings = own_findings("plan", plan(plan_id=identifier(9).upper()))
    assert told(findings) == [("id-upper-case", "/plan_id")]
    assert findings[0].data["suggestion"] == identifier(9)


@pytest.mark.parametrize(
    ("version", "severity"), [("1.0.0", None), ("1.2.0", Severity.INFORMATION), ("2.0.0", Severity.WARNING)]
)
def test_another_protocol_version_is_told(version: str, severity: Severity | None):
    findings = own_findings("plan", plan(meta={"protocol_version": version, "schema_version": "1.0.0"}))
    assert [finding.severity for finding in findings] == ([] if severity is None else [severity])


def test_a_malformed_protocol_version_is_the_schemas_business():
    findings = own_findings("plan", plan(meta={"protocol_version": "v1", "schema_version": "1.0.0"}))
    assert told(findings) == [("pattern-mismatch", "/meta/protocol_version")]


def test_a_step_without_a_role_is_information():
    document = plan(step(0))
    del document["steps"][0]["agent_role"]
    findings = own_findings("plan", document)
    assert told(findings) == [("step-role-missing", "open:/steps/0")]
    assert findings[0].severity is Severity.INFORMATION


def test_an_empty_list_of_steps_is_one_finding_though_an_invariant_asks_for_steps_as_well():
    assert told(own_findings("plan", plan(steps=[]))) == [("list-empty", "/steps")]
    without = plan()
    del without["steps"]
    assert [(finding.code, finding.data["missing"]) for finding in own_findings("plan", without)] == [
        ("property-missing", "steps")
    ]


def test_a_malformed_step_id_is_one_finding_though_an_invariant_asks_for_an_id_as_well():
    assert told(own_findings("plan", plan(step(0, step_id="one")))) == [("id-malformed", "/steps/0/step_id")]
    assert told(own_findings("plan", plan(step(0), 3))) == [("type-wrong", "/steps/1")]
