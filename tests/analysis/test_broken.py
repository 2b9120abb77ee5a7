from __future__ import annotations

import pytest

from mplp_lsp.features.diagnostics import diagnostics
from mplp_runtime.rules.findings import Severity
from tests.project import project, uri

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
