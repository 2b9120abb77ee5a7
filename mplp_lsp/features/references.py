"""Find references: every place of the project that names the same document, step or role."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types

from mplp_lsp.analysis.names import declarations_of, name_at, uses_of
from mplp_lsp.features.named_places import Found, ready_locations
from mplp_lsp.features.ready_json import ReadyItems
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.names import ANY, ROLE_NAME, Name


def references(
    snapshot: Snapshot, document: Document, offset: int, params: types.ReferenceParams
) -> ReadyItems | None:
    """Location[] by URI and place, with the declarations if asked for; None where no name stands."""
    name = name_at(document, offset)
    if name is None:
        return None
    declared = declarations_of(snapshot, name, document)
    meant = _meant(name, declared[0][1] if declared else None)
    found = [*uses_of(snapshot, meant, document), *_by_the_other_name(snapshot, document, meant, declared)]
    if params.context.include_declaration:
        found += declared
    return ready_locations(snapshot, sorted(found, key=lambda pair: pair[0].uri))


def _by_the_other_name(
    snapshot: Snapshot, document: Document, name: Name, declared: Found
) -> Iterator[tuple[Document, Name]]:
    """A step may give its role by name or by id: who asks for one wants to see both."""
    if name.kind not in {"role", ROLE_NAME}:
        return
    for home, _ in declared:
        facts = snapshot.index.facts(home.uri) if home.kind == "role" else None
        if facts is None:
            continue
        kind, text = ("role", facts.id) if name.kind == ROLE_NAME else (ROLE_NAME, facts.title)
        if text:
            yield from uses_of(snapshot, Name(kind, text, (), is_declaration=False), document)


def _meant(name: Name, declared: Name | None) -> Name:
    """What a name of no certain kind (the target of a Confirm, say) turns out to name."""
    return declared if name.kind == ANY and declared is not None else name
