"""A graph that follows the edits is the graph that is made of the same steps from nothing."""

from __future__ import annotations

import itertools
import os
import random

import pytest

from mplp_runtime.rules import graph as graph_module
from mplp_runtime.rules.check import plan_findings
from mplp_runtime.rules.graph import StepGraph, graph_of
from mplp_runtime.rules.graph_changes import Window, window_between
from mplp_runtime.rules.graph_rules import graph_findings
from mplp_runtime.rules.near_ids import NearIds
from mplp_runtime.rules.world import DocumentFacts, StepFacts

Steps = tuple[StepFacts, ...]

SEQUENCES = int(os.environ.get("MPLP_FUZZ_EDITS", "400")) // 4
IDS = [f"{number:08x}-{number * 7919 % 65536:04x}-4000-8000-{number * 65537:012x}" for number in range(40)]
NEARLY = [each[:-1] + "e" for each in IDS[:8]]
MALFORMED = [IDS[0].upper(), IDS[1][1:], "nonsense"]
STATUSES = ("pending", "in_progress", "completed", "blocked", "skipped", "nonsense", None)


def some_step(chance: random.Random, size: int) -> StepFacts:
    names = [*IDS[:size], *NEARLY, *MALFORMED, None]
    weights = [8] * size + [1] * (len(names) - size)
    return StepFacts(
        chance.choices(names, weights)[0],
        tuple(chance.choices(names, weights, k=chance.choice([0, 0, 1, 1, 2, 3]))),
        chance.choice(STATUSES),
        None,
        chance.choice([None, *range(6)]),
    )


def some_plan(chance: random.Random, size: int) -> Steps:
    """Mostly sound: own ids, dependencies on what is above."""
    return tuple(
        StepFacts(
            IDS[number],
            tuple(chance.sample(IDS[:number], min(number, chance.choice([0, 1, 2])))),
            chance.choice(STATUSES[:3]),
            None,
            number,
        )
        for number in range(size)
    )


def edited(chance: random.Random, steps: Steps, size: int) -> Steps:
    place = chance.randrange(len(steps) + 1)
    kind = chance.choice(["change", "change", "change", "insert", "remove", "move", "copy", "swap ids"])
    if kind == "insert" or not steps:
        return (*steps[:place], some_step(chance, size), *steps[place:])
    place = min(place, len(steps) - 1)
    one = steps[place]
    if kind == "remove":
        return (*steps[:place], *steps[place + chance.choice([1, 1, 3]) :])
    if kind == "copy":
        return (*steps[:place], one, *steps[place:])
    if kind == "move":
        rest = [*steps[:place], *steps[place + 1 :]]
        rest.insert(chance.randrange(len(rest) + 1), one)
        return tuple(rest)
    new = some_step(chance, size)
    if kind == "change":
        # One member, as somebody types.
        member = chance.choice(StepFacts._fields)
        new = StepFacts(*(getattr(new if name == member else one, name) for name in StepFacts._fields))
    return (*steps[:place], new, *steps[place + 1 :])


def plan_of(steps: Steps, status: str | None) -> DocumentFacts:
    return DocumentFacts("file:///a.plan.json", "plan", status=status, steps=steps)


def everything(graph: StepGraph) -> tuple[object, ...]:
    size = len(graph.steps)
    return (
        graph.steps,
        graph.first_of,
        graph.duplicates,
        graph.odd,
        graph.forward,
        graph.circles,
        {name: graph.users.of_id(name) for name in (*IDS, *NEARLY, *MALFORMED)},
        graph.unknown_ids,
        [graph.targets(index) for index in range(size)],
        [[graph.is_circular(one, other) for one in range(size)] for other in range(size)],
    )


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_whatever_is_edited_the_graph_and_its_findings_are_those_of_a_fresh_look(
    seed: int, monkeypatch: pytest.MonkeyPatch
):
    chance = random.Random(seed)
    monkeypatch.setattr(graph_module, "MOST_CHANGED", chance.choice([2, 64]))
    size = chance.choice([2, 4, 8, 20])
    steps = some_plan(chance, size) if chance.random() < 0.7 else ()
    memory: dict[str, object] = {}
    for _ in range(25):
        for _ in range(chance.choice([1, 1, 1, 2, 4])):
            steps = edited(chance, steps, size)
        status = chance.choice(["draft", "in_progress", "completed"])
        if chance.random() < 0.8:
            facts = plan_of(steps, status)
            assert plan_findings(facts, memory) == plan_findings(facts)
        if chance.random() < 0.8:
            assert everything(graph_of(steps, memory)) == everything(StepGraph.of(steps))


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_the_window_holds_all_differences_and_nothing_else(size: int):
    facts = [StepFacts(name, (), None, None, None) for name in "abc"]
    lists = [list(each) for length in range(size + 1) for each in itertools.product(facts[:2], repeat=length)]
    for old, new in itertools.product(lists, lists):
        window = window_between(old, new)
        if window is None:
            assert old == new
            continue
        first, old_stop, new_stop = window
        assert old[:first] == new[:first]
        assert old[old_stop:] == new[new_stop:]
        assert old[first:old_stop] != new[first:new_stop]
        assert [window.moved(index) for index in range(old_stop, len(old))] == [*range(new_stop, len(new))]


def test_a_step_inside_the_window_is_nowhere():
    assert [Window(1, 3, 2).moved(index) for index in range(5)] == [0, None, None, 2, 3]


def chain(size: int) -> Steps:
    ids = [f"{number:08x}-0000-4000-8000-{number:012x}" for number in range(size)]
    return tuple(StepFacts(ids[n], (ids[n - 1],) if n else (), "pending", "tester", n) for n in range(size))


def test_an_edit_looks_at_the_step_and_at_those_that_name_it_only(monkeypatch: pytest.MonkeyPatch):
    steps = chain(2_000)
    memory: dict[str, object] = {}
    assert plan_findings(plan_of(steps, "in_progress"), memory) == []
    looked_at: list[int] = []
    targets = StepGraph.targets
    monkeypatch.setattr(
        StepGraph, "targets", lambda graph, index: looked_at.append(index) or targets(graph, index)
    )
    one = steps[1_000]
    changed = StepFacts(one.step_id, one.dependencies, "completed", one.agent_role, one.order_index)
    steps = (*steps[:1_000], changed, *steps[1_001:])
    found = plan_findings(plan_of(steps, "in_progress"), memory)
    assert [finding.code for finding in found] == ["step-completed-before-dependency"]
    assert set(looked_at) <= {999, 1_000, 1_001}
    looked_at.clear()
    changed = StepFacts(one.step_id, (steps[1_500].step_id,), "pending", one.agent_role, one.order_index)
    steps = (*steps[:1_000], changed, *steps[1_001:])
    found = plan_findings(plan_of(steps, "in_progress"), memory)
    assert [finding.code for finding in found] == ["plan-cycle"]
    looked_at.clear()
    steps = chain(2_000)
    assert plan_findings(plan_of(steps, "in_progress"), memory) == []
    assert set(looked_at) <= {*range(999, 1_502)}


def test_ten_thousand_steps_of_one_id_are_told_in_bounded_detail():
    steps = tuple(StepFacts(IDS[0], (), "pending", None, None) for _ in range(10_000))
    findings = graph_findings(steps)
    assert len(findings) == 9_999
    assert sum(len(finding.related) for finding in findings) < 30_000


def test_ids_come_and_go_and_the_nearest_is_found_as_if_all_were_new():
    chance = random.Random(5)
    known = set(IDS[:20])
    near = NearIds(known)
    for _ in range(60):
        gone = set(chance.sample(sorted(known), 2))
        come = set(chance.sample([*IDS, *MALFORMED], 3)) - known
        known = (known - gone) | come
        near = near.exchanged(gone, come)
        for text in (*NEARLY, *IDS):
            assert near.meant(text) == NearIds(known).meant(text)
            assert near.is_meant_by_malformed(text) == NearIds(known).is_meant_by_malformed(text)


def test_few_questions_and_many_have_the_same_answers():
    near = NearIds(IDS)
    first = [near.meant(text) for text in NEARLY]
    for _ in range(10):
        assert [near.meant(text) for text in NEARLY] == first
    assert first == IDS[:8]
