"""Which brackets are open at a place, also in broken text: from the signs before it, not from the tree."""

from __future__ import annotations

import re

from mplp_lsp.text.elements import ElementTable
from mplp_lsp.text.tree import Tree

_MARKS = re.compile(r'"(?:[^"\\\r\n]|\\.)*"?|[{}\[\]]')
_PAIRS = {"}": "{", "]": "["}
_LONGEST_INDENT = 1_000


def open_brackets(tree: Tree, offset: int) -> list[int]:
    """Offsets of the brackets that are open at `offset`, the outermost first.

    The entries of a list before the one at `offset` are taken for whole.
    """
    text = tree.text
    tables = sorted(tree.tables.values(), key=lambda table: table.start)
    found: list[int] = []
    at = 0
    for table in tables:
        if offset < table.start:
            break
        if table.start < at:
            continue
        _read(text.slice(at, table.start), at, found)
        at = table.end
        if offset <= table.end:
            index = table.index_at(offset) if table.count else None
            at = table.start if index is None else _text_start(table, index)
            break
        if table.count and table.element(table.count - 1).is_broken:
            # What follows may belong to it still.
            at = _text_start(table, table.count - 1)
    _read(text.slice(at, offset), at, found)
    return found


def opener_of(tree: Tree, closer: int) -> int | None:
    """Where the bracket opens that the one at `closer` closes; None where it closes nothing."""
    mark = tree.text.slice(closer, closer + 1)
    around = open_brackets(tree, closer)
    if not around or tree.text.slice(around[-1], around[-1] + 1) != _PAIRS.get(mark):
        return None
    return around[-1]


def indent_inside(tree: Tree, unit: str, line_start: int, first: str) -> str:
    """The indentation a line should have, whose first sign is `first`.

    One level deeper than the line of the bracket around it, and as deep where the line closes that bracket.
    """
    around = open_brackets(tree, line_start)
    if not around:
        return ""
    text = tree.text
    number = text.position(around[-1], "utf-32")[0]
    line = text.line(number)[:_LONGEST_INDENT]
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    opener = text.slice(around[-1], around[-1] + 1)
    return indent if _PAIRS.get(first) == opener else indent + unit


def _text_start(table: ElementTable, index: int) -> int:
    return table.start + table.rows.spans.start_of(index)


def _read(text: str, offset: int, found: list[int]) -> None:
    kinds: list[str] = []
    base = len(found)
    for match in _MARKS.finditer(text):
        mark = match.group()
        if mark in ("{", "["):
            found.append(offset + match.start())
            kinds.append(mark)
        elif mark in _PAIRS:
            if kinds and kinds[-1] == _PAIRS[mark]:
                kinds.pop()
                found.pop()
            elif not kinds and base and len(found) == base:
                # The bracket was opened in a piece before this one.
                found.pop()
                base -= 1
