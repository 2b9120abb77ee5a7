"""Diagnostics: what is wrong with a document, and what its latest run says at its steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from lsprotocol import types

from mplp_lsp.analysis.cross import all_findings
from mplp_lsp.analysis.document import analyse
from mplp_lsp.analysis.documentation import documentation_of
from mplp_lsp.analysis.live import run_findings
from mplp_lsp.analysis.located import Located, RelatedSpot, located
from mplp_lsp.features.drift import drift_findings
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.findings import Finding

SOURCE = "mplp"
_RELATED_IN_MESSAGE = 3


def diagnostics(snapshot: Snapshot, uri: str) -> list[types.Diagnostic]:
    """Everything to show for one document, in the order of the text; [] for a file that is not ours."""
    document = snapshot.document(uri)
    if document is None or document.kind is None:
        return []
    shown = [diagnostic(snapshot, document, found) for found in findings_of(snapshot, document)]
    if not document.is_open:
        document.rest()
    return shown


def findings_of(snapshot: Snapshot, document: Document) -> list[Located]:
    """The same with offsets: for the command line, and for features that look up a finding."""
    ruled, capped = _ruled(snapshot, document)
    return _in_order(snapshot, document, ruled, capped)


def findings_between(snapshot: Snapshot, document: Document, start: int, end: int) -> list[Located]:
    """Those of `findings_of` that touch these offsets; places far away are not looked up."""
    ruled, capped = _ruled(snapshot, document)
    near = ruled if document.tree is None else list(_near(document.tree, ruled, start, end))
    found = _in_order(snapshot, document, near, capped)
    return [one for one in found if one.start <= end and start <= one.end]


def codes_in(snapshot: Snapshot, document: Document) -> Counter[str]:
    """How often each code is found in a document."""
    ruled, capped = _ruled(snapshot, document)
    elsewhere = [*analyse(document, snapshot.max_findings).syntax, *_from_runs(snapshot, document)]
    codes = [*(one.code for one in ruled), *(one.finding.code for one in elsewhere)]
    return Counter(codes if capped is None else [*codes, capped.code])


def _from_runs(snapshot: Snapshot, document: Document) -> list[Located]:
    return [*run_findings(document, snapshot.runs), *drift_findings(snapshot, document)]


def _ruled(snapshot: Snapshot, document: Document) -> tuple[Sequence[Finding], Finding | None]:
    """What the rules say, and that there is more than is shown."""
    analysis = analyse(document, snapshot.max_findings)
    return all_findings(analysis, snapshot.judged_by, snapshot.max_findings)


def _in_order(
    snapshot: Snapshot, document: Document, ruled: Iterable[Finding], capped: Finding | None
) -> list[Located]:
    found = [
        *analyse(document, snapshot.max_findings).syntax,
        *located(document, ruled, snapshot.documents),
        *_from_runs(snapshot, document),
    ]
    found.sort(key=lambda one: (one.start, one.finding.stage, one.end))
    if capped is not None:
        found.insert(0, Located(capped, 0, min(1, document.text.length)))
    return found


def _near(tree: Tree, findings: Iterable[Finding], start: int, end: int) -> Iterator[Finding]:
    """Without those about list entries that stand elsewhere; one more entry on each side is kept."""
    spans: dict[object, tuple[int, int, int]] = {}
    for field, table in tree.tables.items():
        first, last = table.index_at(start), table.index_at(end)
        if first is not None and last is not None:
            spans[field] = first - 1, last + 1, table.count
    for finding in findings:
        pointer = finding.place.pointer
        span = spans.get(pointer[0]) if len(pointer) > 1 else None
        index = pointer[1] if span is not None else None
        if span is None or not isinstance(index, int) or index >= span[2] or span[0] <= index <= span[1]:
            yield finding


def diagnostic(snapshot: Snapshot, document: Document, found: Located) -> types.Diagnostic:
    """One finding as the client can take it."""
    client, finding = snapshot.client, found.finding
    link = documentation_of(finding.code) if client.code_description else None
    return types.Diagnostic(
        range=_range(snapshot, document, found.start, found.end),
        message=finding.message if client.related_information else _with_related(document, found),
        severity=types.DiagnosticSeverity(int(finding.severity)),
        code=finding.code,
        code_description=types.CodeDescription(href=link) if link is not None else None,
        source=SOURCE,
        tags=_tags(found, client.diagnostic_tags) or None,
        related_information=_related(snapshot, found.related) or None if client.related_information else None,
        data=_data(found) if client.diagnostic_data else None,
    )


def _range(snapshot: Snapshot, document: Document, start: int, end: int) -> types.Range:
    text, encoding = document.text, snapshot.encoding
    first_line, first_character = text.position(start, encoding)
    last_line, last_character = text.position(end, encoding)
    return types.Range(types.Position(first_line, first_character), types.Position(last_line, last_character))


def _related(snapshot: Snapshot, spots: Iterable[RelatedSpot]) -> list[types.DiagnosticRelatedInformation]:
    return [
        types.DiagnosticRelatedInformation(
            types.Location(spot.document.uri, _range(snapshot, spot.document, spot.start, spot.end)),
            spot.message,
        )
        for spot in spots
    ]


def _with_related(document: Document, found: Located) -> str:
    """The message with the related places in words, for editors that drop them (eglot)."""
    lines = [found.finding.message]
    for spot in found.related[:_RELATED_IN_MESSAGE]:
        line = spot.document.text.position(spot.start, "utf-32")[0] + 1
        place = f"line {line}"
        if spot.document is not document:
            place = f"{spot.document.uri.rpartition('/')[2]}, {place}"
        lines.append(f"({place}) {spot.message}")
    if len(found.related) > _RELATED_IN_MESSAGE:
        lines.append(f"(and {len(found.related) - _RELATED_IN_MESSAGE} more places)")
    return "\n".join(lines)


def _tags(found: Located, shown: frozenset[int]) -> list[types.DiagnosticTag]:
    wanted = {
        types.DiagnosticTag.Unnecessary: found.finding.unnecessary,
        types.DiagnosticTag.Deprecated: found.finding.deprecated,
    }
    return [tag for tag, applies in wanted.items() if applies and int(tag) in shown]


def _data(found: Located) -> Mapping[str, object]:
    """What a fix needs: enough to be made without looking the finding up again."""
    finding = found.finding
    return {
        "code": finding.code,
        "pointer": list(finding.place.pointer),
        "part": finding.place.part,
        **finding.data,
    }
