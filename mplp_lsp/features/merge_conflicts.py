"""What git leaves in a file where two sides changed the same lines: one menu entry for each way out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from mplp_lsp.features.diagnostics import diagnostic, findings_between
from mplp_lsp.features.member_offers import QUICK_FIX
from mplp_lsp.features.offers import Offer
from mplp_lsp.features.workspace_edits import Change
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

_MARKER = "<<<<<<<"
# One way only to read each line end: with two, half a conflict of fifty lines would take for ever.
_NEW_LINE = r"(?:\r\n|\n|\r(?!\n))"
# Lines up to the next marker, whichever it is: an unfinished conflict ends there, too.
_LINES = rf"(?:(?!(?:<{{7}}|={{7}}|>{{7}}|\|{{7}})(?![<=>|]))[^\r\n]*{_NEW_LINE})*?"
_CONFLICT = re.compile(
    rf"(?:^|(?<=\r))<{{7}}(?!<)(?P<this_name>[^\r\n]*){_NEW_LINE}(?P<this>{_LINES})"
    rf"(?:\|{{7}}(?!\|)[^\r\n]*{_NEW_LINE}{_LINES})?"
    rf"={{7}}(?!=)[^\r\n]*{_NEW_LINE}(?P<other>{_LINES})"
    rf">{{7}}(?!>)(?P<other_name>[^\r\n]*)(?:{_NEW_LINE}|\Z)",
    re.MULTILINE,
)
_LONGEST_NAME = 40
# What may end one entry of a list or object, and begin the next.
_ENDS_ENTRY = re.compile(r'[\w"}\]]\Z')
_BEGINS_ENTRY = re.compile(r'[\w"{\[-]')


@dataclass(frozen=True, slots=True)
class Conflict:
    """One conflict in offsets of the text: all of it with its markers, and the lines of its two sides."""

    start: int
    end: int
    this: tuple[int, int]
    other: tuple[int, int]
    this_name: str
    other_name: str


def merge_conflict_offers(snapshot: Snapshot, document: Document, start: int, end: int) -> Iterator[Offer]:
    """Keep this side, the other one or both, at each conflict that the range touches.

    No way is preferred: which one was meant only the author knows.
    """
    for conflict in conflicts_between(document, start, end):
        here = findings_between(snapshot, document, conflict.start, conflict.start)
        shown = diagnostic(snapshot, document, here[0]) if here else None
        for title, edits, refusal in _ways_out(document, conflict):
            yield Offer(
                title,
                QUICK_FIX,
                partial(Change, [(document, edits)]),
                key=f"conflict@{conflict.start}",
                refusal=refusal,
                diagnostic=shown,
            )


def conflicts_between(document: Document, start: int, end: int) -> Iterator[Conflict]:
    """The whole conflicts that touch a range of offsets, in text order; in broken texts alone."""
    if not document.is_broken or _MARKER not in document.text.text:
        return
    for match in _CONFLICT.finditer(document.text.text):
        if match.start() > end:
            return
        if start <= match.end():
            names = (_name(match["this_name"]), _name(match["other_name"]))
            yield Conflict(match.start(), match.end(), match.span("this"), match.span("other"), *names)


def _name(marked: str) -> str:
    name = marked.strip()
    shown = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return f" ({shown})" if shown else ""


def _ways_out(document: Document, conflict: Conflict) -> Iterator[tuple[str, list[Edit], str | None]]:
    for title, (first, last) in (
        (f"Keep this side{conflict.this_name}", conflict.this),
        (f"Keep the other side{conflict.other_name}", conflict.other),
    ):
        yield title, [Edit(conflict.start, first, ""), Edit(last, conflict.end, "")], None
    both = [
        Edit(conflict.start, conflict.this[0], ""),
        *_comma_between(document, conflict),
        Edit(conflict.this[1], conflict.other[0], ""),
        Edit(conflict.other[1], conflict.end, ""),
    ]
    yield "Keep both", both, _why_not_both(document, conflict, both)


def _comma_between(document: Document, conflict: Conflict) -> Iterator[Edit]:
    """Two entries that were each the last of their list need a comma once they follow one another."""
    if document.tree is None:
        return
    this, other = (document.text.slice(*side) for side in (conflict.this, conflict.other))
    before = this.rstrip()
    if _ENDS_ENTRY.search(before) and _BEGINS_ENTRY.match(other.lstrip()):
        at = conflict.this[0] + len(before)
        yield Edit(at, at, ",")


def _why_not_both(document: Document, conflict: Conflict, edits: Sequence[Edit]) -> str | None:
    """Both sides are one text only where they add something each, as two steps do."""
    tree = document.tree
    if tree is None:
        return None
    text, shift = document.text, 0
    moved = []
    for edit in edits:
        moved.append(Edit(edit.start + shift, edit.end + shift, edit.new_text))
        text = text.edited(*moved[-1])
        shift += len(edit.new_text) - (edit.end - edit.start)
    end = conflict.end + shift
    for problem in tree.edited(moved, text).problems:
        if conflict.start <= problem.start < end:
            if problem.code == "json-key-duplicate":
                return f"Both sides have {text.slice(problem.start, problem.end)}, which stands once."
            if problem.is_error:
                return "One after the other the two sides are no JSON."
    return None
