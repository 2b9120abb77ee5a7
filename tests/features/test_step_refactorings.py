"""What may happen to the steps of a plan that has begun, of an odd plan, and of a very large one."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from typing import Any

import pytest
from lsprotocol import types

from mplp_lsp.features.code_actions import code_actions
from mplp_lsp.features.diagnostics import findings_of
from mplp_lsp.features.places import range_between
from tests.features.plans import plan_value
from tests.features.test_code_actions import (
    LAZY_CLIENT,
    WHOLE_CLIENT,
    after,
    chosen,
    errors,
    offers,
    plan_with,
    written,
)
from tests.project import Project, project, uuid_of

BETWEEN = "Insert a step after this one"
BEFORE = "Insert a step before this one"


def with_statuses(*statuses: str, plan: str = "in_progress") -> dict[str, Any]:
    value = plan_value(plan, steps=len(statuses))
    for step, status in zip(value["steps"], statuses, strict=True):
        step["status"] = status
    return value


def at_step(value: dict[str, Any], number: int) -> Project:
    return plan_with(value, at=f'"description": "Step {number}"')


def refusal(seen: Project, title: str) -> str | None:
    disabled = chosen(offers(seen, "refactor"), title).disabled
    return disabled.reason if disabled is not None else None


def test_a_step_that_has_begun_does_not_wait_for_a_new_one() -> None:
    value = with_statuses("completed", "completed", "pending")
    seen = at_step(value, 1)
    action = chosen(offers(seen, "refactor"), BETWEEN)
    assert action.title == BETWEEN
    assert after(seen, action)["steps"][2]["dependencies"] == [uuid_of("s1")]


def test_only_those_that_have_not_begun_are_rewired() -> None:
    value = with_statuses("completed", "in_progress", "pending")
    value["steps"][2]["dependencies"] = [uuid_of("s1")]
    seen = at_step(value, 1)
    action = chosen(offers(seen, "refactor"), BETWEEN)
    assert action.title == f"{BETWEEN}, between it and the step that waits for it"
    _, fresh, begun, waiting = after(seen, action)["steps"]
    assert begun["dependencies"] == [uuid_of("s1")]
    assert waiting["dependencies"] == [fresh["step_id"]]


@pytest.mark.parametrize("status", ["in_progress", "completed", "failed", "skipped"])
def test_nothing_is_put_before_a_step_that_has_begun(status: str) -> None:
    seen = at_step(with_statuses("completed", status), 2)
    assert refusal(seen, BEFORE) == "This step has begun already."


@pytest.mark.parametrize("status", ["completed", "cancelled", "failed"])
def test_no_step_is_put_into_a_plan_that_is_over(status: str) -> None:
    seen = at_step(with_statuses("completed", "completed", plan=status), 2)
    assert refusal(seen, BETWEEN) == f"The plan is {status}. Set it back to draft first."


def test_dependencies_that_are_no_list_are_not_thrown_away() -> None:
    value = plan_value()
    value["steps"][1]["dependencies"] = "the first one"
    assert refusal(at_step(value, 2), BEFORE) == (
        "The `dependencies` of this step are no list. Repair them first."
    )


def test_a_new_step_takes_no_blank_role_from_its_neighbour() -> None:
    value = plan_value()
    value["steps"][0]["agent_role"] = " "
    seen = at_step(value, 1)
    assert "agent_role" not in after(seen, chosen(offers(seen, "refactor"), BETWEEN))["steps"][1]


def test_a_step_with_a_key_twice_is_not_copied_to_another_plan() -> None:
    text = json.dumps(plan_value(steps=2), indent=2)
    text = text.replace('"description": "Step 1"', '"description": "Step 1", "description": "Step one"')
    seen = project(text, client=WHOLE_CLIENT)
    start = text.index('"Step 1"')
    (extract,) = offers(seen, "refactor.extract", start, start + 1)
    assert extract.disabled is not None
    assert extract.disabled.reason == "A step has the same key twice. Repair that first."


def test_an_extracted_plan_has_no_errors_of_its_own() -> None:
    text = json.dumps(plan_value(steps=3), indent=2)
    seen = project(text, client=WHOLE_CLIENT)
    first, last = text.index('"Step 2"'), text.index('"Step 3"')
    (extract,) = offers(seen, "refactor.extract", first, last)
    ((_, part),) = written(extract.edit).items()
    assert errors(part, "b.plan.json") == []


def test_the_menu_of_ten_thousand_steps_comes_at_once_after_each_keystroke() -> None:
    seen = project(json.dumps(plan_value(steps=10_000)), client=LAZY_CLIENT)
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    assert document.tree is not None
    at = document.tree.tables["steps"].start_of(5_000) + 5
    position = range_between(seen.snapshot, document, at, at).start
    place = (position.line, position.character)
    took: list[float] = []
    for version in range(2, 9):
        seen.workspace.change(seen.uri, version, [((place, place), " ")])
        snapshot = seen.again()
        document = snapshot.document(seen.uri)
        assert document is not None
        findings_of(snapshot, document)
        params = types.CodeActionParams(
            types.TextDocumentIdentifier(seen.uri),
            types.Range(position, position),
            types.CodeActionContext([]),
        )
        begun = time.process_time()
        assert code_actions(snapshot, document, params)
        took.append(time.process_time() - begun)
    # Measured: 0.002 s; 0.09 s where the orders of all steps are made for each keystroke.
    assert sorted(took)[len(took) // 2] < 0.04


def test_a_thousand_words_in_place_of_ids_are_replaced_at_once() -> None:
    value = plan_value(steps=1_000)
    for number, step in enumerate(value["steps"]):
        step["step_id"] = f"step-{number}"
        step["dependencies"] = [f"step-{number - 1}"] if number else []
    seen = plan_with(value, at='step-5"')
    begun = time.process_time()
    fix = chosen(offers(seen, "quickfix"), "Fix the ")
    assert fix.title == "Fix the 1000 of `id-malformed` that are shown"
    steps = after(seen, fix)["steps"]
    # Measured: 0.7 s; 6 s where each finding looks through the whole text.
    assert time.process_time() - begun < 3
    repaired = [step for step in steps if not step["step_id"].startswith("step-")]
    assert len({step["step_id"] for step in repaired}) == len(repaired) >= 500
    for step, following in pairwise(steps):
        assert following["dependencies"] == [step["step_id"]]
