"""The tolerant tree of a JSON document: its value, its tables, its problems, and where everything stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import NamedTuple

from mplp_lsp.text.edits import Edit, Stretch, stretches
from mplp_lsp.text.elements import ElementTable, Rows
from mplp_lsp.text.json_keys import is_cut_off
from mplp_lsp.text.json_parser import Cut, Root, read_root
from mplp_lsp.text.json_root_slips import Span, root_slips
from mplp_lsp.text.json_slips import Slip, problem_of
from mplp_lsp.text.json_table import Before, OldTable, TableReader
from mplp_lsp.text.json_told import told_once
from mplp_lsp.text.places import Placing, Spot
from mplp_lsp.text.problems import Problem
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_runtime.disk import MAX_DOCUMENT_BYTES
from mplp_runtime.rules.findings import Part, Pointer, Severity

SIZE_LIMIT = MAX_DOCUMENT_BYTES


class Hit(NamedTuple):
    """What stands at an offset: a value or a key, and its range."""

    pointer: Pointer
    part: Part
    start: int
    end: int


class Tree:
    """A JSON document, sound or not. It never changes; `edited` gives the tree of a changed text."""

    def __init__(
        self,
        text: TextSnapshot,
        root: Root,
        rows: tuple[Rows, ...],
        size_bytes: int,
        slip: Slip | None = None,
        meant: TextSnapshot | None = None,
    ) -> None:
        self.text = text
        # Where one slip explains what is wrong with the root, root and tables are those of the text as it
        # was meant.
        self._slip = slip
        self._meant = meant or text
        self._root = root
        self._rows = rows
        self._size_bytes = size_bytes
        self._cut = Cut([frame.start for frame in root.frames], [row.length for row in rows])

    @classmethod
    def parse(cls, text: TextSnapshot) -> Tree:
        """The tree of a text, whatever the text is. Never raises.

        Above `SIZE_LIMIT` bytes of UTF-8 nothing is read, and `problems` says so.
        """
        size = size_bytes(text.text)
        if size > SIZE_LIMIT:
            return _too_large(text, size)
        root, rows = read_root(text.text)
        return cls(text, root, rows, size).explained()

    def edited(self, edits: Sequence[Edit], after: TextSnapshot) -> Tree:
        """The tree of `after`, the text that `edits` make of this one's, in the order they were applied.

        Equal to `Tree.parse(after)` in everything that can be observed but the identity of elements and
        blocks, which is kept where the edits did not touch them.
        """
        changed = stretches(edits)
        if not changed:
            return Tree(after, self._root, self._rows, self._size_bytes, self._slip, self._meant)
        size = self._size_bytes + sum(
            size_bytes(after.slice(s.new_start, s.new_end)) - size_bytes(self.text.slice(s.start, s.end))
            for s in changed
        )
        if max(size, self._size_bytes) > SIZE_LIMIT:
            return Tree.parse(after)
        if self._slip is None:
            inside = self._edited_inside(changed, after, size)
            if inside is not None:
                return inside.explained()
        else:
            # What is known is the text as it was meant: the slip is made again before the edits.
            slip = self._slip
            again = Edit(slip.start, slip.start + len(slip.new_text), self.text.slice(slip.start, slip.end))
            changed = stretches([again, *edits])
        root, fresh = read_root(after.text, Before(self._old_tables, changed))
        return Tree(after, root, fresh, size).explained()

    def explained(self) -> Tree:
        """The same document read as it was meant, where one slip explains several problems of the root."""
        if not (self._has_root_error or any(rows.begins_badly for rows in self._rows)):
            return self
        errors = _error_count(self._root, self._rows)
        # A single one is as good an explanation, but for the rest of a string that was cut in two.
        is_cut = errors == 1 and any(is_cut_off(self.text.text, problem) for problem in self.root_problems)
        if errors < 2 and not is_cut:
            return self
        best, fewest = self, errors if is_cut else errors - 1
        for slip in islice(root_slips(self.text.text, self._spans), _attempts(self.text.length)):
            meant = self.text.edited(slip.start, slip.end, slip.new_text)
            change = Stretch(slip.start, slip.end, slip.start, slip.start + len(slip.new_text))
            root, rows = read_root(meant.text, Before(self._old_tables, [change]))
            left = _error_count(root, rows)
            tree = Tree(self.text, root, rows, self._size_bytes, slip, meant)
            if left < fewest and not any(span.holds(slip) for span in tree._spans):
                best, fewest = tree, left
                if not left:
                    break
        return best

    @property
    def _has_root_error(self) -> bool:
        tails = (problem for frame in self._root.frames for problem in frame.tail)
        return any(problem.is_error for problem in chain(self._root.problems, tails))

    @property
    def _old_tables(self) -> list[OldTable]:
        return [OldTable(rows, self._cut.table_start(index)) for index, rows in enumerate(self._rows)]

    @property
    def _spans(self) -> list[Span]:
        """Where the elements of the tables stand in the text as it was meant."""
        return [
            Span(start, start + rows.length, start + rows.spans.start_of(max(rows.spans.count - 1, 0)))
            for rows, start in self._old_tables
        ]

    def _edited_inside(self, changed: Sequence[Stretch], after: TextSnapshot, size: int) -> Tree | None:
        """The tree where all edits are among the elements of one table and stay there; else None."""
        for index, (frame, rows) in enumerate(zip(self._root.frames, self._rows, strict=True)):
            start = self._cut.table_start(index)
            if not (start <= changed[0].start and changed[-1].end <= start + rows.length):
                continue
            if frame.is_peeked or not self._is_independent(index, changed[0].start):
                return None
            before = Before([OldTable(rows, start)], changed)
            fresh = TableReader(after.slice, after.length, rows.indent).read(start, before)
            growth = after.length - self.text.length
            # An edit at the very end may belong to what follows the elements.
            if fresh.exit is not rows.exit or fresh.length != rows.length + growth:
                return None
            return Tree(after, self._root, (*self._rows[:index], fresh, *self._rows[index + 1 :]), size)
        return None

    def _is_independent(self, index: int, offset: int) -> bool:
        """Whether no table before this one was read with a look at or behind `offset`."""
        for number, rows in enumerate(self._rows[:index]):
            limit = offset - self._cut.table_start(number)
            if rows.length + rows.end_reach > limit or rows.safe_until(0, limit) != rows.spans.count:
                return False
        return True

    # Values

    @property
    def header(self) -> object:
        """The root value with each table as an empty list."""
        return self._root.header

    @cached_property
    def tables(self) -> Mapping[str, ElementTable]:
        """The lists that are members of the root object, by key; of duplicate keys, the last counts."""
        return {key: self._all_tables[index] for key, index in self._root.by_key.items()}

    @cached_property
    def _all_tables(self) -> list[ElementTable]:
        pairs = zip(self._root.frames, self._rows, strict=True)
        return [
            ElementTable(frame.key, rows, self._start_here(self._cut.table_start(index)))
            for index, (frame, rows) in enumerate(pairs)
        ]

    @cached_property
    def value(self) -> object:
        """The whole value; where the text is broken, as much of it as can be read."""
        header = self._root.header
        if not self._rows or not isinstance(header, dict):
            return header
        return header | {key: table.values() for key, table in self.tables.items()}

    # Problems

    @cached_property
    def root_problems(self) -> Sequence[Problem]:
        """What is wrong outside the elements, in absolute offsets and in text order."""
        found = [self._here(self._cut.problem(problem)) for problem in self._root.problems]
        if self._slip is not None:
            found.append(problem_of(self._slip, self.text.text))
        for frame, span in zip(self._root.frames, self._spans, strict=True):
            found.extend(self._here(problem.moved(span.end)) for problem in frame.tail)
        return sorted(found, key=_place)

    @cached_property
    def problems(self) -> Sequence[Problem]:
        """Everything that is wrong with the text, in absolute offsets and in text order."""
        found = list(self.root_problems)
        for table in self._all_tables:
            found.extend(table.problems())
        return told_once(sorted(found, key=_place), self.text)

    def is_broken(self, pointer: Pointer) -> bool:
        """Whether something is wrong inside a value, so that "something is missing" must not be said of it.

        What is wrong inside an element counts for the element only, not for the values around it.
        """
        table = self._table_of(pointer)
        if table is not None:
            if len(pointer) == 2:
                return table.element(int(pointer[1])).is_broken
            spot, _, _ = self._in_element(table, pointer)
            element = table.element(int(pointer[1]))
            return element.is_broken and _has_error(element.problems, spot)
        if any(frame.is_quiet for frame in self._root.frames):
            return True
        if not pointer:
            return self._slip is not None or any(problem.is_error for problem in self._root.problems)
        if self._slip is not None:
            first, last = self.range_of(pointer)
            if first <= self._slip.start and self._slip.end <= last:
                return True
        place, is_own = self._root_placing.nearest(pointer)
        return place is not None and is_own and _has_error(self._root.problems, place)

    # Places

    def _table_of(self, pointer: Pointer) -> ElementTable | None:
        """The table that has the element a pointer leads into."""
        if len(pointer) < 2 or not isinstance(pointer[0], str) or not isinstance(pointer[1], int):
            return None
        table = self.tables.get(pointer[0])
        return table if table is not None and 0 <= pointer[1] < table.count else None

    def places_in(self, table: ElementTable, index: int) -> Placing:
        """Where everything in one element stands, counted from the start of its value."""
        before = table.start if self._slip is None else self._slip.start_meant(table.start)
        start = before + table.rows.spans.start_of(index)
        reader = TableReader(self._meant.slice, self._meant.length, table.rows.indent)
        return reader.places(table.element(index), start)

    @property
    def _root_placing(self) -> Placing:
        """Where everything outside the elements stands, in cut offsets."""
        if self._root.placing is None:
            placing = Placing()
            read_root(self._meant.text, Before(self._old_tables, ()), placing)
            self._root.placing = placing
        return self._root.placing

    def _in_element(self, table: ElementTable, pointer: Pointer) -> tuple[Spot, bool, int]:
        index = int(pointer[1])
        placing = self.places_in(table, index)
        spot, is_own = placing.nearest(pointer[2:])
        start = table.start_of(index)
        if spot is None:
            spot = Spot(())
            spot.start, spot.stop = 0, table.element(index).size
        return spot, is_own, start

    def range_of(self, pointer: Pointer, part: Part = "value") -> tuple[int, int]:
        """Start and end of a value, its key or its opening bracket.

        A list item has no key and a scalar no bracket: then it is the value's range. For a pointer that
        is not there it is the opening bracket of its nearest ancestor.
        """
        table = self._table_of(pointer)
        if table is not None:
            spot, is_own, start = self._in_element(table, pointer)
            first, last = spot.range_of(part if is_own else "open")
            return first + start, last + start
        spot_or_none, is_own = self._root_placing.nearest(pointer)
        if spot_or_none is None:
            return 0, min(1, self.text.length)
        return self._root_range(spot_or_none, part if is_own else "open")

    def _root_range(self, spot: Spot, part: Part) -> tuple[int, int]:
        first, last = spot.range_of(part)
        table = self.tables.get(str(spot.pointer[0])) if len(spot.pointer) == 1 else None
        if table is not None and part != "key" and (first, last) != (spot.key_start, spot.key_stop):
            width = int(spot.open_stop > spot.start)
            if part == "open" and width:
                return table.start - width, table.start
            if part != "open":
                return table.start - width, max(self._stop_here(self._cut.stop(last)), table.end)
        start = self._start_here(self._cut.start(first))
        return start, max(self._stop_here(self._cut.stop(last)), start)

    def _start_here(self, meant: int) -> int:
        """The place in this text of something that starts at an offset of the text as it was meant."""
        return meant if self._slip is None else self._slip.start_back(meant)

    def _stop_here(self, meant: int) -> int:
        """The same for something that ends there."""
        return meant if self._slip is None else self._slip.back(meant)

    def _here(self, problem: Problem) -> Problem:
        return problem if self._slip is None else self._slip.in_text(problem)

    def at(self, offset: int) -> Hit:
        """The innermost key or value at an offset; where two touch, the later one."""
        offset = min(max(offset, 0), self.text.length)
        for table in self.tables.values():
            index = table.index_at(offset) if table.start <= offset <= table.end else None
            if index is None:
                continue
            for candidate in (index, index - 1):
                if candidate < 0:
                    continue
                start = table.start_of(candidate)
                if not start <= offset <= start + table.element(candidate).size:
                    continue
                hit = self.places_in(table, candidate).at(offset - start)
                if hit is not None:
                    spot, part = hit
                    first, last = spot.range_of(part)
                    return Hit((table.key, candidate, *spot.pointer), part, first + start, last + start)
        best: Hit | None = None
        for spot in self._root_placing.spots:
            for part in _PARTS:
                if part == "key" and spot.key_start < 0:
                    continue
                first, last = self._root_range(spot, part)
                if first <= offset <= last:
                    best = Hit(spot.pointer, part, first, last)
        return best or Hit((), "value", 0, self.text.length)


# How many slips are tried on the whole document.
_MOST_TRIED = 8
_MOST_READ = 3_200_000


def _attempts(length: int) -> int:
    """How many slips are tried: each may read much of the text again, which a large one must not wait for."""
    return max(1, min(_MOST_TRIED, _MOST_READ // max(length, 1)))


_PARTS: tuple[Part, Part] = ("key", "value")


def _has_error(problems: Sequence[Problem], spot: Spot) -> bool:
    stop = max(spot.stop, spot.key_stop)
    return any(p.is_error and spot.start <= p.start and p.end <= stop for p in problems)


def _error_count(root: Root, rows: Sequence[Rows]) -> int:
    """How many errors there are in all."""
    found = sum(problem.is_error for problem in root.problems)
    found += sum(problem.is_error for frame in root.frames for problem in frame.tail)
    return found + sum(row.error_count for row in rows)


def _place(problem: Problem) -> tuple[int, int]:
    return problem.start, problem.end


def size_bytes(text: str) -> int:
    """How long a text is as UTF-8; half a surrogate pair counts as three bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _too_large(text: TextSnapshot, size: int) -> Tree:
    limit = SIZE_LIMIT // (1024 * 1024)
    message = f"This document is larger than {limit} MB and is not checked."
    problem = Problem("document-too-large", message, 0, min(1, text.length), {}, Severity.INFORMATION)
    return Tree(text, Root(None, (), {}, (problem,), None, Placing()), (), size)
