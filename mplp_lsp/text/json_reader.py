"""The tolerant reader of one JSON value: left to right, iterative, deterministic; it never raises.

It reads anything: where the grammar is left, it reports one fault and goes on as the writer most likely
meant. It looks ahead a few tokens at most and knows which containers stand around the value (`Outer`), so
that a bracket or a key that belongs further out ends the value instead of being swallowed.
"""

from __future__ import annotations

import re

from mplp_lsp.text.json_containers import Reading
from mplp_lsp.text.json_judge import Frame, Gap, Outer
from mplp_lsp.text.json_keys import Keys
from mplp_lsp.text.json_lexer import Lexer
from mplp_lsp.text.json_scan import DEPTH_LIMIT, Scan, SoundScanner
from mplp_lsp.text.places import Placing, Spot
from mplp_runtime.rules.findings import Severity

# Scans that fail are paid twice; a text with very many faults is read without them.
_WASTE_LIMIT = 2_000_000
_QUOTE_BEFORE_BRACKET = re.compile(r'"[ \t]*[{\[](?=[\r\n])')


class Reader(Keys):
    """Reads one value; see the module. Use a new reader for each value."""

    def __init__(
        self,
        lexer: Lexer,
        outer: Outer,
        *,
        scanner: SoundScanner | None = None,
        careful: bool = False,
        placing: Placing | None = None,
    ) -> None:
        super().__init__(lexer, outer, careful=careful, placing=placing)
        self.scanner = scanner or SoundScanner(lexer)
        self.scans = not careful
        self._wasted = 0

    def read(self, offset: int, spot: Spot | None = None) -> Reading:
        """The value whose first token is at `offset`; without a value where none starts there."""
        at = self.value_at(offset, spot)
        if at is None:
            return Reading(None, offset, offset, has_value=False)
        return self._finish(at)

    def read_members(self, offset: int, spot: Spot | None = None) -> Reading:
        """The object whose opening bracket is missing and whose first key is at `offset`."""
        self.imply_object(offset, spot)
        return self._finish(offset)

    def _finish(self, at: int) -> Reading:
        while self.frames:
            self.last_stop = at
            at = self.step(self.frames[-1], at)
        return self.result._replace(resume=at, is_quiet=self.is_quiet)

    # Values

    def value_at(self, offset: int, spot: Spot | None) -> int | None:
        """Read a scalar or a sound container whole, or open a container; None where no value starts."""
        offset = self.past_stray_quote(offset)
        char = self.lexer.char(offset)
        if char not in ("{", "["):
            kinds = [frame.is_object for frame in self.frames[-1:]] or self.outer.kinds[-1:]
            token = self.lexer.scalar(offset, is_of_member=any(kinds))
            if token is None:
                return None
            self.put(token.value, offset, token.stop, spot, quiet=token.is_quiet)
            return token.stop
        if self.level + 1 >= DEPTH_LIMIT:
            return self._too_deep(offset)
        stop = self._sound(offset, spot) if self.scans and self.frames else None
        if stop is not None:
            return stop
        self.open(offset, is_object=char == "{", spot=spot)
        return offset + 1

    def past_stray_quote(self, offset: int) -> int:
        """Where the bracket stands that ends its line behind a quote; `offset` where there is none."""
        slip = None if self.careful else _QUOTE_BEFORE_BRACKET.match(self.lexer.text, offset)
        if slip is None:
            return offset
        self.lexer.note(slip.end() + 1)
        repair = (offset, offset + 1, "")
        self.lexer.expected("", "This quote is one too many.", offset, offset + 1, repair)
        return slip.end() - 1

    def _sound(self, offset: int, spot: Spot | None) -> int | None:
        """A container inside a damaged one, read at full speed where it is whole itself; where it ends."""
        before = self.lexer.reach
        scan = self.scanner.scan(offset, self.level + 1)
        if scan is None:
            # A failing scan also counts the lines before its fault.
            self._wasted += max(self.lexer.reach, before) - offset + self.lexer.length // 8
            self.scans = self._wasted < _WASTE_LIMIT
            return None
        if scan.is_deep:
            self.scans = False
            return None
        if not self.is_trusted(offset, scan.stop):
            return None
        value = self.checked(scan, offset, spot).value
        self.put(value, offset, scan.stop, spot)
        return scan.stop

    def checked(self, scan: Scan, offset: int, spot: Spot | None) -> Reading:
        """The value of a sound scan; read again where warnings or places are wanted."""
        if not scan.needs_care and self.placing is None:
            return Reading(scan.value, scan.stop, scan.stop)
        kinds = (*self.outer.kinds, *(frame.is_object for frame in self.frames))
        reader = Reader(self.lexer, Outer(kinds), careful=True, placing=self.placing)
        return reader.read(offset, spot)

    def _too_deep(self, offset: int) -> int:
        """Pass over a container that is nested too deep, counting brackets."""
        message = f"Nested deeper than {DEPTH_LIMIT} levels; what is inside is not read."
        self.lexer.add("json-nesting-too-deep", message, offset, offset + 1)
        stop, is_closed = self.lexer.matching_end(offset)
        if is_closed:
            self.put(None, offset, stop, None)
        else:
            while self.frames:
                self.close(stop, quiet=True)
        return stop

    # Containers

    def step(self, frame: Frame, offset: int) -> int:
        """One member or item with the gap before it, or the end of the container."""
        at = self._commas(frame, self.lexer.skip(offset))
        char = self.lexer.char(at)
        if not char:
            return self.close_to(-1, at)
        if char in "}]":
            return self._closer(frame, at, char)
        if char in "{[" and frame.gap is Gap.MISSING and not self.careful and self.opens_nothing(at):
            self.opening_extra(at, char)
            return at + 1
        return self._member(frame, at, char) if frame.is_object else self._item(frame, at, char)

    def _commas(self, frame: Frame, at: int) -> int:
        """Pass the comma before a member or item; report those that are one too many."""
        lexer = self.lexer
        while lexer.char(at) in (",", ";"):
            if lexer.char(at) == ";":
                at = self.semicolon(at)
                frame.gap = Gap.QUIET
                continue
            if frame.gap in (Gap.FIRST, Gap.COMMA):
                what = "Key" if frame.is_object else "Value"
                stop = lexer.run_end(at)
                message = f"{what} expected before this comma."
                lexer.expected(what.lower(), message, at, stop, (at, stop, ""))
                at = stop - 1
            frame.gap = Gap.COMMA
            frame.comma = at
            at = lexer.skip(at + 1)
        return at

    def _closer(self, frame: Frame, at: int, char: str) -> int:
        is_object = char == "}"
        if not self.careful and self.is_in_indentation(at):
            self.bracket_extra(at, char)
            return at + 1
        owner = None if self.careful else self.owner_of_indent(at, is_object=is_object)
        if owner is not None:
            return self.close_to(owner, at)
        if frame.is_object == is_object:
            if not self.careful and is_object and self._is_before_first_key(frame, at):
                self.bracket_extra(at, char)
            elif self.careful or self.fits(self.level, at + 1, is_own=True):
                if frame.gap is Gap.COMMA:
                    self.trailing_comma(frame.comma)
                self.close(at + 1)
            else:
                self.bracket_extra(at, char)
            return at + 1
        is_single = frame.last_key is not None and frame.gap is Gap.MISSING
        if isinstance(frame.last_value, dict) and (
            frame.indent is None or self.lexer.column(at) != frame.indent
        ):
            # `{"trace": {…}]`: a bracket typed behind the other is likelier than one forgotten long before.
            is_single = False
        if is_single and not isinstance(frame.last_value, list) and self.list_was_meant(at):
            return self.imply_list(frame, at)
        owner = self.owner_of_closer(at, is_object=is_object)
        if owner is not None:
            return self.close_to(owner, at)
        if self.fits(self.level, at + 1, is_own=False):
            right = "}" if frame.is_object else "]"
            message = f"`{right}` expected here, not `{char}`."
            self.lexer.expected(right, message, at, at + 1, (at, at + 1, right))
            self.close(at + 1)
        else:
            self.bracket_extra(at, char)
        return at + 1

    def _is_before_first_key(self, frame: Frame, at: int) -> bool:
        """Whether this brace stands in the indentation of the first key of an object just opened."""
        lexer = self.lexer
        if frame.gap is not Gap.FIRST or lexer.column(at) is None:
            return False
        behind = lexer.skip(at + 1, report=False)
        return "\n" not in lexer.text[at:behind] and lexer.is_key(behind)

    # Lists

    def _item(self, frame: Frame, at: int, char: str) -> int:
        if char == ":":
            stop = self.lexer.run_end(at)
            self.lexer.expected(",", "A list has no `:`.", at, stop, (at, stop, ","))
            frame.gap = Gap.QUIET
            return stop
        spot = frame.spot.item(len(frame.value)) if frame.spot is not None else None
        if char not in "{[" and not self.careful and self.lexer.is_key(at) and not self._is_item(at):
            owner = self.owner_of_key(at)
            if owner is not None:
                return self.close_to(owner, at)
            self.imply_object(at, spot)
            return at
        owner = self.owner_of_brace(at) if char == "{" and not self.careful else None
        if owner is not None:
            return self.close_to(owner, at)
        self._comma_check(frame, at, "value")
        return self.value_at(at, spot) or at + 1

    def _is_item(self, at: int) -> bool:
        """Whether what looks like a key in a list is an item with a colon too many."""
        lexer = self.lexer
        colon = lexer.skip(lexer.token_end(at), report=False)
        return lexer.char(colon) == ":" and self.is_stray_colon(colon)

    def _comma_check(self, frame: Frame, at: int, what: str) -> None:
        if frame.gap is Gap.MISSING and not self.lexer.leaves_out(at):
            message = f"Comma expected before this {what}."
            self.lexer.add("json-comma-missing", message, at, self.lexer.token_end(at), expected=",")

    # Objects

    def _member(self, frame: Frame, at: int, char: str) -> int:
        lexer = self.lexer
        if char in "{[":
            return self._value_without_key(frame, at, char)
        if char == ":":
            lexer.expected("key", "Key expected before this colon.", at, at + 1)
            behind = lexer.skip(at + 1, report=False)
            if lexer.is_key(behind) or lexer.char(behind) in ("}", "]"):
                frame.gap = Gap.QUIET if frame.gap is Gap.MISSING else frame.gap
                return at + 1
            frame.key = None
            return self._member_value(frame, None, at + 1)
        column = None if self.careful else lexer.column(at)
        if column is not None:
            owner = self.owner_of_column(column)
            if owner is not None and lexer.is_key(at):
                return self.close_to(owner, at)
            if frame.indent is None:
                frame.indent = column
        known = len(lexer.problems)
        key = self.read_key(at)
        if key is None:
            del lexer.problems[known:]
            if frame.gap is Gap.COMMA and isinstance(frame.last_value, str) and self.strings_then_bracket(at):
                return self.imply_list(frame, at)
            return self.half_key(frame, at)
        name, stop, behind = key
        self._comma_check(frame, at, "key")
        first = frame.keys.setdefault(name, (at, stop))
        if first != (at, stop):
            message = f"The key `{name}` stands here twice; the last one counts."
            warning = Severity.WARNING
            data = {"first_start": first[0], "first_end": first[1]}
            lexer.add("json-key-duplicate", message, at, stop, warning, **data)
        frame.key = name
        spot = frame.spot.member(name, at, stop) if frame.spot is not None else None
        return self._member_value(frame, spot, behind)

    def _is_value(self, at: int) -> bool:
        """Whether something stands here that is no key."""
        char = self.lexer.char(at)
        return bool(char) and char not in "}],:;" and not self.lexer.is_key(at)

    def _member_value(self, frame: Frame, spot: Spot | None, after: int) -> int:
        """The value after a colon that ends at `after`; reading goes on there where the value is missing."""
        lexer = self.lexer
        at = lexer.skip(after)
        char = lexer.char(at)
        if char == "," and not self.careful:
            inner = lexer.skip(at + 1, report=False)
            if lexer.column(inner) is None and self._is_value(inner):
                lexer.expected("value", "Value expected before this comma.", at, at + 1, (at, at + 1, ""))
                after = at + 1
                at = lexer.skip(after)
                char = lexer.char(at)
        while char == ":":
            after = lexer.run_end(at)
            lexer.expected("value", "One colon is enough.", at, after, (at, after, ""))
            at = lexer.skip(after)
            char = lexer.char(at)
        if char and char in "}]" and not self.careful:
            inner = lexer.skip(at + 1, report=False)
            follows = lexer.char(inner)
            if follows and follows not in ",:}]" and lexer.column(inner) is None and not lexer.is_key(inner):
                self.bracket_extra(at, char)
                after = at + 1
                at, char = lexer.skip(after), follows
        if char == "{" and not self.careful:
            inner = lexer.skip(at + 1, report=False)
            follows = lexer.char(inner)
            if follows and follows in "-0123456789" and not lexer.is_key(inner):
                self.opening_extra(at, char)
                after = at + 1
                at, char = lexer.skip(after), follows
        if char and char not in "{[" and not self.careful and lexer.is_key(at):
            if self.brace_is_missing(at):
                self.imply_object(at, spot)
                return at
        elif char != "{" or self.careful or self.owner_of_brace(at) is None:
            stop = self.value_at(at, spot)
            if stop is not None:
                return stop
        if char == "]" and not self.careful and self.list_was_meant(at):
            lexer.expected("[", "`[` expected before this `]`.", at, at + 1, (None, at, "["))
            self.put([], at, at + 1, spot)
            return at + 1
        if self.placing is not None and spot is not None:
            self.placing.missing(spot, after)
        frame.key = None
        frame.gap = Gap.QUIET
        lexer.forget(after)
        lexer.expected("value", "Value expected after this key.", after - 1, after)
        return after

    def _value_without_key(self, frame: Frame, at: int, char: str) -> int:
        """A bracket where a key belongs: the object around it is not closed, or a list was never opened."""
        lexer = self.lexer
        owner = self.owner_of_brace(at) if char == "{" and not self.careful else None
        if owner is not None:
            return self.close_to(owner, at)
        if not self.careful and (self.brace_is_extra(at) if char == "{" else self.list_is_extra(at)):
            self.opening_extra(at, char)
            return at + 1
        if char == "{" and not self.careful:
            if self.kind(self.level - 1) is False:
                return self.close_to(self.level - 1, at)
            if isinstance(frame.last_value, dict) and frame.last_key is not None:
                inner = lexer.skip(at + 1, report=False)
                if lexer.is_key(inner) and lexer.string_at(inner) not in frame.last_value:
                    # No second one of the same kind: `"meta": {…}, { "title": …`.
                    self.opening_extra(at, char)
                    return at + 1
                return self.imply_list(frame, at)
        lexer.expected("key", f"Key expected before this `{char}`.", at, at + 1)
        frame.key = None
        return self.value_at(at, None) or at + 1

    def imply_list(self, frame: Frame, at: int) -> int:
        """The last value of an object turns out to be the first of a list that was never opened."""
        start, spot = frame.last_start, frame.last_spot
        self.lexer.expected("[", "`[` expected before this value.", start, start + 1, (None, start, "["))
        whole = self.placing.wrapped(spot, start) if self.placing is not None and spot is not None else None
        gap = Gap.QUIET if frame.gap is Gap.MISSING else frame.gap
        frame.key = frame.last_key
        inner = Frame(False, [frame.last_value], start, whole, is_implied=True, gap=gap, comma=frame.comma)
        inner.last_value = frame.last_value
        self.frames.append(inner)
        return at
