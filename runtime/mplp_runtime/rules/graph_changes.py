"""What differs between two versions of a plan's steps, found without a look at each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import NamedTuple

from mplp_runtime.common_start import common_start
from mplp_runtime.rules.world import StepFacts

Memory = MutableMapping[str, object]
"""What belongs to one document and all its versions: it saves work and changes nothing."""

_KEY = "step window"


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


class _KnownWindow(NamedTuple):
    old: Sequence[StepFacts]
    new: Sequence[StepFacts]
    window: Window


class Users:
    """For each id that is named as a dependency the steps that name it, each step once.

    Never changes; a version with a few other steps shares all but these.
    """

    MOST_PATCHES = 256

    def __init__(self, base: Mapping[str, tuple[int, ...]], patches: Mapping[str, tuple[int, ...]]) -> None:
        self._base = base
        self._patches = patches

    @classmethod
    def of(cls, steps: Sequence[StepFacts]) -> Users:
        found: dict[str, list[int]] = {}
        for index, step in enumerate(steps):
            for dependency in step.dependencies:
                if dependency is not None:
                    found.setdefault(dependency, []).append(index)
        return cls(
            {
                name: tuple(places) if len(places) == 1 else tuple(dict.fromkeys(places))
                for name, places in found.items()
            },
            {},
        )

    def of_id(self, name: str) -> tuple[int, ...]:
        """Positions of the steps that name an id, in order."""
        known = self._patches.get(name)
        return self._base.get(name, ()) if known is None else known

    def with_steps(self, changes: Iterable[tuple[int, StepFacts, StepFacts]]) -> Users:
        """After some steps, given with their positions, became others."""
        patches = dict(self._patches)
        for index, old, new in changes:
            for name in {*old.dependencies, *new.dependencies}:
                if name is None:
                    continue
                known = patches.get(name)
                others = {*(self._base.get(name, ()) if known is None else known)} - {index}
                patches[name] = tuple(sorted(others | {index} if name in new.dependencies else others))
        if len(patches) > self.MOST_PATCHES:
            return Users({**self._base, **patches}, {})
        return Users(self._base, patches)


def window_between(
    old: Sequence[StepFacts], new: Sequence[StepFacts], memory: Memory | None = None
) -> Window | None:
    """The smallest window that holds all differences; None where there are none.

    Compares whole stretches at once: steps that no edit touched are the same objects, and of these ten
    thousand are compared in some tens of microseconds. `memory` may know the answer (`remember_window`).
    """
    known = memory.get(_KEY) if memory is not None else None
    if isinstance(known, _KnownWindow) and known.old is old and known.new is new:
        return known.window
    limit = min(len(old), len(new))
    first = common_start(old, new, limit)
    if first == limit and len(old) == len(new):
        return None
    rest = limit - first
    behind = common_start(old[::-1][:rest], new[::-1][:rest], rest)
    return Window(first, len(old) - behind, len(new) - behind)


def remember_window(
    memory: Memory, old: Sequence[StepFacts], new: Sequence[StepFacts], window: Window
) -> None:
    """Saves a search: whoever made `new` of `old` knows where they differ."""
    memory[_KEY] = _KnownWindow(old, new, window)
