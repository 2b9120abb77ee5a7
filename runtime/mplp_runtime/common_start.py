"""How far two sequences begin alike."""

from __future__ import annotations

from collections.abc import Sequence


def common_start(left: Sequence[object], right: Sequence[object], limit: int) -> int:
    """How many items at the start of both are equal, at most `limit`, which is no more than either has.

    By halving: whole stretches are compared at once, at C speed.

    >>> common_start("abcx", "abcd", 4), common_start([1], [1], 1)
    (3, 1)
    """
    low, step = 0, limit
    while step and low < limit:
        step = min(step, limit - low)
        if left[low : low + step] == right[low : low + step]:
            low += step
        else:
            step //= 2
    return low
