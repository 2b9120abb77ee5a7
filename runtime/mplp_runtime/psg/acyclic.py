"""Steps of a plan form a directed acyclic graph (seed 1, 3.3, property 1): finding what breaks it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from mplp_runtime.vsl.interface import Reading


def cycle_in(dependencies: Mapping[str, Sequence[str]]) -> list[str]:
    """One cycle as the ids along it, first = last; [] if there is none. Iterative, so depth is no limit.

    >>> cycle_in({"a": ["b"], "b": ["a"], "c": ["a"]})
    ['a', 'b', 'a']
    """
    finished: set[str] = set()
    for start, needed in dependencies.items():
        if finished.issuperset(needed):
            # So it is everywhere where the steps of a plan stand in the order they are done in.
            finished.add(start)
            continue
        if start in finished:
            continue
        path: list[str] = [start]
        on_path = {start}
        remaining = [iter(needed)]
        while remaining:
            following = next(remaining[-1], None)
            if following is None:
                remaining.pop()
                done = path.pop()
                on_path.discard(done)
                finished.add(done)
            elif following in on_path:
                return [*path[path.index(following) :], following]
            elif following in dependencies and following not in finished:
                path.append(following)
                on_path.add(following)
                remaining.append(iter(dependencies[following]))
    return []


def path_between(reading: Reading, start: str, end: str) -> list[str]:
    """The shortest chain of dependency edges from step `start` to step `end`, both included; [] if none."""
    came_from: dict[str, str | None] = {start: None}
    waiting = deque([start])
    while waiting:
        step = waiting.popleft()
        if step == end:
            path: list[str] = []
            current: str | None = step
            while current is not None:
                path.append(current)
                current = came_from[current]
            return path[::-1]
        for edge in reading.edges(kind="dependency", source=("Step", step)):
            if edge.target_id not in came_from:
                came_from[edge.target_id] = step
                waiting.append(edge.target_id)
    return []
