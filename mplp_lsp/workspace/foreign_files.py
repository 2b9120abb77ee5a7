"""Files that were looked into and are nobody's of ours, so that the next look costs a `stat` at most."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable

from mplp_runtime.disk import Stamp

_MOST_UNSORTED = 1_024
_MOST = 1_000_000
"""Eight megabytes: a file that is written again and again is another one each time."""


def mark_of(name: str, stamp: Stamp) -> int:
    """What is kept of a file: a number of 64 bits that changes with its content."""
    return hash((name, stamp.modified_ns, stamp.size_bytes, stamp.inode))


class ForeignFiles:
    """Remembers names with their stamps, eight bytes for each: there may be tens of thousands beside ours.

    May be used by several threads. What is kept is a hash, so a file that was never seen is taken for a known
    one in one of 2**64 cases.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sorted = array("q")
        self._fresh: set[int] = set()

    def __len__(self) -> int:
        return len(self._sorted) + len(self._fresh)

    def holds(self, name: str, stamp: Stamp) -> bool:
        """Whether this file was foreign when it had this stamp."""
        wanted = mark_of(name, stamp)
        if wanted in self._fresh:
            return True
        known = self._sorted
        place = bisect_left(known, wanted)
        return place < len(known) and known[place] == wanted

    def add(self, name: str, stamp: Stamp) -> None:
        """Notes one file as it stands."""
        with self._lock:
            self._fresh.add(mark_of(name, stamp))
            if len(self._fresh) > _MOST_UNSORTED:
                self._sort([*self._sorted, *self._fresh])

    def replace(self, marks: Iterable[int]) -> None:
        """Notes the files with these marks and forgets all others: what a look at a whole project found."""
        with self._lock:
            self._sort(list(marks))

    def _sort(self, hashes: Collection[int]) -> None:
        self._sorted = array("q", sorted(hashes) if len(hashes) <= _MOST else ())
        self._fresh = set()
