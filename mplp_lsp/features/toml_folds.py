"""The foldable parts of mplp.toml: tables, lists and texts over several lines, runs of comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from mplp_lsp.text.toml import TomlTree
from mplp_runtime.rules.findings import Pointer

_HEADER = re.compile(r"[ \t]*\[")
_COMMENT = re.compile(r"[ \t]*#")


class Fold(NamedTuple):
    """What can be folded: behind its opening bracket up to its closing one; lines and offsets."""

    first_line: int
    last_line: int
    start: int
    end: int
    depth: int
    name: str | None = None
    kind: str | None = None
    # The last line is the bracket's own, and stays to be seen; in TOML there is none.
    keeps_last: bool = True


def folds_of_settings(toml: TomlTree) -> Iterator[Fold]:
    """In the order of their first lines."""
    long_values = list(_long_values(toml))
    inside = {line for first, last in long_values for line in range(first + 1, last + 1)}
    found = [*_sections(toml, inside), *(_lines(toml, first, last) for first, last in long_values)]
    yield from sorted([*found, *_comments(toml, inside)], key=lambda fold: (fold.start, -fold.end))


def _lines(toml: TomlTree, first: int, last: int, depth: int = 1, kind: str | None = None) -> Fold:
    text = toml.text
    start = text.line_start(first) + len(text.line(first).rstrip("\r\n"))
    end = text.line_start(last) + len(text.line(last).rstrip("\r\n"))
    return Fold(first, last, start, end, depth, None, kind, keeps_last=False)


def _sections(toml: TomlTree, inside: set[int]) -> Iterator[Fold]:
    """From each header to the last line before the next one that says something."""
    text = toml.text
    headers = [n for n in range(text.line_count) if n not in inside and _HEADER.match(text.line(n))]
    for number, first in enumerate(headers):
        last = (headers[number + 1] if number + 1 < len(headers) else text.line_count) - 1
        while last > first and (not text.line(last).strip() or _COMMENT.match(text.line(last))):
            last -= 1
        if last > first:
            yield _lines(toml, first, last, depth=0)


def _comments(toml: TomlTree, inside: set[int]) -> Iterator[Fold]:
    text = toml.text
    first: int | None = None
    for number in range(text.line_count + 1):
        line = "" if number == text.line_count or number in inside else text.line(number)
        if _COMMENT.match(line):
            first = number if first is None else first
        elif first is not None:
            if number - 1 > first:
                yield _lines(toml, first, number - 1, kind="comment")
            first = None


def _long_values(toml: TomlTree) -> Iterator[tuple[int, int]]:
    """First and last line of each value that is no table and takes more than one line."""
    stack: list[tuple[object, Pointer]] = [(toml.value, ())]
    while stack:
        value, pointer = stack.pop()
        if isinstance(value, dict):
            stack.extend((inner, (*pointer, key)) for key, inner in value.items())
            continue
        if isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
            stack.extend((inner, (*pointer, index)) for index, inner in enumerate(value))
            continue
        start, end = toml.range_of(pointer)
        first, last = (toml.text.position(offset, "utf-32")[0] for offset in (start, end))
        if last > first:
            yield first, last
