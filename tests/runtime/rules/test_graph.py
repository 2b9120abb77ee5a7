from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Callable, Iterator

import pytest

from mplp_runtime.rules.cycles import circles
from mplp_runtime.rules.facts import step_facts
from mplp_runtime.rules.findings import Finding, Severity
from mplp_runtime.rules.graph_rules import graph_findings
from mplp_runtime.rules.world import StepFacts
from tests.runtime.rules.documents import identifier, step, told


def found(*steps: object) -> list[Finding]:
    return graph_findings([step_facts(one) for one in steps])


def counted(work: Callable[[], list[Finding]]) -> tuple[list[Finding], int]:
    """What `work` gives, and how many calls it took: a measure that is the same on every machine."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = work()
    finally:
        sys.setprofile(before)
    return found, calls


def test_a_sound_plan_has_no_findings():
    assert found(step(0), step(1, 0), step(2, 0, 1)) == []


def test_a_dependency_on_no_step_is_told_at_the_dependency():
    assert told(found(step(0), step(1, 0, 9))) == [("step-dependency-unknown", "/steps/1/dependencies/1")]


def test_a_slip_in_an_id_is_recognised():
    near = identifier(0)[:-1] + "e"
    finding = found(step(0), step(1, dependencies=[near]))[0]
    assert finding.data["suggestion"] == identifier(0)
    assert f"Did you mean step 1, `{identifier(0)}`?" in finding.message


def test_an_id_that_is_as_near_to_two_steps_gets_no_suggestion():
    ids = [identifier(0)[:-1] + letter for letter in "abc"]
    finding = found(step(0, step_id=ids[0]), step(1, step_id=ids[1]), step(2, dependencies=[ids[2]]))[0]
    assert "suggestion" not in finding.data


@pytest.mark.parametrize(
    "damage", [str.upper, lambda text: text[1:], lambda text: text[:9] + "x" + text[10:]]
)
def test_a_dependency_on_a_step_whose_own_id_is_damaged_is_no_second_fault(damage: Callable[[str], str]):
    text = "a50e8400-e29b-41d4-a716-446655440000"
    assert found(step(0, step_id=damage(text)), step(1, dependencies=[text])) == []


def test_thousands_of_unknown_dependencies_among_ids_that_resemble_each_other_take_little_work():
    ids = [f"550e8400-e29b-41d4-a716-44665544{number:04x}" for number in range(4000)]
    steps = [StepFacts(ids[n], (ids[n][:-12] + f"{n:012x}",), "pending", "tester", n) for n in range(4000)]
    findings, calls = counted(lambda: graph_findings(steps))
    assert calls < 200 * len(steps)
    assert {finding.code for finding in findings} == {"step-dependency-unknown"}


def test_a_malformed_dependency_is_left_to_the_schema():
    assert found(step(0, dependencies=["nonsense", 3, None])) == []


def test_a_step_that_depends_on_itself_is_told():
    assert told(found(step(0, 0))) == [("step-dependency-self", "/steps/0/dependencies/0")]


def test_a_dependency_listed_twice_is_a_warning_at_the_second():
    finding = found(step(0), step(1, 0, 0))[0]
    assert told([finding]) == [("step-dependency-duplicate", "/steps/1/dependencies/1")]
    assert finding.severity is Severity.WARNING
    assert finding.related[0].place.pointer == ("steps", 1, "dependencies", 0)


def test_a_repeated_id_is_told_at_the_repetition_with_all_others_related():
    findings = found(step(0), step(1), step(0), step(0))
    assert told(findings) == [
        ("step-id-duplicate", "/steps/2/step_id"),
        ("step-id-duplicate", "/steps/3/step_id"),
    ]
    assert [related.place.pointer[1] for related in findings[1].related] == [0, 2]


def test_a_repeated_step_that_depends_on_its_own_id_is_no_circle():
    assert told(found(step(0), step(0, 0))) == [("step-id-duplicate", "/steps/1/step_id")]


def test_a_circle_is_told_once_with_its_path_at_the_dependency_that_points_down():
    findings = found(step(0, 2), step(1, 0), step(2, 1))
    assert told(findings) == [("plan-cycle", "/steps/0/dependencies/0")]
    names = [f"step {number} (`{identifier(number - 1)[:8]}…`)" for number in (3, 2, 1, 3)]
    assert findings[0].message == f"These steps wait for each other in a circle: {' → '.join(names)}."
    assert [(related.place.pointer[1], related.message) for related in findings[0].related] == [
        (2, "Step 3 depends on step 2."),
        (1, "Step 2 depends on step 1."),
        (0, "Step 1 depends on step 3."),
    ]


def test_two_circles_through_one_step_are_two_findings():
    assert told(found(step(0, 1, 2), step(1, 0), step(2, 0))) == [
        ("plan-cycle", "/steps/0/dependencies/0"),
        ("plan-cycle", "/steps/0/dependencies/1"),
    ]


def test_steps_that_merely_lead_into_a_circle_are_not_part_of_it():
    finding = found(step(0, 1), step(1, 2), step(2, 1), step(3, 0))[0]
    assert finding.data["path"] == [identifier(2), identifier(1)]


def test_a_tangle_of_very_many_circles_is_one_finding():
    findings = found(*(step(n, *(m for m in range(15) if m != n)) for n in range(15)))
    assert [finding.code for finding in findings] == ["plan-cycle"]
    assert "15 steps wait for each other in many circles" in findings[0].message


def test_a_long_circle_is_told_in_short():
    finding = found(*(step(n, (n - 1) % 14) for n in range(14)))[0]
    assert "… 7 more …" in finding.message
    assert len(finding.related) == 14


def test_the_same_plan_gives_the_same_findings_whatever_the_hash_seed():
    steps = [step(n, (n + 1) % 9, (n + 4) % 9) for n in range(9)]
    assert found(*steps) == found(*steps)


@pytest.mark.parametrize("seed", range(40))
def test_every_elementary_circle_is_found_exactly_once(seed: int):
    chance = random.Random(seed)
    size = chance.randint(2, 6)
    graph = [sorted({chance.randrange(size) for _ in range(2)} - {node}) for node in range(size)]
    found_circles = [
        tuple(circle[circle.index(min(circle)) :] + circle[: circle.index(min(circle))])
        for part in circles(graph)
        for circle in part.circles
    ]
    assert sorted(found_circles) == sorted(_all_circles(graph))


def _all_circles(graph: list[list[int]]) -> Iterator[tuple[int, ...]]:
    """By brute force: every ordering of every subset, begun with its least node."""
    for length in range(2, len(graph) + 1):
        for nodes in itertools.permutations(range(len(graph)), length):
            if nodes[0] == min(nodes) and all(
                following in graph[node] for node, following in zip(nodes, nodes[1:] + nodes[:1], strict=True)
            ):
                yield nodes


def test_an_order_against_a_dependency_is_a_hint():
    finding = found(step(0, order_index=5), step(1, 0, order_index=2))[0]
    assert told([finding]) == [("order-index-contradicts", "/steps/1/order_index")]
    assert finding.severity is Severity.HINT
    assert finding.related[0].place.pointer == ("steps", 0, "order_index")


def test_equal_orders_contradict_nothing():
    assert found(step(0, order_index=1), step(1, 0, order_index=1)) == []


def test_inside_a_circle_no_order_is_blamed():
    assert [finding.code for finding in found(step(0, 1, order_index=0), step(1, 0, order_index=1))] == [
        "plan-cycle"
    ]


@pytest.mark.parametrize("shape", ["chain", "reversed chain", "ring"])
def test_ten_thousand_steps_take_no_recursion_and_little_work(shape: str):
    size = 10_000
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(size)]
    if shape == "chain":
        dependencies = [(), *((ids[number - 1],) for number in range(1, size))]
    elif shape == "ring":
        dependencies = [(ids[number - 1],) for number in range(size)]
    else:
        dependencies = [*((ids[number + 1],) for number in range(size - 1)), ()]
    steps = [StepFacts(ids[n], dependencies[n], "pending", "tester", n) for n in range(size)]
    findings, calls = counted(lambda: graph_findings(steps))
    assert calls < 100 * size
    if shape == "reversed chain":
        assert {finding.code for finding in findings} == {"order-index-contradicts"}
    else:
        assert len(findings) == (shape == "ring")
