"""Where the text is broken, the rules see values that nobody wrote; what they say about those is noise."""

from __future__ import annotations

from collections.abc import Sequence

from mplp_lsp.text.elements import Element
from mplp_lsp.text.spans import Block
from mplp_lsp.text.tree import Tree
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.findings import Finding, Pointer
from mplp_runtime.rules.world import DocumentFacts

_BRACKETS = "json-bracket-"
_FARTHEST_END = 500
"""In characters: blanks and line ends between a value and what follows it."""

_NEEDS_ALL_STEPS = frozenset({"step-dependency-unknown"})
_NEEDS_ALL_ENTRIES = {
    "segment-parent-unknown": "segments",
    "event-segment-unknown": "segments",
    "confirm-decision-missing": "decisions",
}
_NEEDS_ITS_LIST = frozenset({"history-removed"})


def without_echoes(tree: Tree, findings: Sequence[Finding], facts: DocumentFacts | None) -> list[Finding]:
    """The findings that would stand if the broken places were repaired.

    Dropped: something missing inside a broken value (it may be in the part that was not understood), any
    complaint about a broken value itself or about a key that a problem touches, and what nobody declares or
    what is gone while an entry of the list in question could not be read. Where a bracket is missing or too
    many, members stand in other objects than they were written for: what is missing or not known there is no
    news.
    """
    errors = [problem for problem in tree.problems if problem.is_error]
    if not errors:
        return list(findings)
    places = [(problem.start, problem.end) for problem in errors]
    # Asked only if it matters: it makes the tree look for places.
    hides_steps = any(finding.code in _NEEDS_ALL_STEPS for finding in findings) and _hides_steps(tree, facts)
    guessed = [problem for problem in errors if problem.data.get("expected") in ("{", "[")]
    is_shifted = bool(guessed) or any(problem.code.startswith(_BRACKETS) for problem in errors)
    cuts = {_end_before(tree, problem.start) for problem in guessed}
    kept: list[Finding] = []
    for finding in findings:
        pointer, part = finding.place.pointer, finding.place.part
        owner = pointer[:-1] if part == "key" else pointer
        if part == "value":
            # Where an opening bracket was guessed, the list or object is nobody's word.
            is_guess = bool(guessed) and _touches(tree.range_of(pointer, "key"), places)
            is_echo = is_guess or tree.is_broken(pointer) or (is_shifted and _is_stray_list(tree, pointer))
        elif is_shifted and not _is_in_element(owner):
            is_echo = True
        elif part == "key":
            is_swallowed = is_shifted and (tree.is_broken(owner) or _is_last(tree, owner))
            is_echo = is_swallowed or _touches(tree.range_of(pointer, "key"), places)
        else:
            is_echo = tree.is_broken(pointer) or (bool(cuts) and tree.range_of(pointer)[1] in cuts)
        if is_echo or (hides_steps and finding.code in _NEEDS_ALL_STEPS):
            continue
        needed = pointer[0] if finding.code in _NEEDS_ITS_LIST else _NEEDS_ALL_ENTRIES.get(finding.code)
        if needed is not None and _hides_entries(tree, str(needed)):
            continue
        kept.append(finding)
    return kept


def _is_in_element(pointer: Pointer) -> bool:
    """Whether an object stands in an entry of a top-level list, which has brackets of its own."""
    return len(pointer) >= 2 and isinstance(pointer[1], int)


def _is_last(tree: Tree, pointer: Pointer) -> bool:
    """Whether an object stands in the last entry of its list, which swallows what follows when not closed."""
    table = tree.tables.get(str(pointer[0]))
    return table is not None and pointer[1] == table.count - 1


def _is_stray_list(tree: Tree, pointer: Pointer) -> bool:
    """Whether this is the last entry of a list that is not closed, as a list of its own: `[{…}, [{…}]`."""
    if len(pointer) != 2 or not _is_in_element(pointer) or not _is_last(tree, pointer):
        return False
    table = tree.tables[str(pointer[0])]
    unclosed = (one.start for one in tree.root_problems if one.code == "json-bracket-unclosed")
    return isinstance(table.element(table.count - 1).value, list) and table.start - 1 in unclosed


def _end_before(tree: Tree, offset: int) -> int:
    """Where the value ends that stands before a guessed bracket: it may have been closed too early."""
    before = tree.text.slice(max(offset - _FARTHEST_END, 0), offset)
    return offset - len(before) + len(before.rstrip(" \t\r\n,"))


def _touches(range_of_key: tuple[int, int], places: Sequence[tuple[int, int]]) -> bool:
    start, end = range_of_key
    return any(problem_start < end and start < problem_end for problem_start, problem_end in places)


def _hides_steps(tree: Tree, facts: DocumentFacts | None) -> bool:
    """Whether a step may be there whose id the tree could not read."""
    if facts is None or facts.kind != "plan":
        return False
    table = tree.tables.get("steps")
    if table is None:
        return True
    if tree.is_broken(("steps",)):
        return True
    first = 0
    for block in table.blocks:
        for position in faulty_positions(block):
            if block.elements[position].is_broken and not is_id(facts.steps[first + position].step_id):
                return True
        first += len(block.elements)
    return False


def _hides_entries(tree: Tree, name: str) -> bool:
    """Whether a list may have had entries that the tree could not read, or was cut off altogether."""
    table = tree.tables.get(name)
    return table is None or tree.is_broken((name,)) or any(map(faulty_positions, table.blocks))


def faulty_positions(block: Block[Element]) -> tuple[int, ...]:
    """Which elements of a block are broken; found once per block."""
    known = block.cache.get("broken")
    if isinstance(known, tuple):
        return known
    found = tuple(position for position, element in enumerate(block.elements) if element.is_broken)
    block.cache["broken"] = found
    return found
