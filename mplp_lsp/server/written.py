"""Diagnostics as JSON; what stays the same from edit to edit is written once.

Of a finding that an edit did not touch only its place may change, and that is a few numbers. Everything else
is kept with the finding, along the document's lineage, for as long as the finding is shown.
"""

from __future__ import annotations

from typing import NamedTuple

from mplp_lsp.analysis.located import Located
from mplp_lsp.features.diagnostics import diagnostic, findings_of
from mplp_lsp.server.encoded import encode
from mplp_lsp.server.params import shared_converter
from mplp_lsp.text.snapshot import Encoding, TextSnapshot
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import ClientView, Snapshot
from mplp_runtime.rules.findings import Finding

_KEPT = "written findings"


class _Kept(NamedTuple):
    """The JSON of a diagnostic before and behind its range; `finding` keeps its id from being used again."""

    finding: Finding
    head: str
    tail: str


class _Written(NamedTuple):
    client: ClientView
    by_id: dict[int, _Kept]


def written(snapshot: Snapshot, uri: str) -> bytes:
    """The JSON array of `features.diagnostics.diagnostics`, its keys sorted; `[]` for what is not ours."""
    document = snapshot.document(uri)
    if document is None or document.kind is None:
        return b"[]"
    kept = document.lineage.get(_KEPT)
    known = kept.by_id if isinstance(kept, _Written) and kept.client == snapshot.client else {}
    fresh: dict[int, _Kept] = {}
    parts: list[str] = []
    for found in findings_of(snapshot, document):
        one = known.get(id(found.finding))
        if one is None:
            one = _parts_of(snapshot, document, found)
        if not found.related:
            # Related places are in the head, and move by themselves.
            fresh[id(found.finding)] = one
        place = _range(document.text, found.start, found.end, snapshot.encoding)
        parts.append(f'{one.head},"range":{place},{one.tail}')
    if document.is_open:
        document.lineage[_KEPT] = _Written(snapshot.client, fresh)
    else:
        document.rest()
    return f"[{','.join(parts)}]".encode("ascii")


def _parts_of(snapshot: Snapshot, document: Document, found: Located) -> _Kept:
    members = shared_converter().unstructure(diagnostic(snapshot, document, found))
    before = {name: value for name, value in members.items() if name < "range"}
    behind = {name: value for name, value in members.items() if name > "range"}
    head, tail = (encode(part, sort_keys=True).decode("ascii") for part in (before, behind))
    return _Kept(found.finding, head[:-1], tail[1:])


def _range(text: TextSnapshot, start: int, end: int, encoding: Encoding) -> str:
    (line, character), (last_line, last_character) = text.positions(start, end, encoding)
    return (
        f'{{"end":{{"character":{last_character},"line":{last_line}}},'
        f'"start":{{"character":{character},"line":{line}}}}}'
    )
