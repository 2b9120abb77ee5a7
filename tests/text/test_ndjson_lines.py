"""What a line of a timeline says without its tree is what its tree says."""

from __future__ import annotations

import random

import pytest

from mplp_lsp.text.ndjson import Line
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree

EVENT = '{"event_id": "a", "timestamp": "2025-01-01T00:00:00Z", "payload": {"n": [1, -2.5e3, true, null]}}'
LINES = {
    "an event": EVENT,
    "a line end": EVENT + "\r\n",
    "blanks around": f" \t{EVENT} \n",
    "blank": "  \n",
    "a key twice": '{"a": 1, "a": 2}',
    "a key twice inside": '{"a": [{"b": 1, "b": 2}]}',
    "a byte order mark": "\ufeff" + EVENT,
    "a form feed": EVENT + "\f",
    "two values": EVENT + EVENT,
    "no number": '{"a": NaN}',
    "a great number": '{"a": 1e999, "b": ' + "7" * 5000 + "}",
    "half a character": '{"a": "\\ud800"}',
    "half a character itself": '{"a": "\ud800"}',
    "a letter": '{"a": "\\u00e4🜁"}',
    "deep": '{"a": ' + "[" * 600 + "]" * 600 + "}",
    "cut off": EVENT[:40],
    "a word": "null",
}


def same(text: str) -> None:
    line, tree = Line(text), Tree.parse(TextSnapshot.of(text.rstrip("\r\n")))
    assert repr(line.value) == repr(tree.value)
    assert list(line.problems) == ([] if line.is_blank else list(tree.problems))


@pytest.mark.parametrize("text", LINES.values(), ids=LINES.keys())
def test_a_line_says_what_its_tree_says(text: str) -> None:
    same(text)


def test_lines_with_random_slips_say_what_their_trees_say() -> None:
    chance = random.Random("lines")
    for _ in range(300):
        at = chance.randrange(len(EVENT))
        put = chance.choice(["", '"', ",", "{", "]", "a", " ", ":", "\\", "1", '"event_id": 1, '])
        same(EVENT[:at] + put + EVENT[at + chance.choice([0, 0, 1]) :])


def test_a_sound_line_needs_no_tree() -> None:
    line = Line(EVENT)
    assert not line.problems
    assert line.value == Tree.parse(TextSnapshot.of(EVENT)).value
    assert line._tree is None
