"""From offsets and JSON pointers to LSP ranges, in the encoding of the client, and back to steps."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lsprotocol import types

from mplp_lsp.features import checkpoint
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.findings import Part, Pointer

STEPS = "steps"
_HEAD = 4_096


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


def range_of_text(snapshot: Snapshot, document: Document, start: int, end: int) -> types.Range:
    """As `range_between`; a plain text on one line is placed by its start alone."""
    text = document.text.slice(start, end)
    if not (text.isascii() and text.isprintable()):
        return range_between(snapshot, document, start, end)
    line, character = document.text.position(start, snapshot.encoding)
    return types.Range(types.Position(line, character), types.Position(line, character + end - start))


def top_of(snapshot: Snapshot, document: Document) -> types.Range:
    """The bracket that opens the document; its first sign where there is no bracket."""
    head = document.text.slice(0, _HEAD)
    blank = len(head) - len(head.lstrip("\ufeff \t\r\n"))
    end = min(blank + 1, document.text.length)
    return range_between(snapshot, document, min(blank, end), end)


def offsets_of(snapshot: Snapshot, document: Document, where: types.Range) -> tuple[int, int]:
    """An LSP range as offsets in code points, clamped to the text."""
    start = document.text.offset(where.start.line, where.start.character, snapshot.encoding)
    end = document.text.offset(where.end.line, where.end.character, snapshot.encoding)
    return min(start, end), max(start, end)


def step_pointers(document: Document, step_ids: Collection[str]) -> dict[str, Pointer]:
    """Where these steps stand in a plan; steps the text no longer has are left out."""
    table = None if document.tree is None else document.tree.tables.get(STEPS)
    if table is None or not step_ids:
        return {}
    found: dict[str, Pointer] = {}
    index = 0
    for block in table.blocks:
        checkpoint()
        for element in block.elements:
            value = element.value
            step_id = value.get("step_id") if isinstance(value, dict) else None
            if isinstance(step_id, str) and step_id in step_ids:
                found.setdefault(step_id, (STEPS, index))
            index += 1
    return found


def steps_between(document: Document, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Index and id of each step whose text touches these offsets; broken steps without an id are left out."""
    table = None if document.tree is None else document.tree.tables.get(STEPS)
    if table is None or start > table.end or end < table.start:
        return
    first, last = table.index_at(start), table.index_at(min(end, table.end))
    if first is None or last is None:
        return
    for index in range(first, min(last + 1, table.count)):
        value = table.element(index).value
        step_id = value.get("step_id") if isinstance(value, dict) else None
        if isinstance(step_id, str):
            yield index, step_id
