"""Where a member of a list entry stands, without reading the entry again.

Edits of all steps ask for ten thousand such places, and to read a step with the places of all that is in it
takes a hundred times as long as to read it. In a sound object without objects inside, only a key is followed
by a colon, so it is enough to look for the key.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import NamedTuple

from mplp_lsp.text.tree import Tree
from mplp_runtime.rules.findings import Pointer

_DECODER = json.JSONDecoder()


class MemberPlace(NamedTuple):
    """Offsets in the document: the key with its quotes begins, the value begins, the value ends."""

    key_start: int
    start: int
    end: int


def flat_member(tree: Tree, field: str, index: int, key: str) -> MemberPlace | None:
    """The place of a member of one list entry; None where it has none, or where that takes reading."""
    table = tree.tables[field]
    element = table.element(index)
    value = element.value
    if element.problems or not isinstance(value, dict) or key not in value:
        return None
    if any(_may_hold_keys(each) for each in value.values()):
        return None
    start = table.start_of(index)
    text = tree.text.slice(start, start + element.size)
    found = _key(key).search(text)
    if found is None:
        return None
    try:
        _, end = _DECODER.raw_decode(text, found.end())
    except ValueError:
        return None
    return MemberPlace(start + found.start(), start + found.end(), start + end)


def value_range(tree: Tree, pointer: Pointer) -> tuple[int, int]:
    """`tree.range_of` of a member of a list entry (three parts), at once where it can be."""
    field, index, key = pointer
    known = flat_member(tree, str(field), int(index), str(key))
    return tree.range_of(pointer) if known is None else (known.start, known.end)


def _may_hold_keys(value: object) -> bool:
    if isinstance(value, list):
        return any(isinstance(item, dict | list) for item in value)
    return isinstance(value, dict)


@lru_cache(maxsize=64)
def _key(key: str) -> re.Pattern[str]:
    return re.compile(re.escape(json.dumps(key, ensure_ascii=False)) + r"[ \t\r\n]*:[ \t\r\n]*")
