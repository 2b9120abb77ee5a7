"""The containers that are being read: opening, filling and closing them, and reporting how they end."""

from __future__ import annotations

from typing import NamedTuple

from mplp_lsp.text.json_gaps import repair_data
from mplp_lsp.text.json_judge import Frame, Gap, Judge, Outer
from mplp_lsp.text.json_lexer import Lexer
from mplp_lsp.text.places import Placing, Spot
from mplp_runtime.rules.findings import Severity


class Reading(NamedTuple):
    """A value, where it ends, where to read on, and whether a missing separator there is accounted for."""

    value: object
    stop: int
    resume: int
    is_quiet: bool = False
    has_value: bool = True


class Containers(Judge):
    """A stack of open containers and what was read in the end."""

    def __init__(
        self, lexer: Lexer, outer: Outer, *, careful: bool = False, placing: Placing | None = None
    ) -> None:
        super().__init__(lexer, outer, careful=careful, placing=placing)
        self.result = Reading(None, 0, 0, has_value=False)
        self.is_quiet = False

    def is_trusted(self, start: int, stop: int) -> bool:
        """Whether no line inside looks like a key of an object further out that was swallowed.

        Nor may it end, by its indentation, with the bracket of a container further out.
        """
        if self.is_misplaced(start, stop - 1):
            return False
        indents = {frame.indent for frame in self.frames if frame.is_object} | {self.outer.indent}
        text = self.lexer.text
        return not any(
            text.find("\n" + blank * indent + '"', start, stop) >= 0
            for indent in indents
            if indent
            for blank in " \t"
        )

    def open(self, offset: int, *, is_object: bool, spot: Spot | None, is_implied: bool = False) -> None:
        """Begin a container."""
        if self.placing is not None and spot is not None:
            self.placing.opened(spot, offset, offset if is_implied else offset + 1)
        self.frames.append(Frame(is_object, {} if is_object else [], offset, spot, is_implied))

    def imply_object(self, offset: int, spot: Spot | None) -> None:
        self.open(offset, is_object=True, spot=spot, is_implied=True)
        message, end = "`{` expected before this key.", self.lexer.token_end(offset)
        self.lexer.expected("{", message, offset, end, (None, offset, "{"))

    def put(self, value: object, start: int, stop: int, spot: Spot | None, *, quiet: bool = False) -> None:
        """Hand a finished value to the container it stands in."""
        if self.placing is not None and spot is not None:
            self.placing.closed(spot, start, stop)
        if not self.frames:
            self.result = Reading(value, stop, stop)
            self.is_quiet = self.is_quiet or quiet
            return
        frame = self.frames[-1]
        frame.gap = Gap.QUIET if quiet else Gap.MISSING
        frame.last_key, frame.last_value, frame.last_start, frame.last_spot = frame.key, value, start, spot
        if not frame.is_object:
            frame.value.append(value)
        elif frame.key is not None:
            frame.value[frame.key] = value
            frame.key = None

    def close(self, stop: int, *, quiet: bool = False) -> None:
        frame = self.frames.pop()
        if self.frames and not quiet and self.is_misplaced(frame.start, stop - 1):
            self.frames[-1].suspect = frame.suspect if frame.suspect >= 0 else frame.start
        self.put(frame.value, frame.start, stop, frame.spot, quiet=quiet)

    def trailing_comma(self, comma: int) -> None:
        self.lexer.add("json-comma-trailing", "JSON has no comma after the last entry.", comma, comma + 1)

    def semicolon(self, at: int) -> int:
        """Report semicolons where a comma belongs; gives where reading goes on."""
        stop = self.lexer.run_end(at)
        message = "`,` expected here, not `;`."
        self.lexer.expected(",", message, at, stop, (at, stop, ","))
        return self.lexer.skip(stop)

    def bracket_extra(self, at: int, char: str) -> None:
        self.lexer.add("json-bracket-extra", f"This `{char}` closes nothing.", at, at + 1)

    def opening_extra(self, at: int, char: str) -> None:
        self.lexer.add("json-bracket-extra", f"This `{char}` opens nothing.", at, at + 1)

    def bracket_unclosed(self, message: str, opener: int, end: int, closer: str) -> None:
        repair = repair_data(end, None, closer)
        severity = Severity.ERROR
        code = "json-bracket-unclosed"
        self.lexer.add(code, message, opener, opener + 1, severity, expected=closer, **repair)

    def _ends_in_cut_string(self, frame: Frame) -> bool:
        """Whether the last thing here is a string without its end: its bracket is missing with its quote."""
        problems = self.lexer.problems
        last = problems[-1] if problems else None
        if last is None or last.code != "json-string-unterminated" or frame.gap is not Gap.COMMA:
            return False
        return not self.lexer.text[last.end : frame.comma].strip(" \t")

    def close_to(self, owner: int, at: int) -> int:
        """Containers inside the level `owner` are never closed: one fault, however many there are."""
        frame = self.frames[-1]
        if not frame.value and frame.gap is not Gap.QUIET:
            self.lexer.forget(frame.start + 1)
        if not frame.is_implied and frame.gap is not Gap.QUIET and not self._ends_in_cut_string(frame):
            start = frame.suspect if frame.suspect >= 0 else frame.start
            bracket = self.lexer.text[start]
            message = f"This `{bracket}` is never closed."
            closer = "}" if bracket == "{" else "]"
            self.bracket_unclosed(message, start, self.last_stop, closer)
        resume = frame.comma + 1 if frame.gap is Gap.COMMA else self.last_stop
        while self.frames and self.level > owner:
            self.forced += not self.frames[-1].is_implied
            self.close(self.last_stop, quiet=True)
        if self.frames:
            return at
        # Whoever reads on does so right behind the last thing that belongs here, and reports the gap.
        self.lexer.forget(resume)
        return resume
