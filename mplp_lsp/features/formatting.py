"""Formatting of JSON documents: white space only, in small edits; order, values and line ends stay.

Of a document that is broken, only the sound entries of its lists are laid out, and nothing where that would
change how the broken part is read: its indentation may be what tells. While typing, the line is put where its
brackets want it, and what a bracket closes is laid out once it is sound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lsprotocol import types

from mplp_lsp.features.json_layout import (
    Blank,
    Style,
    blanks_of_sound_entries,
    blanks_of_tree,
    line_end_of,
)
from mplp_lsp.features.open_brackets import indent_inside, opener_of
from mplp_lsp.features.places import offsets_of, range_between
from mplp_lsp.text.edits import Edit
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

_HEAD = 4_096
_BLANKS = " \t\r\n"
_LINE_END = re.compile(r"\r\n|\n|\r")
_WIDEST_TAB = 16
# Up to so many the text is read on from what is known; more are a new text.
_FEW_EDITS = 200


def formatting(
    snapshot: Snapshot, document: Document, params: types.DocumentFormattingParams
) -> list[types.TextEdit] | None:
    """The edits that lay the document out; None where there is nothing that can be laid out."""
    tree = _tree_of(document)
    if tree is None:
        return None
    style = _style(document, params.options)
    edits = _harmless(tree, list(_edits(tree, style, 0, tree.text.length)))
    if not document.is_broken:
        edits += _end_edits(tree, style, params.options)
    return _told(snapshot, document, edits)


def range_formatting(
    snapshot: Snapshot, document: Document, params: types.DocumentRangeFormattingParams
) -> list[types.TextEdit] | None:
    """The same for the lines of a range."""
    return _of_ranges(snapshot, document, [params.range], params.options)


def ranges_formatting(
    snapshot: Snapshot, document: Document, params: types.DocumentRangesFormattingParams
) -> list[types.TextEdit] | None:
    """The same for the lines of several ranges."""
    return _of_ranges(snapshot, document, params.ranges, params.options)


def on_type_formatting(
    snapshot: Snapshot, document: Document, params: types.DocumentOnTypeFormattingParams
) -> list[types.TextEdit] | None:
    """What should change once a bracket, a comma or a new line has been typed; None where nothing should."""
    tree = _tree_of(document)
    if tree is None:
        return None
    style = _style(document, params.options)
    text = tree.text
    line = params.position.line
    offset = text.offset(line, params.position.character, snapshot.encoding)
    start = text.line_start(min(line, text.line_count - 1))
    if params.ch == "\n":
        return _told(snapshot, document, _harmless(tree, _line_indented(tree, style, start))) or None
    opener = opener_of(tree, offset - 1) if params.ch in ("}", "]") else None
    if opener is not None:
        edits = [*_line_indented(tree, style, start, closer=offset - 1)]
        sound = _sound_edits(tree, style, opener, offset)
        return _told(snapshot, document, _harmless(tree, sound or edits)) or None
    edits = _sound_edits(tree, style, start, offset) if params.ch == "," else []
    return _told(snapshot, document, _harmless(tree, edits)) or None


def _of_ranges(
    snapshot: Snapshot, document: Document, ranges: Iterable[types.Range], options: types.FormattingOptions
) -> list[types.TextEdit] | None:
    tree = _tree_of(document)
    if tree is None:
        return None
    style = _style(document, options)
    found: dict[Edit, None] = {}
    for where in ranges:
        start, end = offsets_of(snapshot, document, where)
        start = tree.text.line_start(tree.text.position(start, "utf-32")[0])
        found.update(dict.fromkeys(_edits(tree, style, start, end)))
    return _told(snapshot, document, _harmless(tree, sorted(found)))


def _harmless(tree: Tree, edits: list[Edit]) -> list[Edit]:
    """The edits, or none where a broken text would be read otherwise after them."""
    if not edits or not any(problem.is_error for problem in tree.problems):
        return edits
    if len(edits) <= _FEW_EDITS:
        made = sorted(edits, reverse=True)
        text = tree.text
        for edit in made:
            text = text.edited(*edit)
        after = tree.edited(made, text)
    else:
        parts: list[str] = []
        last = 0
        for edit in sorted(edits):
            parts += (tree.text.slice(last, edit.start), edit.new_text)
            last = edit.end
        parts.append(tree.text.slice(last, tree.text.length))
        after = Tree.parse(TextSnapshot.of("".join(parts)))
    return edits if _says(tree) == _says(after) and tree.value == after.value else []


def _says(tree: Tree) -> list[tuple[str, str, int]]:
    """What is wrong with a text and where, whatever white space it has."""
    told: list[tuple[str, str, int]] = []
    at = signs = 0
    for problem in tree.problems:
        signs += len("".join(tree.text.slice(at, problem.start).split()))
        at = problem.start
        told.append((problem.code, problem.message, signs))
    return told


def _tree_of(document: Document) -> Tree | None:
    """The tree of what can be laid out: not of too large documents, nor of such with undecodable bytes."""
    tree = document.tree
    if tree is None or document.fault is not None or not tree.text.length:
        return None
    return None if any(problem.code == "document-too-large" for problem in tree.root_problems) else tree


def _style(document: Document, options: types.FormattingOptions) -> Style:
    width = min(max(options.tab_size, 1), _WIDEST_TAB)
    head = document.text.slice(0, _HEAD)
    return Style(" " * width if options.insert_spaces else "\t", width, line_end_of(head))


def _edits(tree: Tree, style: Style, start: int, end: int) -> Iterator[Edit]:
    """The edits of the gaps whose following sign stands between two offsets."""
    is_sound = not any(problem.is_error for problem in tree.problems)
    blanks = blanks_of_tree if is_sound else blanks_of_sound_entries
    for blank in blanks(tree, style, start, end):
        if start <= blank.end <= end:
            yield blank.edit(tree.text.slice(blank.start, blank.end))


def _sound_edits(tree: Tree, style: Style, start: int, end: int) -> list[Edit]:
    """The edits between two offsets, where none of them reaches out of them."""
    return [edit for edit in _edits(tree, style, start, end) if start <= edit.start and edit.end <= end]


def _end_edits(tree: Tree, style: Style, options: types.FormattingOptions) -> Iterator[Edit]:
    """What stands behind the last sign: line ends, as many as the options say."""
    end = tree.text.length
    tail = tree.text.slice(max(end - _HEAD, 0), end)
    last = tail[len(tail.rstrip(_BLANKS)) :]
    ends = _LINE_END.findall(last)
    if options.trim_final_newlines:
        ends = ends[:1]
    if options.insert_final_newline and not ends:
        ends = [style.line_end]
    wanted = "".join(ends)
    if wanted != last:
        yield Blank(end - len(last), end, wanted).edit(last)


def _line_indented(tree: Tree, style: Style, start: int, closer: int | None = None) -> list[Edit]:
    """The edit of the white space a line starts with; none where another sign stands before `closer`."""
    number = tree.text.position(start, "utf-32")[0]
    line = tree.text.line(number)
    blank = line[: len(line) - len(line.lstrip(" \t"))]
    if closer is not None and start + len(blank) != closer:
        return []
    wanted = indent_inside(tree, style.unit, start, line[len(blank) : len(blank) + 1])
    if wanted == blank:
        return []
    return [Blank(start, start + len(blank), wanted).edit(blank)]


def _told(snapshot: Snapshot, document: Document, edits: Iterable[Edit]) -> list[types.TextEdit]:
    return [
        types.TextEdit(range_between(snapshot, document, edit.start, edit.end), edit.new_text)
        for edit in edits
    ]
