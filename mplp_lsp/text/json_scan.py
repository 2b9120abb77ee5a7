"""Sound JSON at full speed: the C scanner of the standard library, with the guards it lacks."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from json import JSONDecodeError, JSONDecoder
from typing import Any, NamedTuple

from mplp_lsp.text.json_lexer import Lexer, real_number, whole_number
from mplp_lsp.text.uris import is_encodable

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


def _scanner(
    whole: Callable[[list[tuple[str, object]]], dict[str, object]],
    not_json: Callable[[str], None],
    integer: Callable[[str], int | float],
) -> Callable[[str, int], tuple[Any, int]]:
    decoder = JSONDecoder(
        object_pairs_hook=whole, parse_constant=not_json, parse_float=real_number, parse_int=integer
    )
    return decoder.scan_once  # type: ignore[no-any-return,attr-defined]


def plain_scanner(
    real: Callable[[str], float],
    integer: Callable[[str], int | float],
    whole: Callable[[list[tuple[str, object]]], dict[str, object]] | None = None,
) -> Callable[[str, int], tuple[Any, int]]:
    """A scanner that takes RFC 8259 only and sees no more; it raises as `json` does.

    `whole` makes an object of its members, in their order; by default the last of each key counts.

    Raises StopIteration with the place, `JSONDecodeError`, ValueError, or RecursionError.
    """

    def not_json(word: str) -> None:
        raise ValueError(word)

    decoder = JSONDecoder(
        object_pairs_hook=whole, parse_constant=not_json, parse_float=real, parse_int=integer
    )
    return decoder.scan_once  # type: ignore[no-any-return,attr-defined]


class SoundScanner:
    """Scans values of one lexer's text; None for whatever is not RFC 8259.

    `json` alone takes NaN, drops duplicate keys silently, raises on integers above 4300 digits, and
    reads as deep as the stack allows.
    """

    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer
        self._text = lexer.text
        # What the hooks saw: one entry for each object with a duplicate key and for each NaN.
        self.flags: list[bool] = []
        flag = self.flags.append

        def whole(pairs: list[tuple[str, object]]) -> dict[str, object]:
            found = dict(pairs)
            if len(found) != len(pairs):
                flag(False)
            return found

        def not_json(_: str) -> None:
            flag(True)

        self._scan_once = _scanner(whole, not_json, whole_number)
        # The default `int` is faster; it raises ValueError where `whole_number` answers.
        self.scan_plain = _scanner(whole, not_json, int)

    def scan(self, offset: int, depth: int) -> Scan | None:
        """The value whose first character is at `offset`, inside `depth` containers."""
        note = self._lexer.note
        self.flags.clear()
        try:
            value, stop = self._scan_once(self._text, offset)
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
        if any(self.flags):
            return None
        # Each level costs two characters at least.
        if stop - offset > DEPTH_LIMIT and _depth(value) + depth > DEPTH_LIMIT:
            return Scan(None, offset, is_deep=True)
        return Scan(value, stop, bool(self.flags) or self._has_surrogates(offset, stop))

    @cached_property
    def scan_alike(self) -> Callable[[str, int], tuple[Any, int]]:
        """Faster still, and blind to keys that stand twice; raises as `plain_scanner` says."""
        return plain_scanner(real_number, int)

    def is_too_deep(self, value: object, depth: int) -> bool:
        """Whether a value that was scanned inside `depth` containers is nested too deep."""
        return _depth(value) + depth > DEPTH_LIMIT

    def is_doubtful(self, value: object, start: int, stop: int, depth: int) -> bool:
        """Whether a value that was scanned may be nested too deep or hold halves of surrogate pairs."""
        if stop - start > DEPTH_LIMIT and self.is_too_deep(value, depth):
            return True
        return self._has_surrogates(start, stop)

    def _has_surrogates(self, start: int, stop: int) -> bool:
        text = self._text
        if text.isascii() and text.find("\\u", start, stop) < 0:
            return False
        return _SURROGATE.search(text, start, stop) is not None

    @cached_property
    def is_risky(self) -> bool:
        """Whether halves of surrogate pairs may stand anywhere in the text."""
        # A single sign is found ten times as fast as two.
        return ("\\" in self._text and "\\u" in self._text) or not is_encodable(self._text)


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
