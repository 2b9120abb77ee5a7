"""TOML documents (`mplp.toml`): the value by `tomllib`, the places by tree-sitter.

`tomllib` stops at the first fault. Here the faulty line is set aside and the rest is read again, so that a
half-typed line costs only itself. Whether a text is TOML at all is for `tomllib` alone to say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache, cached_property
from itertools import accumulate

from tree_sitter import Language, Node, Parser
from tree_sitter import Tree as SyntaxTree

from mplp_lsp.text.edits import Edit
from mplp_lsp.text.places import Placing, Spot
from mplp_lsp.text.problems import Problem
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import SIZE_LIMIT, Hit
from mplp_runtime.rules.findings import Part, Pointer, Severity

_FAULT_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)\Z")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Each fault costs one reading of the text, and `tomllib` reads half a megabyte in a second.
_FAULT_LIMIT = 50
_READING_LIMIT = 1_000_000
# Long dotted keys cost `tomllib` the square of their length.
_LONG_KEY = re.compile(r"(?<![\w.\"'-])(?>(?>[\w-]+|\"[^\"\n]*\"|'[^'\n]*')[ \t]*\.[ \t]*){100}")
_LONG_NUMBER = re.compile(r"(?<![0-9_])[0-9_]{4301,}")
_TOO_LARGE, _TOO_DEEP = "document-too-large", "toml-nesting-too-deep"
_UNREAD = frozenset({_TOO_LARGE, _TOO_DEEP})
_KEYS = frozenset({"bare_key", "quoted_key", "dotted_key"})


class TomlTree:
    """A TOML document, sound or not; the same questions as `Tree`. It never changes."""

    def __init__(self, text: TextSnapshot, value: dict[str, object], problems: Sequence[Problem]) -> None:
        self.text = text
        self.value = value
        self.problems = problems

    @classmethod
    def parse(cls, text: TextSnapshot) -> TomlTree:
        """The tree of a text, whatever the text is. Never raises; above 5 MB of UTF-8 nothing is read."""
        source = _SURROGATE.sub("\ufffd", text.text)
        if len(source.encode()) > SIZE_LIMIT:
            message = f"This document is larger than {SIZE_LIMIT // (1024 * 1024)} MB and is not checked."
            return cls(text, {}, (Problem(_TOO_LARGE, message, 0, 1, {}, Severity.INFORMATION),))
        value, problems = _read(source)
        return cls(text, value, problems)

    def edited(self, edits: Sequence[Edit], after: TextSnapshot) -> TomlTree:
        """The tree of `after`. Settings are small: they are read as a whole."""
        return TomlTree.parse(after) if edits else TomlTree(after, self.value, self.problems)

    @property
    def header(self) -> dict[str, object]:
        """The whole value: a TOML document has no element tables here."""
        return self.value

    @cached_property
    def _placing(self) -> Placing:
        return self._walk.placing

    @cached_property
    def _walk(self) -> _Walk:
        source = _SURROGATE.sub("\ufffd", self.text.text)
        walk = _Walk(source, Placing())
        if not any(problem.code in _UNREAD for problem in self.problems):
            walk.document(_syntax(source).root_node)
        return walk

    def keys_of(self, pointer: Pointer) -> list[tuple[int, int]]:
        """Every place that spells the last part of `pointer` as a key, with its quotes, in text order.

        `[roles.tester]` and `[roles.tester.limits]` both spell `tester`.
        """
        return sorted((start, stop) for at, start, stop in self._walk.keys if at == pointer)

    def range_of(self, pointer: Pointer, part: Part = "value") -> tuple[int, int]:
        """As `Tree.range_of`. A table that is spread over several headers is where it stands first."""
        spot, is_own = self._placing.nearest(pointer)
        if spot is None or spot.stop < spot.start:
            return 0, min(1, self.text.length)
        if not is_own and spot.key_start >= 0:
            return spot.range_of("key")
        if not spot.pointer and not is_own:
            return 0, min(1, self.text.length)
        return spot.range_of(part)

    def at(self, offset: int) -> Hit:
        """As `Tree.at`."""
        found = self._placing.at(min(max(offset, 0), self.text.length))
        if found is None:
            return Hit((), "value", 0, self.text.length)
        spot, part = found
        return Hit(spot.pointer, part, *spot.range_of(part))

    def is_broken(self, pointer: Pointer) -> bool:
        """Whether something is wrong inside a value, or at all for the whole document."""
        if not pointer:
            return bool(self.problems)
        spot, is_own = self._placing.nearest(pointer)
        if spot is None or not is_own:
            return False
        return any(spot.start <= p.start and p.end <= spot.stop for p in self.problems)


@cache
def _parser() -> Parser:
    import tree_sitter_toml

    return Parser(Language(tree_sitter_toml.language()))


def _syntax(source: str) -> SyntaxTree:
    return _parser().parse(source.encode())


def _read(source: str) -> tuple[dict[str, object], tuple[Problem, ...]]:
    """The value of all sound lines, and one problem for each line that was set aside."""
    problems: list[Problem] = []
    text = source
    if text.startswith("\ufeff"):
        message = "The file starts with a byte order mark, which TOML does not want."
        problems.append(Problem("toml-syntax", message, 0, 1))
        text = " " + text[1:]
    long_key = _LONG_KEY.search(text)
    if long_key:
        message = "A key with more than 100 parts; the document is not read."
        return {}, (*problems, Problem(_TOO_DEEP, message, long_key.start(), long_key.end()))
    for _ in range(min(_FAULT_LIMIT, _READING_LIMIT // max(len(text), 1) + 1)):
        try:
            return tomllib.loads(text), tuple(sorted(problems, key=lambda problem: problem.start))
        except RecursionError:
            message = "Nested too deep; the document is not read."
            problems.append(Problem(_TOO_DEEP, message, 0, min(1, len(source))))
            break
        except ValueError as fault:
            start, end, message = _fault(text, str(fault))
            problems.append(Problem("toml-syntax", message, start, end))
            line_start, line_end = _line_around(text, start)
            if not text[line_start:line_end].strip():
                break
            text = text[:line_start] + " " * (line_end - line_start) + text[line_end:]
    return {}, tuple(sorted(problems, key=lambda problem: problem.start))


def _fault(text: str, said: str) -> tuple[int, int, str]:
    """Where a fault stands and what it is, from what `tomllib` says."""
    place = _FAULT_PLACE.search(said)
    number = None if place else _LONG_NUMBER.search(text)
    if number:
        # The only fault `tomllib` gives no place for.
        return number.start(), number.end(), "This number has too many digits."
    message = said[: place.start()] if place else said
    if place and place.group(1):
        # `tomllib` counts columns after it has made `\n` of every `\r\n`.
        starts = list(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
        offset = starts[int(place.group(1)) - 1] + int(place.group(2)) - 1
    else:
        offset = _first_fault(_syntax(text).root_node, text)
    line_start, line_end = _line_around(text, min(offset, len(text)))
    if not text[line_start:line_end].strip():
        # Nothing stands at the end of the document: the last line that says something is meant.
        offset = len(text[:line_start].rstrip())
        line_start, line_end = _line_around(text, offset)
    content = line_start + len(text[line_start:line_end]) - len(text[line_start:line_end].lstrip())
    stop = line_start + len(text[line_start:line_end].rstrip())
    start = offset if content <= offset < stop else content
    return start, max(stop, min(start + 1, len(text))), f"{message}."


def _first_fault(root: Node, text: str) -> int:
    """The first place tree-sitter cannot make sense of; the end of the text if there is none."""
    pending = [root]
    while pending:
        node = pending.pop()
        if node.is_error or node.is_missing:
            return len(text.encode()[: node.start_byte].decode(errors="ignore"))
        if node.has_error:
            pending.extend(reversed(node.children))
    return len(text)


def _line_around(text: str, offset: int) -> tuple[int, int]:
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    ends = [end for end in (text.find("\n", offset), text.find("\r", offset)) if end >= 0]
    return start, max(min(ends, default=len(text)), start)


class _Walk:
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
