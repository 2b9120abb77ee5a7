"""Which steps wait for a step: the same answer in whatever order a plan is written."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from mplp_lsp.features.completion_dependencies import waiting_for
from mplp_runtime.rules.facts import step_facts
from mplp_runtime.rules.world import StepFacts


def closure(steps: Sequence[StepFacts], step_id: str) -> set[str]:
    """The definition: what names one of them is one of them."""
    found = {step_id}
    while True:
        more = {step.step_id for step in steps if step.step_id and found & set(step.dependencies)} - found
        if not more:
            return found
        found |= more


@pytest.mark.parametrize("order", ["in the order of work", "last work first", "mixed"])
@pytest.mark.parametrize("has_circle", [False, True])
def test_whoever_waits_is_found_however_the_plan_is_ordered(order: str, has_circle: bool) -> None:
    chance = random.Random(7)
    for _ in range(40):
        count = chance.randrange(1, 12)
        values = [
            {"step_id": str(own), "dependencies": [str(one) for one in range(own) if chance.random() < 0.3]}
            for own in range(count)
        ]
        if has_circle:
            values[0]["dependencies"] = [str(count - 1)]
        if order == "last work first":
            values.reverse()
        elif order == "mixed":
            chance.shuffle(values)
        steps = [step_facts(value) for value in values]
        for own, step in enumerate(steps):
            assert step.step_id is not None
            assert waiting_for(steps, step.step_id, own) == closure(steps, step.step_id)
