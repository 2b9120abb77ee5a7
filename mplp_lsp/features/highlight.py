"""Highlights of one document: the declaration of the name under the cursor, and its uses."""

from __future__ import annotations

from lsprotocol import types

from mplp_lsp.analysis.name_places import places_of
from mplp_lsp.analysis.names import name_at, names_called
from mplp_lsp.features.named_places import ready_ranges
from mplp_lsp.features.ready_json import ReadyJson
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

_READ, _WRITTEN = int(types.DocumentHighlightKind.Read), int(types.DocumentHighlightKind.Write)


def document_highlight(
    snapshot: Snapshot, document: Document, offset: int, _params: types.DocumentHighlightParams
) -> ReadyJson | None:
    """DocumentHighlight[] in the order of the text; None where no name stands.

    A declaration counts as written, a use as read.
    """
    name = name_at(document, offset)
    if name is None:
        return None
    same = [other for other in names_called(document, name.text) if other.means(name)]
    marks = sorted(
        (place, _WRITTEN if other.is_declaration else _READ)
        for other, place in zip(same, places_of(document, same), strict=True)
    )
    ranges = ready_ranges(snapshot, document, (place for place, _ in marks))
    found = (f'{{"range":{where},"kind":{kind}}}' for where, (_, kind) in zip(ranges, marks, strict=True))
    return ReadyJson(f"[{','.join(found)}]".encode("ascii"))
