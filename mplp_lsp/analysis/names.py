"""Names in documents: what stands at a place, who declares it, who uses it, in one document and in all.

What an element declares and uses is kept with its block, so an edit costs the block it touched. A closed
document has no tree; it is read only when its text holds the name that is asked for, and of what was found
then a little is kept with it (`document.cache`), not the tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

from mplp_lsp.analysis.document import remembered
from mplp_lsp.analysis.name_places import element_of, is_read, keep_places, range_of_names
from mplp_lsp.text.elements import Element
from mplp_lsp.text.ndjson import Line, Timeline
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.spans import Block
from mplp_lsp.text.toml import TomlTree
from mplp_lsp.text.tree import Tree
from mplp_lsp.text.uris import key_of, uri_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.kinds import SETTINGS, TIMELINE
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.names import LOCAL_KINDS, Name, element_names, element_names_called, header_names
from mplp_runtime.rules.names import names as names_of_value

__all__ = ["declarations_of", "name_at", "names_called", "names_of", "range_of_names", "uses_of"]

T = TypeVar("T")
_Item = TypeVar("_Item")
_KEPT = "names"
_MOST_REMEMBERED = 16
_PLAIN = re.compile(r"[A-Za-z0-9 _.:@+-]*\Z")
_ESCAPED_ASCII = re.compile(r"\\u00[2-7]")


_Called = tuple[tuple[int, Name], ...]
"""The names of one spelling in one block of elements: position in the block, and the name inside it."""
_Inside = dict[str, tuple[tuple[int, Name], ...]]
"""The names of one block of elements by their text: position in the block, and the name inside it."""


def names_of(document: Document) -> Iterator[Name]:
    """All names of a document: those outside its lists, then those of each list in order.

    They are made anew; for the names of one spelling `names_called` is much faster.
    """
    if document.kind is None:
        return
    if document.timeline is not None:
        yield from _in_lines(document.timeline)
    elif document.toml is not None:
        yield from _in_settings(document, document.toml)
    elif document.tree is not None:
        yield from _of_header(document, document.kind, document.tree)
        for field, table in document.tree.tables.items():
            first = 0
            for block in table.blocks:
                for position, element in enumerate(block.elements):
                    for name in element_names(document.kind, field, element.value):
                        yield name.below((field, first + position))
                first += len(block.elements)


def name_at(document: Document, offset: int) -> Name | None:
    """The name an offset is in or touches; None where none is, also on the key in front of one."""
    if document.kind is None:
        return None
    if document.toml is not None:
        return _in_toml_at(document, document.toml, offset)
    found: Iterable[Name]
    if document.timeline is not None:
        hit = document.timeline.at(offset)
        if not hit.pointer:
            return None
        prefix = hit.pointer[:1]
        found = _of_line(document.timeline.lines[int(hit.pointer[0])])
    elif document.tree is not None:
        hit = document.tree.at(offset)
        prefix = element_of(document.tree, hit.pointer)
        if prefix:
            element = document.tree.tables[str(prefix[0])].element(int(prefix[1]))
            found = element_names(document.kind, str(prefix[0]), element.value)
        else:
            found = _of_header(document, document.kind, document.tree)
    else:
        return None
    if hit.part != "value":
        return None
    inner = hit.pointer[len(prefix) :]
    return next((name.below(prefix) for name in found if name.pointer == inner), None)


def names_called(document: Document, text: str) -> list[Name]:
    """The names of one document that are spelled `text`, of whatever kind, in the order of `names_of`."""
    if document.kind is None:
        return []
    # One request asks several times for the same text.
    known = _remembered_in_cache(document, "names called", dict[str, tuple[Name, ...]])
    found = known.get(text)
    if found is None:
        if len(known) >= _MOST_REMEMBERED:
            known.clear()
        found = known[text] = tuple(_called(document, document.kind, text))
    return list(found)


def declarations_of(
    snapshot: Snapshot, name: Name, seen_from: Document | None = None
) -> list[tuple[Document, Name]]:
    """Where what `name` stands for is declared in the project of `snapshot`, by URI and place.

    A document that declares it means its own (copies of a plan share the ids of their steps). An id that
    nothing of its kind declares may be that of something else: then those places.
    """
    own = _own_declarations(name, seen_from)
    if own is not None:
        return own
    found = [(document, each) for document, each in _everywhere(snapshot, name.text) if each.is_declaration]
    meant = [(document, each) for document, each in found if each.means(name)]
    if not meant and is_id(name.text):
        meant = found
    return meant


def uses_of(snapshot: Snapshot, name: Name, seen_from: Document | None = None) -> list[tuple[Document, Name]]:
    """Where `name` is used, without its declarations, in the project of `snapshot`, by URI and place.

    With `seen_from`, uses in other documents that declare the name themselves are uses of theirs.
    """
    if _is_local(name) and seen_from is not None:
        return [
            (seen_from, each)
            for each in names_called(seen_from, name.text)
            if each.means(name) and not each.is_declaration
        ]
    found = [(document, each) for document, each in _everywhere(snapshot, name.text) if each.means(name)]
    declaring = {document.uri for document, each in found if each.is_declaration and each.kind in LOCAL_KINDS}
    others: set[str] = set()
    if seen_from is not None and seen_from.uri in declaring:
        others = declaring - {seen_from.uri}
    return [
        (document, each) for document, each in found if not each.is_declaration and document.uri not in others
    ]


# All documents


def _everywhere(snapshot: Snapshot, text: str) -> list[tuple[Document, Name]]:
    """All names of the project that are spelled `text`, by URI, then as `names_of` orders them."""
    documents, root = snapshot.documents, snapshot.root
    # Comparing beginnings of keys is cheap; whether a document belongs to us is asked of the few that matter.
    folder = "" if root is None else key_of(uri_of(root)).rstrip("/") + "/"
    closed = ((key, document) for key, document in documents.closed.items() if key not in documents.open)
    found: list[tuple[Document, list[Name]]] = []
    for key, document in chain(documents.open.items(), closed):
        if document.kind is None or not key.startswith(folder):
            continue
        called = names_called(document, text)
        if called and _belongs(snapshot, document):
            found.append((document, called))
    found.sort(key=lambda pair: pair[0].uri)
    return [(document, name) for document, called in found for name in called]


def _belongs(snapshot: Snapshot, document: Document) -> bool:
    """Whether a document is of this project; timelines have no facts, so their folder decides."""
    if document.kind == TIMELINE:
        return (document.path is None) == (snapshot.root is None)
    return snapshot.index.facts(document.uri) is not None


def _is_local(name: Name) -> bool:
    return name.kind in LOCAL_KINDS and not is_id(name.text)


def _own_declarations(name: Name, seen_from: Document | None) -> list[tuple[Document, Name]] | None:
    """Those of the document itself, where they are the ones that count; else None."""
    if seen_from is None or name.kind not in LOCAL_KINDS:
        return None
    own = [each for each in names_called(seen_from, name.text) if each.is_declaration and each.means(name)]
    return [(seen_from, each) for each in own] if own or _is_local(name) else None


# One document


def _called(document: Document, kind: str, text: str) -> Sequence[Name]:
    if document.toml is not None:
        return [name for name in _in_settings(document, document.toml) if name.text == text]
    if not is_read(document):
        return _called_in_closed(document, kind, text) if _may_hold(document, text) else ()
    if document.timeline is not None:
        return _called_in_lines(document.timeline, text)
    if document.tree is not None:
        return _called_in_tree(document, kind, document.tree, text)
    return ()


def _may_hold(document: Document, text: str) -> bool:
    """Whether the text of a document holds this name, perhaps spelled with escapes."""
    raw = document.text.text
    if text in raw:
        return True
    escapes = _remembered_in_cache(
        document, "name escapes", lambda: ("\\" in raw, _ESCAPED_ASCII.search(raw) is not None)
    )
    return escapes[1] if _PLAIN.match(text) else escapes[0]


def _remembered_in_cache(document: Document, name: str, make: Callable[[], T]) -> T:
    known = document.cache.get(name)
    if known is None:
        known = document.cache[name] = make()
    return known  # type: ignore[return-value]


def _called_in_closed(document: Document, kind: str, text: str) -> list[Name]:
    """Read for this once; where the names stand is kept, so that it need not be read again for that."""
    parsed: Tree | Timeline
    if kind == TIMELINE:
        parsed = Timeline.parse(document.text)
        found = [name for name in _in_lines(parsed) if name.text == text]
    else:
        parsed = Tree.parse(document.text)
        found = list(_called_once(kind, parsed, text))
    keep_places(document, parsed, found)
    return found


def _called_once(kind: str, tree: Tree, text: str) -> Iterator[Name]:
    """As `_called_in_tree`, for a tree that nobody keeps: only elements that may hold the name are asked."""
    yield from (name for name in header_names(kind, tree.header) if name.text == text)
    may_hold = _search(tree.text, text)
    for field, table in tree.tables.items():
        for index in range(table.count):
            element, start = table.element(index), table.start_of(index)
            is_sound = not element.problems and element.placing is None
            if is_sound and not may_hold(start, start + element.size):
                continue
            for name in element_names_called(kind, field, element.value, text):
                yield name.below((field, index))


def _of_header(document: Document, kind: str, tree: Tree) -> tuple[Name, ...]:
    header = tree.header
    return remembered(document, "header names", (header,), lambda: tuple(header_names(kind, header)))


def _in_settings(document: Document, toml: TomlTree) -> tuple[Name, ...]:
    def make() -> tuple[Name, ...]:
        return tuple(names_of_value(SETTINGS, toml.value))

    return _remembered_in_cache(document, "settings names", make)


def _in_toml_at(document: Document, toml: TomlTree, offset: int) -> Name | None:
    for name in _in_settings(document, toml):
        is_key = name.part == "key"
        places = toml.keys_of(name.pointer) if is_key else [toml.range_of(name.pointer)]
        if any(start <= offset <= end for start, end in places):
            return name
    return None


def _in_lines(timeline: Timeline) -> Iterator[Name]:
    for index, line in enumerate(timeline.lines):
        for name in _of_line(line):
            yield name.below((index,))


def _called_in_lines(timeline: Timeline, text: str) -> list[Name]:
    found: list[Name] = []
    first = start = 0
    may_hold = _search(timeline.text, text)
    for block in timeline.lines.blocks:
        if _KEPT in block.cache or may_hold(start, start + block.length):
            inside = _inside(block, _KEPT, _of_line)
            found += [name.below((first + position,)) for position, name in inside.get(text, ())]
        first += len(block.elements)
        start += block.length
    return found


def _called_in_tree(document: Document, kind: str, tree: Tree, text: str) -> list[Name]:
    found = [name for name in _of_header(document, kind, tree) if name.text == text]
    may_hold = _search(tree.text, text)
    for field, table in tree.tables.items():
        first, start = 0, table.start
        for block in table.blocks:
            if may_hold(start, start + block.length):
                inside = _called_in_block(block, kind, field, text, start, may_hold)
                found += [name.below((field, first + position)) for position, name in inside]
            first += len(block.elements)
            start += block.length
    return found


def _called_in_block(
    block: Block[Element],
    kind: str,
    field: str,
    text: str,
    start: int,
    may_hold: Callable[[int, int], bool],
) -> _Called:
    """Only elements that may hold the name are asked for theirs; what is found is kept with the block."""
    known: dict[str, _Called] = block.cache.setdefault(f"names {kind} {field}", {})  # type: ignore[assignment]
    found = known.get(text)
    if found is None:
        called: list[tuple[int, Name]] = []
        for position, element in enumerate(block.elements):
            end = start + element.length
            # What stands in a broken element may be spelled otherwise than the name.
            is_sound = not element.problems and element.placing is None
            if not is_sound or may_hold(start, end):
                names = element_names_called(kind, field, element.value, text)
                called += [(position, name) for name in names]
            start = end
        if len(known) >= _MOST_REMEMBERED:
            known.clear()
        found = known[text] = tuple(called)
    return found


def _search(whole: TextSnapshot, text: str) -> Callable[[int, int], bool]:
    """Tells of a stretch of a text whether it may hold a name, perhaps spelled with escapes.

    Most blocks do not: they need not be taken apart before somebody asks for what they hold.
    """
    raw = whole.text
    escape = "\\u00" if _PLAIN.match(text) else "\\"
    if raw.find(escape) < 0:
        return lambda start, end: raw.find(text, start, end) >= 0
    return lambda start, end: raw.find(text, start, end) >= 0 or raw.find(escape, start, end) >= 0


def _of_line(line: Line) -> Iterable[Name]:
    return () if line.is_blank else header_names("event", line.tree.value)


def _inside(block: Block[_Item], key: str, names: Callable[[_Item], Iterable[Name]]) -> _Inside:
    known = block.cache.get(key)
    if isinstance(known, dict):
        return known
    grouped: dict[str, list[tuple[int, Name]]] = {}
    for position, item in enumerate(block.elements):
        for name in names(item):
            grouped.setdefault(name.text, []).append((position, name))
    fresh = {text: tuple(group) for text, group in grouped.items()}
    block.cache[key] = fresh
    return fresh
