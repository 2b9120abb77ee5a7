"""Where names and the things they name stand in the text, also in documents that nobody has open.

A closed document has no tree. It is read for the places that are asked for, and only these are kept with it
(`document.cache["places"]`), so that asking about a thousand documents does not keep a thousand trees.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache

from mplp_lsp.analysis.located import range_of
from mplp_lsp.text.ndjson import Timeline
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.kinds import SETTINGS, TIMELINE
from mplp_runtime.rules.findings import Part, Pointer
from mplp_runtime.rules.names import Name

Spot = tuple[Pointer, Part]
Range = tuple[int, int]
_KEPT = "places"


def is_read(document: Document) -> bool:
    """Whether its tree is at hand, or should be: open documents keep theirs."""
    return document.is_open or "tree" in document.cache or "timeline" in document.cache


def place_of(document: Document, name: Name) -> Range:
    """Offsets of a name's text, without the quotes around it; of a key, where it stands first."""
    return places_of(document, [name])[0]


def places_of(document: Document, names: Iterable[Name]) -> list[Range]:
    """Offsets of the texts of several names of one document, without the quotes around them."""
    return [inside_quotes(document, start, end) for start, end in range_of_names(document, names)]


def range_of_names(document: Document, names: Iterable[Name]) -> list[Range]:
    """Offsets of several names of one document, with the quotes around them."""
    tree = document.tree if is_read(document) else None
    if tree is not None:
        return [_range_in_tree(tree, name) for name in names]
    return ranges_of(document, [(name.pointer, name.part) for name in names])


def ranges_of(document: Document, spots: Sequence[Spot]) -> list[Range]:
    """Offsets of values, keys and brackets, as `Tree.range_of` gives them."""
    if is_read(document) or document.kind == SETTINGS:
        return [range_of(document, pointer, part) for pointer, part in spots]
    known = document.cache.setdefault(_KEPT, {})
    assert isinstance(known, dict)  # noqa: S101 (nobody else writes it)
    missing = [spot for spot in spots if spot not in known]
    if missing:
        parsed = Timeline.parse(document.text) if document.kind == TIMELINE else Tree.parse(document.text)
        known.update({spot: parsed.range_of(*spot) for spot in missing})
    return [known[spot] for spot in spots]


def keep_places(document: Document, parsed: Tree | Timeline, names: Iterable[Name]) -> None:
    """Notes where these names of a closed document stand, while it happens to be read."""
    known = document.cache.setdefault(_KEPT, {})
    assert isinstance(known, dict)  # noqa: S101 (nobody else writes it)
    for name in names:
        place = (
            _range_in_tree(parsed, name)
            if isinstance(parsed, Tree)
            else parsed.range_of(name.pointer, name.part)
        )
        known[name.pointer, name.part] = place


def element_of(tree: Tree, pointer: Pointer) -> Pointer:
    """The element a pointer leads into, as the beginning of the pointer; () where it leads into none."""
    if len(pointer) < 2 or pointer[0] not in tree.tables or not isinstance(pointer[1], int):
        return ()
    return pointer[:2] if pointer[1] < tree.tables[str(pointer[0])].count else ()


def inside_quotes(document: Document, start: int, end: int) -> Range:
    """A range without the quotes at its ends; a text that is never closed ends where it ends."""
    text = document.text.slice(start, end)
    quote = text[:1]
    if quote not in {'"', "'"}:
        return start, end
    is_closed = len(text) > 1 and text.endswith(quote) and not _ends_escaped(text)
    return start + 1, end - 1 if is_closed else end


def _ends_escaped(text: str) -> bool:
    r"""Whether the last quote belongs to the text, as in `"a\"`, which is not closed."""
    body = text[:-1]
    return text[0] == '"' and (len(body) - len(body.rstrip("\\"))) % 2 == 1


@lru_cache(maxsize=64)
def _token(text: str) -> str:
    """How JSON spells a text without escapes that nobody needs; a role may be asked for at each step."""
    return json.dumps(text, ensure_ascii=False)


def _range_in_tree(tree: Tree, name: Name) -> Range:
    """As `Tree.range_of`; in a sound element that spells the text once, without reading the element again."""
    prefix = element_of(tree, name.pointer)
    if prefix:
        table = tree.tables[str(prefix[0])]
        index = int(prefix[1])
        element = table.element(index)
        if not element.problems and element.placing is None:
            start = table.start_of(index)
            text = tree.text.slice(start, start + element.size)
            token = _token(name.text)
            if "\\" not in text and text.count(token) == 1:
                start += text.index(token)
                return start, start + len(token)
    return tree.range_of(name.pointer, name.part)


def tree_of(document: Document) -> Tree | None:
    """The JSON tree of a document; that of a closed one is made for this answer only and not kept."""
    if is_read(document) or document.kind in {SETTINGS, TIMELINE, None}:
        return document.tree
    return Tree.parse(document.text)
