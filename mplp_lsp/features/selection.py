"""Growing a selection by meaning: inside a string, the value, the member, the object around it, and so on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lsprotocol import types

from mplp_lsp.features import checkpoint
from mplp_lsp.features.places import range_between
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.toml import TomlTree
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.findings import Pointer

Span = tuple[int, int]
_HEADER_LINE = "["
# How far blanks behind and before brackets are looked through.
_LOOK = 4_096
_MOST_STEPS = 100
"""Deeper nesting than anybody grows through; editors read, and we write, one inside the other."""


def selection_range(
    snapshot: Snapshot, document: Document, params: types.SelectionRangeParams
) -> list[types.SelectionRange] | None:
    """One chain for each position, from the smallest range to the whole document; None for foreign files."""
    if document.kind is None:
        return None
    found = []
    for position in params.positions:
        checkpoint()
        offset = document.text.offset(position.line, position.character, snapshot.encoding)
        chain: types.SelectionRange | None = None
        for start, end in reversed(spans_around(document, offset)):
            chain = types.SelectionRange(range_between(snapshot, document, start, end), chain)
        if chain is not None:
            found.append(chain)
    return found


def spans_around(document: Document, offset: int) -> list[Span]:
    """What may be selected around an offset: each is larger than the one before, the last is everything."""
    offset = min(max(offset, 0), document.text.length)
    text = document.text
    if document.timeline is not None:
        timeline = document.timeline
        inside: Iterable[Span] = ()
        if timeline.count:
            index, start = timeline.lines.locate(offset)
            line = timeline.lines[index]
            inner = _in_tree(line.tree, offset - start)
            inside = [*((first + start, last + start) for first, last in inner), (start, start + line.length)]
    elif document.toml is not None:
        inside = _in_settings(document.toml, offset)
    else:
        inside = () if document.tree is None else _in_tree(document.tree, offset)
    spans = list(_growing([*inside, (0, text.length)], offset, text.length))
    return spans if len(spans) <= _MOST_STEPS else [*spans[: _MOST_STEPS - 1], spans[-1]]


def _growing(spans: Iterable[Span], offset: int, length: int) -> Iterator[Span]:
    """Only those that hold the offset and the span before; broken text may have others."""
    before = (offset, offset)
    for span in spans:
        start, end = span
        if start <= before[0] and before[1] <= end and start >= 0 and end <= length and span != before:
            before = span
            yield span
    if before == (offset, offset):
        yield before


def _in_tree(tree: Tree, offset: int) -> Iterator[Span]:
    hit = tree.at(offset)
    yield from _inside_quotes(tree.text, hit.start, hit.end)
    yield hit.start, hit.end
    for length in range(len(hit.pointer), -1, -1):
        yield from _container(tree, hit.pointer[:length])


def _container(tree: Tree, pointer: Pointer) -> Iterator[Span]:
    """What is between the brackets of a value, the value, and the member it belongs to."""
    start, end = tree.range_of(pointer)
    first, behind = tree.range_of(pointer, "open")
    text = tree.text
    if behind - first == 1 and first == start and text.slice(end - 1, end) in ("}", "]"):
        head, tail = (
            text.slice(behind, min(behind + _LOOK, end - 1)),
            text.slice(max(behind, end - _LOOK), end - 1),
        )
        if head.strip() and tail.strip():
            yield behind + len(head) - len(head.lstrip()), end - 1 - (len(tail) - len(tail.rstrip()))
            yield behind, end - 1
    yield start, end
    key_start, key_end = tree.range_of(pointer, "key")
    if pointer and (key_start, key_end) != (start, end) and isinstance(pointer[-1], str):
        yield min(key_start, start), max(key_end, end)


def _inside_quotes(text: TextSnapshot, start: int, end: int) -> Iterator[Span]:
    if end - start > 2 and text.slice(start, start + 1) == '"' and text.slice(end - 1, end) == '"':
        yield start + 1, end - 1


def _in_settings(toml: TomlTree, offset: int) -> Iterator[Span]:
    hit = toml.at(offset)
    if hit.pointer:
        yield from _inside_quotes(toml.text, hit.start, hit.end)
        yield hit.start, hit.end
        yield from _entry(toml, hit.pointer)
    text = toml.text
    line, _ = text.position(offset, "utf-32")
    start = text.line_start(line)
    yield start, start + len(text.line(line))
    for length in range(len(hit.pointer) - 1, 0, -1):
        yield from _entry(toml, hit.pointer[:length])
    yield _section(text, line)


def _entry(toml: TomlTree, pointer: Pointer) -> Iterator[Span]:
    start, end = toml.range_of(pointer)
    key_start, key_end = toml.range_of(pointer, "key")
    yield start, end
    yield min(key_start, start), max(key_end, end)


def _section(text: TextSnapshot, line: int) -> Span:
    """From the header above a line to the one below."""
    first, last = line, line + 1
    while first > 0 and not text.line(first).lstrip().startswith(_HEADER_LINE):
        first -= 1
    while last < text.line_count and not text.line(last).lstrip().startswith(_HEADER_LINE):
        last += 1
    return text.line_start(first), text.line_start(last) if last < text.line_count else text.length
