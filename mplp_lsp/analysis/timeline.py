"""Findings of NDJSON timelines: each line is an event of its own, checked once and kept with the line."""

from __future__ import annotations

from mplp_lsp.analysis.broken import without_echoes
from mplp_lsp.text.ndjson import Line, Timeline
from mplp_lsp.text.spans import Block
from mplp_runtime.rules.check import own_findings
from mplp_runtime.rules.findings import Finding

_KEY = "own event"
_Found = tuple[tuple[int, tuple[Finding, ...]], ...]


def line_findings(timeline: Timeline, limit: int) -> tuple[tuple[Finding, ...], int]:
    """Findings whose pointers start with the line (from 0), about `limit` of them, and how many there are."""
    found: list[Finding] = []
    total = 0
    first = 0
    for block in timeline.lines.blocks:
        for position, findings in _block_findings(block):
            total += len(findings)
            if len(found) < limit:
                found += [finding.below((first + position,)) for finding in findings]
        first += len(block.elements)
    return tuple(found), total


def _block_findings(block: Block[Line]) -> _Found:
    known = block.cache.get(_KEY)
    if isinstance(known, tuple):
        return known
    found = tuple(
        (position, findings) for position, line in enumerate(block.elements) if (findings := _of_line(line))
    )
    block.cache[_KEY] = found
    return found


def _of_line(line: Line) -> tuple[Finding, ...]:
    """A blank line is nothing; what a broken line seems to lack is not missing for sure."""
    if line.is_blank:
        return ()
    known = line.cache.get(_KEY)
    if isinstance(known, tuple):
        return known
    tree = line.tree
    found = tuple(without_echoes(tree, own_findings("event", tree.value), None))
    line.cache[_KEY] = found
    return found
