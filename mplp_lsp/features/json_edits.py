"""Small edits of JSON text that keep the shape the author gave it: add a member, take an item out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mplp_lsp.features.flat_members import flat_member
from mplp_lsp.text.edits import Edit
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_runtime.rules.findings import Pointer

_LOOK_BACK = 400
_INDENT = "  "
_BLANK_TAIL = re.compile(r"[ \t\r\n]*\Z")


def value_at(tree: Tree, pointer: Pointer) -> object:
    """The value a pointer leads to; None where nothing stands there (as for null)."""
    value: object = tree.header
    if len(pointer) >= 2 and pointer[0] in tree.tables and isinstance(pointer[1], int):
        table = tree.tables[str(pointer[0])]
        if not 0 <= pointer[1] < table.count:
            return None
        value, pointer = table.element(pointer[1]).value, pointer[2:]
    for part in pointer:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
            value = value[part]
        else:
            return None
    return value


def member_added(document: Document, pointer: Pointer, key: str, value: object) -> Edit | None:
    """Writes `key` as the last member of the object at `pointer`, laid out as its neighbours are.

    None where there is no such object, or where it has that key.
    """
    return members_added(document, pointer, {key: value})


def members_added(document: Document, pointer: Pointer, members: Mapping[str, object]) -> Edit | None:
    """Writes several members at once, in their order, as `member_added` does one; not those there."""
    tree = document.tree
    owner = None if tree is None else _object_at(tree, pointer)
    if tree is None or owner is None:
        return None
    missing = {key: value for key, value in members.items() if key not in owner}
    if not missing:
        return None
    if not owner:
        _, at = tree.range_of(pointer, "open")
        inner = ", ".join(f"{json.dumps(key)}: {_dumped(value, '')}" for key, value in missing.items())
        return Edit(at, at, inner)
    last = next(reversed(owner))
    key_start, at = _last_member(tree, pointer, last)
    blank = _blank_before(document, key_start)
    texts = (f",{blank or ' '}{json.dumps(key)}: {_dumped(value, blank)}" for key, value in missing.items())
    return Edit(at, at, "".join(texts))


def _last_member(tree: Tree, pointer: Pointer, key: str) -> tuple[int, int]:
    """Where a member's key begins, and where its value ends."""
    if len(pointer) == 2 and pointer[0] in tree.tables:
        known = flat_member(tree, str(pointer[0]), int(pointer[1]), key)
        if known is not None:
            return known.key_start, known.end
    return tree.range_of((*pointer, key), "key")[0], tree.range_of((*pointer, key))[1]


def item_added(document: Document, pointer: Pointer, value: object) -> Edit | None:
    """Writes the first item of the empty list at `pointer`; None where there is none or it is not empty."""
    tree = document.tree
    if tree is None or value_at(tree, pointer) != [] or not pointer:
        return None
    if len(pointer) == 1 and pointer[0] in tree.tables and tree.tables[str(pointer[0])].count:
        return None
    _, at = tree.range_of(pointer, "open")
    return Edit(at, at, _dumped(value, ""))


def item_removed(document: Document, pointer: Pointer) -> Edit | None:
    """Takes the list item at `pointer` out, with the comma that belongs to it; None where there is none."""
    if not pointer or not isinstance(pointer[-1], int):
        return None
    edits = items_removed(document, pointer[:-1], [pointer[-1]])
    return edits[0] if edits else None


def items_removed(document: Document, pointer: Pointer, indexes: Iterable[int]) -> list[Edit]:
    """Takes items out of the list at `pointer`, with the commas that belong to them; others are ignored.

    One edit for each run of neighbours, so that none touches another.
    """
    tree = document.tree
    if tree is None:
        return []
    count = item_count(tree, pointer)
    edits: list[Edit] = []
    for first, last in _runs(sorted({index for index in indexes if 0 <= index < count})):
        start, end = tree.range_of((*pointer, first))[0], tree.range_of((*pointer, last))[1]
        if last + 1 < count:
            end = tree.range_of((*pointer, last + 1))[0]
        elif first:
            start = tree.range_of((*pointer, first - 1))[1]
        edits.append(Edit(start, end, ""))
    return edits


def item_count(tree: Tree, pointer: Pointer) -> int:
    """How many items the list at `pointer` has; 0 where there is no list."""
    if len(pointer) == 1 and pointer[0] in tree.tables:
        return tree.tables[str(pointer[0])].count
    items = value_at(tree, pointer)
    return len(items) if isinstance(items, list) else 0


def _runs(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of neighbouring numbers."""
    first = last = None
    for index in indexes:
        if first is None or last is None:
            first = last = index
        elif index == last + 1:
            last = index
        else:
            yield first, last
            first = last = index
    if first is not None and last is not None:
        yield first, last


def item_inserted(document: Document, pointer: Pointer, value: object, *, is_before: bool) -> Edit | None:
    """Writes `value` as a neighbour of the list item at `pointer`, laid out as that item is."""
    tree = document.tree
    if tree is None or not pointer or not isinstance(pointer[-1], int):
        return None
    if not 0 <= pointer[-1] < item_count(tree, pointer[:-1]):
        return None
    start, end = tree.range_of(pointer)
    blank = _blank_before(document, start)
    is_line = not any(line_end in document.text.slice(start, end) for line_end in "\r\n")
    text = (
        json.dumps(value, ensure_ascii=False) if is_line else _dumped(value, blank, _unit(document, pointer))
    )
    if is_before:
        return Edit(start, start, f"{text},{blank or ' '}")
    return Edit(end, end, f",{blank or ' '}{text}")


def _unit(document: Document, pointer: Pointer) -> str:
    """By how much the members of the object at `pointer` are indented further than the object itself."""
    tree = document.tree
    owner = None if tree is None else _object_at(tree, pointer)
    if tree is None or not owner:
        return _INDENT
    outer = _blank_before(document, tree.range_of(pointer)[0])
    inner = _blank_before(document, tree.range_of((*pointer, next(iter(owner))), "key")[0])
    return inner.removeprefix(outer) if inner.startswith(outer) and len(inner) > len(outer) else _INDENT


def _object_at(tree: Tree, pointer: Pointer) -> dict[str, Any] | None:
    value = value_at(tree, pointer)
    return value if isinstance(value, dict) else None


def _blank_before(document: Document, offset: int) -> str:
    """The white space that ends at `offset`, from the last line end or the last sign before it."""
    text = document.text.slice(max(0, offset - _LOOK_BACK), offset)
    match = _BLANK_TAIL.search(text)
    blank = match.group() if match else ""
    # An empty line above a member is no part of the layout.
    line_end = max(blank.rfind("\n"), blank.rfind("\r"))
    if line_end < 0:
        return blank
    start = line_end - 1 if blank[line_end - 1 : line_end + 1] == "\r\n" else line_end
    return blank[start:]


def _dumped(value: object, blank: str, unit: str = _INDENT) -> str:
    """JSON of `value`; on several lines where its neighbours stand on lines of their own."""
    if "\n" not in blank or not value or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, indent=unit).replace("\n", blank)
