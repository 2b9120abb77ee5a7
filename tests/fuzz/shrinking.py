"""Makes a text that shows a fault small: parts are left out as long as the fault stays."""

from __future__ import annotations

import time
from collections.abc import Callable

LIMIT_S = 20.0


def shrunk(text: str, shows: Callable[[str], bool], limit_s: float = LIMIT_S) -> str | None:
    """A small text that still shows the fault; None where the text does not show it by itself."""
    if not shows(text):
        return None
    ends_at = time.monotonic() + limit_s
    size = max(1, len(text) // 2)
    while size:
        start = 0
        while start < len(text):
            if time.monotonic() > ends_at:
                return text
            smaller = text[:start] + text[start + size :]
            if smaller != text and shows(smaller):
                text = smaller
            else:
                start += size
        size //= 2
    return text
