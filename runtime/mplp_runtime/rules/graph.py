"""The graph of a plan's steps: which step an id means, who waits for whom, where they wait in circles.

Works on the facts of the steps alone. A graph never changes; the one of the next version is made of the one
before (`after`) at the price of the steps that changed and of those that name them. Both ways lead to the
same graph, which is tested.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain, repeat
from operator import lt
from typing import cast

from mplp_runtime.rules.cycles import Circles, circles, circles_after
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.graph_changes import (
    NOTHING_DIFFERS,
    Difference,
    Memory,
    Users,
    Window,
    window_between,
)
from mplp_runtime.rules.near_ids import MOST_COMPARISONS, NearIds
from mplp_runtime.rules.world import StepFacts

MOST_CHANGED = 64
"""Where more steps than these change at once the graph is made anew."""

_UNKNOWN = -1


class StepGraph:
    """The steps by position, with each dependency resolved to the first step of that id.

    `first_of` has the position of the first step with each id, `duplicates` all positions of ids that stand
    at several steps, `odd` the steps with a dependency that is unknown, repeated, or the step itself, and
    `forward` those that depend on a step further down.
    """

    def __init__(self, steps: Sequence[StepFacts]) -> None:
        self.steps = steps
        self.first_of: dict[str, int]
        self.duplicates: dict[str, tuple[int, ...]]
        self.odd: frozenset[int]
        self.forward: frozenset[int]
        self.made_of: tuple[weakref.ref[StepGraph], Difference | None] | None = None

    @classmethod
    def of(cls, steps: Sequence[StepFacts]) -> StepGraph:
        """The graph of these steps, from nothing."""
        graph = cls(steps)
        graph.first_of, graph.duplicates = _places(steps)
        graph.odd, graph.forward = _oddities(steps, graph.first_of)
        return graph

    def after(self, steps: Sequence[StepFacts], memory: Memory | None = None) -> StepGraph:
        """The graph of another version of the steps. `memory` may know where they differ."""
        if steps is self.steps:
            return self
        window = window_between(self.steps, steps, memory)
        if window is None:
            return self
        if max(window.old_stop, window.new_stop) - window.first > MOST_CHANGED:
            return StepGraph.of(steps)
        graph = StepGraph(steps)
        gone = self.steps[window.first : window.old_stop]
        come = steps[window.first : window.new_stop]
        names = {step.step_id for step in (*gone, *come) if step.step_id is not None}
        if not window.shift and all(map(_is_same_node, gone, come)):
            graph._take_all(self)
            touched = graph._touched(window, names, self)
        else:
            graph._take_places(self, window)
            touched = graph._touched(window, names, self)
            graph._take_edges(self, window, touched)
            is_renamed = window.shift or any(
                old.step_id != new.step_id for old, new in zip(gone, come, strict=True)
            )
            rewired = touched if is_renamed else range(window.first, window.new_stop)
            touched |= graph._take_circles(self, window, rewired)
            graph._take_near(self)
        graph.made_of = (weakref.ref(self), Difference(window, frozenset(touched)))
        return graph

    def difference(self, older: StepGraph) -> Difference | None:
        """What this graph has otherwise than `older`; None where that is too much to tell."""
        if self is older:
            return NOTHING_DIFFERS
        if self.made_of is None or self.made_of[0]() is not older:
            self.made_of = (weakref.ref(older), older._difference_to(self.steps))
        return self.made_of[1]

    def _difference_to(self, steps: Sequence[StepFacts]) -> Difference | None:
        later = self.after(steps)
        if later is self:
            return NOTHING_DIFFERS
        return later.made_of[1] if later.made_of is not None else None

    # Questions

    def targets(self, index: int) -> list[int]:
        """The positions of the steps that a step depends on, unknown ones and itself left out."""
        first = self.first_of
        return [
            target
            for dependency in self.steps[index].dependencies
            if dependency is not None and (target := first.get(dependency, index)) != index
        ]

    @cached_property
    def users(self) -> Users:
        """Which steps name an id as a dependency."""
        return Users.of(self.steps)

    @cached_property
    def circles(self) -> list[Circles]:
        """Every circle of the graph, part by part."""
        if not self.forward:
            return []
        return circles([self.targets(index) for index in range(len(self.steps))])

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
    def near(self) -> NearIds:
        """The ids of the steps, to be found by ids that nearly are theirs."""
        return NearIds(self.first_of)

    @cached_property
    def unknown_ids(self) -> dict[str, str | None]:
        """Ids that are named as dependencies and are to be told as unknown, with the id that was meant.

        A step whose id is missing (a misspelt key, say) is found fault with at its own place; while there
        are as many such steps as ids that nobody has, each of these may be one of those.
        """
        unknown = {
            dependency: None
            for index in sorted(self.odd)
            for dependency in self.steps[index].dependencies
            if dependency is not None and dependency not in self.first_of and is_id(dependency)
        }
        if not unknown:
            return {}
        most = max(MOST_COMPARISONS // len(unknown), 1)
        meant = {
            each: self.near.meant(each, most) for each in unknown if not self.near.is_meant_by_malformed(each)
        }
        repeated = sum(map(len, self.duplicates.values())) - len(self.duplicates)
        without_id = len(self.steps) - len(self.first_of) - repeated
        strange = {each for each, near in meant.items() if near is None}
        if len(strange) > without_id:
            return meant
        return {each: near for each, near in meant.items() if each not in strange}

    def dependency_pointer(self, index: int, target: int) -> Pointer:
        """Where step `index` names step `target` as a dependency, first mention."""
        position = self.steps[index].dependencies.index(self.steps[target].step_id)
        return ("steps", index, "dependencies", position)

    def name(self, index: int) -> str:
        """What a step is called in a message: its number as people count, and the start of its id."""
        step_id = self.steps[index].step_id
        if step_id is None:
            return f"step {index + 1}"
        shortened = f"{step_id[:8]}…" if is_id(step_id) else step_id[:24]
        return f"step {index + 1} (`{shortened}`)"

    # From one version to the next

    def _take_all(self, before: StepGraph) -> None:
        """Only what no edge depends on has changed."""
        self.first_of, self.duplicates = before.first_of, before.duplicates
        self.odd, self.forward = before.odd, before.forward
        for name in ("users", "circles", "_part_of", "near", "unknown_ids"):
            if name in before.__dict__:
                self.__dict__[name] = before.__dict__[name]

    def _take_places(self, before: StepGraph, window: Window) -> None:
        if window.shift:
            self.first_of, self.duplicates = _places(self.steps)
            return
        first, duplicates = before.first_of, before.duplicates
        exchanged = [
            (index, old, new)
            for index in range(window.first, window.new_stop)
            if (old := before.steps[index].step_id) != (new := self.steps[index].step_id)
        ]
        if exchanged:
            first, duplicates = dict(first), dict(duplicates)
            for index, old, new in exchanged:
                _move(first, duplicates, index, old, is_there=False)
                _move(first, duplicates, index, new, is_there=True)
        self.first_of, self.duplicates = first, duplicates

    def _touched(self, window: Window, names: set[str], before: StepGraph) -> set[int]:
        found = set(range(window.first, window.new_stop))
        if window.shift:
            apart = names.isdisjoint
            found.update(i for i, step in enumerate(self.steps) if not apart(step.dependencies))
        else:
            # Outside the window nobody names another step than before.
            for name in names:
                found.update(before.users.of_id(name))
            self._take_users(before, window)
        for name in names:
            found.update(self.duplicates.get(name, ()))
            if name in self.first_of:
                found.add(self.first_of[name])
        return found

    def _take_users(self, before: StepGraph, window: Window) -> None:
        changes = [
            (index, old, new)
            for index in range(window.first, window.new_stop)
            if (old := before.steps[index]).dependencies != (new := self.steps[index]).dependencies
        ]
        self.__dict__["users"] = before.users.with_steps(changes) if changes else before.users

    def _take_edges(self, before: StepGraph, window: Window, touched: Iterable[int]) -> None:
        odd = _shifted(before.odd, window)
        forward = _shifted(before.forward, window)
        odd -= set(touched)
        forward -= set(touched)
        for index in touched:
            is_odd, is_forward = _edges_of(self.steps[index], index, self.first_of)
            if is_odd:
                odd.add(index)
            if is_forward:
                forward.add(index)
        self.odd, self.forward = frozenset(odd), frozenset(forward)

    def _take_circles(self, before: StepGraph, window: Window, rewired: Iterable[int]) -> set[int]:
        """The circles now, if they were known; gives the steps that came into or out of one."""
        if "circles" not in before.__dict__:
            return set()
        old: list[Circles] = []
        apart: set[int] = set()
        for one in before.circles:
            part = one.moved(window.moved)
            if part is not None:
                old.append(part)
            else:
                # A step of it is gone; what is left may go in circles without it.
                apart.update(new for node in one.nodes if (new := window.moved(node)) is not None)
        now = circles_after(old, self.targets, apart.union(rewired)) if self.forward else []
        self.__dict__["circles"] = now
        differing = {tuple(part.nodes) for part in old} ^ {tuple(part.nodes) for part in now}
        return apart.union(*differing)

    def _take_near(self, before: StepGraph) -> None:
        if "near" not in before.__dict__:
            return
        if self.first_of is before.first_of or self.first_of.keys() == before.first_of.keys():
            self.__dict__["near"] = before.near
            return
        gone, come = (
            before.first_of.keys() - self.first_of.keys(),
            self.first_of.keys() - before.first_of.keys(),
        )
        self.__dict__["near"] = before.near.exchanged(gone, come)


def graph_of(steps: Sequence[StepFacts], memory: Memory | None = None) -> StepGraph:
    """The graph of these steps, made of the one that `memory` has, which may be of any other version.

    `memory` belongs to one document and all its versions; what is kept there saves work and changes nothing.
    """
    known = memory.get("step graph") if memory is not None else None
    graph = known.after(steps, memory) if isinstance(known, StepGraph) else StepGraph.of(steps)
    if memory is not None:
        memory["step graph"] = graph
    return graph


def _is_same_node(one: StepFacts, other: StepFacts) -> bool:
    return one.step_id == other.step_id and one.dependencies == other.dependencies


def _places(steps: Sequence[StepFacts]) -> tuple[dict[str, int], dict[str, tuple[int, ...]]]:
    ids = [step.step_id for step in steps]
    # Written from the end, so that the first step of an id is the one that stays.
    first: dict[str | None, int] = dict(zip(reversed(ids), range(len(ids) - 1, -1, -1), strict=True))
    without_id = ids.count(None) if first.pop(None, None) is not None else 0
    duplicates: dict[str, list[int]] = {}
    if len(first) + without_id < len(ids):
        for index, step_id in enumerate(ids):
            if step_id is not None and first[step_id] != index:
                duplicates.setdefault(step_id, [first[step_id]]).append(index)
    return first, {step_id: tuple(places) for step_id, places in duplicates.items()}  # type: ignore[return-value]


def _move(
    first: dict[str, int],
    duplicates: dict[str, tuple[int, ...]],
    index: int,
    name: str | None,
    *,
    is_there: bool,
) -> None:
    """Writes down that step `index` has, or no longer has, the id `name`."""
    if name is None:
        return
    known = duplicates.pop(name, None) or ((first[name],) if name in first else ())
    places = sorted({*known, index} if is_there else {*known} - {index})
    if not places:
        del first[name]
        return
    first[name] = places[0]
    if len(places) > 1:
        duplicates[name] = tuple(places)


def _oddities(steps: Sequence[StepFacts], first: dict[str, int]) -> tuple[frozenset[int], frozenset[int]]:
    lists = [step.dependencies for step in steps]
    names: Iterable[object] = chain.from_iterable(lists)
    targets = list(map(cast("dict[object, int]", first).get, names, repeat(_UNKNOWN)))
    owners = [index for index, each in enumerate(lists) for _ in each]
    suspects: set[int] = set()
    # In nearly all plans each dependency is known, further up, and named once: no loop of our own then.
    if _UNKNOWN in targets or not all(map(lt, targets, owners)):
        suspects.update(
            owner for target, owner in zip(targets, owners, strict=True) if not _UNKNOWN < target < owner
        )
    suspects.update(
        [index for index, each in enumerate(lists) if len(each) > 1 and len(set(each)) < len(each)]
    )
    odd: list[int] = []
    forward: list[int] = []
    for index in suspects:
        is_odd, is_forward = _edges_of(steps[index], index, first)
        if is_odd:
            odd.append(index)
        if is_forward:
            forward.append(index)
    return frozenset(odd), frozenset(forward)


def _edges_of(step: StepFacts, index: int, first: dict[str, int]) -> tuple[bool, bool]:
    """Whether a step is odd, and whether it depends on one further down."""
    targets = [first.get(dependency, _UNKNOWN) for dependency in step.dependencies]  # type: ignore[arg-type]
    is_odd = _UNKNOWN in targets or index in targets or len(set(targets)) < len(targets)
    return is_odd, max(targets, default=_UNKNOWN) > index


def _shifted(places: Iterable[int], window: Window) -> set[int]:
    if not window.shift:
        return set(places)
    return {moved for index in places if (moved := window.moved(index)) is not None}
