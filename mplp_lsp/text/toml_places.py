"""Where every key and value of a TOML text stands, by tree-sitter."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from itertools import accumulate

from tree_sitter import Language, Node, Parser
from tree_sitter import Tree as SyntaxTree

from mplp_lsp.text.places import Placing, Spot
from mplp_runtime.rules.findings import Pointer

_KEYS = frozenset({"bare_key", "quoted_key", "dotted_key"})


@cache
def _parser() -> Parser:
    import tree_sitter_toml

    return Parser(Language(tree_sitter_toml.language()))


def syntax(source: str) -> SyntaxTree:
    """The syntax tree of a text, whatever the text is."""
    return _parser().parse(source.encode())


class Walk:
    """Goes through the syntax tree and notes where every key and value stands."""

    def __init__(self, source: str, placing: Placing) -> None:
        self.placing = placing
        self.keys: list[tuple[Pointer, int, int]] = []
        encoded = source.encode()
        self._bytes = encoded
        self._offsets: list[int] | None = None
        if len(encoded) != len(source):
            widths = (len(character.encode()) for character in source)
            self._offsets = [0] * (len(encoded) + 1)
            for index, start in enumerate(accumulate(widths, initial=0)):
                self._offsets[start] = index
        self._counts: dict[Pointer, int] = {}
        self._seen: set[Pointer] = set()

    def _range(self, node: Node) -> tuple[int, int]:
        if self._offsets is None:
            return node.start_byte, node.end_byte
        return self._offsets[node.start_byte], self._offsets[node.end_byte]

    def document(self, root: Node) -> None:
        """All statements of the document."""
        spot = Spot(())
        self.placing.opened(spot, 0, 0)
        spot.stop = self._range(root)[1]
        for node in root.children:
            self._statement(node, spot)

    def _statement(self, node: Node, around: Spot) -> None:
        if node.type == "pair":
            self._pair(node, around)
        elif node.type in ("table", "table_array_element"):
            self._table(node, around)

    def _names(self, node: Node) -> list[tuple[str, int, int]]:
        """The parts of a key with their ranges."""
        found: list[tuple[str, int, int]] = []
        pending = [node]
        while pending:
            part = pending.pop()
            if part.type == "dotted_key":
                pending.extend(reversed([child for child in part.children if child.type in _KEYS]))
            elif part.type in _KEYS:
                found.append((self._name(part), *self._range(part)))
        return found

    def _name(self, node: Node) -> str:
        text = self._bytes[node.start_byte : node.end_byte].decode(errors="replace")
        if node.type == "bare_key":
            return text
        try:
            return next(iter(tomllib.loads(f"{text} = 1")), text)
        except ValueError:
            return text

    def _member(self, around: Spot, name: str, start: int, stop: int) -> Spot:
        spot = around.member(name, start, stop)
        self.keys.append((spot.pointer, start, stop))
        return spot

    def _inside(self, around: Spot, names: Sequence[tuple[str, int, int]], start: int, stop: int) -> Spot:
        """The table a dotted key leads to; the tables on the way are noted where they stand first."""
        spot = around
        for name, key_start, key_stop in names:
            spot = self._member(spot, name, key_start, key_stop)
            last = self._counts.get(spot.pointer)
            if last is not None:
                spot = spot.item(last)
            elif spot.pointer not in self._seen:
                self._seen.add(spot.pointer)
                self.placing.opened(spot, start, start)
                spot.stop = stop
        return spot

    def _table(self, node: Node, around: Spot) -> None:
        key = next((child for child in node.children if child.type in _KEYS), None)
        if key is None:
            return
        start, stop = self._range(node)
        stop = start + len(self._bytes[node.start_byte : node.end_byte].decode(errors="replace").rstrip())
        names = self._names(key)
        outer = self._inside(around, names[:-1], start, stop)
        name, key_start, key_stop = names[-1]
        table = self._member(outer, name, key_start, key_stop)
        if node.type == "table_array_element":
            index = self._counts.get(table.pointer, -1) + 1
            if not index:
                self.placing.opened(table, start, start)
                table.stop = stop
            self._counts[table.pointer] = index
            self._seen.add(table.pointer)
            table = table.item(index)
            table.key_start, table.key_stop = key_start, key_stop
        self._seen.add(table.pointer)
        self.placing.opened(table, start, start)
        table.stop = stop
        for child in node.children:
            self._statement(child, table)

    def _pair(self, node: Node, around: Spot) -> None:
        key = next((child for child in node.children if child.type in _KEYS), None)
        value = _value_of(node)
        if key is None or value is None:
            return
        start, stop = self._range(node)
        names = self._names(key)
        if not names:
            return
        outer = self._inside(around, names[:-1], start, stop)
        self._value(value, self._member(outer, *names[-1]))

    def _value(self, value: Node, spot: Spot) -> None:
        """A value and everything in it, with a stack of our own: nesting must not end us."""
        pending: list[tuple[Node, Spot]] = [(value, spot)]
        while pending:
            node, place = pending.pop()
            start, stop = self._range(node)
            if node.type in ("array", "inline_table"):
                self.placing.opened(place, start, start + 1)
                place.stop = stop
            else:
                self.placing.closed(place, start, stop)
            if node.type == "array":
                items = [c for c in node.children if c.is_named and c.type not in ("comment", "ERROR")]
                pending.extend(reversed([(child, place.item(i)) for i, child in enumerate(items)]))
            elif node.type == "inline_table":
                for pair in node.children:
                    key = next((child for child in pair.children if child.type in _KEYS), None)
                    inner_value = _value_of(pair)
                    if pair.type == "pair" and key is not None and inner_value is not None:
                        names = self._names(key)
                        inner = self._inside(place, names[:-1], *self._range(pair))
                        pending.append((inner_value, self._member(inner, *names[-1])))


def _value_of(pair: Node) -> Node | None:
    """What stands right behind the equals sign."""
    kinds = [child.type for child in pair.children]
    at = kinds.index("=") + 1 if "=" in kinds else len(kinds)
    return pair.children[at] if at < len(kinds) else None
