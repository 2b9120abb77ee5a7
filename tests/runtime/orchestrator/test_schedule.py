"""The order of steps: what is ready, what comes first, what can never come."""

from __future__ import annotations

import random

import pytest

from mplp_runtime.errors import PlanInvalid
from mplp_runtime.orchestrator.schedule import (
    Frontier,
    ScheduledStep,
    dependants,
    dependency_cycle,
    execution_order,
    scheduled_steps,
    waves,
)
from tests.runtime.orchestrator.projects import plan, step, step_id


def steps_of(*steps: tuple[str, str, int | None]) -> list[ScheduledStep]:
    return [
        ScheduledStep(name, tuple(needs.split()), index, place)
        for place, (name, needs, index) in enumerate(steps)
    ]


def random_steps(seed: int, count: int = 30) -> list[ScheduledStep]:
    chance = random.Random(seed)
    names = [f"s{number}" for number in range(count)]
    made = []
    for number, name in enumerate(names):
        needs = chance.sample(names[:number], k=min(number, chance.randint(0, 3)))
        made.append((name, " ".join(needs), chance.choice([None, 0, 1, 2])))
    chance.shuffle(made)
    return steps_of(*made)


def test_a_step_never_comes_before_one_it_depends_on() -> None:
    for seed in range(50):
        steps = random_steps(seed)
        order = execution_order(steps)
        place = {name: number for number, name in enumerate(order)}
        assert len(order) == len(steps)
        for each in steps:
            assert all(place[needed] < place[each.step_id] for needed in each.dependencies)


def test_the_order_does_not_depend_on_a_dependencys_own_number_of_dependencies() -> None:
    # Sorting the finished order by (number of dependencies, order_index), as the seed's sample does,
    # would put d, with one dependency, before c, with two.
    steps = steps_of(("a", "", 0), ("b", "", 1), ("c", "a b", 2), ("d", "c", 3))
    assert execution_order(steps) == ["a", "b", "c", "d"]


def test_ties_go_by_dependencies_then_order_index_then_place() -> None:
    steps = steps_of(("late", "", None), ("second", "", 2), ("first", "", 1), ("later", "", None))
    assert execution_order(steps) == ["first", "second", "late", "later"]


def test_steps_that_are_done_do_not_run_and_hold_nobody_up() -> None:
    steps = steps_of(("a", "", None), ("b", "a", None), ("c", "b", None))
    assert execution_order(steps, done={"a", "b"}) == ["c"]


def test_a_wave_holds_what_may_run_at_the_same_time() -> None:
    steps = steps_of(("a", "", None), ("b", "a", None), ("c", "a", None), ("d", "b c", None))
    assert waves(steps) == [("a",), ("b", "c"), ("d",)]


def ready_steps(steps: list[ScheduledStep], done: set[str], started: set[str]) -> list[str]:
    """Steps that are neither done nor started and whose dependencies are all done, best first."""
    ready = [
        each for each in steps if each.step_id not in done | started and done.issuperset(each.dependencies)
    ]
    return [each.step_id for each in sorted(ready, key=lambda each: each.priority)]


def test_a_frontier_offers_exactly_the_ready_steps() -> None:
    for seed in range(50):
        steps = random_steps(seed)
        chance = random.Random(seed)
        frontier, done, started = Frontier(steps), set[str](), set[str]()
        while len(done) < len(steps):
            expected = ready_steps(steps, done, started)
            taken = frontier.take_all()
            assert list(taken) == expected
            started.update(taken)
            finished = chance.choice(sorted(started - done))
            frontier.finish(finished)
            done.add(finished)


def test_a_cycle_is_named_with_its_path() -> None:
    steps = steps_of(
        ("start", "", None), ("a", "c", None), ("b", "a", None), ("c", "b start", None), ("end", "c", None)
    )
    assert dependency_cycle(steps) == ("a", "c", "b", "a")
    with pytest.raises(PlanInvalid, match="a → c → b → a"):
        execution_order(steps)


def test_a_plan_without_a_cycle_has_none() -> None:
    assert dependency_cycle(random_steps(1)) == ()


def test_a_dependency_that_is_no_step_is_refused() -> None:
    with pytest.raises(PlanInvalid, match="is not a step of the plan"):
        execution_order(steps_of(("a", "ghost", None)))


def test_dependants_are_found_through_others() -> None:
    steps = steps_of(("a", "", None), ("b", "a", None), ("c", "b", None), ("d", "", None))
    assert dependants(steps, {"a"}) == {"b", "c"}


def test_a_dependency_named_twice_counts_once() -> None:
    value = plan(step("a"), step("b") | {"dependencies": [step_id("a"), step_id("a")]})
    assert execution_order(scheduled_steps(value)) == [step_id("a"), step_id("b")]


def test_a_chain_of_many_steps_is_no_problem() -> None:
    count = 20_000
    steps = steps_of(*((f"s{n}", f"s{n - 1}" if n else "", None) for n in range(count)))
    assert len(execution_order(steps)) == count


@pytest.mark.parametrize("seed", range(20))
def test_the_same_state_gives_the_same_schedule_however_it_came_about(seed: int) -> None:
    steps = random_steps(seed)
    order = execution_order(steps)
    chance = random.Random(seed)
    # Neither the order in which steps are told nor that in which they became done matters.
    told = chance.sample(steps, len(steps))
    assert execution_order(told) == order
    for count in range(0, len(order), 7):
        done = chance.sample(order[:count], count)
        assert execution_order(told, done) == order[count:]
        assert execution_order(steps, frozenset(done)) == order[count:]


@pytest.mark.parametrize("seed", range(20))
def test_steps_that_end_in_any_order_leave_the_same_steps_ready(seed: int) -> None:
    steps = random_steps(seed)
    chance = random.Random(seed)
    one, other = Frontier(steps), Frontier(steps)
    while wave := one.take_all():
        assert other.take_all() == wave
        for each in wave:
            one.finish(each)
        for each in chance.sample(wave, len(wave)):
            other.finish(each)
    assert not one.waiting
    assert not other.waiting


def test_a_step_that_is_given_back_twice_is_taken_once() -> None:
    frontier = Frontier([ScheduledStep("a", (), None, 0), ScheduledStep("b", ("a",), None, 1)])
    frontier.again("a")
    assert frontier.take() == "a"
    frontier.again("a")
    frontier.again("a")
    frontier.again("b")
    assert (frontier.take(), frontier.take()) == ("a", None)
