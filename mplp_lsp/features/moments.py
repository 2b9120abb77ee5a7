"""Moments as documents write them, in UTC, with a calendar that has no leap seconds and no year 0000."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z")


def moment_of(value: object) -> datetime | None:
    """A moment as documents write it, in UTC; None for everything else.

    >>> moment_of("2026-03-14T10:26:53+01:00").isoformat()
    '2026-03-14T09:26:53+00:00'
    """
    if not isinstance(value, str) or len(value) > 40 or not _MOMENT.match(value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        # Year 0000, a leap second, a thirteenth month: nothing a calendar could show.
        return None
