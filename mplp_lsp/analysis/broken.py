"""Where the text is broken, the rules see values that nobody wrote; what they say about those is noise."""

from __future__ import annotations

from collections.abc import Sequence

from mplp_lsp.text.elements import Element
from mplp_lsp.text.spans import Block
from mplp_lsp.text.tree import Tree
from mplp_runtime.rules.findings import Finding
from mplp_runtime.rules.world import DocumentFacts

_NEEDS_ALL_STEPS = frozenset({"step-dependency-unknown"})


def without_echoes(tree: Tree, findings: Sequence[Finding], facts: DocumentFacts | None) -> list[Finding]:
    """The findings that would stand if the broken places were repaired.

    Dropped: something missing inside a broken value (it may be in the part that was not understood), any
    complaint about a broken value itself or about a key that a problem touches, and ids that nobody declares
    while a step's id could not be read.
    """
    errors = [problem for problem in tree.problems if problem.is_error]
    if not errors:
        return list(findings)
    places = [(problem.start, problem.end) for problem in errors]
    # Asked only if it matters: it makes the tree look for places.
    hides_steps = any(finding.code in _NEEDS_ALL_STEPS for finding in findings) and _hides_steps(tree, facts)
    kept: list[Finding] = []
    for finding in findings:
        pointer, part = finding.place.pointer, finding.place.part
        if part == "key":
            is_echo = _touches(tree.range_of(pointer, "key"), places)
        else:
            is_echo = tree.is_broken(pointer)
        if is_echo or (hides_steps and finding.code in _NEEDS_ALL_STEPS):
            continue
        kept.append(finding)
    return kept


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
            if facts.steps[first + position].step_id is None and block.elements[position].is_broken:
                return True
        first += len(block.elements)
    return False


def faulty_positions(block: Block[Element]) -> tuple[int, ...]:
    """Which elements of a block are broken; found once per block."""
    known = block.cache.get("broken")
    if isinstance(known, tuple):
        return known
    found = tuple(position for position, element in enumerate(block.elements) if element.is_broken)
    block.cache["broken"] = found
    return found
