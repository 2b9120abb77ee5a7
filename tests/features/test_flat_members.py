"""Members of list entries are found where the tree says they stand."""

from __future__ import annotations

import json

import pytest

from mplp_lsp.features.flat_members import flat_member, value_range
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree

ENTRIES = (
    '{"step_id": "a", "order_index":   7, "dependencies": ["order_index", "b"]}',
    '{ "description"\n:\t"say \\"order_index\\": 1", "order_index": -1.5e3 }',
    '{"order_\\u0069ndex": 3, "description": "ü😀\\\\"}',
    '{"order_index": {"order_index": 2}, "step_id": null}',
    '{"dependencies": [{"order_index": 2}], "order_index": true}',
    '{"order_index": 1, "order_index": 2}',
    '{"order_index": 1 "step_id": "a"}',
    '{"order_index" 1}',
    '"order_index"',
    "{}",
)


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_member_is_where_the_tree_says(entry: str) -> None:
    text = f'{{"steps": [{{"step_id": "x"}}, {entry}, {{"step_id": "y"}}]}}'
    tree = Tree.parse(TextSnapshot.of(text))
    for key in ("order_index", "step_id", "description", "dependencies"):
        place = flat_member(tree, "steps", 1, key)
        pointer = ("steps", 1, key)
        if place is not None:
            assert (place.start, place.end) == tree.range_of(pointer)
            assert place.key_start == tree.range_of(pointer, "key")[0]
        assert value_range(tree, pointer) == tree.range_of(pointer)


def test_a_plain_entry_is_not_read_again() -> None:
    tree = Tree.parse(TextSnapshot.of(json.dumps({"steps": [{"step_id": "a", "order_index": 3}]})))
    assert flat_member(tree, "steps", 0, "order_index") is not None
    assert flat_member(tree, "steps", 0, "status") is None
