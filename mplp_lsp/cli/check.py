"""`mplp-lsp check`: the findings an editor would show, for people, programs and CI services."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from mplp_lsp.analysis.cross import all_findings
from mplp_lsp.analysis.document import analyse
from mplp_lsp.analysis.located import Located, RelatedSpot, located
from mplp_lsp.cli.complaints import complain
from mplp_lsp.cli.formats import FORMS
from mplp_lsp.cli.project import absolute, read_projects, shown_path
from mplp_lsp.cli.report import Outcome, RelatedReport, Report, Span
from mplp_lsp.cli.style import Style, write
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.errors import MplpError
from mplp_runtime.rules.findings import Severity

THRESHOLDS: dict[str, Severity | None] = {
    "error": Severity.ERROR,
    "warning": Severity.WARNING,
    "info": Severity.INFORMATION,
    "hint": Severity.HINT,
    "never": None,
}


def check_command(
    paths: Sequence[str],
    *,
    form: str = "text",
    fail_on: str = "warning",
    hints: bool = False,
    out: TextIO | None = None,
) -> int:
    """0 where nothing reaches `fail_on`, else 1. Raises MplpError for a path that is not there."""
    stream = out or sys.stdout
    outcome = check_paths([absolute(path) for path in paths])
    threshold = THRESHOLDS[fail_on]
    shown = outcome
    if form in {"text", "github"} and not hints and threshold is not Severity.HINT:
        shown = Outcome(
            tuple(report for report in outcome.reports if report.severity is not Severity.HINT),
            outcome.documents,
        )
    write(stream, FORMS[form](shown, Style.of(stream)))
    stream.flush()
    return 1 if outcome.reaches(threshold) else 0


def check_paths(paths: Iterable[Path]) -> Outcome:
    """Findings of our documents at or below `paths`; the rest of their projects is read for references."""
    asked = list(paths)
    on_disk = read_projects(asked)
    documents: dict[Path, Document] = {}
    for path in asked:
        found = on_disk.below(path)
        if path.is_file() and not found:
            raise MplpError(f"{path} is no MPLP document: see docs/files.md for names that are recognised.")
        documents.update((document.path, document) for document in found if document.path is not None)
    reports = [
        report
        for path, document in sorted(documents.items())
        for report in _reports(on_disk.snapshot(path), document)
    ]
    for root in on_disk.cut:
        complain(
            f"{shown_path(root)} has more files than are looked at; name folders or files in it instead."
        )
    return Outcome(tuple(reports), len(documents))


def _reports(snapshot: Snapshot, document: Document) -> Iterator[Report]:
    for one in findings_of(snapshot, document):
        yield Report(
            severity=one.finding.severity,
            code=one.finding.code,
            message=one.finding.message,
            span=_span(document, one.start, one.end),
            source_line=document.text.line(document.text.position(one.start, "utf-32")[0]),
            related=tuple(_related(spot) for spot in one.related),
        )


def findings_of(snapshot: Snapshot, document: Document) -> list[Located]:
    """What an editor shows, in its order, without the live runs; a test compares the two.

    `features/diagnostics.py` is not asked, because lsprotocol alone takes longer to import than a check.
    """
    analysis = analyse(document, snapshot.max_findings)
    ruled, capped = all_findings(analysis, snapshot.index, snapshot.max_findings)
    found = [*analysis.syntax, *located(document, ruled, snapshot.documents)]
    found.sort(key=lambda one: (one.start, one.finding.stage, one.end))
    if capped is not None:
        found.insert(0, Located(capped, 0, min(1, document.text.length)))
    return found


def _related(spot: RelatedSpot) -> RelatedReport:
    return RelatedReport(spot.message, _span(spot.document, spot.start, spot.end))


def _span(document: Document, start: int, end: int) -> Span:
    line, character = document.text.position(start, "utf-32")
    end_line, end_character = document.text.position(end, "utf-32")
    return Span(_shown(document), line + 1, character + 1, end_line + 1, end_character + 1)


def _shown(document: Document) -> str:
    """The path as a person in the current folder would write it."""
    return document.uri if document.path is None else shown_path(document.path)
