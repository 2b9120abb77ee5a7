"""Orders that the steps of a plan can be put in; kept while no step's id, dependency or number changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from mplp_lsp.analysis.document import remembered
from mplp_lsp.features import checkpoint
from mplp_lsp.workspace.documents import Document
from mplp_runtime.rules.world import StepFacts

Order = Sequence[int]
"""Indexes of the steps as they stand, in their new order."""


@dataclass(frozen=True, slots=True)
class Orders:
    """`by_place` moves a step only where it must; `by_number` follows `order_index` where nothing forbids it.

    Both are None where the steps wait for each other in a circle.
    """

    by_place: Order | None
    by_number: Order | None


def orders_of(document: Document, steps: Sequence[StepFacts]) -> Orders:
    """For the steps of `document.facts`; their ids must be there, and each only once."""
    return remembered(document, "orders of steps", (steps,), lambda: _orders(steps))


def _orders(steps: Sequence[StepFacts]) -> Orders:
    place = {step.step_id: index for index, step in enumerate(steps)}
    targets = [
        [target for each in dict.fromkeys(step.dependencies) if (target := place.get(each)) is not None]
        if step.dependencies
        else ()
        for step in steps
    ]
    checkpoint()
    by_place = _in_order(targets, range(len(steps)))
    if by_place is None:
        return Orders(None, None)
    beyond = len(steps) + max((step.order_index or 0 for step in steps), default=0)
    numbers = [beyond if step.order_index is None else step.order_index for step in steps]
    # What is written first goes first among equals.
    wanted = sorted(range(len(steps)), key=numbers.__getitem__)
    return Orders(by_place, _in_order(targets, wanted))


def _in_order(targets: Sequence[Sequence[int]], wanted: Sequence[int]) -> Order | None:
    """The order nearest to `wanted` in which each step stands after its targets; None for a circle."""
    rank = [0] * len(wanted)
    for position, index in enumerate(wanted):
        rank[index] = position
    if all(rank[target] < rank[index] for index, inner in enumerate(targets) for target in inner):
        return wanted
    waits = [len(inner) for inner in targets]
    followers: dict[int, list[int]] = {}
    for index, inner in enumerate(targets):
        for target in inner:
            followers.setdefault(target, []).append(index)
    ready = [rank[index] for index, count in enumerate(waits) if not count]
    heapify(ready)
    order: list[int] = []
    while ready:
        index = wanted[heappop(ready)]
        order.append(index)
        for follower in followers.get(index, ()):
            waits[follower] -= 1
            if not waits[follower]:
                heappush(ready, rank[follower])
    return order if len(order) == len(wanted) else None
