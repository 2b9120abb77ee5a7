"""Which members of a sequence that should only rise stand out: the fewest without which it does."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import le


def strays(keys: Sequence[float | None]) -> list[int]:
    """Positions of the fewest keys without which the others never fall; None is no key.

    Of two keys in the wrong order the later one is named.

    >>> strays([1, 2, 9, 3, 4])
    [2]
    """
    values = [key for key in keys if key is not None]
    if all(map(le, values, values[1:])):
        return []
    known = [(key, index) for index, key in enumerate(keys) if key is not None]
    # From the end and negated, so that it is the earlier of two that is kept.
    backwards = [(-key, index) for key, index in reversed(known)]
    tails: list[float] = []
    tail_at: list[int] = []
    before: list[int] = []
    for position, (key, _) in enumerate(backwards):
        slot = bisect_right(tails, key)
        before.append(tail_at[slot - 1] if slot else -1)
        tails[slot : slot + 1] = [key]
        tail_at[slot : slot + 1] = [position]
    kept: set[int] = set()
    position = tail_at[-1]
    while position >= 0:
        kept.add(backwards[position][1])
        position = before[position]
    return [index for _, index in known if index not in kept]
