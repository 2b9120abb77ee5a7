# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""What a change touches: everything whose meaning hangs on a node, by the graph's edges."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from mplp_runtime.psg.files import FILE
from mplp_runtime.psg.mentions import path_pattern, texts_of
from mplp_runtime.vsl.interface import Node, Reading
from mplp_runtime.vsl.values import can_be_a_name

_OWNERS = frozenset({"Plan", "Trace"})


@dataclass(frozen=True, slots=True)
class Touched:
    """A node that a change reaches. `because` is the way to it: types and ids, the changed one first."""

    node: Node
    because: tuple[tuple[str, str], ...]

    @property
    def distance(self) -> int:
        """How many edges lie between; 1 for what names the changed node itself."""
        return len(self.because)


def impact(
    reading: Reading, type: str, id: str, *, most: int = 10_000, also: Iterable[tuple[str, str]] = ()
) -> list[Touched]:
    """The nodes that depend on this one, the nearest first: steps on steps, plans on contexts, and so on.

    Of a file: the steps that wrote it or whose text names it, and what depends on those. `also` are nodes
    that hang on this one though no edge says so. At most `most` nodes; none for what
    cannot be in a graph, such as a file whose name is no UTF-8.
    """
    if not can_be_a_name(type, id):
        return []
    start = (type, id)
    ways: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {start: ()}
    waiting = deque([start])
    found: list[Touched] = []
    while waiting and len(found) < most:
        key = waiting.popleft()
        came_from = ways[key][-1][0] if ways[key] else None
        named = also if key == start else ()
        for dependent in chain(named, _dependents(reading, *key)):
            # A plan that is reached from one of its steps does not reach the others.
            if dependent in ways or (dependent[0] == came_from and key[0] in _OWNERS):
                continue
            ways[dependent] = (*ways[key], key)
            node = reading.read_node(*dependent)
            if node is not None:
                found.append(Touched(node, ways[dependent]))
                waiting.append(dependent)
    return found[:most]


def _dependents(reading: Reading, type: str, id: str) -> Iterator[tuple[str, str]]:
    for edge in reading.edges(target=(type, id)):
        yield edge.source_type, edge.source_id
    if type == "Step":
        # A plan is what its steps are, and so is what was approved.
        step = reading.read_node(type, id)
        plan_id = step.data.get("plan_id") if step is not None else None
        if isinstance(plan_id, str):
            yield "Plan", plan_id
    if type == FILE:
        named = path_pattern(id)
        for node in reading.nodes("Step"):
            if any(named.search(text) for text in texts_of(dict(node.data))):
                yield "Step", node.id
