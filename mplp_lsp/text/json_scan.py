"""Sound JSON at full speed: the C scanner of the standard library, with the guards it lacks."""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from typing import NamedTuple

from mplp_lsp.text.json_lexer import Lexer, real_number, whole_number

DEPTH_LIMIT = 512
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
# A failing scan looks a little past the place it names: the longest is an escaped surrogate pair.
_LOOK_AHEAD = 16


class Scan(NamedTuple):
    """A value the C scanner read. `needs_care`: sound, but there is something to warn about.

    `is_deep`: nested too deep for the scanner or for us; neither value nor stop mean anything.
    """

    value: object
    stop: int
    needs_care: bool = False
    is_deep: bool = False


class SoundScanner:
    """Scans values of one lexer's text; None for whatever is not RFC 8259.

    `json` alone takes NaN, drops duplicate keys silently, raises on integers above 4300 digits, and
    reads as deep as the stack allows.
    """

    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer
        self._text = lexer.text
        self._duplicate = False
        self._constant = False
        self._risky: bool | None = None
        self.scan_once = JSONDecoder(
            object_pairs_hook=self._object,
            parse_constant=self._not_json,
            parse_float=real_number,
            parse_int=whole_number,
        ).scan_once

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            self._duplicate = True
        return found

    def _not_json(self, _: str) -> None:
        self._constant = True

    def scan(self, offset: int, depth: int) -> Scan | None:
        """The value whose first character is at `offset`, inside `depth` containers."""
        note = self._lexer.note
        self._duplicate = self._constant = False
        try:
            value, stop = self.scan_once(self._text, offset)
        except StopIteration as nothing:
            note(int(nothing.value) + _LOOK_AHEAD)
            return None
        except JSONDecodeError as fault:
            note(self._lexer.length + 1 if fault.msg.startswith("Unterm") else fault.pos + _LOOK_AHEAD)
            return None
        except RecursionError:
            note(self._lexer.length + 1)
            return Scan(None, offset, is_deep=True)
        note(stop + 1)
        if self._constant:
            return None
        # Each level costs two characters at least.
        if stop - offset > DEPTH_LIMIT and _depth(value) + depth > DEPTH_LIMIT:
            return Scan(None, offset, is_deep=True)
        return Scan(value, stop, self._duplicate or self._has_surrogates(offset, stop))

    def _has_surrogates(self, start: int, stop: int) -> bool:
        if self._risky is None:
            self._risky = "\\u" in self._text or not _is_encodable(self._text)
        return self._risky and _SURROGATE.search(self._text, start, stop) is not None


def _is_encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _depth(value: object) -> int:
    """How many containers stand in each other, level by level."""
    depth = 0
    level = [value]
    while level:
        depth += 1
        inside: list[object] = []
        for container in level:
            if isinstance(container, dict):
                inside.extend(v for v in container.values() if isinstance(v, dict | list))
            elif isinstance(container, list):
                inside.extend(v for v in container if isinstance(v, dict | list))
        level = inside
    return depth
