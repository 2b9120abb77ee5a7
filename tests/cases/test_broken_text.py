"""One character too many or too few: the problem is shown there, and the rest of the plan stays unblamed."""

from __future__ import annotations

import json
import random
import re

import pytest

from tests.cases.case import sound_files
from tests.cases.plans import sound_plan
from tests.cases.seen import Shown, shown_in

NAME = "site.plan.json"
TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
INSERTED = "{}[]:,\"\\x7 \n/-'"
BROKEN_PER_SEED = 50
LEAST_IN_PLACE = 0.94
"""Which of two brackets is the extra one is sometimes anybody's guess."""


@pytest.mark.parametrize("seed", range(4))
def test_a_slip_of_one_character_is_shown_on_its_line_or_that_of_the_next_tokens(seed: int) -> None:
    in_place = 0
    for text, offset in broken_plans(seed):
        problems = [one.line for one in shown(text) if one.is_syntax]
        assert problems, text
        in_place += not lines_near(text, offset).isdisjoint(problems)
    assert in_place >= LEAST_IN_PLACE * BROKEN_PER_SEED


@pytest.mark.parametrize("seed", range(4))
def test_a_slip_of_one_character_blames_nothing_elsewhere(seed: int) -> None:
    for text, offset in broken_plans(seed):
        near = lines_near(text, offset)
        assert [
            one for one in shown(text) if one.is_loud and not one.is_syntax and one.line not in near
        ] == []


def test_the_plan_that_is_broken_is_sound() -> None:
    assert shown(json.dumps(sound_plan(), indent=2)) == []


def shown(text: str) -> list[Shown]:
    return shown_in({**sound_files(), NAME: text}, NAME)


def broken_plans(seed: int) -> list[tuple[str, int]]:
    """Texts that are no JSON, and where each was spoiled."""
    chance = random.Random(seed)
    sound = json.dumps(sound_plan(), indent=2)
    found: list[tuple[str, int]] = []
    while len(found) < BROKEN_PER_SEED:
        offset = chance.randrange(len(sound))
        rest = sound[offset + 1 :] if chance.random() < 0.5 else chance.choice(INSERTED) + sound[offset:]
        text = sound[:offset] + rest
        try:
            json.loads(text)
        except ValueError:
            found.append((text, offset))
    return found


def lines_near(text: str, offset: int) -> set[int]:
    """The line of an offset and those of the next three tokens: the first may be what was inserted."""
    ahead = [match.start() for match, _ in zip(TOKEN.finditer(text, offset), range(3), strict=False)]
    last = max(text.count("\n", 0, place) for place in (offset, *ahead))
    return set(range(text.count("\n", 0, offset) + 1, last + 2))
