"""Folding: lists, objects and the sections of mplp.toml; what is folded is named where the editor shows it.

A step is called by what it does, a list by how many entries it has.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable, Iterator
from functools import partial

from lsprotocol import types

from mplp_lsp.features import checkpoint
from mplp_lsp.features.document_symbols import MAIN_LISTS
from mplp_lsp.features.ready_json import ReadyJson
from mplp_lsp.features.symbol_words import name_of_part
from mplp_lsp.features.toml_folds import Fold, folds_of_settings
from mplp_lsp.text.elements import Element, ElementTable
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

_MARKS = re.compile(r'"(?:[^"\\\r\n]|\\.)*"?|[{}\[\]]|\r\n|\n|\r')
_BRACKETS = re.compile(r"[{}\[\]]")
_CLOSERS = {"}": "{", "]": "["}
_NUMBERS = 5
"""How many numbers make a fold: lines, offsets, depth."""


def folding_range(
    snapshot: Snapshot, document: Document, _params: types.FoldingRangeParams
) -> ReadyJson | None:
    """FoldingRange[] in the order of the text, not more than the client can take: then the outer ones.

    None for what is not ours and for timelines, whose entries are lines.
    """
    if document.kind is None or document.timeline is not None:
        return None
    if document.toml is not None:
        folds = list(folds_of_settings(document.toml))
    else:
        folds = (
            []
            if document.tree is None
            else folds_of_tree(document.kind, document.tree, has_names=snapshot.client.folding_collapsed_text)
        )
    return ReadyJson(f"[{','.join(_told(snapshot, document.text, folds))}]".encode("ascii"))


def folds_of_tree(kind: str, tree: Tree, *, has_names: bool = True) -> list[Fold]:
    """The lists and objects of a document that take more than one line, in the order of their starts.

    To name ten thousand entries takes as long as to find them, so it is done where somebody shows the names.
    """
    scanner = _Scanner()
    main = MAIN_LISTS.get(kind)
    at = 0
    for table in sorted(tree.tables.values(), key=lambda table: table.start):
        if table.start < at:
            continue
        scanner.read(tree.text.slice(at, table.start), at)
        part = main[1] if main is not None and main[0] == table.key else _PARTS.get(table.key, "")
        scanner.name_list(f"{table.count} {table.key}")
        _read_table(scanner, tree, table, part if has_names else None)
        at = table.end
    scanner.read(tree.text.slice(at, tree.text.length), at)
    return sorted(scanner.folds, key=lambda fold: (fold.start, -fold.end))


_PARTS = {"events": "event"}


def _read_table(scanner: _Scanner, tree: Tree, table: ElementTable, part: str | None) -> None:
    at = table.start
    for block in table.blocks:
        checkpoint()
        text = tree.text.slice(at, at + block.length)
        start = 0
        for element in block.elements:
            numbers = _of_element(element, text[start : start + element.length])
            name = None if part is None else partial(name_of_part, part, element.value)
            scanner.take(numbers, at + start, element.lead + 1, name)
            start += element.length
        at += block.length


def _of_element(element: Element, text: str) -> array[int]:
    """How many lines an entry ends, and its folds, counted from where its text starts; kept with it."""
    known = element.cache.get("folds")
    if not isinstance(known, array):
        known = _quiet_folds(text) if _has_quiet_strings(element, text) else _scanned_folds(text)
        element.cache["folds"] = known
    return known


def _scanned_folds(text: str) -> array[int]:
    scanner = _Scanner()
    scanner.read(text, 0)
    numbers = array("I", [scanner.line])
    for fold in scanner.folds:
        numbers.extend((fold.first_line, fold.last_line, fold.start, fold.end, fold.depth))
    return numbers


def _quiet_folds(text: str) -> array[int]:
    """The same where every bracket is one and has its partner, and every line ends with a line feed."""
    numbers = [0]
    opened: list[tuple[int, int]] = []
    line = counted = 0
    for match in _BRACKETS.finditer(text):
        at = match.start()
        line += text.count("\n", counted, at)
        counted = at
        if text[at] in "{[":
            opened.append((line, at + 1))
            continue
        first_line, start = opened.pop()
        if first_line < line:
            numbers += (first_line, line, start, at, len(opened))
    numbers[0] = line + text.count("\n", counted)
    return array("I", numbers)


def _has_quiet_strings(element: Element, text: str) -> bool:
    """Whether no string holds a bracket: there are as many as the value needs, and its ends are plain."""
    if element.problems or "\r" in text:
        return False
    size = _size(element.value)
    return text.count("{") + text.count("[") == size == text.count("}") + text.count("]")


def _size(value: object) -> int:
    """How many lists and objects a value is made of; without calls, for it may be nested deep."""
    count = 0
    stack = [value]
    while stack:
        inner = stack.pop()
        if isinstance(inner, dict):
            count += 1
            stack += [each for each in inner.values() if isinstance(each, dict | list)]
        elif isinstance(inner, list):
            count += 1
            stack += [each for each in inner if isinstance(each, dict | list)]
    return count


class _Scanner:
    """Pairs the brackets of a text read in one piece or several; brackets without a partner fold nothing."""

    def __init__(self) -> None:
        self.line = 0
        self.folds: list[Fold] = []
        self._open: list[tuple[str, int, int, str | None]] = []

    def read(self, text: str, offset: int) -> None:
        """The next piece of the text; `offset` is where it starts."""
        opened = self._open
        for match in _MARKS.finditer(text):
            mark = match.group()
            if mark[0] == '"':
                continue
            if mark in "\r\n":
                self.line += 1
            elif mark in "{[":
                opened.append((mark, self.line, offset + match.end(), None))
            elif any(frame[0] == _CLOSERS[mark] for frame in opened[-1:]) or self._closes_outer(mark):
                _, line, start, name = opened.pop()
                if line < self.line:
                    end = offset + match.start()
                    self.folds.append(Fold(line, self.line, start, end, len(opened), name))

    def _closes_outer(self, mark: str) -> bool:
        """Where the innermost bracket is not closed, the next one further out of this kind is meant."""
        opener = _CLOSERS[mark]
        at = next((n for n in range(len(self._open) - 1, -1, -1) if self._open[n][0] == opener), -1)
        if at < 0:
            return False
        del self._open[at + 1 :]
        return True

    def name_list(self, name: str) -> None:
        """What is read next is in a list of this name."""
        if self._open and self._open[-1][0] == "[":
            self._open[-1] = (*self._open[-1][:3], name)

    def take(
        self, numbers: array[int], offset: int, own_start: int, name: Callable[[], str | None] | None
    ) -> None:
        """The folds of an entry that was read by itself and stands at `offset`.

        The one that starts at `own_start` is the entry's own, and has its `name`.
        """
        depth, line = len(self._open), self.line
        for at in range(1, len(numbers), _NUMBERS):
            first_line, last_line, start, end, level = numbers[at : at + _NUMBERS]
            own_name = name() if name is not None and start == own_start else None
            self.folds.append(
                Fold(
                    first_line + line, last_line + line, start + offset, end + offset, level + depth, own_name
                )
            )
        self.line += numbers[0]


def _told(snapshot: Snapshot, text: TextSnapshot, folds: list[Fold]) -> Iterator[str]:
    """Each fold as JSON, in the form the client asked for."""
    client = snapshot.client
    if client.folding_line_only:
        folds = list(_by_lines(folds))
    if client.folding_limit is not None and len(folds) > client.folding_limit:
        outer = sorted(range(len(folds)), key=lambda index: (folds[index].depth, index))
        folds = [folds[index] for index in sorted(outer[: client.folding_limit])]
    columns = [] if client.folding_line_only else _columns(snapshot, text, folds)
    for number, fold in enumerate(folds):
        if number % 1_000 == 0:
            checkpoint()
        kind = f',"kind":"{fold.kind}"' if fold.kind is not None else ""
        name = ""
        if client.folding_collapsed_text and fold.name:
            name = f',"collapsedText":{json.dumps(fold.name)}'
        if client.folding_line_only:
            last = fold.last_line - fold.keeps_last
            yield f'{{"startLine":{fold.first_line},"endLine":{last}{kind}{name}}}'
            continue
        first_line, first, last_line, last = columns[number]
        yield (
            f'{{"startLine":{first_line},"startCharacter":{first},'
            f'"endLine":{last_line},"endCharacter":{last}{kind}{name}}}'
        )


def _columns(snapshot: Snapshot, text: TextSnapshot, folds: list[Fold]) -> list[tuple[int, int, int, int]]:
    """Line and character of both ends of each fold."""
    checkpoint()
    starts = text.many_positions(((fold.start, fold.start) for fold in folds), snapshot.encoding)
    by_end = sorted(range(len(folds)), key=lambda number: folds[number].end)
    places = ((folds[number].end, folds[number].end) for number in by_end)
    ends = [(0, 0)] * len(folds)
    for number, (line, character, _, _) in zip(
        by_end, text.many_positions(places, snapshot.encoding), strict=True
    ):
        ends[number] = line, character
    checkpoint()
    return [(*start[:2], *end) for start, end in zip(starts, ends, strict=True)]


def _by_lines(folds: list[Fold]) -> Iterator[Fold]:
    """Those that hide a line at least; of those that start on the same line, the outermost."""
    taken = -1
    for fold in folds:
        if fold.last_line - fold.keeps_last > fold.first_line and fold.first_line != taken:
            taken = fold.first_line
            yield fold
