"""The one slip that explains what is broken outside the elements of tables; see `json_slips`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from mplp_lsp.text.json_slips import (
    AHEAD,
    BEHIND,
    Slip,
    char_at,
    doubts,
    past_blanks,
    scanned,
    slips,
    window_start,
)

# Where reading stops this far behind the slip for want of text, it has come far enough.
_HORIZON = AHEAD // 2


class At(Enum):
    """Where strict reading of a root object begins."""

    START = "start"
    MEMBER = "member"
    ELEMENT = "element"


class Span(NamedTuple):
    """A table as it was read: where its elements start and end, and where the last one starts."""

    start: int
    end: int
    last: int

    def holds(self, slip: Slip) -> bool:
        """Whether a slip stands among the elements, so that the places of those behind it would be wrong."""
        return slip.start < self.end and self.start < slip.start + len(slip.new_text)


class Stuck(NamedTuple):
    """Where strict reading stops, and a place before it from which it can be tried again."""

    fault: int
    state: At
    start: int


def root_slips(text: str, spans: Sequence[Span]) -> Iterator[Slip]:
    """Slips that let strict reading pass the first fault of the root, likeliest first."""
    for stuck in _stuck(text, spans):
        yield from _slips_at(text, stuck)


def _slips_at(text: str, stuck: Stuck) -> list[Slip]:
    fault, state, start = stuck
    if fault - start > BEHIND:
        return []
    region = text[start : fault + AHEAD]
    is_cut = fault + AHEAD < len(text)
    fault -= start
    found: list[tuple[int, Slip]] = []
    for slip in slips(region, window_start(region, fault), fault):
        meant = slip.mend(region)
        if _reads_on(meant, state, fault + 1, is_cut=is_cut):
            found.append((doubts(slip, meant), slip.moved(start)))
    # Stable: of those with as many doubts, the likeliest stays the first.
    return [slip for _, slip in sorted(found, key=lambda one: one[0])]


def _stuck(text: str, spans: Sequence[Span]) -> Iterator[Stuck]:
    """The first fault outside the tables, or in what was taken for a table."""
    tables = {span.start: span for span in spans}
    at = past_blanks(text, 1 if text.startswith("\ufeff") else 0)
    if char_at(text, at) != "{":
        yield Stuck(at, At.START, at)
        return
    before = now = (At.START, at)
    at = past_blanks(text, at + 1)
    while True:
        stop, fault = _colon(text, at)
        if stop < 0:
            yield Stuck(fault, *before)
            return
        if now[0] is not At.START:
            before = now
            now = (At.MEMBER, at)
        else:
            now = (At.MEMBER, at) if before is not now else before
        at = past_blanks(text, stop)
        table = tables.get(at + 1) if char_at(text, at) == "[" else None
        end = past_blanks(text, table.end) if table is not None else at
        if table is not None and char_at(text, end) == "]":
            if table.end > table.start:
                before = now = (At.ELEMENT, past_blanks(text, table.last))
            at = end + 1
        else:
            if table is not None and table.end > table.start:
                yield Stuck(end, At.ELEMENT, past_blanks(text, table.last))
            _, stop, fault = scanned(text, at)
            if stop < 0:
                yield Stuck(fault, *before)
                return
            if table is not None:
                before = now = (At.ELEMENT, stop - 1)
            at = stop
        at = past_blanks(text, at)
        if char_at(text, at) == "}":
            at = past_blanks(text, at + 1)
            if at < len(text):
                yield Stuck(at, *before)
            return
        if char_at(text, at) != ",":
            yield Stuck(at, *before)
            return
        at = past_blanks(text, at + 1)


def _colon(text: str, at: int) -> tuple[int, int]:
    """Behind the colon of the key at `at`, or -1; and where reading stopped."""
    if char_at(text, at) != '"':
        return -1, at
    _, stop, fault = scanned(text, at)
    if stop < 0:
        return -1, fault
    at = past_blanks(text, stop)
    return (at + 1, at) if char_at(text, at) == ":" else (-1, at)


def _reads_on(text: str, state: At, goal: int, *, is_cut: bool) -> bool:
    """Whether strict reading gets past `goal` to where a member or an element begins, or to the end."""
    at = 0
    enough = goal + _HORIZON if is_cut else len(text) + 1
    if state is At.START:
        if char_at(text, at) != "{":
            return False
        state, at = At.MEMBER, past_blanks(text, 1)
    while at <= goal:
        is_member = state is At.MEMBER
        if is_member:
            colon, fault = _colon(text, at)
            if colon < 0:
                return fault >= enough
            at = past_blanks(text, colon)
        stop, fault = _value(text, at, state)
        if stop < 0 and is_member and fault < enough and char_at(text, at) == "[":
            # A table may have faults of its own further on.
            state, at = At.ELEMENT, past_blanks(text, at + 1)
            continue
        if stop < 0:
            return fault >= enough
        at = past_blanks(text, stop)
        if not is_member and char_at(text, at) == "]":
            state, at = At.MEMBER, past_blanks(text, at + 1)
        if char_at(text, at) == "}" and state is At.MEMBER:
            return past_blanks(text, at + 1) == len(text) and not is_cut
        if char_at(text, at) != ",":
            return enough <= at == len(text)
        at = past_blanks(text, at + 1)
    stop, fault = _colon(text, at) if state is At.MEMBER else _value(text, at, state)
    return stop >= 0 or fault >= enough


def _value(text: str, at: int, state: At) -> tuple[int, int]:
    """Where the value at `at` ends, or -1, and where reading stopped; the end of a table is there already."""
    if state is At.ELEMENT and char_at(text, at) == "]":
        return at, at
    _, stop, fault = scanned(text, at)
    return stop, fault
