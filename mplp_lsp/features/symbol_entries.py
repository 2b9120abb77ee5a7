"""The entries of long lists as symbols, made once per block and placed anew only where lines have moved.

Ten thousand steps are ten thousand symbols; a keystroke changes one of them. So each block keeps what its
entries are called and where they stand inside the block, and the JSON of all of them for the place and the
client it was last made for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, NamedTuple

from mplp_lsp.features import checkpoint
from mplp_lsp.features.symbol_words import detail_of_part, kind_of_symbol, name_of_part, named_by
from mplp_lsp.text.elements import Element, ElementTable
from mplp_lsp.text.ndjson import Line, Timeline
from mplp_lsp.text.snapshot import Encoding
from mplp_lsp.text.spans import Block
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Shape:
    """How the client takes symbols: a tree, or (`flat_tail`) a list whose entries name their container."""

    encoding: Encoding
    flat_tail: str | None = None
    uri: str = ""

    def head(self, name: str, detail: str | None) -> str:
        """The beginning of a symbol, which does not depend on its place."""
        if self.flat_tail is not None or detail is None:
            return f'{{"name":{encode_basestring_ascii(name)}'
        return f'{{"name":{encode_basestring_ascii(name)},"detail":{encode_basestring_ascii(detail)}'

    def placed(self, head: str, places: tuple[int, ...]) -> str:
        """A head with its place, and the end of the object."""
        a, b, c, d, e, f, g, h = places
        where = f'"range":{{"start":{{"line":{a},"character":{b}}},"end":{{"line":{c},"character":{d}}}}}'
        if self.flat_tail is not None:
            return f'{head},"location":{{"uri":{self.uri},{where}}}{self.flat_tail}}}'
        return (
            f'{head},{where},"selectionRange":{{"start":{{"line":{e},"character":{f}}},'
            f'"end":{{"line":{g},"character":{h}}}}}}}'
        )


class _Seen(NamedTuple):
    """One entry as the text has it: its value, its range and that of its name, counted from its block."""

    value: object
    start: int
    end: int
    name_start: int
    name_end: int


class _Entry(NamedTuple):
    """One entry: what does not depend on its place, and four positions counted from its block's start."""

    head: str
    places: tuple[int, ...]


def entries_of_table(document: Document, tree: Tree, field: str, part: str, shape: Shape) -> list[str]:
    """The JSON of the symbols of one list, one text for each block that has any."""
    table = tree.tables.get(field)
    if table is None:
        return []
    found: list[str] = []
    offset, index = table.start, 0
    for block in table.blocks:
        checkpoint()
        look = partial(_seen_in_table, tree, table, block, index, part)
        found.append(_of_block(document, block, offset, part, shape, look))
        offset += block.length
        index += len(block.elements)
    return [text for text in found if text]


def entries_of_timeline(document: Document, timeline: Timeline, shape: Shape) -> list[str]:
    """The same for the lines of a timeline."""
    found: list[str] = []
    offset = 0
    for block in timeline.lines.blocks:
        checkpoint()
        found.append(_of_block(document, block, offset, "event", shape, partial(_seen_in_lines, block)))
        offset += block.length
    return [text for text in found if text]


def _seen_in_table(
    tree: Tree, table: ElementTable, block: Block[Element], index: int, part: str
) -> list[_Seen]:
    text = tree.text.slice(start := table.start + table.rows.spans.start_of(index), start + block.length)
    found: list[_Seen] = []
    for position, element in enumerate(block.elements):
        value = element.value
        if not isinstance(value, dict):
            continue
        first = block.start_of(position) + element.lead
        last = first + element.size
        member = named_by(part, value)
        name = first, min(first + 1, last)
        if member is not None:
            token = encode_basestring(value[member])
            inside = text[first:last]
            if not element.problems and "\\" not in inside and inside.count(token) == 1:
                at = first + inside.index(token)
                name = at + 1, at + len(token) - 1
            else:
                spot, is_own = tree.places_in(table, index + position).nearest((member,))
                if spot is not None and is_own:
                    name = _unquoted(text, first + spot.start, first + spot.stop)
        found.append(_Seen(value, first, last, *name))
    return found


def _unquoted(text: str, start: int, end: int) -> tuple[int, int]:
    opens = text[start : start + 1] == '"'
    closes = opens and end - start > 1 and text[end - 1] == '"'
    return start + opens, end - closes


def _seen_in_lines(block: Block[Line]) -> list[_Seen]:
    found: list[_Seen] = []
    for position, line in enumerate(block.elements):
        if line.is_blank or not isinstance(line.tree.value, dict):
            continue
        start = block.start_of(position)
        member = named_by("event", line.tree.value)
        first, last = line.tree.range_of(() if member is None else (member,))
        found.append(
            _Seen(line.tree.value, start, start + line.tree.text.length, start + first, start + last)
        )
    return found


def _of_block(
    document: Document,
    block: Block[Any],
    offset: int,
    part: str,
    shape: Shape,
    look: Callable[[], list[_Seen]],
) -> str:
    """The JSON of the entries of one block; the same text as before while nothing above has moved."""
    line, character = document.text.position(offset, shape.encoding)
    made_for = (line, character, shape)
    known = block.cache.get(f"symbols {part}")
    if isinstance(known, tuple) and known[0] == made_for:
        text: str = known[1]
        return text
    entries = _entries(document, block, offset, part, shape, look)
    kind = int(kind_of_symbol(part))
    text = ",".join(
        shape.placed(f'{head},"kind":{kind}', _moved(places, line, character)) for head, places in entries
    )
    block.cache[f"symbols {part}"] = (made_for, text)
    return text


def _moved(places: tuple[int, ...], line: int, character: int) -> tuple[int, ...]:
    a, b, c, d, e, f, g, h = places
    return (
        line + a,
        b if a else character + b,
        line + c,
        d if c else character + d,
        line + e,
        f if e else character + f,
        line + g,
        h if g else character + h,
    )


def _entries(
    document: Document,
    block: Block[Any],
    offset: int,
    part: str,
    shape: Shape,
    look: Callable[[], list[_Seen]],
) -> list[_Entry]:
    key = f"symbol entries {part} {shape.encoding} {shape.flat_tail is None}"
    known = block.cache.get(key)
    if isinstance(known, list):
        return known
    text = document.text.slice(offset, offset + block.length)
    seen = look()
    is_plain = "\r" not in text and text.isascii()
    places = _plain_places(text, seen) if is_plain else _places(text, seen, shape.encoding)
    fresh = [
        _Entry(
            shape.head(name_of_part(part, one.value) or f"({part})", detail_of_part(part, one.value)), place
        )
        for one, place in zip(seen, places, strict=True)
    ]
    block.cache[key] = fresh
    return fresh


def _plain_places(text: str, found: list[_Seen]) -> list[tuple[int, ...]]:
    """The four places of each entry, where every line ends with a line feed and a character is one unit."""
    places: list[tuple[int, ...]] = []
    line = counted = 0
    for seen in found:
        numbers: list[int] = []
        line += text.count("\n", counted, seen.start)
        counted = seen.start
        for place in (seen.start, seen.end, seen.name_start, seen.name_end):
            numbers += (line + text.count("\n", counted, place), place - text.rfind("\n", 0, place) - 1)
        places.append(tuple(numbers))
    return places


def _places(text: str, found: list[_Seen], encoding: Encoding) -> list[tuple[int, ...]]:
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    places: list[tuple[int, ...]] = []
    for seen in found:
        numbers: list[int] = []
        for place in (seen.start, seen.end, seen.name_start, seen.name_end):
            number = bisect_right(starts, place) - 1
            numbers += (number, _width(text[starts[number] : place], encoding))
        places.append(tuple(numbers))
    return places


def _width(text: str, encoding: Encoding) -> int:
    """How many units of the encoding a part of a line takes."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(character > "\uffff" for character in text)
