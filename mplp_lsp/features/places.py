"""From JSON pointers to LSP ranges, in the encoding of the client."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lsprotocol import types

from mplp_lsp.text.tree import Element
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.findings import Part, Pointer


def range_at(snapshot: Snapshot, document: Document, pointer: Pointer, part: Part = "value") -> types.Range:
    """The range of a value, its key or its opening bracket; the document's start where there is no tree."""
    start, end = (0, 0) if document.tree is None else document.tree.range_of(pointer, part)
    return range_between(snapshot, document, start, end)


def range_between(snapshot: Snapshot, document: Document, start: int, end: int) -> types.Range:
    """Offsets in code points as an LSP range."""
    first_line, first_character = document.text.position(start, snapshot.encoding)
    last_line, last_character = document.text.position(end, snapshot.encoding)
    return types.Range(
        start=types.Position(line=first_line, character=first_character),
        end=types.Position(line=last_line, character=last_character),
    )


def elements(document: Document, table: str) -> Iterator[tuple[int, Element]]:
    """The elements of one top-level array, with their indices."""
    tree = document.tree
    found = None if tree is None else tree.tables.get(table)
    if found is None:
        return
    index = 0
    for block in found.blocks:
        for element in block.elements:
            yield index, element
            index += 1


def step_pointers(document: Document, step_ids: Collection[str]) -> dict[str, Pointer]:
    """Where these steps stand in a plan; steps the text no longer has are left out."""
    if not step_ids:
        return {}
    return {
        element.value["step_id"]: ("steps", index)
        for index, element in elements(document, "steps")
        if isinstance(element.value, dict) and element.value.get("step_id") in step_ids
    }
