"""A naive, independent idea of what texts, positions and trees are; slow and easy to check by eye."""

from __future__ import annotations

import random
import re

from mplp_lsp.text.edits import Change
from mplp_lsp.text.snapshot import Encoding
from mplp_lsp.text.tree import Tree

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")


def width(character: str, encoding: Encoding) -> int:
    """Units of one character."""
    if encoding == "utf-32":
        return 1
    if encoding == "utf-16":
        return 2 if ord(character) > 0xFFFF else 1
    code = ord(character)
    return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code <= 0xFFFF else 4


def lines(text: str) -> list[str]:
    """Lines with their ends: text and line end by turns."""
    parts = re.split("(\r\n|\r|\n)", text)
    return [line + end for line, end in zip(parts[::2], [*parts[1::2], ""], strict=True)]


def offset(text: str, line: int, character: int, encoding: Encoding) -> int:
    """Offset of a position, by walking."""
    if line < 0:
        return 0
    every = lines(text)
    if line >= len(every):
        return len(text)
    at = sum(map(len, every[:line]))
    left = character
    for char in every[line]:
        if char in "\r\n" or left < width(char, encoding):
            break
        left -= width(char, encoding)
        at += 1
    return at


def apply(text: str, changes: list[Change], encoding: Encoding) -> str:
    """The text after LSP content changes."""
    for where, new in changes:
        if where is None:
            text = new
            continue
        start = offset(text, *where[0], encoding)
        end = offset(text, *where[1], encoding)
        start, end = min(start, end), max(start, end)
        text = text[:start] + new + text[end:]
    return text


def observed(tree: Tree, rng: random.Random | None = None, sample: int = 5) -> dict[str, object]:
    """Everything that can be seen of a tree; with `rng` the places of some pointers and offsets too."""
    seen: dict[str, object] = {
        "value": repr(tree.value),
        "header": repr(tree.header),
        "problems": list(tree.problems),
        "root_problems": list(tree.root_problems),
        "tables": {
            key: (
                table.count,
                [
                    (table.start_of(i), repr(e.value), e.problems, e.is_broken, e.lead, e.size, e.length)
                    for i, e in enumerate(table.rows.spans)
                ],
            )
            for key, table in tree.tables.items()
        },
        "keys": list(tree.tables),
    }
    if rng is not None:
        pointers = sorted(pointers_of(tree.value), key=repr)
        for pointer in rng.sample(pointers, min(sample, len(pointers))):
            ranges = [tree.range_of(pointer, part) for part in ("value", "key", "open")]
            seen[f"range {pointer}"] = (ranges, tree.is_broken(pointer))
        seen["nowhere"] = tree.range_of(("steps", 99_999, "x")), tree.range_of(("no", "where"))
        for _ in range(sample):
            place = rng.randint(0, tree.text.length)
            seen[f"at {place}"] = tree.at(place)
    return seen


def pointers_of(value: object, limit: int = 3000) -> list[tuple[str | int, ...]]:
    """The pointers of a value and of everything in it, at most `limit`."""
    found: list[tuple[str | int, ...]] = []
    pending: list[tuple[tuple[str | int, ...], object]] = [((), value)]
    while pending and len(found) < limit:
        pointer, inner = pending.pop()
        found.append(pointer)
        if isinstance(inner, dict):
            pending.extend(((*pointer, key), child) for key, child in inner.items())
        elif isinstance(inner, list):
            pending.extend(((*pointer, index), child) for index, child in enumerate(inner))
    return found


def ranges_are_inside(tree: Tree) -> bool:
    """Whether every problem and every place lies in the text."""
    length = tree.text.length
    spans = [(p.start, p.end) for p in tree.problems]
    for pointer in pointers_of(tree.value, 60):
        spans += [tree.range_of(pointer, part) for part in ("value", "key", "open")]
    spans += [(p.data["first_start"], p.data["first_end"]) for p in tree.problems if "first_start" in p.data]
    return all(0 <= start <= end <= length for start, end in spans)
