"""How many events one source may bring in a second and in a minute (seed 2, 8.3)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_SECOND = 1.0
_MINUTE = 60.0
_MOST_SOURCES = 1_000


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The most events of one source in any second, and in any minute."""

    per_second: int = 100
    per_minute: int = 5_000


class Rates:
    """Remembers when each source was let through; exact over sliding windows.

    >>> rates = Rates(RateLimit(per_second=2, per_minute=3))
    >>> [rates.take("git", 0.0) for _ in range(3)], rates.take("ci", 0.0)
    ([True, True, False], True)
    """

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._passed: dict[str, deque[float]] = {}

    def take(self, source: str, now_s: float) -> bool:
        """Lets one event of `source` through at `now_s`; False, and nothing is counted, where it may not."""
        if self.wait_s(source, now_s) > 0:
            return False
        if source not in self._passed and len(self._passed) >= _MOST_SOURCES:
            # Events name their sources themselves, so there may be a new one with each.
            self._forget_quiet(now_s)
        self._passed.setdefault(source, deque(maxlen=self._limit.per_minute)).append(now_s)
        return True

    def wait_s(self, source: str, now_s: float) -> float:
        """Seconds until the next event of `source` may pass; 0 if it may now."""
        passed = self._passed.get(source)
        if not passed:
            return 0.0
        if passed[-1] <= now_s - _MINUTE:
            # Sources come and go; one that was quiet for a minute has nothing to remember.
            del self._passed[source]
            return 0.0
        waits = [
            passed[-most] + window - now_s
            for most, window in ((self._limit.per_second, _SECOND), (self._limit.per_minute, _MINUTE))
            if len(passed) >= most
        ]
        return max(0.0, *waits) if waits else 0.0

    def _forget_quiet(self, now_s: float) -> None:
        self._passed = {
            source: passed for source, passed in self._passed.items() if passed[-1] > now_s - _MINUTE
        }
