"""Why a rule fired at a place: its meaning and its repair, with the values that offended it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from mplp_lsp.analysis.cross import all_findings
from mplp_lsp.analysis.document import analyse
from mplp_lsp.analysis.documentation import documentation_of
from mplp_lsp.analysis.live import run_findings
from mplp_lsp.analysis.located import Located, located
from mplp_lsp.features.hover_markup import Card, Line, Piece, line, link, spoken, strong
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.catalogue import Entry, sections
from mplp_runtime.rules.findings import Finding, Pointer

_MOST_FINDINGS = 3
_MOST_RELATED = 3
SEVERITIES = {1: "error", 2: "warning", 3: "information", 4: "hint"}


@cache
def _entries() -> dict[str, Entry]:
    return {entry.code: entry for section in sections() for entry in section.entries}


def entry_for(code: str) -> Entry | None:
    """What the catalogue says about a code; found at once, however many codes there are."""
    return _entries().get(code)


def known_codes() -> tuple[str, ...]:
    """All codes of the catalogue, in its order."""
    return tuple(_entries())


def findings_at(snapshot: Snapshot, document: Document, offset: int, pointer: Pointer) -> list[Located]:
    """The findings whose range holds the offset, the gravest first.

    `pointer` is what stands at the offset: only findings near it are looked up in the text.
    """
    analysis = analyse(document, snapshot.max_findings)
    ruled, _ = all_findings(analysis, snapshot.judged_by, snapshot.max_findings)
    near = [finding for finding in ruled if _is_near(finding, pointer)]
    found = [*analysis.syntax, *located(document, near, snapshot.documents)]
    found += run_findings(document, snapshot.runs)
    here = [one for one in found if one.start <= offset <= one.end]
    here.sort(key=lambda one: (one.finding.severity, one.end - one.start, one.finding.stage))
    return here


def _is_near(finding: Finding, pointer: Pointer) -> bool:
    place = finding.place.pointer
    common = min(len(place), len(pointer))
    return place[:common] == pointer[:common] and len(place) <= len(pointer) + 1


def finding_cards(document: Document, found: list[Located]) -> Iterator[Card]:
    """Cards for the gravest of them; how many more there are is said, and nothing is said twice."""
    shown = found[:_MOST_FINDINGS]
    explained: set[str] = set()
    for number, one in enumerate(shown):
        hidden = len(found) - len(shown) if number == len(shown) - 1 else 0
        yield finding_card(document, one, hidden, is_explained=one.finding.code in explained)
        explained.add(one.finding.code)


def finding_card(document: Document, found: Located, hidden: int = 0, *, is_explained: bool = False) -> Card:
    """One finding: what is wrong, why the rule is there, how to repair it, and the page about it.

    `is_explained`: the card before says what there is to say about the rule.
    """
    finding = found.finding
    title = line(strong(finding.code), f" · {SEVERITIES[int(finding.severity)]}")
    sentences: list[Line] = [spoken(text) for text in finding.message.splitlines() if text.strip()]
    entry = entry_for(finding.code)
    rows: list[Line] = []
    for spot in found.related[:_MOST_RELATED]:
        number = spot.document.text.position(spot.start, "utf-32")[0] + 1
        where = "line" if spot.document is document else f"{spot.document.uri.rpartition('/')[2]}, line"
        rows.append((Piece("text", f"{where} {number:,}: "), *spoken(spot.message)))
    if entry is not None and not is_explained:
        why = _not_said_yet(entry.meaning, finding.message)
        rows.extend([line("Why: ", why)] if why else [])
        rows.append(line("How to fix: ", entry.fix))
        target = documentation_of(finding.code)
        if target is not None:
            rows.append(line(link("Examples and more", target)))
    if hidden:
        rows.append(line(f"and {hidden} more here"))
    return Card(title, sentences, rows)


def _not_said_yet(meaning: str, message: str) -> str:
    """The meaning of a rule without its first sentence where the message ends with that."""
    first, _, others = meaning.partition(". ")
    return others if message.endswith(f"{first.removesuffix('.')}.") else meaning
