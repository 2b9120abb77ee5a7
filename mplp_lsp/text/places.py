"""Where the keys and values of one JSON value stand; read only for values somebody asks about."""

from __future__ import annotations

from collections.abc import Callable

from mplp_runtime.rules.findings import Part, Pointer


class Spot:
    """One key with its value, or one list item: offsets from wherever the reading counted.

    A value that is missing has an empty range right after its colon (or after its key).
    """

    __slots__ = ("key_start", "key_stop", "open_stop", "pointer", "start", "stop")

    def __init__(self, pointer: Pointer, key_start: int = -1, key_stop: int = -1) -> None:
        self.pointer = pointer
        self.key_start = key_start
        self.key_stop = key_stop
        self.start = -1
        self.stop = -1
        self.open_stop = -1

    def member(self, name: str, key_start: int, key_stop: int) -> Spot:
        """The spot of a member of this object."""
        return Spot((*self.pointer, name), key_start, key_stop)

    def item(self, index: int) -> Spot:
        """The spot of an item of this list."""
        return Spot((*self.pointer, index))

    def range_of(self, part: Part) -> tuple[int, int]:
        """The offsets of the value, its opening bracket, or its key (the value, where it has no key)."""
        if part == "key" and self.key_start >= 0:
            return self.key_start, self.key_stop
        if part == "open" and self.open_stop > self.start:
            return self.start, self.open_stop
        if self.start == self.stop and self.key_start >= 0:
            return self.key_start, self.key_stop
        return self.start, self.stop


class Placing:
    """All spots of one value in text order; of duplicate keys, the last counts."""

    __slots__ = ("_by_pointer", "spots")

    def __init__(self) -> None:
        self.spots: list[Spot] = []
        self._by_pointer: dict[Pointer, Spot] | None = None

    def opened(self, spot: Spot, start: int, open_stop: int) -> None:
        """A container starts."""
        spot.start, spot.open_stop = start, open_stop
        self.spots.append(spot)

    def closed(self, spot: Spot, start: int, stop: int) -> None:
        """A value ends; a scalar starts here too."""
        if spot.start < 0:
            self.spots.append(spot)
        spot.start, spot.stop = start, stop

    def missing(self, spot: Spot, offset: int) -> None:
        """A key has no value."""
        self.closed(spot, offset, offset)

    def wrapped(self, inner: Spot, start: int) -> Spot:
        """A value turns out to be the first item of a list that was never opened; gives the list's spot."""
        whole = Spot(inner.pointer, inner.key_start, inner.key_stop)
        depth = len(inner.pointer)
        at = len(self.spots)
        while at and self.spots[at - 1].start >= start:
            at -= 1
            spot = self.spots[at]
            spot.pointer = (*spot.pointer[:depth], 0, *spot.pointer[depth:])
        inner.key_start = inner.key_stop = -1
        whole.start, whole.open_stop = start, start
        self.spots.insert(at, whole)
        return whole

    def move(self, distance: int) -> None:
        """Count from somewhere else."""
        for spot in self.spots:
            spot.start += distance
            spot.stop += distance
            if spot.open_stop >= 0:
                spot.open_stop += distance
            if spot.key_stop >= 0:
                spot.key_start += distance
                spot.key_stop += distance

    def remap(self, place: Callable[[int], int]) -> None:
        """Count in another text, where `place` says for each offset where it is there."""
        for spot in self.spots:
            spot.start, spot.stop = place(spot.start), place(spot.stop)
            if spot.open_stop >= 0:
                spot.open_stop = place(spot.open_stop)
            if spot.key_stop >= 0:
                spot.key_start, spot.key_stop = place(spot.key_start), place(spot.key_stop)

    def find(self, pointer: Pointer) -> Spot | None:
        """The spot of a pointer; None where nothing stands there."""
        if self._by_pointer is None:
            self._by_pointer = {spot.pointer: spot for spot in self.spots}
        return self._by_pointer.get(pointer)

    def nearest(self, pointer: Pointer) -> tuple[Spot | None, bool]:
        """The spot of a pointer or of its nearest ancestor, and whether it is the pointer's own."""
        for length in range(len(pointer), -1, -1):
            spot = self.find(pointer[:length])
            if spot is not None:
                return spot, length == len(pointer)
        return None, False

    def at(self, offset: int) -> tuple[Spot, Part] | None:
        """The innermost key or value that an offset is in or touches; the later one where two touch."""
        best: tuple[Spot, Part] | None = None
        for spot in self.spots:
            if spot.key_start >= 0 and spot.key_start <= offset <= spot.key_stop:
                best = spot, "key"
            if spot.start <= offset <= spot.stop:
                best = spot, "value"
        return best
