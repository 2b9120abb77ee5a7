"""The gaps between the tokens of JSON, and looking ahead: where the next token is and what it may be."""

from __future__ import annotations

import re

from mplp_lsp.text.problems import Problem
from mplp_runtime.rules.findings import Severity

_SPACE = re.compile(r"[ \t\n\r]*")
_LINE_COMMENT = re.compile(r"//[^\r\n]*|#[^\r\n]*")
_CONFLICT_MARKER = re.compile(r"(?:<{7}|={7}|>{7}|\|{7})(?![<=>|])[^\r\n]*")
_CONFLICT_END = re.compile(r"[\r\n]>{7}(?!>)[^\r\n]*")
CONFLICT = "A merge conflict starts here: keep one of its sides and remove the lines that mark it."
CONFLICT_REST = (
    "This is the rest of a merge conflict: keep one of its sides and remove the lines that mark it."
)
_STRAY = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f\u2060\u3000\ufeff]+"
)
# A key hit by accident, right before what is sound.
_SLIP = re.compile(r'[/\\*&~`!@%^()?]+(?=["{\[,}\]])')
WORD = re.compile(r'[^\s,;:\[\]{}"]+')
_SLIP_RUN = re.compile(r"[/\\*&~`!@%^()?]+")
_NEAR = re.compile(r"[^\r\n]{0,402}")
_BLANKS = re.compile(r"[ \t,\]}]*")
_BLANK = re.compile(r"[ \t]*")
_LINE = re.compile(r"[^\r\n]*")
_STRING_ON_LINE = re.compile(r'"(?:[^"\\\r\n]|\\.)*"?')
_SINGLE_QUOTED = re.compile(r"'((?:[^'\\\r\n]|\\.)*)('?)")
_KEY = re.compile(r'"(?:[^"\\\r\n]|\\.)*"|\'(?:[^\'\\\r\n]|\\.)*\'|[A-Za-z_$][\w$-]*"?')
_TOKEN_STARTS = frozenset("{}[],:\"-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$'")
_BRACKETS = re.compile(r'"(?:[^"\\\r\n]|\\.)*"?|[\[\]{}]')
INDENT_LIMIT = 2_000
BALANCE_LIMIT = 20_000
PATIENCE = 200_000


def repair_data(start: int | None, end: int | None, new_text: str) -> dict[str, object]:
    """The edit that repairs a problem, as its data.

    Only a start: something belongs behind all that stands there; only an end: before it. The two differ
    where a table stands at that place.
    """
    data: dict[str, object] = {"repair_text": new_text}
    if start is not None:
        data["repair_start"] = start
    if end is not None:
        data["repair_end"] = end
    return data


class GapLexer:
    """Reads tokens of `text` and collects problems, in offsets of `text`.

    `reach` is one more than the last place that was looked at; it passes the end of `text` when the end
    itself was seen. What was read stays true as long as nothing before `reach` changes.
    """

    def __init__(self, text: str, *, starts_line: bool) -> None:
        self.text = text
        self.length = len(text)
        self.reach = 0
        self.problems: list[Problem] = []
        # How much more text may be looked through to decide what a bracket or a key belongs to.
        self.patience = PATIENCE
        self._starts_line = starts_line
        self._no_comment_end = self.length

    def note(self, offset: int) -> None:
        """Everything before `offset` was looked at."""
        if offset > self.reach:
            self.reach = offset

    def add(
        self,
        code: str,
        message: str,
        start: int,
        end: int,
        severity: Severity = Severity.ERROR,
        **data: object,
    ) -> None:
        """Report a fault; an empty range is widened to one character where there is one."""
        end = min(max(end, start + 1), self.length)
        if start >= end:
            start = max(end - 1, 0)
        last = self.problems[-1] if self.problems else None
        if last is not None and (last.code, last.message, last.end) == (code, message, start):
            # A run of the same fault, as in `,,,,`, is one fault.
            self.problems[-1] = last._replace(end=end)
            return
        self.problems.append(Problem(code, message, start, end, data, severity))

    def expected(
        self,
        what: str,
        message: str,
        start: int,
        end: int,
        repair: tuple[int | None, int | None, str] | None = None,
    ) -> None:
        """Report that something else should stand here; `what` is for the fix, as is `repair`: see there."""
        data = {} if repair is None else repair_data(*repair)
        self.add("json-syntax", message, start, end, Severity.ERROR, expected=what, **data)

    # Gaps

    def char(self, offset: int) -> str:
        """The character at an offset; an empty string at the end."""
        self.note(offset + 1)
        return self.text[offset] if offset < self.length else ""

    def skip(self, offset: int, *, report: bool = True) -> int:
        """Where the next token starts; comments and characters that do not belong are reported and passed."""
        text = self.text
        while True:
            match = _SPACE.match(text, offset)
            offset = match.end() if match else offset
            self.note(offset + 1)
            if offset >= self.length or text[offset] in _TOKEN_STARTS:
                return offset
            stop = self._strange_gap(offset, report)
            if stop == offset:
                return offset
            offset = stop

    def first_sign(self, offset: int) -> int:
        """Where the first character that is no white space in JSON stands."""
        match = _SPACE.match(self.text, offset)
        offset = match.end() if match else offset
        self.note(offset + 1)
        return offset

    def _strange_gap(self, offset: int, report: bool) -> int:
        text = self.text
        char = text[offset]
        kind = ("json-syntax", "")
        match: re.Match[str] | None = None
        if char == "/" or char == "#":
            match = _LINE_COMMENT.match(text, offset)
            kind = ("json-comment", "JSON has no comments.")
            if text.startswith("/*", offset):
                return self._block_comment(offset, report)
        elif char in "<=>|":
            if self.column(offset) == 0:
                match = self._conflict(offset)
            kind = ("json-syntax", CONFLICT if char == "<" else CONFLICT_REST)
        else:
            match = _STRAY.match(text, offset)
            kind = ("json-syntax", "This character is no white space in JSON.")
        if match is None:
            match = _SLIP.match(text, offset)
            kind = ("json-syntax", "This does not belong here.")
        if match is None:
            self.note(offset + 8)
            return self._note_slip(offset)
        self.note(match.end() + 1)
        if report:
            self.add(kind[0], kind[1], offset, match.end())
        return match.end()

    def _conflict(self, offset: int) -> re.Match[str] | None:
        """The line that marks a side of a merge conflict; with all of the other side where that follows."""
        match = _CONFLICT_MARKER.match(self.text, offset)
        if match is None or self.text[offset] in "<>":
            return match
        limit = match.end() + min(BALANCE_LIMIT, self.patience)
        end = _CONFLICT_END.search(self.text, match.end(), limit)
        stop = end.end() if end else min(limit, self.length)
        self.note(stop + 1)
        self.patience = max(self.patience - (stop - match.end()), 0)
        return end or match

    def _note_slip(self, offset: int) -> int:
        """What `_SLIP` looked at before it gave up."""
        match = _SLIP_RUN.match(self.text, offset)
        self.note((match.end() if match else offset) + 2)
        return offset

    def _block_comment(self, offset: int, report: bool) -> int:
        end = self.text.find("*/", offset + 2) if offset < self._no_comment_end else -1
        if end < 0:
            self._no_comment_end = min(self._no_comment_end, offset)
        stop = end + 2 if end >= 0 else self.line_end(offset)
        self.note(stop if end >= 0 else self.length + 1)
        if report:
            what = (
                "JSON has no comments." if end >= 0 else "JSON has no comments, and this one is not closed."
            )
            self.add("json-comment", what, offset, stop)
        return stop

    def run_end(self, offset: int) -> int:
        """Where a run of the same character ends: a fault however long, told and passed at once."""
        char = self.text[offset]
        stop = offset + 1
        while stop < self.length and self.text[stop] == char:
            stop += 1
        self.note(stop + 1)
        return stop

    def line_end(self, offset: int) -> int:
        """Where the line of an offset ends, without its line end."""
        match = _LINE.match(self.text, offset)
        stop = match.end() if match else offset
        self.note(stop + 1)
        return stop

    def single_quoted(self, offset: int) -> re.Match[str] | None:
        """A string in single quotes, its content in group 1; None where it does not end in its line."""
        match = _SINGLE_QUOTED.match(self.text, offset)
        if match is None:
            return None
        # Where no quote ends it, one that is typed behind all this will.
        self.note(match.end() + 2)
        return match if match.group(2) else None

    def note_line(self, offset: int) -> None:
        """What a guess about a text without its quotes looked at: the rest of the line, within limits."""
        match = _NEAR.match(self.text, offset)
        stop = match.end() if match else offset
        blanks = _BLANKS.match(self.text, stop)
        self.note((blanks.end() if blanks else stop) + 2)

    def column(self, offset: int) -> int | None:
        """How far a token is indented where it is the first of its line, else None."""
        at = offset - 1
        text = self.text
        while at >= 0 and text[at] in " \t":
            at -= 1
        if at < 0:
            return offset if self._starts_line else None
        return offset - 1 - at if text[at] in "\r\n" else None

    def line_indent(self, offset: int, floor: int) -> int | None:
        """How far the line of an offset is indented; None where it starts before `floor` or far away."""
        text = self.text
        first = max(floor, offset - INDENT_LIMIT)
        start = max(text.rfind("\n", first, offset), text.rfind("\r", first, offset)) + 1
        if not start and (first or not self._starts_line):
            return None
        at = start
        while at < offset and text[at] in " \t":
            at += 1
        return at - start

    def ends_line(self, offset: int) -> bool:
        """Whether a comma or the end of the line stands here."""
        match = _BLANK.match(self.text, offset)
        char = self.char(match.end() if match else offset)
        return not char or char in ",\r\n"

    def is_key(self, offset: int) -> bool:
        """Whether a key with its colon stands here."""
        word = _KEY.match(self.text, offset)
        if word is None:
            self.note(offset + 1)
            if self.text.startswith(('"', "'"), offset):
                self.line_end(offset)
            return False
        gap = _SPACE.match(self.text, word.end())
        colon = gap.end() if gap else word.end()
        self.note(colon + 3)
        # `http://…` is an address without its quotes.
        return self.text.startswith(":", colon) and not self.text.startswith("//", colon + 1)

    def bare_key(self, offset: int) -> tuple[str, int, bool]:
        """A key without its quotes, where it ends, and whether it has a closing quote."""
        match = self.single_quoted(offset)
        if match:
            return match.group(1), match.end(), False
        match = WORD.match(self.text, offset)
        stop = match.end() if match else offset
        self.note(stop + 2)
        has_quote = self.text.startswith('"', stop)
        return self.text[offset:stop], stop + has_quote, has_quote

    def token_end(self, offset: int) -> int:
        """Where the token that starts here ends, for the range of a problem."""
        char = self.char(offset)
        match = (_STRING_ON_LINE if char == '"' else WORD).match(self.text, offset)
        stop = match.end() if match else offset + 1
        self.note(stop + 1)
        return max(min(stop, self.length), offset + (offset < self.length))

    def matching_end(self, offset: int) -> tuple[int, bool]:
        """Where the container that opens here ends, by counting brackets; False where the text ends first."""
        depth = 0
        for match in _BRACKETS.finditer(self.text, offset):
            char = match.group()
            if char in "{[":
                depth += 1
            elif char in "}]":
                depth -= 1
                if not depth:
                    self.note(match.end())
                    return match.end(), True
        self.note(self.length + 1)
        return self.length, False

    def unbalanced(self, offset: int) -> tuple[int, str]:
        """The end of the first closing bracket that closes more than opens from here, and the bracket."""
        depth = 0
        limit = offset + min(BALANCE_LIMIT, self.patience)
        stop, found = limit, ""
        for match in _BRACKETS.finditer(self.text, offset, limit):
            char = match.group()
            if char in "{[":
                depth += 1
            elif char in "}]":
                depth -= 1
                if depth < 0:
                    stop, found = match.end(), char
                    break
        self.note(stop if found else min(limit, self.length) + 1)
        self.patience = max(self.patience - (min(stop, self.length) - offset), 0)
        return stop, found
