"""`mplp.explain`: why a rule fired in a document, with the values that offended it, and how to repair it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mplp_lsp.analysis.documentation import documentation_of
from mplp_lsp.analysis.located import Located
from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.services import Services
from mplp_lsp.features.diagnostics import findings_of
from mplp_lsp.features.hover_findings import SEVERITIES, entry_for, finding_card, known_codes
from mplp_lsp.features.hover_markup import plain
from mplp_lsp.workspace.documents import Document
from mplp_runtime.errors import MplpError
from mplp_runtime.rules.words import nearest, quoted

_MOST_FINDINGS = 20
_OPEN_PAGE = "Open the page of this rule"


async def explain(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The findings of that code at the place, else all of that code; none if the rule is content now."""
    uri, code, pointer = arguments["uri"], arguments["code"], arguments.get("pointer")
    entry = entry_for(code)
    if entry is None:
        meant = nearest(code, known_codes())
        hint = f" Did you mean `{meant}`?" if meant is not None else ""
        raise MplpError(f"There is no rule with the code {quoted(code)}.{hint}")
    snapshot = services.snapshot(uri)
    document = snapshot.document(uri)
    if document is None or document.kind is None:
        raise MplpError("Only MPLP documents have findings to explain; this is not one.")
    known: Document = document
    every = await services.in_worker(lambda: findings_of(snapshot, known))
    of_code = [found for found in every if found.finding.code == code]
    found = [one for one in of_code if pointer is None or _pointer(one) == pointer] or of_code
    shown = found[:_MOST_FINDINGS]
    text, page = _text(known, shown, len(found), code, entry.meaning, entry.fix), documentation_of(code)
    if arguments.get("show"):
        await _shown(services, text, page)
    return {
        "code": code,
        "severity": entry.severity,
        "meaning": entry.meaning,
        "fix": entry.fix,
        "documentation": page,
        "count": len(found),
        "findings": [_as_json(known, one) for one in shown],
        "text": text,
    }


async def _shown(services: Services, text: str, page: str | None) -> None:
    """For editors that do nothing with what a command answers."""
    if services.can_ask:
        choice = await services.ask(text, [_OPEN_PAGE] if page is not None else [])
        if choice != _OPEN_PAGE:
            return
    if page is not None:
        await services.show_document(page, take_focus=True)


def _pointer(found: Located) -> str:
    """The place as a JSON pointer (RFC 6901)."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in found.finding.place.pointer)
    return "".join(f"/{part}" for part in parts)


def _as_json(document: Document, found: Located) -> dict[str, Any]:
    line, character = document.text.position(found.start, "utf-16")
    return {
        "pointer": _pointer(found),
        "message": found.finding.message,
        "severity": SEVERITIES[int(found.finding.severity)],
        "line": line,
        "character": character,
        "values": {name: _plain(value) for name, value in found.finding.data.items()},
        "related": [
            {
                "uri": spot.document.uri,
                "line": spot.document.text.position(spot.start, "utf-16")[0],
                "message": spot.message,
            }
            for spot in found.related
        ],
    }


def _plain(value: object) -> object:
    """Data of a finding as JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _text(document: Document, found: Sequence[Located], count: int, code: str, meaning: str, fix: str) -> str:
    if not found:
        return f"{code} does not fire here.\nWhy: {meaning}\nHow to fix: {fix}"
    cards = plain(finding_card(document, one) for one in found)
    return cards if count == len(found) else f"{cards}\n\nand {count - len(found):,} more"


EXPLAIN = Command(
    "mplp.explain",
    "Explain a finding",
    "Says why a rule fired: its meaning, its repair, and each place with the values that offended it. "
    "Answers `{code, severity, meaning, fix, documentation, count, findings, text}`.",
    explain,
    {
        "uri": Parameter(str, about="a document"),
        "code": Parameter(str, about="the code of the diagnostic"),
        "pointer": Parameter(str, required=False, about="the place, as a JSON pointer (`/steps/0/status`)"),
        "show": Parameter(bool, required=False, about="show it, in an editor that drops the answer"),
    },
)
