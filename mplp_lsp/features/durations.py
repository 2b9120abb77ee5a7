"""Durations as people read them, the same in hints and on the command line."""

from __future__ import annotations


def seconds(duration_s: float) -> str:
    """A duration as people read it.

    >>> seconds(0.0421), seconds(1.26), seconds(59.97), seconds(75.0), seconds(7260)
    ('42 ms', '1.3 s', '1 min', '1 min 15 s', '2 h 1 min')
    """
    if duration_s < 0.9995:
        return f"{round(duration_s * 1000)} ms"
    if duration_s < 59.95:
        return f"{duration_s:.1f} s"
    minutes, rest = divmod(round(duration_s), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
