"""Where time and ids come from. Both are parameters everywhere, so that tests are exact (D15)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

Clock = Callable[[], datetime]
NewId = Callable[[], str]


def system_clock() -> datetime:
    """The current instant, with offset."""
    return datetime.now(UTC)


def new_uuid() -> str:
    """A fresh lower-case UUID version 4, the only form every MPLP schema accepts."""
    return str(uuid4())


def timestamp(instant: datetime) -> str:
    """`instant` as RFC 3339 in UTC with milliseconds, the form the official fixtures use.

    >>> timestamp(datetime(2025, 12, 6, 12, 0, tzinfo=UTC))
    '2025-12-06T12:00:00.000Z'
    """
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"
