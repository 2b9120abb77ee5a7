"""Where time and ids come from. Both are parameters everywhere, so that tests are exact (D15)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from time import monotonic

Clock = Callable[[], datetime]
NewId = Callable[[], str]


class SteadyClock:
    """The system's time as long as it goes forward.

    Where it is set back, time goes on from where it was, so that no step ends before it began; the system's
    time is used again as soon as it has caught up.
    """

    def __init__(
        self,
        wall: Clock = lambda: datetime.now(UTC),
        elapsed_s: Callable[[], float] = monotonic,
    ) -> None:
        self._wall = wall
        self._elapsed_s = elapsed_s
        self._lock = Lock()
        self._told = wall()
        self._told_at_s = elapsed_s()

    def __call__(self) -> datetime:
        with self._lock:
            wall, at_s = self._wall(), self._elapsed_s()
            # Both clocks are read one after the other, so a difference of microseconds is none.
            is_set_back = wall < self._told
            self._told = self._told + timedelta(seconds=at_s - self._told_at_s) if is_set_back else wall
            self._told_at_s = at_s
            return self._told


_steady = SteadyClock()


def system_clock() -> datetime:
    """The current instant, with offset; it never goes back within one process."""
    return _steady()


_IDS_AT_ONCE = 128
_fresh_ids: list[str] = []
if hasattr(os, "register_at_fork"):
    # Two processes must never give out the same ids.
    os.register_at_fork(after_in_child=_fresh_ids.clear)

# RFC 4122, 4.4: the version is one digit, the variant two bits of another.
_RANDOM_BITS = int("ffffffffffff0fff3fffffffffffffff" * _IDS_AT_ONCE, 16)
_FIXED_BITS = int("00000000000040008000000000000000" * _IDS_AT_ONCE, 16)
_GROUPS = re.compile("(.{8})(.{4})(.{4})(.{4})(.{12})")


def new_uuid() -> str:
    """A fresh lower-case UUID version 4, the only form every MPLP schema accepts.

    Ten of them are needed for each step of a run; made many at a time they cost a sixth of `uuid4`.
    """
    while True:
        try:
            # Atomic, so that no id is given out twice, whichever threads ask.
            return _fresh_ids.pop()
        except IndexError:
            _fresh_ids.extend(_random_uuids())


def new_uuids(count: int) -> list[str]:
    """So many of them at once."""
    found: list[str] = []
    if count < _IDS_AT_ONCE:
        take = _fresh_ids.pop
        try:
            return [take() for _ in range(count)]
        except IndexError:
            # The few that were taken before are given out to nobody.
            pass
    while len(found) < count:
        found += _random_uuids()
    _fresh_ids.extend(found[count:])
    return found[:count]


def _random_uuids() -> list[str]:
    size = 16 * _IDS_AT_ONCE
    bits = int.from_bytes(os.urandom(size), "big") & _RANDOM_BITS | _FIXED_BITS
    return ["-".join(groups) for groups in _GROUPS.findall(bits.to_bytes(size, "big").hex())]


def timestamp(instant: datetime) -> str:
    """`instant` as RFC 3339 in UTC with milliseconds, the form the official fixtures use.

    >>> timestamp(datetime(2025, 12, 6, 12, 0, tzinfo=UTC))
    '2025-12-06T12:00:00.000Z'
    """
    # A third of the time that `strftime` takes; eight events a step ask for it.
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds")[:-6] + "Z"
