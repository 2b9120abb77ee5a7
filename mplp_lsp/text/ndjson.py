"""NDJSON timelines: each line is a document of its own, so a broken line never hides the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain

from mplp_lsp.text.edits import Edit
from mplp_lsp.text.problems import Problem
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.spans import Block
from mplp_lsp.text.tree import Hit, Tree
from mplp_runtime.rules.findings import Part, Pointer

_CACHE = "timeline lines"


class Line:
    """One line with its tree. The same object for as long as an edit does not touch its neighbourhood.

    `cache` is for layers above.
    """

    __slots__ = ("cache", "is_blank", "text", "tree")

    def __init__(self, text: str) -> None:
        self.text = text
        content = text.rstrip("\r\n")
        self.is_blank = not content.strip(" \t")
        self.tree = None if self.is_blank else Tree.parse(TextSnapshot.of(content))
        self.cache: dict[str, object] = {}

    @property
    def value(self) -> object:
        """What the line says, as far as it can be read; None for a blank line."""
        return None if self.tree is None else self.tree.value

    @property
    def problems(self) -> Sequence[Problem]:
        """Faults of this line, in offsets from its start."""
        return () if self.tree is None else self.tree.problems


class Timeline:
    """A text read line by line. It never changes; unchanged blocks of lines are shared between versions."""

    def __init__(self, text: TextSnapshot) -> None:
        self.text = text

    @classmethod
    def parse(cls, text: TextSnapshot) -> Timeline:
        """Reads nothing yet: a line is read when it is first asked for."""
        return cls(text)

    def edited(self, edits: Sequence[Edit], after: TextSnapshot) -> Timeline:  # noqa: ARG002 (as Tree.edited)
        """The timeline of `after`; lines are kept with the text's blocks, so what was read stays read."""
        return Timeline(after)

    @property
    def count(self) -> int:
        """Lines, blank ones included."""
        return self.text.line_count

    @property
    def blocks(self) -> tuple[Block[str], ...]:
        """Runs of neighbouring lines of the text; `lines_of(block)` gives what was read of them."""
        return self.text.lines.blocks

    def lines(self) -> Iterator[Line]:
        """All lines in order."""
        return chain.from_iterable(lines_of(block) for block in self.blocks)

    def line(self, index: int) -> Line:
        """One line, counted from 0."""
        number, inner = self.text.lines.place(index)
        return lines_of(self.blocks[number])[inner]

    @property
    def value(self) -> list[object]:
        """The values of all lines; None stands for blank ones, so that positions are line numbers."""
        return [line.value for line in self.lines()]

    @cached_property
    def problems(self) -> Sequence[Problem]:
        """Faults of all lines, in absolute offsets and in text order."""
        found: list[Problem] = []
        start = 0
        for block in self.blocks:
            for inner, line in enumerate(lines_of(block)):
                if line.problems:
                    offset = start + block.start_of(inner)
                    found.extend(problem.moved(offset) for problem in line.problems)
            start += block.length
        return found

    def range_of(self, pointer: Pointer, part: Part = "value") -> tuple[int, int]:
        """Offsets of a place; the first part of `pointer` is the line, counted from 0."""
        if not pointer or not isinstance(pointer[0], int) or not 0 <= pointer[0] < self.count:
            return 0, min(1, self.text.length)
        start = self.text.lines.start_of(pointer[0])
        line = self.line(pointer[0])
        if line.tree is None:
            return start, start + len(line.text.rstrip("\r\n"))
        first, last = line.tree.range_of(pointer[1:], part)
        return start + first, start + last

    def at(self, offset: int) -> Hit:
        """The innermost key or value at `offset`."""
        number, start = self.text.lines.locate(offset)
        tree = self.line(number).tree
        if tree is None:
            return Hit((number,), "value", start, start)
        hit = tree.at(min(offset - start, tree.text.length))
        return Hit((number, *hit.pointer), hit.part, start + hit.start, start + hit.end)

    def is_broken(self, pointer: Pointer) -> bool:
        """Whether a fault stands inside that place."""
        if not pointer or not isinstance(pointer[0], int) or not 0 <= pointer[0] < self.count:
            return bool(self.problems)
        tree = self.line(pointer[0]).tree
        return tree is not None and tree.is_broken(pointer[1:])


def lines_of(block: Block[str]) -> tuple[Line, ...]:
    """What was read of a block's lines; read once for all versions that share the block."""
    known = block.cache.get(_CACHE)
    if isinstance(known, tuple):
        return known
    lines = tuple(Line(text) for text in block.elements)
    block.cache[_CACHE] = lines
    return lines
