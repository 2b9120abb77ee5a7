"""Many sound elements of a table in one call of the C scanner.

Large documents are written by programs: one flat object after the other, always with the same white space
between them. A whole run of those is read as one list, and the text between two objects tells where each
stands. What is believed is proven by counting; wherever a count is off the elements are read one by one.
"""

from __future__ import annotations

import re

from mplp_lsp.text.elements import Element
from mplp_lsp.text.json_scan import DEPTH_LIMIT, SoundScanner

LEAST_ELEMENTS = 4
_SPACED_COLON = re.compile(r'"[ \t\n\r]+:')


def read_alike(
    scanner: SoundScanner, window: str, start: int, joint: str, limit: int, elements: list[Element]
) -> int:
    """Reads elements with `joint` (as in `},\\n    {`) between any two, and appends them.

    `start` is where the first value starts. Gives where the text of the next element starts, which is behind
    a comma; -1 where the run is too short, or is more than objects without objects inside, each key once.
    """
    if scanner.is_risky:
        return -1
    last = window.rfind(joint, start, limit)
    if last < 0:
        return -1
    body = window[start : last + 1]
    head, *parts = body.split("{")
    count = len(parts)
    # Where each `{` belongs to a joint, no object stands in another, and no joint in a string.
    if head or count < LEAST_ELEMENTS or body.count(joint) != count - 1:
        return -1
    try:
        values, _ = scanner.scan_alike(f"[{body}]", 0)
    except (StopIteration, ValueError, RecursionError):
        return -1
    if len(values) != count or set(map(type, values)) != {dict} or _may_repeat_keys(body, values):
        return -1
    # From its `{` up to and with its comma; what is behind that leads the next one.
    lead = len(joint) - 3
    sizes = [len(part) - lead for part in parts]
    sizes[-1] = len(parts[-1]) + 1
    if max(sizes) > DEPTH_LIMIT and any(
        size > DEPTH_LIMIT and scanner.is_too_deep(value, 2)
        for value, size in zip(values, sizes, strict=True)
    ):
        return -1
    elements += [
        Element(value, lead, size, lead + size + 1) for value, size in zip(values, sizes, strict=True)
    ]
    return last + 2


def _may_repeat_keys(body: str, values: list[dict[str, object]]) -> bool:
    """Whether there may be more keys in the text than in the objects; strings may look like keys."""
    known = sum(map(len, values))
    if body.count(":") == known:
        return False
    return body.count('":') != known or _SPACED_COLON.search(body) is not None
