"""The value of a whole JSON text at the speed of the C scanner, where it is sound beyond doubt."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from json import JSONDecodeError
from typing import Any

from mplp_lsp.text.json_lexer import real_number, whole_number
from mplp_lsp.text.json_scan import DEPTH_LIMIT, plain_scanner
from mplp_lsp.text.tree import SIZE_LIMIT, size_bytes

_CONTAINERS = frozenset({dict, list})
_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_Scan = Callable[[str, int], tuple[Any, int]]
# The second one also takes whole numbers of more digits than `int` does, and asks Python about each number.
_scans = (plain_scanner(real_number, int), plain_scanner(real_number, whole_number))


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


_strict_scans = (
    plain_scanner(real_number, int, _each_key_once),
    plain_scanner(real_number, whole_number, _each_key_once),
)


def flawless_value(text: str) -> tuple[object] | None:
    """The same of a text about which there is nothing to warn either: its tree would have no problems."""
    return _value(text, _strict_scans)


def sound_value(text: str) -> tuple[object] | None:
    """The value in a tuple, equal to `Tree.parse(...).value`; None where only the tolerant parser can tell.

    For documents that nobody has open: their values are needed, and no places in them.
    """
    return _value(text, _scans)


def _value(text: str, scans: Sequence[_Scan]) -> tuple[object] | None:
    if len(text) * 4 > SIZE_LIMIT and size_bytes(text) > SIZE_LIMIT:
        return None
    if (not text.isascii() or "\\u" in text) and _SURROGATE.search(text) is not None:
        return None
    start = _SPACE.match(text)
    read = _first_read(text, start.end() if start is not None else 0, scans)
    if read is None:
        return None
    value, stop = read
    rest = _SPACE.match(text, stop)
    if rest is None or rest.end() != len(text):
        return None
    is_maybe_deep = text.count("{") + text.count("[") > DEPTH_LIMIT
    return None if is_maybe_deep and _is_too_deep(value) else (value,)


def _first_read(text: str, start: int, scans: Sequence[_Scan]) -> tuple[object, int] | None:
    for scan in scans:
        try:
            return scan(text, start)
        except (StopIteration, JSONDecodeError, RecursionError):
            return None
        except ValueError:
            # A number of thousands of digits, most likely.
            continue
    return None


def _is_too_deep(value: object) -> bool:
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(DEPTH_LIMIT):
        inside: list[Any] = []
        for outer in level:
            members = outer.values() if type(outer) is dict else outer
            inside += [inner for inner in members if type(inner) in _CONTAINERS]  # type: ignore[attr-defined]
        level = inside
        if not level:
            return False
    return True
