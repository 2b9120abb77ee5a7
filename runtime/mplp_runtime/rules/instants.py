"""Instants of documents as values that can be compared."""

from __future__ import annotations

from datetime import datetime

from mplp_schemas.formats import is_date_time


def instant_of(value: object) -> datetime | None:
    """The instant that a text names, with its offset; None for anything else, and for what `datetime` cannot
    hold (year 0000, second 60)."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        # The standard library reads the lower-case letters of RFC 3339 as little as a leap second.
        return instant_of(value.upper()) if value != value.upper() and is_date_time(value) else None
    return instant if instant.tzinfo is not None and is_date_time(value) else None
