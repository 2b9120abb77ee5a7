"""Reads a whole JSON document: the root, whose top-level lists become tables of elements.

The result is kept in two parts that change independently: the root (`Root`), as if the tables were empty,
and the elements of each table (`Rows`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from mplp_lsp.text.elements import Rows
from mplp_lsp.text.json_containers import Reading
from mplp_lsp.text.json_judge import Frame, Gap, Outer
from mplp_lsp.text.json_lexer import Lexer
from mplp_lsp.text.json_reader import Reader
from mplp_lsp.text.json_table import Before, TableReader, careful_or_tolerant, closes_table, lead_in
from mplp_lsp.text.json_wrapping import check_rest, past_wrapping
from mplp_lsp.text.places import Placing, Spot
from mplp_lsp.text.problems import Problem
from mplp_runtime.rules.findings import Severity


@dataclass(frozen=True, slots=True)
class TableFrame:
    """What the root knows of a table.

    `start`: where its elements start, in cut offsets. `is_peeked`: the root's reading looked into the
    elements, so that it depends on them. `tail`: problems counted from the end of the elements.
    """

    key: str
    start: int
    is_peeked: bool
    has_bracket: bool
    is_quiet: bool
    tail: tuple[Problem, ...]


@dataclass(slots=True, eq=False)
class Root:
    """A document without the elements of its tables; all offsets are cut: counted as if tables were empty."""

    header: object
    frames: tuple[TableFrame, ...]
    by_key: Mapping[str, int]
    problems: tuple[Problem, ...]
    indent: int | None
    placing: Placing | None = None


class Cut:
    """The way between offsets of a text and cut offsets, for tables of given starts and lengths."""

    __slots__ = ("_cuts", "_ends", "_grown", "_lengths")

    def __init__(self, cut_starts: Sequence[int], lengths: Sequence[int]) -> None:
        self._cuts = list(cut_starts)
        self._lengths = list(lengths)
        self._grown = list(accumulate(lengths, initial=0))
        self._ends = [cut + grown for cut, grown in zip(self._cuts, self._grown[1:], strict=True)]

    def table_start(self, index: int) -> int:
        """Where the elements of a table start in the text."""
        return self._cuts[index] + self._grown[index]

    def start(self, cut: int) -> int:
        """The text offset of something that starts at a cut offset."""
        return cut + self._grown[bisect_right(self._cuts, cut)]

    def stop(self, cut: int) -> int:
        """The text offset of something that ends at a cut offset."""
        return cut + self._grown[bisect_left(self._cuts, cut)]

    def cut(self, offset: int) -> int:
        """The cut offset of a text offset outside the elements; inside, that of the table's start."""
        index = bisect_right(self._ends, offset)
        if index < len(self._cuts):
            return min(offset - self._grown[index], self._cuts[index])
        return offset - self._grown[index]

    def problem(self, problem: Problem) -> Problem:
        """A problem of the root in text offsets."""
        data = problem.data
        if data:
            data = {
                key: (self.start(value) if key.endswith("_start") else self.stop(value))
                if isinstance(value, int) and key.endswith(("_start", "_end"))
                else value
                for key, value in data.items()
            }
        start = self.start(problem.start)
        return problem._replace(start=start, end=max(self.stop(problem.end), start), data=data)


@dataclass(slots=True, eq=False)
class _Found:
    """A table as the root's reader met it, in text offsets."""

    key: str
    start: int
    rows: Rows
    is_peeked: bool
    has_bracket: bool
    is_quiet: bool
    tail: tuple[Problem, ...]


class RootReader(Reader):
    """Reads the root value; lists directly inside a root object are read as tables."""

    def __init__(self, lexer: Lexer, before: Before | None, placing: Placing | None) -> None:
        super().__init__(lexer, Outer(), placing=placing)
        self._before = before
        self.found: list[_Found] = []
        self.by_key: dict[str, int] = {}
        self.indent: int | None = None

    def value_at(self, offset: int, spot: Spot | None) -> int | None:
        """As any value, but a list that is a member of the root is a table."""
        offset = self.past_stray_quote(offset)
        root = self.frames[0] if len(self.frames) == 1 else None
        if root is not None and root.is_object and root.key is not None and self.lexer.char(offset) == "[":
            return self._table(root, root.key, offset, spot, width=1)
        return super().value_at(offset, spot)

    def put(self, value: object, start: int, stop: int, spot: Spot | None, *, quiet: bool = False) -> None:
        """As always; a later member with the same key hides a table."""
        if len(self.frames) == 1:
            self.indent = self.frames[0].indent
            if self.frames[0].key is not None:
                self.by_key.pop(self.frames[0].key, None)
        super().put(value, start, stop, spot, quiet=quiet)

    def is_trusted(self, start: int, stop: int) -> bool:
        """As always; and a member of the root that is followed as it should be is what it seems."""
        if len(self.frames) == 1 and self._goes_on(stop):
            return True
        return super().is_trusted(start, stop)

    def _goes_on(self, stop: int) -> bool:
        lexer = self.lexer
        at = lexer.skip(stop, report=False)
        char = lexer.char(at)
        if char == ",":
            return lexer.is_key(lexer.skip(at + 1, report=False))
        return char == "}" and not lexer.char(lexer.skip(at + 1, report=False))

    def imply_list(self, frame: Frame, at: int) -> int:
        """In the root, the list that was never opened is a table like others."""
        key = frame.last_key
        if len(self.frames) > 1 or key is None:
            return super().imply_list(frame, at)
        start = frame.last_start
        self.lexer.forget(start)
        name = frame.keys.get(key, (start - 1, start))
        self.lexer.expected("[", "`[` expected before the value of this key.", *name, (None, start, "["))
        spot = frame.last_spot
        if self.placing is not None and spot is not None:
            del self.placing.spots[self.placing.spots.index(spot) :]
            spot.start = -1
        frame.key = key
        return self._table(frame, key, start, spot, width=0)

    def _table(self, root: Frame, key: str, offset: int, spot: Spot | None, *, width: int) -> int:
        lexer = self.lexer
        start = offset + width
        indent = root.indent or None
        is_peeked = lexer.reach > start
        reader = TableReader(lambda first, last: lexer.text[first:last], lexer.length, indent)
        rows = reader.read(start, self._before)
        end = start + rows.length
        known = len(lexer.problems)
        judge = Reader(lexer, Outer((True, False), indent), scanner=self.scanner)
        at, gap, comma = lead_in(judge, end, rows.exit)
        char = lexer.char(at)
        tail: tuple[Problem, ...] = ()
        quiet = False
        if char and char in "}]" and (char == "]" or judge.owner_of_closer(at, is_object=True) is None):
            if char == "}":
                lexer.expected("]", "`]` expected here, not `}`.", at, at + 1, (at, at + 1, "]"))
            elif gap is Gap.COMMA:
                message = "JSON has no comma after the last entry."
                tail = (Problem("json-comma-trailing", message, comma - end, comma - end + 1),)
            stop = resume = at + 1
        else:
            quiet = True
            resume = comma + 1 if gap is Gap.COMMA else end
            stop = end
            lexer.forget(resume)
            if gap is not Gap.QUIET and width:
                self.bracket_unclosed("This `[` is never closed.", offset, end, "]")
                # In text order, though what was found behind the table was read first.
                lexer.problems.insert(known, lexer.problems.pop())
        found = _Found(key, start, rows, is_peeked, bool(width), quiet, tail)
        if self.placing is not None and spot is not None:
            self.placing.opened(spot, offset, start)
        self.put([], offset, stop, spot, quiet=quiet)
        self.by_key[key] = len(self.found)
        # The root is kept when its tables change: it must not learn anything from their lines.
        self.floor = resume
        self.found.append(found)
        return resume


def read_root(
    text: str, before: Before | None = None, placing: Placing | None = None
) -> tuple[Root, tuple[Rows, ...]]:
    """The root and the tables of a text. `before` lends what an edit left alone; `placing` gathers places."""
    lexer = Lexer(text, starts_line=True)
    reader = RootReader(lexer, before, placing)
    at = 0
    if text.startswith("\ufeff"):
        message = "The file starts with a byte order mark, which JSON does not want."
        lexer.add("json-bom", message, 0, 1, Severity.WARNING)
        at = 1
    at = past_wrapping(lexer, _first_token(lexer, at))
    spot = Spot(()) if placing is not None else None
    reading = _read_value(reader, at, spot)
    if reading.has_value:
        check_rest(lexer, reading.resume)
    elif not any(problem.is_error for problem in lexer.problems):
        lexer.add("json-empty", "The document is empty.", 0, 0)
    found = reader.found
    lengths = [table.rows.length for table in found]
    grown = accumulate(lengths, initial=0)
    cut = Cut([table.start - before_it for table, before_it in zip(found, grown, strict=False)], lengths)
    if placing is not None:
        _cut_places(placing, cut)
    frames = tuple(
        TableFrame(t.key, cut.cut(t.start), t.is_peeked, t.has_bracket, t.is_quiet, t.tail) for t in found
    )
    problems = tuple(_cut_problem(problem, cut) for problem in lexer.problems)
    root = Root(reading.value, frames, reader.by_key, problems, reader.indent, placing)
    return root, tuple(table.rows for table in found)


def _first_token(lexer: Lexer, at: int) -> int:
    at = lexer.skip(at)
    while lexer.char(at) and lexer.char(at) in "}],:":
        char = lexer.char(at)
        stop = lexer.run_end(at)
        if char in "}]":
            lexer.add("json-bracket-extra", f"This `{char}` closes nothing.", at, stop)
        else:
            lexer.expected("value", f"Value expected before this `{char}`.", at, stop)
        at = lexer.skip(stop)
    return at


def _read_value(reader: RootReader, at: int, spot: Spot | None) -> Reading:
    lexer = reader.lexer
    char = lexer.char(at)
    if char == "[":
        scan = reader.scanner.scan(at, 0)
        if scan is not None:
            return careful_or_tolerant(reader, at, spot) if scan.is_deep else reader.checked(scan, at, spot)
    elif char and char != "{" and lexer.is_key(at):
        return reader.read_members(at, spot)
    return reader.read(at, spot)


def _cut_problem(problem: Problem, cut: Cut) -> Problem:
    data = problem.data
    if data:
        data = {
            key: cut.cut(value) if isinstance(value, int) and key.endswith(("_start", "_end")) else value
            for key, value in data.items()
        }
    return problem._replace(start=cut.cut(problem.start), end=cut.cut(problem.end), data=data)


def _cut_places(placing: Placing, cut: Cut) -> None:
    for spot in placing.spots:
        spot.start, spot.stop = cut.cut(spot.start), cut.cut(spot.stop)
        if spot.open_stop >= 0:
            spot.open_stop = cut.cut(spot.open_stop)
        if spot.key_stop >= 0:
            spot.key_start, spot.key_stop = cut.cut(spot.key_start), cut.cut(spot.key_stop)


__all__ = ["Cut", "Root", "RootReader", "TableFrame", "closes_table", "read_root"]
