from __future__ import annotations

import pytest

import mplp_schemas
from mplp_runtime.rules.findings import Finding, Severity
from mplp_runtime.rules.lifecycle import (
    CAUSED,
    TRANSITIONS,
    is_legal,
    is_terminal,
    legal_targets,
    targets_sentence,
)
from mplp_runtime.rules.statuses import contradiction_findings, status_edit_findings
from mplp_runtime.rules.world import Baseline
from tests.runtime.rules.documents import SmallWorld, context, facts, identifier, plan, step, told


def contradictions(*steps: object, **members: object) -> list[Finding]:
    return contradiction_findings(facts("plan", plan(*steps, **members)))


def test_a_completed_step_with_an_unfinished_dependency_is_told():
    finding = contradictions(step(0), step(1, 0, status="completed"), status="in_progress")[0]
    assert told([finding]) == [("step-completed-before-dependency", "/steps/1/status")]
    assert finding.severity is Severity.WARNING
    assert finding.related[0].place.pointer == ("steps", 0, "status")


def test_a_skipped_dependency_counts_as_done():
    assert (
        contradictions(step(0, status="skipped"), step(1, 0, status="completed"), status="in_progress") == []
    )


def test_a_step_in_progress_before_its_dependency_is_told():
    findings = contradictions(
        step(0, status="failed"), step(1, 0, status="in_progress"), status="in_progress"
    )
    assert told(findings) == [("step-started-before-dependency", "/steps/1/status")]


def test_a_dependency_whose_status_is_no_status_is_left_to_the_schema():
    assert (
        contradictions(step(0, status="pendng"), step(1, 0, status="completed"), status="in_progress") == []
    )


@pytest.mark.parametrize("status", ["pending", "in_progress", "blocked", "failed"])
def test_a_completed_plan_with_an_unfinished_or_failed_step_is_told(status: str):
    finding = contradictions(step(0, status="completed"), step(1, status=status), status="completed")[0]
    assert told([finding]) == [("plan-completed-unfinished", "/status")]
    assert finding.related[0].place.pointer == ("steps", 1, "status")


@pytest.mark.parametrize("status", ["draft", "proposed", "approved"])
def test_a_step_in_progress_in_a_plan_that_has_not_started_is_told(status: str):
    findings = contradictions(step(0, status="in_progress"), status=status)
    assert told(findings) == [("step-running-in-draft", "/steps/0/status")]


def test_completed_steps_in_a_draft_are_work_already_done():
    assert contradictions(step(0, status="completed"), status="draft") == []


def edits(
    document: dict[str, object], status: str | None, steps: dict[str, str] | None = None
) -> list[Finding]:
    baselines = {("plan", identifier(20)): Baseline(status, steps or {})}
    return status_edit_findings(facts("plan", document), SmallWorld(baselines=baselines))


def test_an_edit_the_lifecycle_does_not_allow_is_a_warning_with_the_legal_targets():
    finding = edits(plan(status="completed"), "draft")[0]
    assert told([finding]) == [("status-transition-illegal", "/status")]
    assert finding.severity is Severity.WARNING
    assert "From `draft` a plan goes to `proposed`." in finding.message
    assert finding.data["allowed"] == ["draft", "proposed"]


def test_an_edit_of_a_step_is_compared_by_its_id_wherever_it_stands_now():
    document = plan(step(1), step(0, status="completed"))
    findings = edits(document, "draft", {identifier(0): "pending", identifier(1): "pending"})
    assert told(findings) == [("status-transition-illegal", "/steps/1/status")]


@pytest.mark.parametrize(
    ("before", "now"), [("draft", "proposed"), ("draft", "draft"), ("odd", "draft"), ("draft", "odd")]
)
def test_legal_edits_and_words_that_are_no_states_are_left_alone(before: str, now: str):
    assert edits(plan(status=now), before) == []


def test_a_plan_the_graph_has_never_seen_has_no_edits():
    assert status_edit_findings(facts("plan", plan(status="completed")), SmallWorld()) == []


def test_a_final_state_says_so():
    assert "`completed` is final." in edits(plan(status="draft"), "completed")[0].message


def test_contexts_have_a_lifecycle_too():
    world = SmallWorld(baselines={("context", identifier(21)): Baseline("archived", {})})
    assert [finding.code for finding in status_edit_findings(facts("context", context()), world)] == [
        "status-transition-illegal"
    ]


def test_every_state_of_every_table_is_a_state_of_the_schema_and_the_other_way_round():
    places = {"step": ("plan", ("steps", 0, "status")), "segment": ("trace", ("segments", 0, "status"))}
    for kind, arrows in TRANSITIONS.items():
        owner, pointer = places.get(kind, (kind, ("status",)))
        described = mplp_schemas.describe(owner, pointer)
        assert described is not None
        assert set(arrows) == set(described["enum"]), kind
        assert {target for targets in arrows.values() for target in targets} <= set(arrows), kind


def test_the_plan_follows_the_map_of_the_seed():
    assert legal_targets("plan", "draft") == ("proposed",)
    assert set(legal_targets("plan", "proposed")) == {"approved", "draft"}
    assert legal_targets("plan", "approved") == ("in_progress",)
    assert all(is_terminal("plan", status) for status in ("completed", "failed", "cancelled"))
    assert not is_terminal("plan", "odd")


def test_what_may_follow_a_status_is_told():
    assert targets_sentence("plan", "draft") == "From `draft` a plan goes to `proposed`."
    assert targets_sentence("plan", "failed") == "`failed` is final."
    assert targets_sentence("plan", "odd") == "`odd` is no state of a plan."
    assert not is_legal("plan", "draft", "completed")
    assert is_legal("plan", "draft", "proposed")
    assert is_legal("plan", "completed", "completed")


def test_some_changes_need_their_cause():
    for (kind, source, target), cause in CAUSED.items():
        assert not is_legal(kind, source, target)
        assert not is_legal(kind, source, target, cause="another")
        assert is_legal(kind, source, target, cause=cause)
