"""Type hierarchy of documents: what a document belongs to (supertypes), and what belongs to it (subtypes).

A context holds plans; a plan holds traces and what confirms it; dialogs, collabs, networks and extensions
belong to their context.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lsprotocol import types

from mplp_lsp.analysis.name_places import inside_quotes, ranges_of
from mplp_lsp.analysis.names import declarations_of, name_at
from mplp_lsp.features import checkpoint
from mplp_lsp.features.places import range_between
from mplp_lsp.features.symbol_words import detail_of_document, kind_of_symbol, name_of_document
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.names import DOCUMENT_KINDS, ROLE_NAME
from mplp_runtime.rules.world import DocumentFacts, Reference

# Of several the first that names a known document: a trace of a plan belongs to the plan.
_OWNERS: tuple[Pointer, ...] = (("plan_id",), ("target_id",), ("context_id",))
_KINDS_OF_TARGETS = ("plan", "context", "trace", "extension")


def prepare_type_hierarchy(
    snapshot: Snapshot, document: Document, offset: int, _params: types.TypeHierarchyPrepareParams
) -> list[types.TypeHierarchyItem] | None:
    """The document whose id is at `offset`, else the one around it; None for what has no id of its own."""
    name = name_at(document, offset)
    if name is not None and name.kind in {*DOCUMENT_KINDS, ROLE_NAME, "any"}:
        homes = dict.fromkeys(home.uri for home, _ in declarations_of(snapshot, name, document))
        items = _items(snapshot, (facts for uri in homes if (facts := snapshot.index.facts(uri)) is not None))
        if items:
            return items
    facts = document.facts
    return _items(snapshot, [facts]) or None if facts is not None else None


def supertypes(
    snapshot: Snapshot, document: Document | None, _params: types.TypeHierarchySupertypesParams
) -> list[types.TypeHierarchyItem] | None:
    """What the document belongs to; [] where that is nothing known."""
    if document is None or document.facts is None:
        return None
    return _items(snapshot, _owners(snapshot, document.facts))


def subtypes(
    snapshot: Snapshot, document: Document | None, _params: types.TypeHierarchySubtypesParams
) -> list[types.TypeHierarchyItem] | None:
    """What belongs to the document, by URI."""
    if document is None or document.facts is None:
        return None
    facts = document.facts
    if facts.id is None:
        return []
    found = [
        other
        for other in snapshot.index.referring(facts.id)
        if any(owner.uri == facts.uri for owner in _owners(snapshot, other))
    ]
    return _items(snapshot, found)


def _owners(snapshot: Snapshot, facts: DocumentFacts) -> Sequence[DocumentFacts]:
    for pointer in _OWNERS:
        reference = next((each for each in facts.references if each.pointer == pointer), None)
        if reference is None:
            continue
        found = _declaring(snapshot, reference)
        if found:
            return found
    return ()


def _declaring(snapshot: Snapshot, reference: Reference) -> Sequence[DocumentFacts]:
    kinds = _KINDS_OF_TARGETS if reference.kind is None else (reference.kind,)
    return [facts for kind in kinds for facts in snapshot.index.declarations(kind, reference.id)]


def _items(snapshot: Snapshot, found: Iterable[DocumentFacts]) -> list[types.TypeHierarchyItem]:
    items: list[types.TypeHierarchyItem] = []
    for facts in found:
        checkpoint()
        document = snapshot.document(facts.uri)
        if document is None or facts.id is None:
            continue
        header = {"title": facts.title, "status": facts.status}
        place = inside_quotes(document, *ranges_of(document, [(facts.id_pointer, "value")])[0])
        items.append(
            types.TypeHierarchyItem(
                name=name_of_document(facts.kind, header, facts.id, facts.uri.rpartition("/")[2]),
                kind=kind_of_symbol(facts.kind),
                uri=document.uri,
                range=range_between(snapshot, document, 0, document.text.length),
                selection_range=range_between(snapshot, document, *place),
                detail=detail_of_document(facts.kind, header, facts.id),
                data={"uri": document.uri},
            )
        )
    return items
