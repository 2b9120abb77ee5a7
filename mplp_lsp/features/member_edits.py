"""Small edits of JSON text that take members out of objects, or move them from one object into another."""

from __future__ import annotations

import json
import re

from mplp_lsp.features.json_edits import member_added, value_at
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_runtime.rules.findings import Pointer

_LOOK_AROUND = 4_000
_COMMA_BEHIND = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")
_COMMA_BEFORE = re.compile(r"[ \t\r\n]*,[ \t\r\n]*\Z")


def member_removed(document: Document, pointer: Pointer) -> Edit | None:
    """Takes the member at `pointer` out of its object, with its comma; None where there is none."""
    tree = document.tree
    owner = value_at(tree, pointer[:-1]) if tree is not None and pointer else None
    if tree is None or not isinstance(owner, dict) or pointer[-1] not in owner:
        return None
    start, end = tree.range_of(pointer, "key")[0], tree.range_of(pointer)[1]
    # Asked of the text: where a key stands twice, the order of the keys is not that of the text.
    behind = _COMMA_BEHIND.match(document.text.slice(end, end + _LOOK_AROUND))
    if behind is not None:
        return Edit(start, end + behind.end(), "")
    first = max(0, start - _LOOK_AROUND)
    before = _COMMA_BEFORE.search(document.text.slice(first, start))
    if before is not None:
        return Edit(first + before.start(), end, "")
    # Comments stand between, or a comma is missing: from one member to the other.
    keys, whole = list(owner), pointer[:-1]
    index = keys.index(pointer[-1])
    following = tree.range_of((*whole, keys[index + 1]), "key")[0] if index + 1 < len(keys) else end
    preceding = tree.range_of((*whole, keys[index - 1]))[1] if index else start
    if following > end:
        return Edit(start, following, "")
    return Edit(min(preceding, start), end, "")


def member_moved(document: Document, pointer: Pointer, home: str) -> tuple[Edit, Edit] | None:
    """Takes the member at `pointer` into its sibling object `home`, which is made where it is not there yet.

    None where `home` is no object, or has the member already.
    """
    tree = document.tree
    removal = member_removed(document, pointer)
    if tree is None or removal is None or pointer[0] in tree.tables:
        # The entries of a list at the top are not held together, so it is not copied.
        return None
    owner, name = value_at(tree, pointer[:-1]), str(pointer[-1])
    moved = value_at(tree, pointer)
    if isinstance(owner, dict) and home not in owner:
        if next(reversed(owner)) == name:
            # What is written goes where the last member is, and that is the one to be moved.
            start, end = tree.range_of(pointer, "key")[0], tree.range_of(pointer)[1]
            text = json.dumps({home: {name: moved}}, ensure_ascii=False)[1:-1]
            return Edit(start, end, text), Edit(end, end, "")
        addition = member_added(document, pointer[:-1], home, {name: moved})
    else:
        addition = member_added(document, (*pointer[:-1], home), name, moved)
    return None if addition is None else (removal, addition)
