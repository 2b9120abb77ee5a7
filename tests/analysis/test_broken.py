from __future__ import annotations

import pytest

from mplp_lsp.features.diagnostics import diagnostics
from mplp_runtime.rules.findings import Severity
from mplp_runtime.rules.world import Baseline
from tests.project import expanded, project, uri, uuid_of

PLAN = """{
  "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},
  "plan_id": "<p1>",
  "context_id": "<c1>",
  "title": "T",
  "objective": "O",
  "status": "draft",
  "steps": [
    {"step_id": "<s1>", "description": "One", "status": "pending", "agent_role": "a"},
    {"step_id": "<s2>", "description": "Two", "status": "pending", "agent_role": "a",
     "dependencies": ["<s1>"]},
    {"step_id": "<s3>", "description": "Three", "status": "pending", "agent_role": "a",
     "dependencies": ["<s2>"]}
  ]
}
"""


def warnings(text: str) -> list[object]:
    found = diagnostics(project(f"-- a.plan.json --\n{text}").snapshot, uri("a.plan.json"))
    return [one.code for one in found if one.severity is not None and int(one.severity) <= Severity.WARNING]


def test_the_sound_plan_is_quiet() -> None:
    assert warnings(PLAN) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"One", ', '"One" '),
        ('"One", ', '"One, '),
        ('"One", ', ""),
        ('"description": "One"', '"description": '),
        ('"description": "One"', '"description" "One"'),
        ('"description": "One"', 'description: "One"'),
        ('"title": "T",', '"title": "T"'),
        ('"title": "T",', '"title": ,'),
        ('"objective": "O",', '"objective": "O,'),
        ('"a"},\n', '"a"}\n'),
        ('"a"},\n', '"a",\n'),
        ('["<s1>"]', '["<s1>"'),
        ('["<s1>"]', '["<s1>",]'),
        ('"agent_role": "a"},\n    {', '"agent_role": "a"},,\n    {'),
        ("  ]\n}", "  \n}"),
        ("  ]\n}", "  ]\n"),
        ('"steps": [', '"steps": '),
        ('"status": "draft"', '"status": draft'),
        ('"status": "draft"', '"status": "draft'),
        ('"order', '"order'),
        ('    {"step_id": "<s3>"', '    [{"step_id": "<s3>"'),
        ('"<c1>"', '"<c"1>"'),
        ('"status": "draft"', '"status": ""draft"'),
    ],
)
def test_one_slip_of_the_pen_is_told_once_or_twice_at_most(old: str, new: str) -> None:
    """The syntax error itself, and nothing that would be gone once it is repaired."""
    broken = PLAN.replace(old, new, 1)
    found = warnings(broken)
    if broken == PLAN:
        assert found == []
        return
    rules = [code for code in found if not str(code).startswith("json-")]
    assert len(found) <= 2, found
    assert rules in ([], ["property-missing"]), found


@pytest.mark.parametrize("end", range(1, len(PLAN), 23))
def test_a_plan_that_is_being_typed_is_not_drowned_in_complaints(end: int) -> None:
    found = warnings(PLAN[:end])
    assert len([code for code in found if not str(code).startswith("json-")]) <= 2, found


def test_an_empty_document_and_one_of_another_shape_are_one_finding_each() -> None:
    assert len(warnings("")) == 1
    assert len(warnings("[]")) == 1
    assert len(warnings("null")) == 1


def test_real_faults_beside_a_broken_step_are_still_told() -> None:
    broken = PLAN.replace('"One", ', '"One" ', 1).replace(
        '"Three", "status": "pending"', '"Three", "status": "done"'
    )
    assert any(str(code).startswith("json-") for code in warnings(broken))
    assert any(not str(code).startswith("json-") for code in warnings(broken))


def test_a_document_that_is_too_large_says_so_politely_and_nothing_else() -> None:
    text = PLAN.rstrip()[:-1] + " " * (5 * 1024 * 1024) + "}"
    found = diagnostics(project(f"-- a.plan.json --\n{text}").snapshot, uri("a.plan.json"))
    assert [one.code for one in found] == ["document-too-large"]


TRACE = """{
  "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},
  "trace_id": "<t1>",
  "context_id": "<c1>",
  "root_span": {"trace_id": "<t1>", "span_id": "<x1>"},
  "status": "running",
  "segments": [
    {"segment_id": "<g1>", "label": "One", "status": "running"},
    {"segment_id": "<g2>", "parent_segment_id": "<g1>", "label": "Two", "status": "running"}
  ],
  "events": [
    {"event_id": "<e1>", "event_type": "segment.started", "source": "test",
     "timestamp": "2026-03-14T10:00:00Z", "trace_id": "<t1>", "data": {"segment_id": "<g2>"}}
  ]
}
"""
CONFIRM = """{
  "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},
  "confirm_id": "<k1>",
  "target_type": "plan",
  "target_id": "<p1>",
  "status": "approved",
  "requested_by_role": "lead",
  "requested_at": "2026-03-14T09:00:00Z",
  "decisions": [
    {"decision_id": "<d1>", "status": "rejected", "decided_by_role": "lead",
     "decided_at": "2026-03-14T10:00:00Z"},
    {"decision_id": "<d2>", "status": "approved", "decided_by_role": "lead",
     "decided_at": "2026-03-14T11:00:00Z"}
  ]
}
"""
SAVED = {
    "trace": Baseline("running", {}, {uuid_of("g1"): "running", uuid_of("g2"): "running"}, {}),
    "confirm": Baseline("approved", {}, {}, {uuid_of("d1"): 0, uuid_of("d2"): 0}),
}
BEYOND_SCHEMA = {
    "segment-parent-unknown",
    "event-segment-unknown",
    "confirm-decision-missing",
    "history-removed",
}


@pytest.mark.parametrize("kind", ["trace", "confirm"])
def test_entries_that_could_not_be_read_are_not_missed(kind: str) -> None:
    text = expanded({"trace": TRACE, "confirm": CONFIRM}[kind])
    name = f"a.{kind}.json"
    broken = [text[:end] for end in range(60, len(text), 7)]
    broken += [text[:at] + text[at + 1 :] for at in range(len(text)) if text[at] in '{}[],:"']
    for each in broken:
        seen = project(f"-- {name} --\n{each}", baselines=lambda of, _: SAVED.get(of))
        tree = seen.snapshot.documents[uri(name)].tree
        if tree is not None and any(problem.is_error for problem in tree.problems):
            found = {one.code for one in diagnostics(seen.snapshot, uri(name))}
            assert found & BEYOND_SCHEMA == set(), each


def test_entries_that_are_really_gone_are_missed_however_broken_the_rest_is() -> None:
    gone = CONFIRM.replace('"status": "approved",\n  "req', '"status": "approved"\n  "req')
    start = gone.index('    {"decision_id": "<d1>"')
    gone = gone[:start] + gone[gone.index('    {"decision_id": "<d2>"') :]
    seen = project(f"-- a.confirm.json --\n{gone}", baselines=lambda of, _: SAVED.get(of))
    found = {one.code for one in diagnostics(seen.snapshot, uri("a.confirm.json"))}
    assert {"json-comma-missing", "history-removed"} <= found
