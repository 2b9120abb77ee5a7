"""Where names and the things they name stand in the text, also in documents that nobody has open.

A closed document has no tree. It is read for the places that are asked for, and only these are kept with it
(`document.cache["places"]`), so that asking about a thousand documents does not keep a thousand trees.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from mplp_lsp.analysis.located import range_of
from mplp_lsp.text.ndjson import Timeline
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_runtime.kinds import SETTINGS, TIMELINE
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
    tree = document.tree if is_read(document) else None
    if tree is None:
        return [inside_quotes(document, start, end) for start, end in range_of_names(document, names)]
    return list(_places_in_tree(document, tree, names))


def range_of_names(document: Document, names: Iterable[Name]) -> list[Range]:
    """Offsets of several names of one document, with the quotes around them."""
    tree = document.tree if is_read(document) else None
    if tree is not None:
        return [place for place, _ in _ranges_in_tree(tree, names)]
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
    named = list(names)
    if isinstance(parsed, Tree):
        places = [place for place, _ in _ranges_in_tree(parsed, named)]
    else:
        places = [parsed.range_of(name.pointer, name.part) for name in named]
    known.update({(name.pointer, name.part): place for name, place in zip(named, places, strict=True)})


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


class _Stretch:
    """A block of a list with its text: most names are found there without reading their element again."""

    def __init__(self, tree: Tree, field: str, index: int) -> None:
        spans = tree.tables[field].rows.spans
        number, inner = spans.place(index)
        self.field = field
        self.block = spans.blocks[number]
        self.first = index - inner
        self.start = tree.tables[field].start + spans.start_of(self.first)
        self.text = tree.text.slice(self.start, self.start + self.block.length)
        self.has_escapes = "\\" in self.text

    def holds(self, pointer: Pointer) -> bool:
        """Whether the element a pointer leads into is one of this block."""
        index = pointer[1]
        return pointer[0] == self.field and isinstance(index, int) and 0 <= index - self.first < self.count

    @property
    def count(self) -> int:
        return len(self.block.elements)

    def find(self, name: Name) -> Range | None:
        """The name with its quotes, in a sound element that spells it once; else None."""
        position = int(name.pointer[1]) - self.first
        element = self.block.elements[position]
        if element.problems or element.placing is not None:
            return None
        start = self.block.start_of(position) + element.lead
        end = start + element.size
        token = _token(name.text)
        at = self.text.find(token, start, end)
        if at < 0 or self.text.find(token, at + 1, end) >= 0:
            return None
        if self.has_escapes and self.text.find("\\", start, end) >= 0:
            return None
        return self.start + at, self.start + at + len(token)


def _ranges_in_tree(tree: Tree, names: Iterable[Name]) -> Iterator[tuple[Range, bool]]:
    """As `Tree.range_of` for each name, and whether it surely has both its quotes."""
    stretch: _Stretch | None = None
    for name in names:
        pointer = name.pointer
        if len(pointer) > 1 and (stretch is None or not stretch.holds(pointer)):
            prefix = element_of(tree, pointer)
            stretch = _Stretch(tree, str(prefix[0]), int(prefix[1])) if prefix else None
        found = stretch.find(name) if stretch is not None and len(pointer) > 1 else None
        yield (found, True) if found is not None else (tree.range_of(pointer, name.part), False)


def _places_in_tree(document: Document, tree: Tree, names: Iterable[Name]) -> Iterator[Range]:
    for (start, end), is_quoted in _ranges_in_tree(tree, names):
        yield (start + 1, end - 1) if is_quoted else inside_quotes(document, start, end)


def tree_of(document: Document) -> Tree | None:
    """The JSON tree of a document; that of a closed one is made for this answer only and not kept."""
    if is_read(document) or document.kind in {SETTINGS, TIMELINE, None}:
        return document.tree
    return Tree.parse(document.text)
