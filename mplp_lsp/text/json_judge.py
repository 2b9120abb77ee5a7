"""What the tolerant reader decides where the grammar is left: whose bracket or key is this?

Every decision is a function of the containers that are open and of a few tokens ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from mplp_lsp.text.json_lexer import Lexer
from mplp_lsp.text.places import Placing, Spot

# How many containers further out are asked for the indentation of their lines.
INDENTS_LIMIT = 16


class Gap(Enum):
    """What stood between two neighbours of a container, as far as the later one must know."""

    FIRST = "first"  # nothing was there before
    COMMA = "comma"
    MISSING = "missing"  # no comma, not yet reported
    QUIET = "quiet"  # no comma, but the fault behind it is reported


class Outer(NamedTuple):
    """The containers around a value, outermost first (True: an object), and the indent of the root's keys."""

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
    # Where a container inside opens that ended, by its indentation, with a bracket of one further out.
    suspect: int = -1


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
        # Nothing before this place is looked at to learn how far a line is indented.
        self.floor = 0
        # How many containers ended without a bracket of their own.
        self.forced = 0

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

    def fits(self, level: int, offset: int, *, is_own: bool) -> bool:
        """Whether the closing bracket that ends at `offset` may close the container at `level`.

        What follows decides: it must be able to follow a child of the container around. A bracket that is
        the container's own is believed unless much speaks against it, one that would also close others
        only if something speaks for it.
        """
        at, has_comma = self._behind(offset)
        char = self.lexer.char(at)
        if char == ":" and has_comma:
            at = self.lexer.skip(at + 1, report=False)
            char = self.lexer.char(at)
        elif char == ":" and self.is_stray_colon(at):
            at, has_comma = self._behind(at + 1)
            char = self.lexer.char(at)
        parent = self.kind(level - 1)
        if not char:
            return True
        if char == ":":
            return False
        if char not in "{[}]" and self.lexer.is_key(at):
            return parent is True and not self._continues(at, level, has_comma=has_comma, is_own=is_own)
        if parent is None:
            # A document that goes on behind another closing bracket has not ended here.
            goes_on = char in "}]" and self.lexer.char(self.lexer.skip(at + 1, report=False))
            return not has_comma and not goes_on
        if parent:
            if is_own and char == '"' and not has_comma and not self.kind(level):
                # `"tags": [] "a", "b"]`: the list goes on, and ends further behind.
                return self.lexer.unbalanced(at)[1] != "]"
            if is_own and char in "{[":
                # Unless that bracket opens nothing.
                inner = self.lexer.skip(at + 1, report=False)
                follows = self.lexer.char(inner)
                if char == "[" and self.lexer.is_key(inner):
                    return True
                return not has_comma and follows in ("", "}")
            return char not in "{[" and (is_own or (char == "}" and not has_comma))
        return is_own or (char != "}" and (has_comma or char in "{[]"))

    def is_misplaced(self, start: int, closer: int) -> bool:
        """Whether a bracket that is first of its line is less indented than the line of its opening one."""
        column = self.lexer.column(closer)
        if column is None or not self.lexer.ends_line(closer + 1):
            return False
        indent = self.lexer.line_indent(start, self.floor)
        return indent is not None and column < indent

    def is_in_indentation(self, offset: int) -> bool:
        """Whether a closing bracket stands in the indentation of the one of the innermost container."""
        lexer = self.lexer
        frame = self.frames[-1]
        column = lexer.column(offset)
        behind = lexer.skip(offset + 1, report=False)
        if column is None or lexer.char(behind) != ("}" if frame.is_object else "]"):
            return False
        if "\n" in lexer.text[offset:behind]:
            return False
        indent = lexer.line_indent(frame.start, self.floor)
        # A bracket that was typed there moved the other by one.
        is_shifted = indent is not None and behind - (offset - column) - indent in (0, 1)
        return is_shifted and (column != indent or lexer.char(offset) != lexer.char(behind))

    def owner_of_indent(self, offset: int, *, is_object: bool) -> int | None:
        """The level of the container further out whose line is indented as this closing bracket."""
        column = self.lexer.column(offset)
        if column is None or not self.is_misplaced(self.frames[-1].start, offset):
            return None
        around = len(self.outer.kinds)
        last = len(self.frames) - 2
        for index in range(last, max(last - INDENTS_LIMIT, -1), -1):
            frame = self.frames[index]
            indent = self.lexer.line_indent(frame.start, self.floor)
            if indent is None or indent <= column:
                return around + index if indent == column and frame.is_object == is_object else None
        return None

    def owner_of_brace(self, offset: int) -> int | None:
        """The level of the list further out whose next entry this `{` begins, by its indentation."""
        column = self.lexer.column(offset)
        gap = self.lexer.text[offset + 1 : self.lexer.skip(offset + 1, report=False)]
        if column is None or (len(gap) > 1 and "\n" not in gap and "\r" not in gap):
            # Or it stands in the indentation of a key.
            return None
        around = len(self.outer.kinds)
        last = len(self.frames) - 1
        for index in range(last, max(last - INDENTS_LIMIT, -1), -1):
            indent = self.lexer.line_indent(self.frames[index].start, self.floor)
            if indent is None:
                return None
            if column > indent:
                return None if index == last or self.frames[index].is_object else around + index
        return around - 1 if last < INDENTS_LIMIT and self.kind(around - 1) is False else None

    def is_stray_colon(self, offset: int) -> bool:
        """Whether the colon at `offset` has no value behind it, so that nothing before it need be a key."""
        at = self.lexer.skip(offset + 1, report=False)
        return self.lexer.char(at) in (",", "}", "]", "")

    def _continues(self, key: int, level: int, *, has_comma: bool, is_own: bool) -> bool:
        """Whether the key that follows a closing bracket goes on in an object the bracket would close."""
        gap = self.frames[-1].gap if self.frames else Gap.MISSING
        if not has_comma and gap is Gap.COMMA:
            return True
        column = self.lexer.column(key)
        if not has_comma and gap is Gap.FIRST and not is_own and self.frames[-1].is_object:
            # `"agent": {] "role": …`: the object has only been opened, and this is its first key.
            return column is None or column != self._indent(level - 1)
        inside = range(level, self.level + 1)
        return column is not None and any(self.kind(i) and self._indent(i) == column for i in inside)

    def owner_of_closer(self, offset: int, *, is_object: bool) -> int | None:
        """The level of the container further out that the closing bracket at `offset` closes."""
        lexer = self.lexer
        owner = next((i for i in range(self.level - 1, -1, -1) if self.kind(i) == is_object), None)
        if owner is None or not self.fits(owner, offset + 1, is_own=False):
            return None
        at, has_comma = self._behind(offset + 1)
        if (
            is_object
            and has_comma
            and self._lists_scalars()
            and lexer.char(at) == '"'
            and not lexer.is_key(at)
        ):
            # `["a"}, "b"]`: the list goes on.
            return None
        own_closer = "}" if self.kind(self.level) else "]"
        if lexer.char(at) == own_closer and not has_comma and lexer.column(offset) is None:
            is_near = lexer.column(at) is None
            if self._is_own_column(lexer.column(at)):
                # `["a"]]`, and below it the brace of this very object: the second bracket is too many.
                return None
            return None if is_near and self._closes_in_list(at + 1) else owner
        if not is_object and self.kind(owner - 1) and lexer.column(at) is None and lexer.char(at) == '"':
            return None if self._closes_in_list(offset + 1) else owner
        return owner

    def _is_own_column(self, column: int | None) -> bool:
        """Whether a brace that is the first of its line is indented as that of the innermost object."""
        own = self._indent(self.level) if self.frames and self.frames[-1].is_object else None
        if column is None or own is None or column >= own:
            return False
        around = [self._indent(level) for level in range(self.level) if self.kind(level)]
        return not any(indent is not None and column < indent < own for indent in around)

    def _lists_scalars(self) -> bool:
        """Whether the innermost container is a list whose last item is a string or a number."""
        frame = self.frames[-1] if self.frames else None
        return (
            frame is not None
            and not frame.is_object
            and bool(frame.value)
            and not isinstance(frame.last_value, dict | list)
        )

    def opens_nothing(self, offset: int) -> bool:
        """Whether the opening bracket at `offset`, where a separator is missing, has nothing behind it."""
        at = self.lexer.skip(offset + 1, report=False)
        char = self.lexer.char(at)
        return char == "," or (char == "]" and self.lexer.text[offset] == "{")

    # Keys

    def owner_of_column(self, column: int) -> int | None:
        """The level of the object further out whose keys are indented as this one; None if there is none."""
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
        """The level of the object a key found inside a list belongs to; None for a new object in the list."""
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
        if self.frames and not isinstance(self.frames[-1].last_value, dict):
            return objects[0]
        return None if self._closes_in_list(offset) else objects[0]

    def _closes_in_list(self, offset: int) -> bool:
        """Whether the bracket that ends what starts here is one of an object in a list."""
        stop, closer = self.lexer.unbalanced(offset)
        if closer != "}":
            return False
        at, has_comma = self._behind(stop)
        return self.lexer.char(at) == "{" or (not has_comma and self.lexer.char(at) == "]")

    def _behind(self, offset: int) -> tuple[int, bool]:
        """The next token but a comma, and whether there was a comma."""
        at = self.lexer.skip(offset, report=False)
        if self.lexer.char(at) != ",":
            return at, False
        return self.lexer.skip(at + 1, report=False), True

    def brace_is_extra(self, offset: int) -> bool:
        """Whether the `{` at `offset`, where a key belongs, opens nothing."""
        frame = self.frames[-1]
        lexer = self.lexer
        at = lexer.skip(offset + 1, report=False)
        if not lexer.is_key(at):
            return lexer.char(at) == "}" and frame.gap is Gap.MISSING
        if self.kind(self.level - 1) is False and lexer.string_at(at) in frame.keys:
            # A key that is there already begins the next object of the list.
            return False
        column = lexer.column(offset)
        is_first = not frame.value and frame.gap is Gap.FIRST
        if is_first and (
            self.kind(self.level - 1) is not False or "\n" not in lexer.text[frame.start : offset]
        ):
            return True
        if column is not None:
            if frame.indent is not None and at - (offset - column) - frame.indent in (0, 1):
                # The brace stands in the indentation of a key.
                return True
            if column == frame.indent or isinstance(frame.last_value, dict):
                return column == frame.indent
            outer = lexer.line_indent(frame.start, self.floor)
            return outer is not None and (column > outer or (is_first and column < outer))
        # At the end of the line of a member: the key below it is the next of the same object.
        is_same_line = "\n" not in lexer.text[self.last_stop : offset]
        return is_same_line and frame.indent is not None and lexer.column(at) == frame.indent

    def list_is_extra(self, offset: int) -> bool:
        """Whether the `[` at `offset`, where a key belongs, opens nothing."""
        at = self.lexer.skip(offset + 1, report=False)
        return self.lexer.char(at) == "}" or (self.lexer.is_key(at) and self.lexer.unbalanced(at)[1] != "]")

    def brace_is_missing(self, offset: int) -> bool:
        """Whether the key at `offset`, where a value belongs, begins an object that was never opened."""
        column = self.lexer.column(offset)
        indent = self.frames[-1].indent
        if column is not None and indent is not None:
            return column > indent
        # If the brace is there, the next one that closes more than it opens belongs to this object.
        stop, closer = self.lexer.unbalanced(offset)
        if closer != "}":
            return False
        at, has_comma = self._behind(stop)
        parent = self.kind(self.level - 1)
        if parent is None:
            return bool(self.lexer.char(at))
        return not parent and has_comma and self.lexer.is_key(at)

    def list_was_meant(self, offset: int) -> bool:
        """Whether the `]` at `offset`, in an object, closes a list whose opening bracket is missing."""
        at, has_comma = self._behind(offset + 1)
        char = self.lexer.char(at)
        indent = self.frames[-1].indent
        if has_comma:
            column = self.lexer.column(at)
            if not self.lexer.is_key(at):
                return False
            if column is not None and indent is not None:
                return column == indent
        elif char != "}":
            return False
        elif self.lexer.char(self.lexer.skip(at + 1, report=False)):
            return True
        if self.kind(self.level - 1) is False:
            return self._closes_in_list(offset + 1)
        return self.owner_of_closer(offset, is_object=False) is None

    def strings_then_bracket(self, offset: int) -> bool:
        """Whether strings with commas between them and then a `]` stand here: a list without its start."""
        lexer = self.lexer
        at = offset
        while lexer.patience and lexer.char(at) == '"' and not lexer.is_key(at):
            start = at
            at, has_comma = self._behind(lexer.token_end(at))
            lexer.patience = max(lexer.patience - (at - start), 0)
            if not has_comma:
                return lexer.char(at) == "]" and self.list_was_meant(at)
        return False
