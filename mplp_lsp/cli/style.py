"""Colours and symbols, only where a terminal shows them."""

from __future__ import annotations

import os
import re
import unicodedata
from typing import TextIO

_CODES = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36", "grey": "90", "bold": "1"}
MOST_NAMED = 20
"""Of steps, files and runs, one a line; of the others it is said how many there are."""

# Control characters, and those that turn the direction of text around.
_ESCAPES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Style:
    """Paints words for one stream; with `colour` False it returns them as they are."""

    def __init__(self, *, colour: bool) -> None:
        self.colour = colour

    @classmethod
    def of(cls, stream: TextIO) -> Style:
        """Colour on terminals, unless NO_COLOR is set or the terminal is dumb."""
        return cls(
            colour=is_terminal(stream) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        )

    def paint(self, text: str, *names: str) -> str:
        if not self.colour or not text:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"


def is_terminal(stream: TextIO) -> bool:
    """False for streams that are closed or redirected."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def printable(text: str) -> str:
    """`text` without control characters: a document or a tool must not steer the user's terminal."""
    return _ESCAPES.sub("\N{REPLACEMENT CHARACTER}", text).encode("utf-8", "replace").decode("utf-8")


def cells(text: str) -> int:
    """How many columns of a terminal `text` takes.

    >>> cells("abc"), cells("計画"), cells("e\u0301")
    (3, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(map(_cells_of, text))


def cut_to_cells(text: str, most: int) -> str:
    """The beginning of `text` that fits into `most` columns."""
    taken = 0
    for index, character in enumerate(text):
        taken += _cells_of(character)
        if taken > most:
            return text[:index]
    return text


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def write(stream: TextIO, text: str) -> None:
    """Writes even where the stream's encoding lacks a character."""
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "replace").decode(encoding))


def counted_files(number: int) -> str:
    """As a person says it.

    >>> counted_files(1), counted_files(0)
    ('1 file', '0 files')
    """
    return "1 file" if number == 1 else f"{number} files"
