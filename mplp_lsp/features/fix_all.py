"""`source.fixAll.mplp`: every repair that cannot change what the author meant, in one edit.

Guesses ("did you mean") are left to the person: an editor may run this on each save.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from mplp_lsp.analysis.located import Located
from mplp_lsp.features import checkpoint
from mplp_lsp.features.diagnostics import findings_of
from mplp_lsp.features.fixes import fixes
from mplp_lsp.features.workspace_edits import Change
from mplp_lsp.text.edits import Edit, stretches
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.findings import Finding

FIX_ALL_KIND = "source.fixAll.mplp"
SAFE_CODES = frozenset(
    {
        "id-upper-case",
        "json-bom",
        "json-comma-missing",
        "json-comma-trailing",
        "json-literal-invalid",
        "json-string-control",
        "key-blank",
        "key-not-snake-case",
    }
)
"""Faults whose obvious repair says the same in the right form; so do words that lack only their quotes."""

_MOST_ROUNDS = 8


def all_fixed(snapshot: Snapshot, document: Document) -> Change | None:
    """The document without the faults of `SAFE_CODES`; None where it has none that can be repaired.

    A repair may bring others to light (keys behind a missing comma), so it goes on until nothing is left.
    """
    return _fixed(snapshot, document, _is_safe, _MOST_ROUNDS)


def can_fix_all(snapshot: Snapshot, document: Document) -> bool:
    """Whether `all_fixed` has something to do, found without doing it."""
    findings = findings_of(snapshot, document)
    return any(_preferred(document, [found], _is_safe) for found in findings)


def all_of_code(snapshot: Snapshot, document: Document, code: str) -> Change | None:
    """The document with the preferred fix applied to each finding of one code."""
    return _fixed(snapshot, document, lambda finding: finding.code == code, 1)


def _is_safe(finding: Finding) -> bool:
    is_unquoted = finding.code == "json-syntax" and finding.data.get("expected") == '"'
    return is_unquoted or finding.code in SAFE_CODES


def _fixed(
    snapshot: Snapshot, document: Document, is_meant: Callable[[Finding], bool], rounds: int
) -> Change | None:
    made: list[Edit] = []
    current = document
    for _ in range(rounds):
        checkpoint()
        edits = _disjoint(_preferred(current, findings_of(snapshot, current), is_meant))
        if not edits:
            break
        text = current.text
        # From the back, so that each edit is in offsets of its moment.
        for edit in reversed(edits):
            text = text.edited(*edit)
            made.append(edit)
        current = replace(current, text=text, cache={}, lineage={})
    if not made:
        return None
    whole = [
        Edit(each.start, each.end, current.text.slice(each.new_start, each.new_end))
        for each in stretches(made)
    ]
    return Change([(document, whole)])


def _preferred(
    document: Document, findings: Iterable[Located], is_meant: Callable[[Finding], bool]
) -> list[tuple[Edit, ...]]:
    chosen: list[tuple[Edit, ...]] = []
    for found in findings:
        if not is_meant(found.finding):
            continue
        fix = next((fix for fix in fixes(document, found) if fix.is_preferred), None)
        if fix is not None:
            chosen.append(fix.edits)
    return chosen


def _disjoint(groups: Sequence[tuple[Edit, ...]]) -> list[Edit]:
    """The edits in text order; a fix that would touch another waits for the next round."""
    taken: list[Edit] = []
    for group in groups:
        if not any(_touches(taken, edit) for edit in group):
            for edit in group:
                insort(taken, edit)
    return taken


def _touches(taken: Sequence[Edit], edit: Edit) -> bool:
    """Whether an edit reaches one of those taken, which are in order and do not reach each other."""
    place = bisect_left(taken, edit)
    return (place > 0 and taken[place - 1].end >= edit.start) or (
        place < len(taken) and taken[place].start <= edit.end
    )
