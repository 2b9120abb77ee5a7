"""The layout of JSON: which white space stands between two signs. Nothing but white space is ever changed.

Each entry stands on a line of its own; a list of scalars that was written on one line stays there while it
is short. The layout follows from the signs and from that alone, so doing it twice changes nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mplp_lsp.features import checkpoint
from mplp_lsp.text.edits import Edit
from mplp_lsp.text.elements import Element, ElementTable
from mplp_lsp.text.json_judge import Gap
from mplp_lsp.text.tree import Tree

LONGEST_LINE = 120
"""In columns; a list of scalars on one line is broken up where it would pass this."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_LIST_OF_SCALARS = re.compile(
    r'\[[ \t]*(?:(?:"(?:[^"\\\r\n]|\\.)*"|[^\s{}\[\],:"]+)[ \t]*(?:,[ \t]*(?=[^\s\]])|(?=\])))*\]'
)
_LINE_END = re.compile(r"\r\n|\n|\r")
_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+')
_BLANKS = " \t\r\n"
_DEPTH_OF_ENTRIES = 2


@dataclass(frozen=True, slots=True)
class Style:
    """What one level of indentation is, how wide a tab is shown, and how the document ends its lines."""

    unit: str
    tab_width: int
    line_end: str

    def width(self, depth: int) -> int:
        """Columns of the indentation at a depth."""
        return depth * (self.tab_width if self.unit == "\t" else len(self.unit))


class Blank(NamedTuple):
    """White space between two signs that should be another: its place, and what belongs there."""

    start: int
    end: int
    new_text: str

    def edit(self, text: str) -> Edit:
        """The smallest edit that makes it so; `text` is what stands there."""
        old, new = text, self.new_text
        head = 0
        while head < min(len(old), len(new)) and old[head] == new[head]:
            head += 1
        tail = 0
        while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
            tail += 1
        return Edit(self.start + head, self.end - tail, new[head : len(new) - tail])


def line_end_of(text: str) -> str:
    """The first line end of a text; a line feed where it has none."""
    match = _LINE_END.search(text)
    return match.group() if match else "\n"


def blanks_of_tree(tree: Tree, style: Style, start: int, end: int) -> Iterator[Blank]:
    """What should change between two offsets of a sound document, in the order of the text."""
    layout = _Layout(style, 0)
    at = 1 if tree.text.slice(0, 1) == "\ufeff" else 0
    layout.last_end = at
    for table in sorted(tree.tables.values(), key=lambda table: table.start):
        if not _holds_objects(table):
            continue
        yield from layout.read(tree.text.slice(at, table.start), at)
        yield from _of_table(layout, tree, table, start, end)
        at = table.end
    yield from layout.read(tree.text.slice(at, tree.text.length), at)


def blanks_of_sound_entries(tree: Tree, style: Style, start: int, end: int) -> Iterator[Blank]:
    """What should change in a broken document: inside the sound entries of its lists, and between them."""
    for table in tree.tables.values():
        before: int | None = None
        for first, element, text in _entries(tree, table, start, end):
            if element is None or element.problems or not isinstance(element.value, dict | list):
                before = None
                continue
            if before is not None and element.entry is Gap.COMMA:
                layout = _Layout(style, _DEPTH_OF_ENTRIES)
                layout.last_end = before
                gap = tree.text.slice(before, first)
                wanted = layout.line(gap, _DEPTH_OF_ENTRIES)
                if gap != wanted and not gap.strip(_BLANKS):
                    yield Blank(before, first, wanted)
            yield from _moved(_inside(element, text, style), first)
            before = first - element.lead + element.length if element.exit is Gap.COMMA else None


def _holds_objects(table: ElementTable) -> bool:
    return table.count > 0 and all(
        isinstance(element.value, dict) for block in table.blocks for element in block.elements
    )


def _entries(
    tree: Tree, table: ElementTable, start: int, end: int
) -> Iterator[tuple[int, Element | None, str]]:
    """Start, entry and text of the value of those that touch the offsets; for others no entry."""
    at = table.start
    for block in table.blocks:
        checkpoint()
        is_near = start <= at + block.length and at <= end
        text = tree.text.slice(at, at + block.length) if is_near else ""
        inner = 0
        for element in block.elements:
            first = inner + element.lead
            is_asked = is_near and at + inner <= end and start <= at + inner + element.length
            if is_near:
                yield at + first, element if is_asked else None, text[first : first + element.size]
            inner += element.length
        at += block.length


def _of_table(layout: _Layout, tree: Tree, table: ElementTable, start: int, end: int) -> Iterator[Blank]:
    at = table.start
    for block in table.blocks:
        checkpoint()
        if at + block.length < start or end < at:
            # Somewhere else: only what stands around it must know that it is there.
            layout.pass_over(at + block.length)
            at += block.length
            continue
        text = tree.text.slice(at, at + block.length)
        inner = 0
        for element in block.elements:
            first = inner + element.lead
            last = first + element.size
            yield from layout.value(text[inner:first], at + first, at + last)
            if start <= at + last and at + first <= end:
                yield from _moved(_inside(element, text[first:last], layout.style), at + first)
            inner += element.length
            yield from layout.read(text[last:inner], at + last)
        at += block.length


def _inside(element: Element, text: str, style: Style) -> tuple[Blank, ...]:
    """What should change inside one entry, counted from its start; kept with it for this style."""
    known = element.cache.get("layout")
    if isinstance(known, tuple) and known[0] == style:
        found: tuple[Blank, ...] = known[1]
        return found
    layout = _Layout(style, _DEPTH_OF_ENTRIES)
    found = tuple(layout.read(text, 0))
    element.cache["layout"] = (style, found)
    return found


def _moved(blanks: Iterable[Blank], distance: int) -> Iterator[Blank]:
    for start, end, new_text in blanks:
        yield Blank(start + distance, end + distance, new_text)


class _Layout:
    """Reads sound text bit by bit, in pieces; says which gaps should be others."""

    def __init__(self, style: Style, depth: int) -> None:
        self.style = style
        self.last_end = 0
        self._depth = depth
        self._last = ""
        self._key_width = 0
        # Where the list of scalars ends that stays on its line.
        self._inline_until = -1

    def read(self, text: str, offset: int) -> Iterator[Blank]:
        """The next piece; `offset` is where it starts."""
        for match in _TOKEN.finditer(text):
            start = match.start()
            sign = match.group()
            gap = text[max(self.last_end - offset, 0) : start]
            blank = self._before(sign, offset + start, gap)
            if blank is not None:
                yield blank
            self._after(sign, offset + start, match, text)

    def value(self, gap: str, start: int, end: int) -> Iterator[Blank]:
        """A whole entry that is laid out elsewhere; `gap` is what stands before it."""
        blank = self._before("{", start, gap)
        if blank is not None:
            yield blank
        self.pass_over(end)
        self._last = "}"

    def pass_over(self, end: int) -> None:
        """Everything up to `end` is as it should be."""
        self.last_end = end
        self._last = ","

    def line(self, gap: str, depth: int) -> str:
        """A new line at a depth; a line end that is there is kept as it is."""
        match = _LINE_END.search(gap)
        return (match.group() if match else self.style.line_end) + self.style.unit * depth

    def _before(self, sign: str, start: int, gap: str) -> Blank | None:
        wanted = self._wanted(sign, start, gap)
        return None if gap == wanted else Blank(start - len(gap), start, wanted)

    def _wanted(self, sign: str, start: int, gap: str) -> str:
        last = self._last
        if not last or sign in (",", ":"):
            return ""
        if last == ":":
            return " "
        if start < self._inline_until:
            return " " if last == "," else ""
        if sign in ("}", "]"):
            return "" if last in ("{", "[") else self.line(gap, self._depth - 1)
        return self.line(gap, self._depth)

    def _after(self, sign: str, start: int, match: re.Match[str], text: str) -> None:
        if sign in ("{", "["):
            if sign == "[" and self._stays_on_line(text, match.start()):
                self._inline_until = start + len(self._list(text, match.start()))
            self._depth += 1
        elif sign in ("}", "]"):
            self._depth -= 1
        self._key_width = len(sign) + 2 if sign[0] == '"' else self._key_width if sign == ":" else 0
        self._last = sign
        self.last_end = start + len(sign)

    def _list(self, text: str, at: int) -> str:
        match = _LIST_OF_SCALARS.match(text, at)
        return match.group() if match else ""

    def _stays_on_line(self, text: str, at: int) -> bool:
        """Whether a list of scalars was written on one line and is short enough for it."""
        written = self._list(text, at)
        if not written:
            return False
        scalars = _SCALAR.findall(written)
        width = self.style.width(self._depth) + self._key_width + 2
        return width + sum(map(len, scalars)) + 2 * max(len(scalars) - 1, 0) < LONGEST_LINE
