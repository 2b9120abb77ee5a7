"""What differs between two versions of a plan's steps, found without a look at each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from mplp_runtime.rules.world import StepFacts

T = TypeVar("T")


class Window(NamedTuple):
    """The steps from `first` to before `old_stop` became those from `first` to before `new_stop`."""

    first: int
    old_stop: int
    new_stop: int

    @property
    def shift(self) -> int:
        """How far the steps behind the window have moved."""
        return self.new_stop - self.old_stop

    def moved(self, index: int) -> int | None:
        """Where a step of the old version stands now; None for one inside the window."""
        if index < self.first:
            return index
        return index + self.shift if index >= self.old_stop else None


class Difference(NamedTuple):
    """`window`, and all `touched` positions (new ones): of steps that changed, that refer to ids of these,
    that share an id with them, or that came into or out of a circle."""

    window: Window
    touched: frozenset[int]


NOTHING_DIFFERS = Difference(Window(0, 0, 0), frozenset())


def window_between(old: Sequence[StepFacts], new: Sequence[StepFacts]) -> Window | None:
    """The smallest window that holds all differences; None where there are none.

    Compares whole stretches at once: steps that no edit touched are the same objects, and of these ten
    thousand are compared in some tens of microseconds.
    """
    limit = min(len(old), len(new))
    first = _same(old, new, limit)
    if first == limit and len(old) == len(new):
        return None
    rest = limit - first
    behind = _same(old[::-1][:rest], new[::-1][:rest], rest)
    return Window(first, len(old) - behind, len(new) - behind)


def _same(left: Sequence[T], right: Sequence[T], limit: int) -> int:
    """How many items at the start of both are equal, at most `limit`, by halving."""
    low = 0
    step = limit
    while step and low < limit:
        step = min(step, limit - low)
        if left[low : low + step] == right[low : low + step]:
            low += step
        else:
            step //= 2
    return low
