"""Circles in a graph of numbered nodes: every elementary circle once, in a fixed order, never recursive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

MOST_CIRCLES_PER_COMPONENT = 32
MOST_VISITS_PER_COMPONENT = 100_000


class Circles(NamedTuple):
    """The circles of one strongly connected part. Each is a list of nodes; the last leads to the first.

    `is_complete` is False where the part holds more circles than are worth telling apart; then there is
    one circle, a shortest one through the first node.
    """

    nodes: list[int]
    circles: list[list[int]]
    is_complete: bool

    def moved(self, place: Callable[[int], int | None]) -> Circles | None:
        """The same circles among other numbers that are in the same order; None where a node is no more."""
        places = {node: place(node) for node in self.nodes}
        if None in places.values():
            return None
        if all(node == now for node, now in places.items()):
            return self
        where: dict[int, int] = places  # type: ignore[assignment]
        turned = [[where[node] for node in circle] for circle in self.circles]
        return Circles([where[node] for node in self.nodes], turned, self.is_complete)


def components(successors: Sequence[Sequence[int]]) -> list[list[int]]:
    """The strongly connected parts with more than one node, each sorted, ordered by their first node.

    Tarjan's algorithm with its own stack: plans with 10,000 steps in one chain are ordinary here.
    """
    unseen = -1
    number = [unseen] * len(successors)
    low = [0] * len(successors)
    on_path = bytearray(len(successors))
    path: list[int] = []
    found: list[list[int]] = []
    next_number = 0
    for start in range(len(successors)):
        if number[start] != unseen:
            continue
        if not successors[start]:
            number[start] = next_number
            next_number += 1
            continue
        work = [(start, iter(successors[start]))]
        number[start] = low[start] = next_number
        next_number += 1
        path.append(start)
        on_path[start] = 1
        while work:
            node, remaining = work[-1]
            for successor in remaining:
                if number[successor] == unseen:
                    number[successor] = low[successor] = next_number
                    next_number += 1
                    path.append(successor)
                    on_path[successor] = 1
                    work.append((successor, iter(successors[successor])))
                    break
                if on_path[successor] and number[successor] < low[node]:
                    low[node] = number[successor]
            else:
                work.pop()
                if work and low[node] < low[work[-1][0]]:
                    low[work[-1][0]] = low[node]
                if low[node] == number[node]:
                    _close(node, path, on_path, found)
    found.sort()
    return found


def _close(node: int, path: list[int], on_path: bytearray, found: list[list[int]]) -> None:
    component = []
    while True:
        member = path.pop()
        on_path[member] = 0
        component.append(member)
        if member == node:
            break
    if len(component) > 1:
        found.append(sorted(component))


def has_circle(successors: Sequence[Sequence[int]]) -> bool:
    """Whether any circle exists: Kahn's algorithm, several times faster than looking for the parts."""
    if all(max(following, default=-1) < node for node, following in enumerate(successors)):
        # Everything points back, as most plans are written.
        return False
    incoming = [0] * len(successors)
    for following in successors:
        for node in following:
            incoming[node] += 1
    free = [node for node, count in enumerate(incoming) if not count]
    for node in free:
        for following_node in successors[node]:
            incoming[following_node] -= 1
            if not incoming[following_node]:
                free.append(following_node)
    return len(free) < len(successors)


def circles(successors: Sequence[Sequence[int]]) -> list[Circles]:
    """All elementary circles of at least two nodes, part by part."""
    if not has_circle(successors):
        return []
    return [_circles_of(nodes, successors.__getitem__) for nodes in components(successors)]


def circles_after(
    before: Sequence[Circles], successors_of: Callable[[int], Sequence[int]], changed: Iterable[int]
) -> list[Circles]:
    """What `circles` gives after the edges of some nodes have changed; `before` are the parts before that.

    A circle that is new leads through a changed node, and one that is left of a part that had a changed node
    lies in that part; so all of them lie among the nodes that can be reached from there. Of a part that
    cannot be reached from there nothing has changed.
    """
    changed = set(changed)
    changed.update(*(part.nodes for part in before if not changed.isdisjoint(part.nodes)))
    reached: dict[int, Sequence[int]] = {}
    pending = list(changed)
    is_closed = False
    while pending:
        node = pending.pop()
        if node in reached:
            continue
        following = reached[node] = successors_of(node)
        is_closed = is_closed or not changed.isdisjoint(following)
        pending.extend(following)
    kept = [part for part in before if part.nodes[0] not in reached]
    if not is_closed and len(kept) == len(before):
        # Nothing leads back to a changed node, and no part is near.
        return kept
    nodes = sorted(reached)
    number = {node: index for index, node in enumerate(nodes)}
    inner = [[number[following] for following in reached[node]] for node in nodes]
    known = {tuple(part.nodes): part for part in before if changed.isdisjoint(part.nodes)}
    for component in components(inner):
        part = [nodes[index] for index in component]
        kept.append(known.get(tuple(part)) or _circles_of(part, reached.__getitem__))
    return sorted(kept, key=lambda part: part.nodes)


def _circles_of(nodes: list[int], successors_of: Callable[[int], Sequence[int]]) -> Circles:
    """The circles of one strongly connected part."""
    inside = set(nodes)
    inner = {
        node: list(dict.fromkeys(following for following in successors_of(node) if following in inside))
        for node in nodes
    }
    found = _elementary(nodes, inner)
    if found is None:
        return Circles(nodes, [_shortest(nodes[0], inner)], is_complete=False)
    return Circles(nodes, found, is_complete=True)


def _elementary(nodes: list[int], successors: dict[int, list[int]]) -> list[list[int]] | None:
    """Johnson's algorithm: the circles through the first node, then those of what is left without it.

    None where there are too many to be worth the time.
    """
    found: list[list[int]] = []
    parts = [nodes]
    visits = 0
    while parts:
        part = parts.pop()
        inside = set(part)
        inner = {node: [following for following in successors[node] if following in inside] for node in part}
        visits += sum(map(len, inner.values()))
        visits = _through_first(part[0], inner, found, visits)
        if visits > MOST_VISITS_PER_COMPONENT or len(found) > MOST_CIRCLES_PER_COMPONENT:
            return None
        rest = part[1:]
        position = {node: index for index, node in enumerate(rest)}
        smaller = components(
            [[position[following] for following in inner[node] if following != part[0]] for node in rest]
        )
        parts.extend([rest[index] for index in smaller_part] for smaller_part in reversed(smaller))
    return found


def _through_first(first: int, successors: dict[int, list[int]], found: list[list[int]], visits: int) -> int:
    """Appends every elementary circle through `first` to `found`; returns the visits spent so far."""
    blocked = {first}
    waiting: dict[int, set[int]] = {}
    closed: set[int] = set()
    path = [first]
    work = [(first, list(reversed(successors[first])))]
    while work:
        node, remaining = work[-1]
        if remaining:
            following = remaining.pop()
            visits += 1
            if following == first:
                found.append(path.copy())
                closed.update(path)
            elif following not in blocked:
                path.append(following)
                work.append((following, list(reversed(successors[following]))))
                closed.discard(following)
                blocked.add(following)
            if visits > MOST_VISITS_PER_COMPONENT or len(found) > MOST_CIRCLES_PER_COMPONENT:
                break
            continue
        if node in closed:
            _unblock(node, blocked, waiting)
        else:
            for following in successors[node]:
                waiting.setdefault(following, set()).add(node)
        work.pop()
        path.pop()
    return visits


def _unblock(node: int, blocked: set[int], waiting: dict[int, set[int]]) -> None:
    pending = [node]
    while pending:
        current = pending.pop()
        if current in blocked:
            blocked.discard(current)
            pending.extend(waiting.pop(current, ()))


def _shortest(start: int, successors: dict[int, list[int]]) -> list[int]:
    """A shortest circle through `start`, which must lie on one."""
    came_from: dict[int, int] = {}
    pending = [start]
    for node in pending:
        for following in successors[node]:
            if following == start:
                circle = [node]
                while circle[-1] != start:
                    circle.append(came_from[circle[-1]])
                return circle[::-1]
            if following not in came_from:
                came_from[following] = node
                pending.append(following)
    raise ValueError(f"node {start} lies on no circle")
