"""Find references: every place of the project that names the same document, step or role."""

from __future__ import annotations

from lsprotocol import types

from mplp_lsp.analysis.names import declarations_of, name_at, uses_of
from mplp_lsp.features.named_places import locations
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.names import ANY, Name


def references(
    snapshot: Snapshot, document: Document, offset: int, params: types.ReferenceParams
) -> list[types.Location] | None:
    """By URI and place, with the declarations if asked for; None where no name stands."""
    name = name_at(document, offset)
    if name is None:
        return None
    declared = declarations_of(snapshot, name, document)
    meant = _meant(name, declared[0][1] if declared else None)
    found = uses_of(snapshot, meant, document)
    if params.context.include_declaration:
        found = sorted([*found, *declared], key=lambda pair: pair[0].uri)
    return locations(snapshot, found)


def _meant(name: Name, declared: Name | None) -> Name:
    """What a name of no certain kind (the target of a Confirm, say) turns out to name."""
    return declared if name.kind == ANY and declared is not None else name
