"""NDJSON timelines: one small tree for each line, kept over edits where the line did not change."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from mplp_lsp.text.edits import Edit, stretches
from mplp_lsp.text.json_lexer import FENCE
from mplp_lsp.text.problems import Problem
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.sound_json import flawless_value
from mplp_lsp.text.spans import Block, Joint, Spans
from mplp_lsp.text.tree import SIZE_LIMIT, Hit, Tree, size_bytes
from mplp_runtime.rules.findings import Part, Pointer

_BLOCK_SIZE = 64


class Line:
    """One line of a timeline: its text with its end, and its tree, made when first asked for.

    An empty line has no value and no problems.
    """

    __slots__ = ("_cache", "_flawless", "_tree", "length", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.length = len(text)
        self._tree: Tree | None = None
        self._flawless: tuple[object] | bool = False
        self._cache: dict[str, object] | None = None

    @property
    def cache(self) -> dict[str, object]:
        """For layers above: whatever follows from this line alone."""
        if self._cache is None:
            self._cache = {}
        return self._cache

    @property
    def is_blank(self) -> bool:
        """Whether the line holds no value."""
        return not self.text.strip(" \t\r\n")

    @property
    def tree(self) -> Tree:
        """The tree of this line alone; offsets count from the start of the line."""
        if self._tree is None:
            self._tree = Tree.parse(TextSnapshot.of(self.text.rstrip("\r\n")))
        return self._tree

    @property
    def value(self) -> object:
        """The value of the tree, which takes no tree where there is nothing wrong with the line."""
        read = self._read()
        return read[0] if read is not None else self.tree.value

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong in this line, counted from its start."""
        return () if self.is_blank or self._read() is not None else self.tree.problems

    def _read(self) -> tuple[object] | None:
        if self._flawless is False:
            self._flawless = flawless_value(self.text) or True
        return self._flawless if isinstance(self._flawless, tuple) else None


def _problems_of(block: Block[Line]) -> tuple[Problem, ...]:
    """What is wrong in the lines of a block, counted from its start; found once per block."""
    known = block.cache.get("problems")
    if isinstance(known, tuple):
        return known
    found = tuple(
        problem.moved(block.start_of(index))
        for index, line in enumerate(block.elements)
        for problem in line.problems
    )
    block.cache["problems"] = found
    return found


def _line_length(line: Line) -> int:
    return line.length


class Timeline:
    """An NDJSON document. It never changes; `edited` gives that of a changed text."""

    def __init__(self, text: TextSnapshot, lines: Spans[Line], problems: Sequence[Problem] = ()) -> None:
        self.text = text
        self.lines = lines
        self._own_problems = problems

    @classmethod
    def parse(cls, text: TextSnapshot) -> Timeline:
        """The timeline of a text, whatever the text is. Never raises; above 5 MB of UTF-8 nothing is read."""
        if _is_too_large(text):
            return cls(text, Spans.of((), _line_length, _BLOCK_SIZE), Tree.parse(text).problems)
        return cls(text, Spans.of([Line(line) for line in text.lines], _line_length, _BLOCK_SIZE))

    def edited(self, edits: Sequence[Edit], after: TextSnapshot) -> Timeline:
        """The timeline of `after`, which `edits` make of this text. Lines that stay keep their objects."""
        changed = stretches(edits)
        if self._own_problems or not changed or _is_too_large(after):
            return Timeline.parse(after)
        first = self._line_at(changed[0].start)
        # A line end may be joined or split at the edge of an edit, so one more line is read on each side.
        first = max(first - 1, 0)
        last = min(self._line_at(changed[-1].end) + 2, self.lines.count)
        start = self.lines.start_of(first)
        end = self.lines.start_of(last) + after.length - self.text.length
        known = {line.text: line for line in self.lines.items(first, last)}
        fresh: list[Line] = []
        number, at = after.lines.locate(start)
        if at != start:
            return Timeline.parse(after)
        while number < after.lines.count and (at < end or last == self.lines.count):
            text = after.lines[number]
            fresh.append(known.pop(text) if text in known else Line(text))
            at += len(text)
            number += 1
        joint: Joint[Line] = Joint(_line_length, _BLOCK_SIZE)
        joint.take(self.lines, 0, first)
        joint.add(fresh)
        joint.take(self.lines, last, self.lines.count)
        return Timeline(after, joint.spans())

    def _line_at(self, offset: int) -> int:
        return self.lines.locate(offset)[0]

    @property
    def count(self) -> int:
        """How many lines there are, blank ones included."""
        return self.lines.count

    def start_of(self, index: int) -> int:
        """Offset of a line."""
        return self.lines.start_of(index)

    @cached_property
    def value(self) -> list[object]:
        """The values of all lines; None for blank ones, so that an index is a line number."""
        return [None if line.is_blank else line.tree.value for line in self.lines]

    @cached_property
    def problems(self) -> Sequence[Problem]:
        """What is wrong with the text, in absolute offsets and in text order."""
        found = list(self._own_problems)
        start = 0
        for block in self.lines.blocks:
            found.extend(problem.moved(start) for problem in _problems_of(block))
            start += block.length
        if len(found) > 1 and found[0].message == found[-1].message == FENCE:
            # The other end of the same fence.
            found.pop()
        return found

    def is_broken(self, pointer: Pointer) -> bool:
        """As `Tree.is_broken`; the first part of a pointer is the line number, from 0."""
        line = self._line(pointer)
        return line is not None and line.tree.is_broken(pointer[1:])

    def range_of(self, pointer: Pointer, part: Part = "value") -> tuple[int, int]:
        """As `Tree.range_of`; the first part of a pointer is the line number, from 0."""
        line = self._line(pointer)
        if line is None:
            return 0, min(1, self.text.length)
        start = self.start_of(int(pointer[0]))
        first, last = line.tree.range_of(pointer[1:], part)
        return start + first, start + last

    def _line(self, pointer: Pointer) -> Line | None:
        if not pointer or not isinstance(pointer[0], int) or not 0 <= pointer[0] < self.count:
            return None
        return self.lines[pointer[0]]

    def at(self, offset: int) -> Hit:
        """As `Tree.at`."""
        if not self.count:
            return Hit((), "value", 0, self.text.length)
        index, start = self.lines.locate(min(max(offset, 0), self.text.length))
        hit = self.lines[index].tree.at(offset - start)
        return Hit((index, *hit.pointer), hit.part, hit.start + start, hit.end + start)


def _is_too_large(text: TextSnapshot) -> bool:
    return text.length * 4 > SIZE_LIMIT and size_bytes(text.text) > SIZE_LIMIT
