"""Words for messages: what a value is called, which known word was probably meant."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from mplp_runtime.rules.findings import Pointer

LONGEST_QUOTE = 60
LONGEST_LIST = 16

_CAMEL_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS = re.compile(r"[\s\-_.]+")


def distance(left: str, right: str, limit: int) -> int:
    """How many typing slips (insert, drop, replace, swap neighbours) lie between two words.

    Anything above `limit` is reported as `limit + 1`, which keeps the work small.
    """
    if left == right:
        return 0
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before_last: list[int] = []
    last = list(range(len(right) + 1))
    for row, letter in enumerate(left, start=1):
        current = [row]
        for column, other in enumerate(right, start=1):
            cost = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (letter != other))
            if (
                row > 1
                and column > 1
                and letter == right[column - 2]
                and left[row - 2] == other
                and letter != other
            ):
                cost = min(cost, before_last[column - 2] + 1)
            current.append(cost)
        if min(current) > limit:
            return limit + 1
        before_last, last = last, current
    return min(last[-1], limit + 1)


def snake_case(word: str) -> str:
    """`stepId`, `Step-Id` and ` step id ` are all `step_id`: the protocol's own spelling.

    >>> snake_case("protocolVersion")
    'protocol_version'
    """
    return _SEPARATORS.sub("_", _CAMEL_BOUNDARY.sub("_", word.strip())).strip("_").lower()


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, None where no word is near enough.

    Another spelling of a known word (case, hyphens, blanks) wins over any typing slip. A third of the word
    may be slips, at most 3. The first of equally near words is taken.
    """
    words = list(known)
    spelling = snake_case(word)
    for candidate in words:
        if candidate != word and snake_case(candidate) == spelling:
            return candidate
    limit = min(3, max(1, len(word) // 3))
    best: str | None = None
    for candidate in words:
        found = distance(word, candidate, limit)
        if 0 < found <= limit:
            best, limit = candidate, found - 1
        if limit == 0:
            break
    return best


def quoted(value: object) -> str:
    """A value between back quotes, cut where it is long, blanks and control characters visible."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and (value != value.strip() or not value.isprintable() or not value):
        text = json.dumps(value, ensure_ascii=False)
    if len(text) > LONGEST_QUOTE:
        text = text[: LONGEST_QUOTE - 1] + "…"
    return f"`{text.encode('utf-8', 'replace').decode()}`"


def listed(words: Sequence[str], *, joiner: str = "or") -> str:
    """`a`, `b` or `c`; long lists are cut and counted."""
    if len(words) > LONGEST_LIST:
        return (
            ", ".join(f"`{word}`" for word in words[:LONGEST_LIST]) + f" and {len(words) - LONGEST_LIST} more"
        )
    names = [f"`{word}`" for word in words]
    if len(names) <= 1:
        return "".join(names)
    return f"{', '.join(names[:-1])} {joiner} {names[-1]}"


ENTRY_NAMES = {
    "steps": "step",
    "dependencies": "dependency",
    "events": "event",
    "tags": "tag",
    "decisions": "decision",
    "segments": "segment",
    "messages": "message",
    "participants": "participant",
    "modules": "module",
    "nodes": "node",
    "stages": "stage",
    "capabilities": "capability",
}
"""What one entry of a list is called."""


def label(pointer: Pointer, table: str | None = None) -> str:
    """What the value at `pointer` is called at the start of a sentence.

    Positions in lists are left out, so that a message stays true when entries are moved; `table` names
    the list in which an element stands that is looked at by itself.
    """
    name = next((str(part) for part in reversed(pointer) if isinstance(part, str)), table)
    if pointer and isinstance(pointer[-1], str):
        return f"`{name}`"
    if name is None:
        return "This document" if not pointer else "This entry"
    return f"This {ENTRY_NAMES[name]}" if name in ENTRY_NAMES else f"An entry of `{name}`"


def kind_of_value(value: object) -> str:
    """What a JSON value is, in words a person uses.

    >>> kind_of_value([])
    'a list'
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, dict):
        return "an object"
    return "a list"


TYPE_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}
