"""What is wrong with the graph of a plan's steps: ids, dependencies, circles, order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from operator import le
from typing import NamedTuple

from mplp_runtime.rules.cycles import Circles
from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.graph import StepGraph, graph_of
from mplp_runtime.rules.graph_changes import Memory
from mplp_runtime.rules.order import order_of
from mplp_runtime.rules.step_tables import Found, forgotten, found_by_step
from mplp_runtime.rules.world import StepFacts

MOST_RELATED = 200
MOST_OTHERS = 20
MOST_OTHERS_OF_ONE_ID = 2_000
"""What is told of a list that was pasted a hundred times does not grow with the square."""
MOST_NAMED_STEPS = 8


def graph_findings(steps: Sequence[StepFacts] | StepGraph, memory: Memory | None = None) -> list[Finding]:
    """Everything the graph rules have against a plan's steps, ordered by place.

    `memory` is that of `graph_of`.
    """
    graph = steps if isinstance(steps, StepGraph) else graph_of(steps, memory)
    by_step: dict[int, list[Finding]] = {}
    for found in (
        _duplicates(graph, memory),
        _dependencies(graph, memory),
        _order(graph, memory),
        _circles(graph, memory),
    ):
        for index, findings in found.items():
            by_step.setdefault(index, []).extend(findings)
    return [
        finding
        for index in sorted(by_step)
        for finding in (sorted(by_step[index], key=order_of) if len(by_step[index]) > 1 else by_step[index])
    ]


def _finding(
    code: str,
    message: str,
    pointer: Pointer,
    related: Sequence[Related] = (),
    severity: Severity = Severity.ERROR,
    **data: object,
) -> Finding:
    return Finding(code, message, severity, Stage.GRAPH, Place(pointer), tuple(related), data=data)


# Ids


def _duplicates(graph: StepGraph, memory: Memory | None) -> Found:
    if not graph.duplicates:
        return forgotten(memory, "duplicate steps")
    return found_by_step(
        memory,
        "duplicate steps",
        graph,
        lambda index: _duplicate(graph, index),
        lambda: (index for places in graph.duplicates.values() for index in places[1:]),
    )


def _duplicate(graph: StepGraph, index: int) -> Iterator[Finding]:
    step_id = graph.steps[index].step_id
    places = graph.duplicates.get(step_id) if step_id is not None else None
    if places is None or index == places[0]:
        return
    most = max(min(MOST_OTHERS, MOST_OTHERS_OF_ONE_ID // len(places)), 1)
    related = [
        Related(Place(("steps", other, "step_id")), f"Step {other + 1} has this id too.")
        for other in places[:most]
        if other != index
    ]
    yield _finding(
        "step-id-duplicate",
        f"Step {index + 1} has the same `step_id` as step {places[0] + 1}. Each step needs its own.",
        ("steps", index, "step_id"),
        related,
        step_id=step_id,
        insert_format="uuid",
    )


# Dependencies


def _dependencies(graph: StepGraph, memory: Memory | None) -> Found:
    if not graph.odd:
        return forgotten(memory, "odd dependencies")
    unknown = graph.unknown_ids
    # A suggestion names a step by its number, wherever in the plan that is.
    suggested = {near: graph.first_of[near] for near in unknown.values() if near is not None}
    return found_by_step(
        memory,
        "odd dependencies",
        graph,
        lambda index: _odd_dependencies(graph, index),
        lambda: graph.odd,
        (unknown, suggested),
    )


def _odd_dependencies(graph: StepGraph, index: int) -> Iterator[Finding]:
    if index not in graph.odd:
        return
    seen: dict[str, int] = {}
    for position, dependency in enumerate(graph.steps[index].dependencies):
        if dependency is None:
            continue
        pointer: Pointer = ("steps", index, "dependencies", position)
        if dependency in seen:
            earlier = Place(("steps", index, "dependencies", seen[dependency]))
            yield _finding(
                "step-dependency-duplicate",
                "This dependency is listed twice.",
                pointer,
                [Related(earlier, "It is here already.")],
                Severity.WARNING,
            )
            continue
        seen[dependency] = position
        if graph.first_of.get(dependency) == index:
            related = [Related(Place(("steps", index, "step_id")), "This is the step's own id.")]
            yield _finding("step-dependency-self", "A step cannot depend on itself.", pointer, related)
        elif dependency in graph.unknown_ids:
            yield _unknown_dependency(graph, pointer, dependency)


def _unknown_dependency(graph: StepGraph, pointer: Pointer, dependency: str) -> Finding:
    message = f"No step of this plan has the id `{dependency}`."
    suggestion = graph.unknown_ids[dependency]
    if suggestion is None:
        return _finding("step-dependency-unknown", message, pointer)
    target = graph.first_of[suggestion]
    message += f" Did you mean step {target + 1}, `{suggestion}`?"
    related = [Related(Place(("steps", target, "step_id")), "This id is nearly the same.")]
    return _finding("step-dependency-unknown", message, pointer, related, suggestion=suggestion)


# Circles


class _KnownCircles(NamedTuple):
    graph: StepGraph
    by_nodes: dict[tuple[int, ...], tuple[Circles, list[tuple[int, Finding]]]]


def _circles(graph: StepGraph, memory: Memory | None) -> dict[int, tuple[Finding, ...]]:
    if not graph.circles:
        forgotten(memory, "circles")
        return {}
    known = memory.get("circles") if memory is not None else None
    fresh = _KnownCircles(graph, {})
    difference = graph.difference(known.graph) if isinstance(known, _KnownCircles) else None
    for part in graph.circles:
        nodes = tuple(part.nodes)
        earlier = known.by_nodes.get(nodes) if isinstance(known, _KnownCircles) else None
        if (
            earlier is not None
            and earlier[0] is part
            and difference is not None
            and not difference.window.shift
            and difference.touched.isdisjoint(nodes)
        ):
            fresh.by_nodes[nodes] = earlier
        else:
            fresh.by_nodes[nodes] = (part, _one_per_edge(graph, part))
    if memory is not None:
        memory["circles"] = fresh
    found: dict[int, tuple[Finding, ...]] = {}
    for _, findings in fresh.by_nodes.values():
        for index, finding in findings:
            found[index] = (*found.get(index, ()), finding)
    return found


def _one_per_edge(graph: StepGraph, part: Circles) -> list[tuple[int, Finding]]:
    """Of several circles that the same dependency closes the shortest one is told: one fault."""
    shortest: dict[tuple[int, int], list[int]] = {}
    for circle in part.circles:
        turned = _turned(circle)
        edge = (turned[-1], turned[0])
        if edge not in shortest or len(circle) < len(shortest[edge]):
            shortest[edge] = circle
    return [_circle(graph, part, circle) for circle in shortest.values()]


def _circle(graph: StepGraph, part: Circles, circle: list[int]) -> tuple[int, Finding]:
    turned = _turned(circle)
    edges = list(zip(turned, [*turned[1:], turned[0]], strict=True))
    closing = edges[-1]
    named = [graph.name(index) for index in [*turned, turned[0]]]
    if len(named) > MOST_NAMED_STEPS:
        left_out = len(named) - MOST_NAMED_STEPS
        half = MOST_NAMED_STEPS // 2
        named = [*named[:half], f"… {left_out} more …", *named[-half:]]
    path = " → ".join(named)
    if part.is_complete:
        message = f"These steps wait for each other in a circle: {path}."
    else:
        message = f"{len(part.nodes)} steps wait for each other in many circles. A shortest one: {path}."
    related = [
        Related(
            Place(graph.dependency_pointer(source, target)),
            f"Step {source + 1} depends on step {target + 1}.",
        )
        for source, target in edges[:MOST_RELATED]
    ]
    return closing[0], _finding(
        "plan-cycle",
        message,
        graph.dependency_pointer(*closing),
        related,
        path=[graph.steps[index].step_id for index in turned],
    )


def _turned(circle: list[int]) -> list[int]:
    """The circle, begun so that its last edge is the one that closes it.

    Steps are mostly written after the steps they depend on; the edge that points furthest down the
    document is the one out of place.
    """
    size = len(circle)
    last = max(range(size), key=lambda at: (circle[(at + 1) % size] - circle[at], -circle[at]))
    return [circle[(last + 1 + offset) % size] for offset in range(size)]


# Order


def _order(graph: StepGraph, memory: Memory | None) -> Found:
    found = found_by_step(
        memory,
        "order of steps",
        graph,
        lambda index: _order_of_step(graph, index),
        lambda: _maybe_out_of_order(graph),
    )
    return _by_wrong_number(graph, found) if len(found) > 1 else found


def _by_wrong_number(graph: StepGraph, found: Found) -> Found:
    """One hint where several steps contradict the number of the same one: that is the number to change."""
    against: dict[int, list[int]] = {}
    for index in sorted(found):
        for finding in found[index]:
            against.setdefault(int(finding.related[0].place.pointer[1]), []).append(index)
    told: dict[int, tuple[Finding, ...]] = {}
    for target, users in against.items():
        if len(users) == 1:
            told[users[0]] = (*told.get(users[0], ()), *found[users[0]])
            continue
        number = graph.steps[target].order_index
        related = [
            Related(Place(("steps", index, "order_index")), "This one depends on it.")
            for index in users[:MOST_RELATED]
        ]
        finding = _finding(
            "order-index-contradicts",
            f"`order_index` is {number}, but {len(users)} steps that depend on it have smaller ones.",
            ("steps", target, "order_index"),
            related,
            Severity.HINT,
        )
        told[target] = (*told.get(target, ()), finding)
    return told


def _maybe_out_of_order(graph: StepGraph) -> Iterator[int]:
    """Steps with a dependency of a higher order, and perhaps some more; mostly there are none."""
    known = [step.order_index for step in graph.steps if step.order_index is not None]
    if not graph.forward and all(map(le, known, islice(known, 1, None))):
        # They rise down the document, and nobody depends on a step further down.
        return
    orders = {
        step.step_id: step.order_index for step in reversed(graph.steps) if step.order_index is not None
    }
    find = orders.get
    for index, step in enumerate(graph.steps):
        own = step.order_index
        if own is not None:
            for dependency in step.dependencies:
                if find(dependency, own) > own:
                    yield index
                    break


def _order_of_step(graph: StepGraph, index: int) -> Iterator[Finding]:
    own = graph.steps[index].order_index
    if own is None:
        return
    orders = [
        (order, -target)
        for target in graph.targets(index)
        if (order := graph.steps[target].order_index) is not None
        and order > own
        and not graph.is_circular(index, target)
    ]
    if not orders:
        return
    order, target = max(orders)
    yield _finding(
        "order-index-contradicts",
        f"`order_index` is {own}, but {graph.name(-target)}, on which this step depends, has {order}.",
        ("steps", index, "order_index"),
        [Related(Place(("steps", -target, "order_index")), "This one has to come first.")],
        Severity.HINT,
    )
