"""Which steps wait for a step: the same answer in whatever order a plan is written."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from mplp_lsp.features import completion_dependencies
from mplp_lsp.features.completion_dependencies import dependency_offers, waiting_for
from mplp_lsp.features.completion_place import place_at
from mplp_runtime.rules.facts import step_facts
from mplp_runtime.rules.world import StepFacts
from tests.project import project


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


TITLES = (
    "Write the Manual",
    "Stra\\u00dfe",
    "caf\\u00e9 \\u0042uild",
    "Straße",
    "two  words",
    "",
    "step by step",
)


@pytest.mark.parametrize(
    "typed", ["MANUAL", "build", "strasse", "straße", "Step 41", "41", "words", "e", "<s7>", "zzz"]
)
def test_in_a_long_plan_letters_find_the_steps_that_each_by_itself_would_match(
    typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [
        f'{{"step_id": "<s{n}>", "description": "{TITLES[n % len(TITLES)] if n < 320 else "Plain"}"}}'
        for n in range(600)
    ]
    steps[500] = '{"step_id": "<own>", "dependencies": ["' + typed + '$0"]}'
    text = '{"plan_id": "<p1>", "steps": [\n' + ",\n".join(steps) + "]}"

    def found() -> list[str]:
        snapshot, (uri, offset) = project(text)
        document = snapshot.document(uri)
        place = place_at(snapshot, document, offset)
        assert place is not None
        offers, _ = dependency_offers(place)
        return [str(offer.value) for offer in offers]

    quick = found()
    monkeypatch.setattr(completion_dependencies, "_may_match", lambda *_: True)
    assert quick == found()
    assert (quick == []) == (typed == "zzz")
