"""Edits in offsets, and the way from LSP's content changes to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mplp_lsp.text.snapshot import Encoding, TextSnapshot
from mplp_runtime.common_start import common_start

Position = tuple[int, int]
# Looking for what each single edit left alone costs the square of their number.
_MANY_EDITS = 64
Change = tuple[tuple[Position, Position] | None, str]


class Edit(NamedTuple):
    """What stands from `start` to `end` in the text before it is replaced by `new_text`."""

    start: int
    end: int
    new_text: str


class Stretch(NamedTuple):
    """A replaced part: `start` to `end` of the old text became `new_start` to `new_end` of the new one."""

    start: int
    end: int
    new_start: int
    new_end: int


def apply(
    snapshot: TextSnapshot, changes: Iterable[Change], encoding: Encoding
) -> tuple[TextSnapshot, list[Edit]]:
    """The text after LSP content changes, and the edits that lead there, each in offsets of its moment.

    A change is `(range, text)`; the range is `((line, character), (line, character))`, or None where the
    text replaces everything. Such a full text becomes the smallest edit with the same effect, so that
    trees keep what did not change.
    """
    edits: list[Edit] = []
    for where, text in changes:
        if where is None:
            edit = difference(snapshot.text, text)
        else:
            start = snapshot.offset(*where[0], encoding)
            end = snapshot.offset(*where[1], encoding)
            edit = Edit(min(start, end), max(start, end), text)
        if edit.start == edit.end and not edit.new_text:
            continue
        snapshot = snapshot.edited(*edit)
        edits.append(edit)
    return snapshot, edits


def difference(before: str, after: str) -> Edit:
    """The smallest single edit that makes `after` of `before`."""
    limit = min(len(before), len(after))
    start = common_start(before, after, limit)
    rest = limit - start
    # The shared end is compared from the back, block by block, and never runs into the shared start.
    end = common_start(before[::-1], after[::-1], rest)
    return Edit(start, len(before) - end, after[start : len(after) - end])


def stretches(edits: Sequence[Edit]) -> list[Stretch]:
    """The replaced parts of a sequence of edits as disjoint stretches in text order.

    Between two stretches old and new text are the same. Stretches that touch are joined, and very many
    edits ("replace all") are one stretch from the first place to the last.
    """
    if len(edits) > _MANY_EDITS:
        return [_around(edits)]
    found: list[Stretch] = []
    for edit in edits:
        found = _with(found, edit)
    return found


def _around(edits: Sequence[Edit]) -> Stretch:
    """One stretch that holds all of these edits."""
    start, end, text = edits[0]
    new_end = start + len(text)
    for edit in edits[1:]:
        start = min(start, edit.start)
        end += max(edit.end - new_end, 0)
        new_end = max(new_end, edit.end) + len(edit.new_text) - (edit.end - edit.start)
    return Stretch(start, end, start, new_end)


def _with(found: list[Stretch], edit: Edit) -> list[Stretch]:
    start, end, text = edit
    growth = len(text) - (end - start)
    before: list[Stretch] = []
    after: list[Stretch] = []
    touched: list[Stretch] = []
    shift = 0
    for stretch in found:
        if stretch.new_end < start:
            before.append(stretch)
            shift = stretch.end - stretch.new_end
        elif stretch.new_start > end:
            after.append(
                Stretch(stretch.start, stretch.end, stretch.new_start + growth, stretch.new_end + growth)
            )
        else:
            touched.append(stretch)
    old_start, new_start = start + shift, start
    old_end, new_end = end + shift, end
    if touched:
        if touched[0].new_start < start:
            old_start, new_start = touched[0].start, touched[0].new_start
        last = touched[-1]
        end_shift = last.end - last.new_end
        old_end, new_end = (end + end_shift, end) if end > last.new_end else (last.end, last.new_end)
    return [*before, Stretch(old_start, old_end, new_start, new_end + growth), *after]
