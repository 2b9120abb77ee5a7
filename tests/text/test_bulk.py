from __future__ import annotations

import json

import pytest

from mplp_lsp.text import json_table
from mplp_lsp.text.edits import Edit
from mplp_lsp.text.json_scan import DEPTH_LIMIT
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree

COUNT = 30
LONG = "with all of its footnotes " * 8


def entry(number: int, extra: str = "") -> str:
    return f'    {{\n      "id": {number},\n      "text": "{LONG}{number}"{extra}\n    }}'


def table(entries: list[str], joint: str = ",\n") -> str:
    return '{\n  "steps": [\n' + joint.join(entries) + "\n  ]\n}\n"


def all_but(number: int, odd: str, joint: str = ",\n") -> str:
    """A long table of entries that are alike, but for one."""
    return table([odd if number == each else entry(each) for each in range(COUNT)], joint)


def seen(tree: Tree) -> object:
    return [
        [(each.value, each.lead, each.size, each.length, each.problems) for each in found.rows.spans]
        for found in tree.tables.values()
    ], tree.problems


NESTED = '    {"a": [\n    {"b": 1},\n    {"c": 2}\n    ]}'
TEXTS = {
    "all alike": table([entry(number) for number in range(COUNT)]),
    "in one line": table([entry(number) for number in range(COUNT)], ","),
    "windows line ends": table([entry(number) for number in range(COUNT)]).replace("\n", "\r\n"),
    "a colon in every text": table([entry(number, ',\n      "at": "12:30"') for number in range(COUNT)]),
    "a key twice": all_but(15, entry(15, ', "id": 7')),
    "a key twice with a blank": all_but(15, entry(15, ', "id" : 7')),
    "a key twice beside a text like a key": all_but(15, entry(15, ', "id" : 7, "x": "\\":"')),
    "a joint in a text": all_but(15, entry(15, ', "x": "},    {"'), ","),
    "a joint in a list in an entry": all_but(15, NESTED),
    "an object in an entry": all_but(15, entry(15, ', "x": {"y": 1}')),
    "no object": all_but(15, "    17"),
    "a list": all_but(15, '    [\n    {"a": 1},\n    {"b": 2}]'),
    "an empty object": all_but(15, "    {}"),
    "another indentation": all_but(15, " " + entry(15)),
    "a comma too many": all_but(15, entry(15) + ","),
    "a comma missing": table([entry(n) for n in range(15)]).replace(
        "\n  ]\n}\n", "\n" + entry(99) + "\n  ]\n}\n"
    ),
    "a comment": all_but(15, "    // why\n" + entry(15)),
    "not a number": all_but(15, entry(15, ', "x": NaN')),
    "a number of many digits": all_but(15, entry(15, f', "x": {"7" * 5000}')),
    "a number with a point": all_but(15, entry(15, ', "x": 1.50, "y": 1e999')),
    "half a character": all_but(15, entry(15, ', "x": "\\ud800"')),
    "a letter of many bytes": all_but(15, entry(15, ', "x": "🜁"')),
    "lists in lists": all_but(15, entry(15, f', "x": {"[" * DEPTH_LIMIT}{"]" * DEPTH_LIMIT}')),
    "a text without its end": all_but(15, entry(15).replace('footnotes 15"', "footnotes 15")),
    "closed too early": all_but(15, entry(15) + ',\n    "status": "pending"'),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_many_entries_are_read_together_as_they_are_one_by_one(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = seen(Tree.parse(TextSnapshot.of(text)))
    monkeypatch.setattr(json_table, "read_alike", lambda *_: -1)
    assert together == seen(Tree.parse(TextSnapshot.of(text)))


@pytest.mark.parametrize("name", ["all alike", "in one line", "windows line ends", "a colon in every text"])
def test_entries_that_are_alike_are_read_together(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    original = json_table.read_alike

    def counted(*arguments: object) -> int:
        stop = original(*arguments)  # type: ignore[arg-type]
        found.append(stop)
        return stop

    monkeypatch.setattr(json_table, "read_alike", counted)
    tree = Tree.parse(TextSnapshot.of(TEXTS[name]))
    assert max(found) > 0
    assert tree.value == json.loads(TEXTS[name])
    assert not tree.problems


def test_a_long_piece_that_is_put_in_is_read_together_too(monkeypatch: pytest.MonkeyPatch) -> None:
    text = table([entry(number) for number in range(COUNT)])
    before = Tree.parse(TextSnapshot.of(text))
    at = text.index(entry(5))
    piece = "".join(entry(number) + ",\n" for number in range(100, 130))
    edit = Edit(at, at, piece)
    after = TextSnapshot.of(text).edited(at, at, piece)
    together = seen(before.edited([edit], after))
    monkeypatch.setattr(json_table, "read_alike", lambda *_: -1)
    assert together == seen(Tree.parse(TextSnapshot.of(after.text)))
