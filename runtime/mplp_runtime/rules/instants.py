"""Instants of documents as values that can be compared."""

from __future__ import annotations

from datetime import datetime


def instant_of(value: object) -> datetime | None:
    """The instant that a text names, with its offset; None for anything else, and for what `datetime` cannot
    hold (year 0000, second 60).

    A little more is understood than RFC 3339 allows: how an instant is written is for the schema to say.
    """
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        # Lower-case letters are as good in RFC 3339; the standard library does not know them all.
        upper = value.upper()
        return instant_of(upper) if upper != value else None
    return instant if instant.tzinfo is not None else None
