"""Highlights of one document: the declaration of the name under the cursor, and its uses."""

from __future__ import annotations

from lsprotocol import types

from mplp_lsp.analysis.name_places import places_of
from mplp_lsp.analysis.names import name_at, names_called
from mplp_lsp.features.places import range_of_text
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot


def document_highlight(
    snapshot: Snapshot, document: Document, offset: int, _params: types.DocumentHighlightParams
) -> list[types.DocumentHighlight] | None:
    """A declaration counts as written, a use as read, in the order of the text; None where no name stands."""
    name = name_at(document, offset)
    if name is None:
        return None
    same = [other for other in names_called(document, name.text) if other.means(name)]
    kinds = types.DocumentHighlightKind
    marks = [
        (place, kinds.Write if other.is_declaration else kinds.Read)
        for other, place in zip(same, places_of(document, same), strict=True)
    ]
    return [
        types.DocumentHighlight(range=range_of_text(snapshot, document, *place), kind=kind)
        for place, kind in sorted(marks, key=lambda mark: mark[0])
    ]
