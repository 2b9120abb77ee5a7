"""Which step comes next: pure functions over a plan's steps, and a frontier that answers it step by step.

The order is Kahn's algorithm. Seed 1, 6.2 sorts by (number of dependencies, order_index); sorting the
finished order again, as its sample does, can put a step before one it depends on, so the key only breaks
ties among steps that are ready at the same time (conflicts.md 30).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple, Protocol

from mplp_runtime.errors import PlanInvalid

Priority = tuple[int, bool, int, int, str]


class ScheduledStep(NamedTuple):
    """What the order depends on. `position` is the step's place in the plan's text."""

    step_id: str
    dependencies: tuple[str, ...]
    order_index: int | None
    position: int

    @property
    def priority(self) -> Priority:
        """Sort key among ready steps; a missing `order_index` comes after every present one."""
        step_id, dependencies, order_index, position = self
        return (len(dependencies), order_index is None, order_index or 0, position, step_id)


def scheduled_steps(plan: Mapping[str, Any]) -> tuple[ScheduledStep, ...]:
    """The steps of a schema-valid Plan, in plan order; a dependency that is named twice counts once."""
    return tuple(
        ScheduledStep(
            step["step_id"],
            tuple(dict.fromkeys(step.get("dependencies", ()))),
            step.get("order_index"),
            position,
        )
        for position, step in enumerate(plan["steps"])
    )


def execution_order(steps: Sequence[ScheduledStep], done: Collection[str] = ()) -> list[str]:
    """Ids of the steps that are not `done`, in the order one worker would run them.

    Raises PlanInvalid for a cycle among them, and for a dependency that no step has.

    >>> first, second = ScheduledStep("a", ("b",), None, 0), ScheduledStep("b", (), None, 1)
    >>> execution_order([first, second])
    ['b', 'a']
    """
    frontier = Frontier(steps, done)
    order = []
    while (step_id := frontier.take()) is not None:
        order.append(step_id)
        frontier.finish(step_id)
    if frontier.waiting:
        cycle = dependency_cycle(steps, done)
        raise PlanInvalid(f"The steps depend on each other in a circle: {' → '.join(cycle)}.")
    return order


def waves(steps: Sequence[ScheduledStep], done: Collection[str] = ()) -> list[tuple[str, ...]]:
    """Groups of steps that may run at the same time, each group once all groups before it are done."""
    frontier = Frontier(steps, done)
    found = []
    while wave := frontier.take_all():
        found.append(wave)
        for step_id in wave:
            frontier.finish(step_id)
    return found


def dependants(steps: Iterable[ScheduledStep], roots: Collection[str]) -> frozenset[str]:
    """Every step that depends, directly or through others, on one of `roots` (which are not included)."""
    direct: dict[str, list[str]] = {}
    for step in steps:
        for dependency in step.dependencies:
            direct.setdefault(dependency, []).append(step.step_id)
    reached: set[str] = set()
    pending = list(roots)
    while pending:
        for step_id in direct.get(pending.pop(), ()):
            if step_id not in reached:
                reached.add(step_id)
                pending.append(step_id)
    return frozenset(reached.difference(roots))


def dependency_cycle(steps: Sequence[ScheduledStep], done: Collection[str] = ()) -> tuple[str, ...]:
    """One cycle among the steps that are not done, its first id repeated at the end; () if there is none."""
    frontier = Frontier(steps, done)
    while (step_id := frontier.take()) is not None:
        frontier.finish(step_id)
    stuck = {step.step_id: step for step in steps if step.step_id in frontier.waiting}
    if not stuck:
        return ()
    # Every stuck step has a stuck dependency, so following them must come back to a step seen before.
    path: list[str] = []
    place: dict[str, int] = {}
    current = min(stuck.values(), key=lambda step: step.position).step_id
    while current not in place:
        place[current] = len(path)
        path.append(current)
        current = next(dependency for dependency in stuck[current].dependencies if dependency in stuck)
    return (*path[place[current] :], current)


class StepSource(Protocol):
    """Whatever says which step a run takes next; in a session it also says whose turn that is."""

    def take(self) -> str | None: ...
    def finish(self, step_id: str) -> None: ...
    def skip(self, step_id: str) -> None: ...
    def again(self, step_id: str) -> None: ...


class Frontier:
    """The ready steps of a run under way; each answer costs the logarithm of the number of steps."""

    def __init__(self, steps: Sequence[ScheduledStep], done: Collection[str] = ()) -> None:
        known = {step.step_id: step for step in steps}
        if len(known) != len(steps):
            raise PlanInvalid("Two steps have the same step_id.")
        self._steps = known
        self._open: dict[str, int] = {}
        self._dependants: dict[str, list[str]] = {}
        done_ids = frozenset(done)
        for step in steps:
            for dependency in step.dependencies:
                if dependency not in known:
                    raise PlanInvalid(
                        f"Step {step.step_id} depends on {dependency}, which is not a step of the plan."
                    )
            if step.step_id in done_ids:
                continue
            unfinished = [dependency for dependency in step.dependencies if dependency not in done_ids]
            self._open[step.step_id] = len(unfinished)
            for dependency in unfinished:
                self._dependants.setdefault(dependency, []).append(step.step_id)
        self._ready = [
            (known[step_id].priority, step_id) for step_id, count in self._open.items() if count == 0
        ]
        heapify(self._ready)
        self._taken: set[str] = set()

    @property
    def waiting(self) -> frozenset[str]:
        """Steps that have not been finished yet: ready, taken, or held by a dependency."""
        return frozenset(self._open)

    def take(self) -> str | None:
        """The best ready step, which from now on counts as started; None while nothing is ready."""
        while self._ready:
            step_id = heappop(self._ready)[1]
            if step_id in self._open:
                self._taken.add(step_id)
                return step_id
        return None

    def take_all(self) -> tuple[str, ...]:
        taken = []
        while (step_id := self.take()) is not None:
            taken.append(step_id)
        return tuple(taken)

    def finish(self, step_id: str) -> None:
        """A taken step succeeded (or was skipped): what waited for it alone becomes ready."""
        del self._open[step_id]
        # Nobody asks about it any more, and a large plan has many.
        del self._steps[step_id]
        self._taken.discard(step_id)
        for dependant in self._dependants.pop(step_id, ()):
            if dependant not in self._open:
                continue
            self._open[dependant] -= 1
            if self._open[dependant] == 0:
                heappush(self._ready, (self._steps[dependant].priority, dependant))

    def skip(self, step_id: str) -> None:
        """The step is not going to run, taken or not; what waited for it goes on as if it were done."""
        if step_id in self._open:
            self.finish(step_id)

    def again(self, step_id: str) -> None:
        """A taken step that did not succeed is ready once more; nothing changes for any other step."""
        if step_id in self._taken:
            self._taken.discard(step_id)
            heappush(self._ready, (self._steps[step_id].priority, step_id))

    def is_open(self, step_id: str) -> bool:
        """Whether a step is still to be finished."""
        return step_id in self._open

    def is_taken(self, step_id: str) -> bool:
        """Whether a step has been taken and neither finished nor given back."""
        return step_id in self._taken
