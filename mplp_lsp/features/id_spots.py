"""Where a document has ids, or what stands in their place, by their text; kept with blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mplp_lsp.analysis.document import remembered
from mplp_lsp.features import checkpoint
from mplp_lsp.text.elements import Element
from mplp_lsp.text.spans import Block
from mplp_lsp.workspace.documents import Document
from mplp_runtime.rules.findings import Pointer

_KEPT = "id spots"
_Spots = Mapping[str, tuple[Pointer, ...]]


def id_spots(document: Document, text: str) -> list[Pointer]:
    """The places for ids that hold this very text: those outside the lists, then those of each list."""
    tree = document.tree
    if tree is None:
        return []
    header = tree.header
    outside = remembered(document, _KEPT, (header,), lambda: _by_text(_places(header, ())))
    found = list(outside.get(text, ()))
    for field, table in tree.tables.items():
        first = 0
        for block in table.blocks:
            for index, *inner in _of_block(block, field).get(text, ()):
                found.append((field, first + int(index), *inner))
            first += len(block.elements)
    return found


def _of_block(block: Block[Element], field: str) -> _Spots:
    known = block.cache.get(_KEPT)
    if isinstance(known, dict):
        return known
    checkpoint()
    places = (
        ((position, *pointer), text)
        for position, element in enumerate(block.elements)
        # The name of the list says what a text in it is: the last name before it decides.
        for (_, *pointer), text in _places(element.value, (field,))
    )
    block.cache[_KEPT] = fresh = _by_text(places)
    return fresh


def _by_text(places: Iterable[tuple[Pointer, str]]) -> _Spots:
    found: dict[str, list[Pointer]] = {}
    for pointer, text in places:
        found.setdefault(text, []).append(pointer)
    return {text: tuple(pointers) for text, pointers in found.items()}


def _places(value: Any, pointer: Pointer) -> Iterator[tuple[Pointer, str]]:
    # A stack instead of recursion: documents may nest deeper than Python likes to call.
    stack: list[tuple[Any, Pointer]] = [(value, pointer)]
    while stack:
        inner, place = stack.pop()
        if isinstance(inner, str):
            if _is_for_ids(place):
                yield place, inner
        elif isinstance(inner, dict):
            stack.extend((each, (*place, key)) for key, each in inner.items())
        elif isinstance(inner, list):
            stack.extend((each, (*place, index)) for index, each in enumerate(inner))


def _is_for_ids(pointer: Pointer) -> bool:
    name = next((part for part in reversed(pointer) if isinstance(part, str)), "")
    return name in ("dependencies", "id") or name.endswith("_id")
