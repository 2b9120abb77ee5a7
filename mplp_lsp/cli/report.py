"""A finding as the command line prints it: positions counted from 1, columns in code points."""

from __future__ import annotations

from dataclasses import dataclass

from mplp_runtime.rules.findings import Severity

WORDS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "info",
    Severity.HINT: "hint",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A range in a file; `end_column` is exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class RelatedReport:
    """A second place that explains a finding."""

    message: str
    span: Span


@dataclass(frozen=True, slots=True)
class Report:
    """One finding with its place and the text of the line it is on."""

    severity: Severity
    code: str
    message: str
    span: Span
    source_line: str
    related: tuple[RelatedReport, ...] = ()

    @property
    def word(self) -> str:
        return WORDS[self.severity]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All findings of one check, in order of path and position, and how many documents were read."""

    reports: tuple[Report, ...]
    documents: int

    def count(self, severity: Severity) -> int:
        return sum(1 for report in self.reports if report.severity is severity)

    def reaches(self, threshold: Severity | None) -> bool:
        """Whether any finding is at least as severe as `threshold`; never, if that is None."""
        return threshold is not None and any(report.severity <= threshold for report in self.reports)
