"""Edits where documents tear most easily: at the borders of elements, in gaps, keys and brackets."""

from __future__ import annotations

import random

from mplp_lsp.text.tree import Tree

Edit = tuple[int, int, str]

BORDER_PIECES = (
    ",", "{", "}", "[", "]", ":", '"', "{}", "[]", ", ", ",,", "}{", "][", "},{", "]}", "}]", " ", "\n", "\r",
    '"x"', "1", "null", '"k": 1,', "\\", "//", "/*", "*/", "\ufeff", '{"a": [', '": "', '", "',
    "<<<<<<< a\n", '{"a": 1, "a": 2}', "\ud800",
)  # fmt: skip
KEYS = ("steps", "events", "names", "meta", "title", "new")
WHOLE = (
    "", "[]", "{}", '[{"steps": []}]', '{"steps": [{}, {}]}', '"steps": [{}]}', '{"steps": 5}', "null",
    '\ufeff{"steps": [1]}', '{"steps": [1], "steps": [2]}', "]", '{"steps": [[[', '{"steps": [{"a": "',
)  # fmt: skip


def edit(tree: Tree, rng: random.Random) -> Edit:
    """One edit as `(start, end, new text)`, in offsets of the tree's text."""
    text = tree.text.text
    kind = rng.random()
    if kind < 0.03:
        return 0, len(text), rng.choice(WHOLE)
    if kind < 0.06:
        return 0, rng.randint(0, min(1, len(text))), rng.choice(["\ufeff", "[", "{", "", "]", '"', ","])
    if kind < 0.12:
        return len(text) - rng.randint(0, min(3, len(text))), len(text), rng.choice(BORDER_PIECES)
    if kind < 0.27:
        return _key_edit(text, rng)
    if kind < 0.37:
        return _member(text, rng)
    places = _borders(tree, text)
    start = min(max(rng.choice(places) + rng.choice([-1, 0, 0, 0, 1]), 0), len(text))
    if kind < 0.55:
        return start, start, rng.choice(BORDER_PIECES)
    if kind < 0.75:
        return start, min(start + rng.randint(1, 2), len(text)), rng.choice(["", "", *BORDER_PIECES])
    end = min(max(rng.choice(places) + rng.choice([-1, 0, 0, 1]), 0), len(text))
    start, end = min(start, end), max(start, end)
    if kind < 0.9:
        return start, end, rng.choice(["", "", ",", "{}", "[1, 2]", '"'])
    if end - start > 400:
        end = start + rng.randint(0, 400)
    # A cut or copied run of elements put somewhere else.
    return start, start, text[start:end] + rng.choice(["", ",", "\n"])


def _borders(tree: Tree, text: str) -> list[int]:
    places = [0, len(text)]
    for table in tree.tables.values():
        places += [table.start - 1, table.start, table.end, table.end + 1]
        at = table.start
        for element in table.rows.spans:
            places += [at, at + element.lead, at + element.lead + element.size, at + element.length]
            at += element.length
    return [min(max(place, 0), len(text)) for place in places]


def _key_edit(text: str, rng: random.Random) -> Edit:
    """Renames a key of the header to that of a table or the other way round, or hurts its quotes or colon."""
    places = [text.find(f'"{key}"') for key in KEYS]
    found = [(place, key) for place, key in zip(places, KEYS, strict=True) if place >= 0]
    if not found:
        return 0, 0, '{"steps": ['
    place, key = rng.choice(found)
    stop = place + len(key) + 2
    if rng.random() < 0.5:
        return place + 1, stop - 1, rng.choice([*KEYS, "", "st\\u0065ps", "a b", "\n"])
    at = rng.choice([place, stop - 1, stop, min(stop + 1, len(text))])
    return at, min(at + rng.choice([0, 1]), len(text)), rng.choice(["", '"', ":", ",", "{", "[", "]", "}"])


def _member(text: str, rng: random.Random) -> Edit:
    """Puts a member with or without a table somewhere a comma or a brace stands: keys come twice."""
    marks = [offset for offset, char in enumerate(text) if char in ",{"]
    at = rng.choice(marks) + 1 if marks else 0
    key = rng.choice(KEYS)
    value = rng.choice(["[1, {}]", "[]", "[", "1", "{}", "{", '"x"', "", '[{"a": 1}, {"a": 2}', "[{}}]"])
    return at, at, f'"{key}": {value}' + rng.choice([",", ",", "", "\n"])
