"""What the tolerant reader decides where the grammar is left: whose bracket or key is this?

Every decision is a function of the containers that are open and of a few tokens ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from mplp_lsp.text.json_lexer import Lexer
from mplp_lsp.text.places import Placing, Spot


class Gap(Enum):
    """What stood between two neighbours of a container, as far as the later one must know."""

    FIRST = "first"  # nothing was there before
    COMMA = "comma"
    MISSING = "missing"  # no comma, not yet reported
    QUIET = "quiet"  # no comma, but the fault behind it is reported


class Outer(NamedTuple):
    """The containers around a value, outermost first (True: an object), and how the root's keys are indented."""

    kinds: tuple[bool, ...] = ()
    indent: int | None = None


@dataclass(slots=True, eq=False)
class Frame:
    """A container that is being read."""

    is_object: bool
    value: Any
    start: int
    spot: Spot | None = None
    is_implied: bool = False
    gap: Gap = Gap.FIRST
    comma: int = -1
    indent: int | None = None
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    key: str | None = None
    last_key: str | None = None
    last_value: object = None
    last_start: int = -1
    last_spot: Spot | None = None


class Judge:
    """The open containers of a reading, and the questions about them."""

    def __init__(
        self, lexer: Lexer, outer: Outer, *, careful: bool = False, placing: Placing | None = None
    ) -> None:
        self.lexer = lexer
        self.outer = outer
        self.placing = placing
        self.careful = careful
        self.frames: list[Frame] = []
        self.last_stop = 0

    def kind(self, index: int) -> bool | None:
        """Whether the container at a level is an object; None outside all of them."""
        around = len(self.outer.kinds)
        if index < 0:
            return None
        return self.outer.kinds[index] if index < around else self.frames[index - around].is_object

    @property
    def level(self) -> int:
        """The level of the innermost container; -1 outside all."""
        return len(self.outer.kinds) + len(self.frames) - 1

    def _indent(self, index: int) -> int | None:
        around = len(self.outer.kinds)
        if index >= around:
            return self.frames[index - around].indent
        return self.outer.indent if index == 0 else None

    # Brackets

    def fits(self, parent: bool | None, offset: int) -> bool:
        """Whether a closing bracket that ends at `offset` may close a child of `parent`, by what follows it."""
        lexer = self.lexer
        at = lexer.skip(offset, report=False)
        char = lexer.char(at)
        if not char:
            return True
        has_comma = char == ","
        if has_comma:
            at = lexer.skip(at + 1, report=False)
            char = lexer.char(at)
        if parent is None:
            return not has_comma and not lexer.is_key(at)
        if parent:
            return char not in "{[" or not char
        return char in "{[" or not lexer.is_key(at)

    def owner_of_closer(self, offset: int, *, is_object: bool) -> int | None:
        """The level of the container further out that the closing bracket at `offset` closes."""
        for index in range(self.level - 1, -1, -1):
            if self.kind(index) == is_object:
                return index if self.fits(self.kind(index - 1), offset + 1) else None
        return None

    # Keys

    def owner_of_column(self, column: int) -> int | None:
        """The level of the object further out whose keys are indented as this one, if the indentation says so."""
        frame = self.frames[-1]
        if frame.indent is not None and column >= frame.indent:
            return None
        if frame.indent is None and (frame.value or frame.gap not in (Gap.FIRST, Gap.COMMA)):
            return None
        for index in range(self.level - 1, -1, -1):
            if self.kind(index) and column and self._indent(index) == column:
                return index
        return None

    def owner_of_key(self, offset: int) -> int | None:
        """The level of the object that a key found inside a list belongs to; None for a new object in the list."""
        objects = [index for index in range(self.level - 1, -1, -1) if self.kind(index)]
        if not objects:
            return None
        column = self.lexer.column(offset)
        known = [(index, self._indent(index)) for index in objects]
        if column:
            for index, indent in known:
                if indent == column:
                    return index
            nearest = known[0][1]
            if nearest is not None:
                return None if column > nearest else objects[0]
        return None if self._closes_in_list(offset) else objects[0]

    def _closes_in_list(self, offset: int) -> bool:
        """Whether the bracket that ends what starts here is one of an object in a list."""
        stop, closer = self.lexer.unbalanced(offset)
        if closer != "}":
            return False
        at = self.lexer.skip(stop, report=False)
        char = self.lexer.char(at)
        if char == ",":
            at = self.lexer.skip(at + 1, report=False)
            return self.lexer.char(at) == "{"
        return char in ("]", "{")

    def is_deeper(self, offset: int) -> bool:
        """Whether what starts a line here is indented deeper than the keys of the object around it."""
        column = self.lexer.column(offset)
        indent = self.frames[-1].indent
        return column is not None and indent is not None and column > indent
