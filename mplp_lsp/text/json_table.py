"""Reads the elements of a table, and after an edit only those the edit may have changed.

The state between two elements is small (`Gap`), and an element follows from that state and the text
after it alone. So when reading arrives, in the same state, at a place where an element of the text
before the edit started and the rest of the text is the same, everything from there on is as it was.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from mplp_lsp.text.edits import Stretch
from mplp_lsp.text.elements import BLOCK_SIZE, Element, LooseElement, Rows, text_length
from mplp_lsp.text.json_bulk import read_alike
from mplp_lsp.text.json_containers import Reading
from mplp_lsp.text.json_element_slips import comma_missing, ends_well, is_doubtful, mended_element
from mplp_lsp.text.json_gaps import PATIENCE
from mplp_lsp.text.json_judge import Gap, Outer
from mplp_lsp.text.json_lexer import Lexer
from mplp_lsp.text.json_reader import Reader
from mplp_lsp.text.json_scan import DEPTH_LIMIT, SoundScanner
from mplp_lsp.text.places import Placing, Spot
from mplp_lsp.text.spans import Joint

_SPACE = re.compile(r"[ \t\n\r]*")
# Elements are read from a piece of the text: the C scanner counts lines from its start when it fails.
_WINDOW = 65_536
_FIRST_WINDOW = 4_096
_LEAST_FOR_MANY = 2_048

Slice = Callable[[int, int], str]


class OldTable(NamedTuple):
    """A table of the text before the edits, and where the text of its elements started."""

    rows: Rows
    start: int


class Before:
    """What was known before the edits, asked by places in the text after them."""

    def __init__(self, tables: Sequence[OldTable], stretches: Sequence[Stretch]) -> None:
        self._tables = tables
        self._starts = [table.start for table in tables]
        self._stretches = stretches

    def next_chance(self, offset: int) -> int:
        """The first place from `offset` on that the old text has too."""
        for stretch in self._stretches:
            if stretch.new_start <= offset < stretch.new_end:
                return stretch.new_end
        return offset

    def known(self, offset: int, gap: Gap, indent: int | None) -> tuple[OldTable, int, int] | None:
        """The old table, and which of its elements stand unchanged from `offset` on; None if none do.

        The run is empty where the old table ended here in the same state.
        """
        shift = 0
        limit: int | None = None
        for stretch in self._stretches:
            if stretch.new_end <= offset:
                shift = stretch.end - stretch.new_end
            elif stretch.new_start < offset:
                return None
            else:
                limit = stretch.start
                break
        old = offset + shift
        number = bisect_right(self._starts, old) - 1
        if number < 0:
            return None
        table = self._tables[number]
        rows = table.rows
        inner = old - table.start
        if rows.indent != indent or inner > rows.length:
            return None
        if inner == rows.length:
            is_same_end = limit is None and rows.exit is gap
            return (table, rows.spans.count, rows.spans.count) if is_same_end else None
        first, start = rows.spans.locate(inner)
        if start != inner or rows.spans[first].entry is not gap:
            return None
        last = rows.spans.count if limit is None else rows.safe_until(first, limit - table.start)
        return (table, first, last) if last > first else None


class TableReader:
    """Reads the elements of one table of a text; `piece` gives the text between two offsets."""

    def __init__(self, piece: Slice, length: int, indent: int | None) -> None:
        self._piece = piece
        self._length = length
        self._indent = indent
        self._outer = Outer((True, False), indent)

    def read(self, start: int, before: Before | None = None) -> Rows:
        """All elements from `start` on, which is right behind the opening bracket."""
        joint: Joint[Element] = Joint(text_length, BLOCK_SIZE)
        offset, gap = start, Gap.FIRST
        chance = start
        end_reach = 0
        while True:
            if before is not None and offset >= chance:
                hit = before.known(offset, gap, self._indent)
                if hit is not None:
                    table, first, last = hit
                    spans = table.rows.spans
                    joint.take(spans, first, last)
                    offset += spans.start_of(last) - spans.start_of(first)
                    gap = spans[last - 1].exit if last > first else gap
                    if last == spans.count and before.known(offset, gap, self._indent) == (table, last, last):
                        end_reach = table.rows.end_reach
                        break
                    continue
                chance = before.next_chance(offset)
            elements, end_reach = self._run(offset, gap, before, chance)
            joint.add(elements)
            if elements:
                offset += sum(map(text_length, elements))
                gap = elements[-1].exit
            if end_reach >= 0:
                break
        return Rows(joint.spans(), Gap.FIRST, gap, self._indent, end_reach)

    def _run(self, offset: int, gap: Gap, before: Before | None, chance: int) -> tuple[list[Element], int]:
        """Elements from one piece; where the table ends behind them, how far was looked at for it (else -1).

        After an edit the run ends at the first element boundary that the old text may have too.
        """
        # Many tables are short, and so is what an edit touched.
        size = _WINDOW if before is None and gap is not Gap.FIRST else _FIRST_WINDOW
        size = min(_WINDOW, max(chance - offset, 0) + size)
        while True:
            window = self._piece(offset, offset + size)
            is_rest = offset + len(window) >= self._length
            stop_at = None if before is None else max(chance - offset, 1)
            elements, end_reach = self._window(window, offset == 0, gap, is_rest=is_rest, stop_at=stop_at)
            if elements or end_reach >= 0:
                return elements, end_reach
            size *= 4

    def _window(
        self, window: str, starts_line: bool, gap: Gap, *, is_rest: bool, stop_at: int | None
    ) -> tuple[list[Element], int]:
        lexer = Lexer(window, starts_line=starts_line)
        scanner = SoundScanner(lexer)
        elements: list[Element] = []
        at = 0
        limit = len(window)
        while True:
            if gap is Gap.COMMA:
                at = self._sound_run(scanner, window, at, elements, stop_at or limit)
                if stop_at is not None and at >= stop_at:
                    return elements, -1
                if elements and not is_rest and limit - at < _FIRST_WINDOW:
                    # Cut off by the end of the piece, most likely: it is cheaper to begin a new piece.
                    return elements, -1
            lexer.reach = at
            element = self.element(lexer, scanner, at, gap)
            if lexer.reach > limit and not is_rest:
                return elements, -1
            if element is None:
                return elements, lexer.reach - at
            elements.append(element)
            at += element.length
            gap = element.exit
            if stop_at is not None and at >= stop_at:
                return elements, -1

    def _sound_run(
        self, scanner: SoundScanner, window: str, at: int, elements: list[Element], stop_at: int
    ) -> int:
        """Read sound elements that end with a comma, as fast as may be; gives where the next one starts."""
        scan = scanner.scan_plain
        flags = scanner.flags
        is_risky = scanner.is_risky
        space = _SPACE.match
        append = elements.append
        flags.clear()
        may_be_many = stop_at - at > _LEAST_FOR_MANY
        lead = space(window, at).end()  # type: ignore[union-attr]
        while at < stop_at:
            try:
                value, stop = scan(window, lead)
                if window[stop] == ",":
                    after = stop + 1
                else:
                    after = space(window, stop).end() + 1  # type: ignore[union-attr]
                    if window[after - 1] != ",":
                        break
                behind = space(window, after).end()  # type: ignore[union-attr]
                if window[behind] == '"' and window[lead] == "{":
                    # A key there would say that the object has been closed too early.
                    break
            except (StopIteration, ValueError, RecursionError, IndexError):
                break
            if flags or (
                (is_risky or stop - lead > DEPTH_LIMIT) and scanner.is_doubtful(value, lead, stop, 2)
            ):
                break
            append(Element(value, lead - at, stop - lead, after - at))
            at, lead = after, behind
            if may_be_many and window[behind] == "{" and window[stop - 1 : after] == "},":
                # From the second element on the white space before it is the one between all of them.
                found = read_alike(scanner, window, lead, window[stop - 1 : behind + 1], stop_at, elements)
                may_be_many = False
                if found >= 0:
                    at, lead = found, space(window, found).end()  # type: ignore[union-attr]
        return at

    def element(
        self, lexer: Lexer, scanner: SoundScanner, start: int, gap: Gap, placing: Placing | None = None
    ) -> Element | None:
        """The element whose text starts at `start`; None where the table ends instead."""
        lexer.problems = []
        lexer.patience = PATIENCE
        reader = Reader(lexer, self._outer, scanner=scanner, placing=placing)
        reader.floor = start
        at, now, _ = lead_in(reader, start, gap)
        char = lexer.char(at)
        spot = Spot(()) if placing is not None else None
        if not char:
            return None
        is_key = char not in "{[" and lexer.is_key(at)
        if char in "}]" or (is_key and reader.owner_of_key(at) is not None):
            if char == "]" and ends_well(lexer, at):
                return None
            mended = mended_element(lexer, at)
            if mended is None or mended.opener not in ("{" if is_key else '{"'):
                return None
            return mended.element(lexer, self._outer, (start, at), (gap, now), placing)
        if is_key:
            reading = reader.read_members(at, spot)
        else:
            if now is Gap.MISSING and not lexer.leaves_out(at):
                comma_missing(lexer, at)
            reading = self._value(reader, at, spot)
        stop, leave = self._trail(lexer, reading, at)
        errors = sum(problem.is_error for problem in lexer.problems)
        if is_doubtful(reader, at, stop, leave, is_empty=reading.value in ({}, [])):
            # What was passed over before the element may be part of the slip.
            begin = lexer.first_sign(start) if gap in (Gap.FIRST, Gap.COMMA) else at
            mended = mended_element(lexer, begin, is_certain=errors < 2)
            if mended is not None:
                return mended.element(lexer, self._outer, (start, begin), (gap, now), placing)
        problems = tuple(problem.moved(-at) for problem in lexer.problems)
        size = max(min(reading.stop, stop) - at, 0)
        extent = (at - start, size, stop - start)
        return LooseElement(reading.value, extent, problems, (gap, leave), max(lexer.reach, stop) - start)

    def _value(self, reader: Reader, at: int, spot: Spot | None) -> Reading:
        """Sound and followed by what may follow: as it is. Else with all tolerance."""
        lexer = reader.lexer
        if lexer.char(at) not in ("{", "["):
            return reader.read(at, spot)
        scan = reader.scanner.scan(at, 2)
        if scan is None:
            return reader.read(at, spot)
        if scan.is_deep:
            return careful_or_tolerant(reader, at, spot)
        after = lexer.skip(scan.stop, report=False)
        char = lexer.char(after)
        if char == "," and isinstance(scan.value, dict):
            behind = lexer.skip(after + 1, report=False)
            is_other = lexer.is_key(behind) and lexer.string_at(behind) not in scan.value
            if is_other and reader.owner_of_key(behind) is None:
                # The object was closed too early: these are no keys of another one like it.
                return reader.read(at, spot)
        if char in ("{", "[", ",", "]") or (char and char not in "}:" and not lexer.is_key(after)):
            return reader.checked(scan, at, spot)
        return reader.read(at, spot)

    def _trail(self, lexer: Lexer, reading: Reading, start: int) -> tuple[int, Gap]:
        """Where the text of an element ends: behind its comma, or right behind its value if there is none."""
        after = lexer.skip(reading.resume, report=False)
        if lexer.char(after) == ",":
            lexer.skip(reading.resume)
            return after + 1, Gap.COMMA
        # Blanks belong to what follows: its indentation decides, wherever a reading began.
        behind = start + len(lexer.text[start : reading.resume].rstrip(" \t\r\n"))
        return behind, Gap.QUIET if reading.is_quiet else Gap.MISSING

    def places(self, element: Element, start: int) -> Placing:
        """Where everything in an element stands, from its value on; `start` is where its text starts."""
        if element.placing is None:
            placing = Placing()
            text = self._piece(start, start + max(element.reach, element.length))
            lexer = Lexer(text, starts_line=start == 0)
            self.element(lexer, SoundScanner(lexer), 0, element.entry, placing)
            placing.move(-element.lead)
            element.placing = placing
        return element.placing


def careful_or_tolerant(reader: Reader, at: int, spot: Spot | None) -> Reading:
    """A value too deep for the scanner: sound but for its depth, or read with all tolerance."""
    lexer = reader.lexer
    known = len(lexer.problems)
    careful = Reader(lexer, reader.outer, careful=True)
    reading = careful.read(at, spot)
    faults = [p for p in lexer.problems[known:] if p.is_error and p.code != "json-nesting-too-deep"]
    is_sound = not faults and not reading.is_quiet
    if is_sound and reader.placing is None:
        return reading
    del lexer.problems[known:]
    reader.scans = False
    reader.careful = is_sound
    return reader.read(at, spot)


def lead_in(reader: Reader, start: int, gap: Gap) -> tuple[int, Gap, int]:
    """Pass what stands before an element or before the end of a table, and report what does not belong.

    Gives where the element or the end is, the state there, and where the last comma stands (-1: none).
    """
    lexer = reader.lexer
    at = lexer.skip(start)
    comma = start - 1 if gap is Gap.COMMA else -1
    while True:
        char = lexer.char(at)
        if char == ",":
            if gap in (Gap.FIRST, Gap.COMMA):
                stop = lexer.run_end(at)
                lexer.expected("value", "Value expected before this comma.", at, stop, (at, stop, ""))
                at = stop - 1
            gap, comma = Gap.COMMA, at
        elif char == ";":
            at = reader.semicolon(at)
            gap = Gap.QUIET
            continue
        elif char == ":":
            stop = lexer.run_end(at)
            lexer.expected(",", "A list has no `:`.", at, stop, (at, stop, ","))
            at = stop - 1
            gap = Gap.QUIET
        elif char and char in "}]" and not closes_table(reader, at, char):
            reader.bracket_extra(at, char)
        elif char and char in "{[" and gap is Gap.MISSING and reader.opens_nothing(at):
            reader.opening_extra(at, char)
        else:
            return at, gap, comma
        at = lexer.skip(at + 1)


def closes_table(reader: Reader, at: int, char: str) -> bool:
    """Whether a closing bracket ends the table: its own, the root's, or one typed in place of its own."""
    if char == "}" and reader.owner_of_closer(at, is_object=True) is not None:
        return True
    return reader.fits(1, at + 1, is_own=char == "]")
