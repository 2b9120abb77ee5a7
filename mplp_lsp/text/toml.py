"""`mplp.toml` as a tree with ranges: the standard parser says what it means, tree-sitter where it stands.

Where the standard parser gives up, what tree-sitter could read still gives values, so that one broken line
does not hide the rest. These files are small: they are read anew after each edit.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mplp_lsp.text.problems import Problem
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Hit
from mplp_runtime.rules.findings import Part, Pointer

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
_LONGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class _Spot:
    """Offsets of one value: itself, its key, and what opens it."""

    value: tuple[int, int]
    key: tuple[int, int] | None
    opening: tuple[int, int]


@dataclass(frozen=True, slots=True)
class TomlTree:
    """One version of an mplp.toml. `value` is a dictionary always, of what could be read."""

    text: TextSnapshot
    value: Mapping[str, Any]
    problems: Sequence[Problem]
    _spots: Mapping[Pointer, _Spot] = field(repr=False)

    @staticmethod
    def parse(text: TextSnapshot) -> TomlTree:
        """Never raises: what is wrong is in `problems`, with the place."""
        source = text.text
        if len(source) > _LONGEST:
            problem = Problem(
                "document-too-large", "This file is too large to be settings; it is not read.", 0, 0
            )
            return TomlTree(text, {}, (problem,), {})
        reader = _Reader(source)
        try:
            return TomlTree(text, tomllib.loads(_newlines(source)), (), reader.spots)
        except RecursionError:
            problem = Problem("toml-syntax", "This file is nested too deeply.", 0, min(1, len(source)))
        except ValueError as error:
            problem = _problem(text, str(error))
        return TomlTree(text, reader.value, (problem,), reader.spots)

    def range_of(self, pointer: Pointer, part: Part = "value") -> tuple[int, int]:
        """Offsets of a value, its key or what opens it; of the nearest ancestor where it is not there."""
        spot = self._spots.get(pointer)
        if spot is None:
            while pointer:
                pointer = pointer[:-1]
                if pointer in self._spots:
                    return self._spots[pointer].opening
            return 0, 0
        if part == "key" and spot.key is not None:
            return spot.key
        return spot.opening if part == "open" else spot.value

    def at(self, offset: int) -> Hit:
        """The innermost key or value at `offset`; the whole document where there is none."""
        best = Hit((), "value", 0, self.text.length)
        for pointer, spot in self._spots.items():
            for part, place in (("key", spot.key), ("value", spot.value)):
                if place is None or not place[0] <= offset <= place[1]:
                    continue
                if place[1] - place[0] <= best.end - best.start:
                    best = Hit(pointer, "key" if part == "key" else "value", *place)
        return best

    def is_broken(self, pointer: Pointer) -> bool:
        """Whether a problem stands inside that value."""
        start, end = self.range_of(pointer)
        return any(start <= problem.start <= end for problem in self.problems)


def _newlines(source: str) -> str:
    """TOML knows `\\n` and `\\r\\n` only; a `\\r` alone ends a line in every editor, so it does here."""
    return re.sub(r"\r(?!\n)", "\n", source)


def _problem(text: TextSnapshot, message: str) -> Problem:
    match = _PLACE.search(message)
    sentence = _PLACE.sub("", message)
    if match is None or match["line"] is None:
        start = len(text.text.rstrip())
        return Problem("toml-syntax", f"{sentence} at the end of the file.", max(start - 1, 0), start)
    start = text.offset(int(match["line"]) - 1, int(match["column"]) - 1, "utf-32")
    end = min(start + 1, text.length)
    return Problem("toml-syntax", f"{sentence}.", start if end > start else max(start - 1, 0), end)


@lru_cache(maxsize=1)
def _parser() -> Parser:
    from tree_sitter import Language, Parser
    from tree_sitter_toml import language

    return Parser(Language(language()))


class _Reader:
    """Walks tree-sitter's nodes once; keeps where each pointer stands and what could be read of it."""

    def __init__(self, source: str) -> None:
        self._bytes = source.encode("utf-8", "replace")
        self._is_ascii = len(self._bytes) == len(source)
        self.value: dict[str, Any] = {}
        self.spots: dict[Pointer, _Spot] = {}
        whole = (0, len(source))
        self.spots[()] = _Spot(whole, None, (0, min(1, len(source))))
        self._table(_parser().parse(self._bytes).root_node, self.value, ())

    def _range(self, node: Node) -> tuple[int, int]:
        if self._is_ascii:
            return node.start_byte, node.end_byte
        start = len(self._bytes[: node.start_byte].decode("utf-8", "replace"))
        return start, start + len(self._bytes[node.start_byte : node.end_byte].decode("utf-8", "replace"))

    def _text(self, node: Node) -> str:
        return self._bytes[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def _table(self, node: Node, into: dict[str, Any], pointer: Pointer) -> None:
        for child in node.named_children:
            if child.type == "pair":
                self._pair(child, into, pointer)
            elif child.type in {"table", "table_array_element"}:
                self._header(child, into, pointer, is_array=child.type == "table_array_element")
            elif child.type == "ERROR":
                self._table(child, into, pointer)

    def _header(self, node: Node, into: dict[str, Any], pointer: Pointer, *, is_array: bool) -> None:
        names = next((child for child in node.named_children if child.type in _KEYS), None)
        if names is None:
            return
        opening = self._range(names)
        target, path = into, pointer
        keys = list(self._keys(names))
        for number, (name, place) in enumerate(keys):
            path = (*path, name)
            is_last = number == len(keys) - 1
            if is_array and is_last:
                rows = target.setdefault(name, [])
                if not isinstance(rows, list):
                    return
                self.spots.setdefault(path, _Spot(opening, place, opening))
                path = (*path, len(rows))
                rows.append({})
                target = rows[-1]
                self.spots[path] = _Spot(self._range(node), place, opening)
                break
            inner = target.setdefault(name, {})
            if isinstance(inner, list) and inner:
                path, inner = (*path, len(inner) - 1), inner[-1]
            if not isinstance(inner, dict):
                return
            spot = _Spot(self._range(node) if is_last else opening, place, opening)
            if is_last:
                self.spots[path] = spot
            else:
                self.spots.setdefault(path, spot)
            target = inner
        self._table(node, target, path)

    def _pair(self, node: Node, into: dict[str, Any], pointer: Pointer) -> None:
        names = node.named_children[0] if node.named_children else None
        if names is None or names.type not in _KEYS:
            return
        values = [child for child in node.named_children[1:] if child.type not in {"comment", "ERROR"}]
        target, path = into, pointer
        keys = list(self._keys(names))
        for name, place in keys[:-1]:
            path = (*path, name)
            inner = target.setdefault(name, {})
            if not isinstance(inner, dict):
                return
            self.spots.setdefault(path, _Spot(self._range(node), place, place))
            target = inner
        name, place = keys[-1]
        path = (*path, name)
        if not values:
            self.spots[path] = _Spot(place, place, place)
            return
        target[name] = self._value(values[0], path, place)

    def _value(self, node: Node, pointer: Pointer, key: tuple[int, int] | None) -> Any:
        start, end = self._range(node)
        self.spots[pointer] = _Spot((start, end), key, (start, min(start + 1, end)))
        if node.type == "array":
            items = [child for child in node.named_children if child.type not in {"comment", "ERROR"}]
            return [self._value(child, (*pointer, index), None) for index, child in enumerate(items)]
        if node.type == "inline_table":
            inner: dict[str, Any] = {}
            self._table(node, inner, pointer)
            return inner
        try:
            return tomllib.loads(f"value = {self._text(node)}")["value"]
        except ValueError:
            return self._text(node)

    def _keys(self, node: Node) -> Iterator[tuple[str, tuple[int, int]]]:
        if node.type == "dotted_key":
            for child in node.named_children:
                yield from self._keys(child)
        elif node.type == "bare_key":
            yield self._text(node), self._range(node)
        elif node.type == "quoted_key":
            text = self._text(node)
            try:
                yield next(iter(tomllib.loads(f"{text} = 1"))), self._range(node)
            except ValueError:
                yield text.strip("\"'"), self._range(node)


_KEYS = frozenset({"bare_key", "quoted_key", "dotted_key"})
