"""The four forms in which `mplp-lsp check` prints an outcome. Each returns text; nothing is printed here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from mplp_lsp.cli.report import Outcome, RelatedReport, Report, Span
from mplp_lsp.cli.style import Style, cells, printable
from mplp_runtime.rules.findings import Severity

_COLOURS = {
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.INFORMATION: "blue",
    Severity.HINT: "grey",
}
_WIDEST_FRAME = 160
_SARIF_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "note",
    Severity.HINT: "note",
}
_GITHUB_WORDS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "notice",
    Severity.HINT: "notice",
}


def text_form(outcome: Outcome, style: Style) -> str:
    """For people: each finding with a code frame, then one line that counts them."""
    parts = [_framed(report, style) for report in outcome.reports]
    parts.append(summary(outcome, style))
    return "\n".join(parts) + "\n"


def summary(outcome: Outcome, style: Style) -> str:
    """The one line that counts what was found."""
    documents = _counted(outcome.documents, "document")
    if not outcome.reports:
        return style.paint(f"{documents} checked, nothing to report.", "green")
    touched = len({report.span.path for report in outcome.reports})
    counts = [
        style.paint(_counted(outcome.count(severity), word), _COLOURS[severity])
        for severity, word in (
            (Severity.ERROR, "error"),
            (Severity.WARNING, "warning"),
            (Severity.INFORMATION, "note"),
            (Severity.HINT, "hint"),
        )
        if outcome.count(severity)
    ]
    return f"{', '.join(counts)} in {touched} of {documents}."


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _framed(report: Report, style: Style) -> str:
    colour = _COLOURS[report.severity]
    span = report.span
    number = str(span.line)
    margin = " " * len(number)
    bar = style.paint("|", "cyan")
    source, column, width = _window(report)
    name = style.paint(f"{report.word}[{report.code}]", colour, "bold")
    lines = [
        f"{name}: {style.paint(printable(report.message), 'bold')}",
        f"{margin}{style.paint('-->', 'cyan')} {printable(span.path)}:{span.line}:{span.column}",
        f"{margin} {bar}",
        f"{style.paint(number, 'cyan')} {bar} {source}".rstrip(),
        f"{margin} {bar} {' ' * column}{style.paint('^' * width, colour)}",
    ]
    lines.extend(f"{margin} {style.paint('=', 'cyan')} {_related(related)}" for related in report.related)
    return "\n".join(lines) + "\n"


def _related(related: RelatedReport) -> str:
    span = related.span
    return f"{printable(related.message)} ({printable(span.path)}:{span.line}:{span.column})"


def _window(report: Report) -> tuple[str, int, int]:
    """The part of the line to show, where the marks start in it, and how many there are."""
    span = report.span
    line = printable(report.source_line.rstrip("\r\n").replace("\t", " "))
    start = min(span.column - 1, len(line))
    end = min(span.end_column - 1, len(line)) if span.end_line == span.line else len(line)
    first = 0
    if len(line) > _WIDEST_FRAME and start > _WIDEST_FRAME // 2:
        first = start - _WIDEST_FRAME // 4
    shown = line[first : first + _WIDEST_FRAME]
    prefix = "…" if first else ""
    suffix = "…" if first + _WIDEST_FRAME < len(line) else ""
    width = max(1, min(end - start, _WIDEST_FRAME - (start - first)))
    # Marks stand under what they mark also where characters are two columns wide.
    before, marked = shown[: start - first], shown[start - first : start - first + width]
    return prefix + shown + suffix, cells(before) + len(prefix), max(cells(marked), 1)


def json_form(outcome: Outcome, _style: Style) -> str:
    """For programs: one object with `findings` and `summary`; lines and columns count from 1."""
    document = {
        "version": 1,
        "findings": [
            {
                **_span(report.span),
                "severity": report.word,
                "code": report.code,
                "message": report.message,
                "related": [
                    {"message": related.message, **_span(related.span)} for related in report.related
                ],
            }
            for report in outcome.reports
        ],
        "summary": {
            "documents": outcome.documents,
            "errors": outcome.count(Severity.ERROR),
            "warnings": outcome.count(Severity.WARNING),
            "notes": outcome.count(Severity.INFORMATION),
            "hints": outcome.count(Severity.HINT),
        },
    }
    return json.dumps(document, ensure_ascii=True, indent=2) + "\n"


def _span(span: Span) -> dict[str, object]:
    return {
        "path": span.path,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def sarif_form(outcome: Outcome, _style: Style) -> str:
    """SARIF 2.1.0, the form that code-scanning services read."""
    from mplp_runtime.rules.catalogue import sections

    about = {entry.code: entry.meaning for section in sections() for entry in section.entries}
    codes = sorted({report.code for report in outcome.reports})
    rules = [
        {
            "id": code,
            "name": code,
            "shortDescription": {"text": about.get(code, code)},
            "properties": {"tags": ["mplp"]},
        }
        for code in codes
    ]
    results: list[dict[str, Any]] = []
    for report in outcome.reports:
        result: dict[str, Any] = {
            "ruleId": report.code,
            "ruleIndex": codes.index(report.code),
            "level": _SARIF_LEVELS[report.severity],
            "message": {"text": report.message},
            "locations": [{"physicalLocation": _physical(report.span)}],
        }
        if report.related:
            result["relatedLocations"] = [
                {
                    "id": number,
                    "physicalLocation": _physical(related.span),
                    "message": {"text": related.message},
                }
                for number, related in enumerate(report.related, start=1)
            ]
        results.append(result)
    from mplp_lsp.version import VERSION

    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "mplp-lsp", "version": VERSION, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }
    return json.dumps(document, ensure_ascii=True, indent=2) + "\n"


def _physical(span: Span) -> dict[str, object]:
    return {
        "artifactLocation": {"uri": quote(PurePath(span.path).as_posix())},
        "region": {
            "startLine": span.line,
            "startColumn": span.column,
            "endLine": span.end_line,
            "endColumn": span.end_column,
        },
    }


def github_form(outcome: Outcome, _style: Style) -> str:
    """Workflow commands that GitHub turns into annotations."""
    lines = []
    for report in outcome.reports:
        span = report.span
        properties = {
            "file": PurePath(span.path).as_posix(),
            "line": span.line,
            "col": span.column,
            "endLine": span.end_line,
            "endColumn": span.end_column,
            "title": report.code,
        }
        shown = ",".join(f"{key}={_escaped_property(str(value))}" for key, value in properties.items())
        lines.append(f"::{_GITHUB_WORDS[report.severity]} {shown}::{_escaped(report.message)}")
    return "".join(line + "\n" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


FORMS: Mapping[str, Callable[[Outcome, Style], str]] = {
    "text": text_form,
    "json": json_form,
    "sarif": sarif_form,
    "github": github_form,
}
