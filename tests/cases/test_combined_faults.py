"""Faults two by two, at random: nothing crashes, and nothing is told twice."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from mplp_lsp.analysis.document import analyse
from mplp_lsp.features.diagnostics import findings_of
from tests.cases.case import sound_files
from tests.cases.plans import sound_plan, spoil
from tests.project import project, uri

NAME = "site.plan.json"
DOCUMENTS_PER_SEED = 150


def test_the_plan_that_is_spoiled_is_sound() -> None:
    assert places_of(json.dumps(sound_plan())) == []


@pytest.mark.parametrize("seed", range(4))
def test_two_faults_are_told_without_a_crash_and_none_of_them_twice(seed: int) -> None:
    chance = random.Random(seed)
    spoiled = 0
    for _ in range(DOCUMENTS_PER_SEED):
        plan = sound_plan()
        plan["status"] = chance.choice(("draft", "in_progress", "completed"))
        spoil(plan, chance)
        spoil(plan, chance)
        places = places_of(json.dumps(plan, indent=1))
        spoiled += bool(places)
        repeated = [place for place, count in Counter(places).items() if count > 1]
        assert repeated == [], json.dumps(plan)
    assert spoiled > DOCUMENTS_PER_SEED / 2


def places_of(text: str) -> list[tuple[int, int, object]]:
    """Where errors and warnings stand; what is missing tells several findings at one bracket apart."""
    files = {**sound_files(), NAME: text}
    seen = project(
        "".join(f"-- {name} --\n{content}\n" for name, content in files.items()).removesuffix("\n")
    )
    document = seen.snapshot.document(uri(NAME))
    assert document is not None
    assert analyse(document).facts is not None
    return [
        (one.start, one.end, one.finding.data.get("missing"))
        for one in findings_of(seen.snapshot, document)
        if one.finding.severity <= 2
    ]
