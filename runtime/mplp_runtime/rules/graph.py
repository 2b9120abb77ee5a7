"""What is wrong with the graph of a plan's steps: ids, dependencies, circles, order.

Works on the facts of the steps alone, so that it costs nothing while other text is edited.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from mplp_runtime.rules.cycles import Circles, circles
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.near_ids import NearIds
from mplp_runtime.rules.order import order_of
from mplp_runtime.rules.world import StepFacts

MOST_RELATED = 200
MOST_NAMED_STEPS = 8


@dataclass(frozen=True)
class StepGraph:
    """The steps by position, with each dependency resolved to the first step of that id."""

    steps: Sequence[StepFacts]

    @cached_property
    def first_of(self) -> dict[str, int]:
        """The position of the first step with each id."""
        # Written from the end, so that the first step of an id is the one that stays.
        ids = [step.step_id for step in reversed(self.steps)]
        first = dict(zip(ids, range(len(ids) - 1, -1, -1), strict=True))
        return {step_id: index for step_id, index in first.items() if step_id is not None}

    @cached_property
    def _resolved(self) -> tuple[list[list[int]], list[int]]:
        """Successors by position, and the positions of steps whose dependencies need a closer look."""
        first = self.first_of
        none = -1
        successors: list[list[int]] = []
        odd: list[int] = []
        for index, step in enumerate(self.steps):
            dependencies = step.dependencies
            if not dependencies:
                successors.append([])
                continue
            targets = [first.get(dependency, none) for dependency in dependencies]  # type: ignore[arg-type]
            if none in targets or index in targets or len(set(targets)) != len(targets):
                odd.append(index)
                targets = [target for target in targets if target not in (none, index)]
            successors.append(targets)
        return successors, odd

    @property
    def successors(self) -> list[list[int]]:
        """For each step the positions of the steps it depends on, unknown ones and itself left out."""
        return self._resolved[0]

    @property
    def odd(self) -> list[int]:
        """Positions of steps with a dependency that is unknown, repeated, or the step itself."""
        return self._resolved[1]

    @cached_property
    def near(self) -> NearIds:
        """The ids of the steps, to be found by ids that nearly are theirs."""
        return NearIds(self.first_of)

    @cached_property
    def circles(self) -> list[Circles]:
        """Every circle of the graph, part by part."""
        return circles(self.successors)

    @cached_property
    def _part_of(self) -> dict[int, int]:
        """For each step that stands in a circle the number of its part."""
        return {node: number for number, part in enumerate(self.circles) for node in part.nodes}

    def is_circular(self, index: int, target: int) -> bool:
        """Whether two steps wait for each other. Then nothing between them can be right, and the circle is
        the fault."""
        part = self._part_of.get(index)
        return part is not None and self._part_of.get(target) == part

    @cached_property
    def unknown_ids(self) -> set[str]:
        """Ids that are named as dependencies and are to be told as unknown."""
        return _unknown_ids(self)

    def dependency_pointer(self, index: int, target: int) -> Pointer:
        """Where step `index` names step `target` as a dependency, first mention."""
        position = self.steps[index].dependencies.index(self.steps[target].step_id)
        return ("steps", index, "dependencies", position)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Everything the graph rules have against these steps, ordered by place."""
        found = [*_duplicate_ids(self), *_dependencies(self), *_circles(self), *_order(self)]
        return tuple(sorted(found, key=order_of))

    def name(self, index: int) -> str:
        """What a step is called in a message: its number as people count, and the start of its id."""
        step_id = self.steps[index].step_id
        return f"step {index + 1}" if step_id is None else f"step {index + 1} (`{_shortened(step_id)}`)"


def graph_of(steps: Sequence[StepFacts]) -> StepGraph:
    """The graph of these steps: one made before, where ids, dependencies and order are the same.

    While a status or a role is typed the graph stays what it is; making it anew would be most of the work.
    """
    for known in tuple(_RECENT):
        if _is_same_graph(known.steps, steps):
            return known
    graph = StepGraph(steps)
    _RECENT.appendleft(graph)
    return graph


_RECENT: deque[StepGraph] = deque(maxlen=4)


def _is_same_graph(known: Sequence[StepFacts], steps: Sequence[StepFacts]) -> bool:
    if len(known) != len(steps):
        return False
    return all(
        one is other
        or (
            one.step_id == other.step_id
            and one.dependencies == other.dependencies
            and one.order_index == other.order_index
        )
        for one, other in zip(known, steps, strict=True)
    )


def graph_findings(steps: Sequence[StepFacts] | StepGraph) -> list[Finding]:
    """Everything the graph rules have against a plan's steps, ordered by place."""
    graph = steps if isinstance(steps, StepGraph) else graph_of(steps)
    return list(graph.findings)


def _finding(
    code: str,
    message: str,
    pointer: Pointer,
    related: Sequence[Related] = (),
    severity: Severity = Severity.ERROR,
    **data: object,
) -> Finding:
    return Finding(code, message, severity, Stage.GRAPH, Place(pointer), tuple(related), data=data)


def _shortened(step_id: str) -> str:
    return f"{step_id[:8]}…" if is_id(step_id) else step_id[:24]


def _duplicate_ids(graph: StepGraph) -> Iterator[Finding]:
    if len(graph.first_of) == len(graph.steps):
        return
    places: dict[str, list[int]] = {}
    for index, step in enumerate(graph.steps):
        if step.step_id is not None:
            places.setdefault(step.step_id, []).append(index)
    for step_id, indexes in places.items():
        for index in indexes[1:]:
            related = [
                Related(Place(("steps", other, "step_id")), f"Step {other + 1} has this id too.")
                for other in indexes[:MOST_RELATED]
                if other != index
            ]
            yield _finding(
                "step-id-duplicate",
                f"Step {index + 1} has the same `step_id` as step {indexes[0] + 1}. Each step needs its own.",
                ("steps", index, "step_id"),
                related,
                step_id=step_id,
                insert_format="uuid",
            )


def _dependencies(graph: StepGraph) -> Iterator[Finding]:
    for index in graph.odd:
        yield from _dependencies_of(graph, index)


def _unknown_ids(graph: StepGraph) -> set[str]:
    """Ids that are named as dependencies and stand at no step, as far as that is a fault of its own.

    A step whose id is missing (a misspelt key, say) is found fault with at its own place; while there are as
    many such steps as ids that nobody has, each of these may be one of those.
    """
    unknown = {
        dependency
        for index in graph.odd
        for dependency in graph.steps[index].dependencies
        if dependency is not None and dependency not in graph.first_of
    }
    unknown = {each for each in unknown if is_id(each) and not graph.near.is_meant_by_malformed(each)}
    without_id = sum(1 for step in graph.steps if step.step_id is None)
    if not without_id:
        return unknown
    strange = {each for each in unknown if graph.near.meant(each) is None}
    return unknown if len(strange) > without_id else unknown - strange


def _dependencies_of(graph: StepGraph, index: int) -> Iterator[Finding]:
    step = graph.steps[index]
    seen: dict[str, int] = {}
    for position, dependency in enumerate(step.dependencies):
        if dependency is None:
            continue
        pointer: Pointer = ("steps", index, "dependencies", position)
        target = graph.first_of.get(dependency)
        if dependency in seen:
            related = [
                Related(Place(("steps", index, "dependencies", seen[dependency])), "It is here already.")
            ]
            yield _finding(
                "step-dependency-duplicate",
                "This dependency is listed twice.",
                pointer,
                related,
                Severity.WARNING,
            )
            continue
        seen[dependency] = position
        if target == index:
            related = [Related(Place(("steps", index, "step_id")), "This is the step's own id.")]
            yield _finding("step-dependency-self", "A step cannot depend on itself.", pointer, related)
        elif dependency in graph.unknown_ids:
            yield _unknown_dependency(graph, pointer, dependency)


def _unknown_dependency(graph: StepGraph, pointer: Pointer, dependency: str) -> Finding:
    message = f"No step of this plan has the id `{dependency}`."
    suggestion = graph.near.meant(dependency)
    if suggestion is None:
        return _finding("step-dependency-unknown", message, pointer)
    target = graph.first_of[suggestion]
    message += f" Did you mean step {target + 1}, `{suggestion}`?"
    related = [Related(Place(("steps", target, "step_id")), "This id is nearly the same.")]
    return _finding("step-dependency-unknown", message, pointer, related, suggestion=suggestion)


def _circles(graph: StepGraph) -> Iterator[Finding]:
    for part in graph.circles:
        for circle in part.circles:
            yield _circle(graph, part, circle)


def _circle(graph: StepGraph, part: Circles, circle: list[int]) -> Finding:
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
    return _finding(
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


def _order(graph: StepGraph) -> Iterator[Finding]:
    orders = [step.order_index for step in graph.steps]
    for index, targets in enumerate(graph.successors):
        own = orders[index]
        if own is None or not targets:
            continue
        later = [target for target in targets if (order := orders[target]) is not None and order > own]
        if not later:
            continue
        later = [target for target in later if not graph.is_circular(index, target)]
        if not later:
            continue
        target = max(later, key=lambda target: (orders[target], -target))
        yield _finding(
            "order-index-contradicts",
            f"`order_index` is {own}, but {graph.name(target)}, on which this step depends, "
            f"has {orders[target]}.",
            ("steps", index, "order_index"),
            [Related(Place(("steps", target, "order_index")), "This one has to come first.")],
            Severity.HINT,
        )
