"""The outline of a document: what it is, and its steps, segments, events or roles, not every leaf."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from lsprotocol import types

from mplp_lsp.analysis.located import range_of
from mplp_lsp.analysis.name_places import inside_quotes
from mplp_lsp.features.ready_json import ReadyJson
from mplp_lsp.features.symbol_entries import Shape, entries_of_table, entries_of_timeline
from mplp_lsp.features.symbol_words import (
    detail_of_document,
    document_named_by,
    kind_of_symbol,
    name_of_document,
)
from mplp_lsp.text.toml import TomlTree
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.facts import OWN_ID
from mplp_runtime.rules.findings import Part, Pointer

MAIN_LISTS: Mapping[str, tuple[str, str]] = {
    "plan": ("steps", "step"),
    "confirm": ("decisions", "decision"),
    "trace": ("segments", "segment"),
    "dialog": ("messages", "message"),
    "collab": ("participants", "participant"),
    "core": ("modules", "module"),
    "network": ("nodes", "node"),
}
"""The list each kind of document is about, and what its entries are; they stand right below the document."""

_GROUP = int(types.SymbolKind.Array)
_TABLE = int(types.SymbolKind.Object)
_NAMED_TABLES = {"roles": "role", "steps": "step"}


def document_symbols(
    snapshot: Snapshot, document: Document, _params: types.DocumentSymbolParams
) -> ReadyJson | None:
    """DocumentSymbol[] for clients that show a tree, else SymbolInformation[]; None for an empty document."""
    if document.kind is None or not document.text.length:
        return None
    is_flat = not snapshot.client.hierarchical_symbols
    uri = json.dumps(document.uri)
    outline = _Outline(document, Shape(snapshot.encoding, "" if is_flat else None, uri))
    if document.timeline is not None:
        found = entries_of_timeline(document, document.timeline, outline.shape)
    elif document.toml is not None:
        found = outline.of_settings(document.toml)
    else:
        found = outline.of_tree(document.kind, document.tree) if document.tree is not None else []
    return ReadyJson(f"[{','.join(found)}]".encode("ascii"))


class _Outline:
    """Puts one document's outline together, as a tree or as a flat list."""

    def __init__(self, document: Document, shape: Shape) -> None:
        self.document = document
        self.shape = shape

    def of_tree(self, kind: str, tree: Tree) -> list[str]:
        """The document, and below it its main list and its events."""
        header = tree.header if isinstance(tree.header, dict) else {}
        own = OWN_ID.get(kind)
        own_id = header.get(own) if own is not None and isinstance(header.get(own), str) else None
        name = name_of_document(kind, header, own_id, self.document.uri.rpartition("/")[2])
        member = document_named_by(header) or (own if own_id is not None else None)
        selection: Pointer = () if member is None else (member,)
        inner = _inside(self.shape, name)
        below: list[str] = []
        if kind in MAIN_LISTS:
            field, part = MAIN_LISTS[kind]
            below += entries_of_table(self.document, tree, field, part, inner)
        if "events" in tree.tables and tree.tables["events"].count:
            events = entries_of_table(self.document, tree, "events", "event", _inside(self.shape, "events"))
            count = str(tree.tables["events"].count)
            group = self._symbol("events", count, _GROUP, ("events",), "key", inner)
            below += self._with(group, events)
        detail = detail_of_document(kind, header, own_id)
        root = self._symbol(name, detail, int(kind_of_symbol(kind)), (), "open", self.shape, selection)
        return self._with(root, below)

    def of_settings(self, toml: TomlTree) -> list[str]:
        """Each table of mplp.toml; below `roles` and `steps` what each is bound to."""
        found: list[str] = []
        for key, value in toml.value.items():
            below: list[str] = []
            entries: list[Pointer] = []
            inner = _inside(self.shape, key)
            if key in _NAMED_TABLES and isinstance(value, dict):
                entries = [(key, name) for name in value]
                kind = int(kind_of_symbol(_NAMED_TABLES[key]))
                for name, binding in value.items():
                    action = binding.get("action") if isinstance(binding, dict) else None
                    detail = action if isinstance(action, str) else None
                    below.append(self._symbol(name, detail, kind, (key, name), "key", inner))
            table = self._symbol(key, None, _TABLE, (key,), "key", self.shape, around=entries)
            found += self._with(table, below)
        return found

    def _with(self, symbol: str, below: list[str]) -> list[str]:
        """A symbol with its children in it, or (flat) before them."""
        if self.shape.flat_tail is not None:
            return [symbol, *below]
        return [f'{symbol[:-1]},"children":[{",".join(below)}]}}' if below else symbol]

    def _symbol(
        self,
        name: str,
        detail: str | None,
        kind: int,
        pointer: Pointer,
        part: Part,
        shape: Shape,
        selection: Pointer | None = None,
        around: Sequence[Pointer] = (),
    ) -> str:
        """One symbol at `pointer`, its name standing in that `part` or in the value at `selection`.

        It reaches as far as what is `around`: tables of mplp.toml may be spread over the file, and an editor
        looks for an entry only inside the symbol that holds it.
        """
        text = self.document.text
        start, end = (0, text.length) if not pointer else range_of(self.document, pointer)
        if selection:
            first, last = inside_quotes(self.document, *range_of(self.document, selection))
        else:
            first, last = range_of(self.document, pointer, part)
        inner = [range_of(self.document, each) for each in around]
        start = min(start, first, *(begin for begin, _ in inner))
        end = max(end, last, *(stop for _, stop in inner))
        places = [text.position(offset, shape.encoding) for offset in (start, end, first, last)]
        head = f'{shape.head(name or "(nameless)", detail)},"kind":{kind}'
        return shape.placed(head, tuple(number for place in places for number in place))


def _inside(shape: Shape, container: str) -> Shape:
    """The shape of what stands in a container: in a flat list each entry names it."""
    if shape.flat_tail is None:
        return shape
    return Shape(shape.encoding, f',"containerName":{json.dumps(container)}', shape.uri)
