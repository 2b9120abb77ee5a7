"""Findings of NDJSON timelines: each line by itself, kept with the line, and the events together.

An edit of one line costs that line and its block; the events are only looked at together again if the edit
changed something that the rules about sequences look at.
"""

from __future__ import annotations

from itertools import chain

from mplp_lsp.analysis.broken import without_echoes
from mplp_lsp.text.ndjson import Line, Timeline
from mplp_lsp.text.spans import Block
from mplp_runtime.kinds import kind_of_event
from mplp_runtime.rules.check import first_voice, own_findings
from mplp_runtime.rules.event_facts import UNREAD, EventFacts, event_facts
from mplp_runtime.rules.findings import Finding, Severity
from mplp_runtime.rules.timelines import timeline_findings

_KEY = "own event"
_FACTS = "event facts"
_Found = tuple[tuple[int, tuple[Finding, ...]], ...]
_Facts = tuple[EventFacts | None, ...]


def line_findings(
    timeline: Timeline, limit: int, lineage: dict[str, object] | None = None
) -> tuple[tuple[Finding, ...], int]:
    """Findings whose pointers start with the line (from 0), about `limit` of them, and how many there are.

    `lineage` carries what the last version gave together with what it was made from.
    """
    found: list[Finding] = []
    total = 0
    first = 0
    for block in timeline.lines.blocks:
        for position, findings in _block_findings(block):
            total += len(findings)
            if len(found) < limit:
                found += [finding.below((first + position,)) for finding in findings]
        first += len(block.elements)
    together = _together(timeline, {} if lineage is None else lineage)
    if not together:
        return tuple(found), total
    return tuple(first_voice([*found, *together[:limit]])), total + len(together)


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
    value = line.value
    all_found = own_findings(kind_of_event(value), value)
    found = tuple(without_echoes(line.tree, all_found, None) if line.problems else all_found)
    line.cache[_KEY] = found
    return found


def _together(timeline: Timeline, lineage: dict[str, object]) -> list[Finding]:
    """What the events say together; made again only if the facts of one have changed."""
    blocks = tuple(_block_facts(block) for block in timeline.lines.blocks)
    known = lineage.get("sequence")
    if isinstance(known, tuple) and known[0] == blocks:
        before: list[Finding] = known[1]
        return before
    found = timeline_findings(tuple(chain.from_iterable(blocks)))
    lineage["sequence"] = (blocks, found)
    return found


def _block_facts(block: Block[Line]) -> _Facts:
    known = block.cache.get(_FACTS)
    if isinstance(known, tuple):
        return known
    facts = tuple(_facts_of(line) for line in block.elements)
    block.cache[_FACTS] = facts
    return facts


def _facts_of(line: Line) -> EventFacts | None:
    """None for a blank line; of a line that is found fault with, nothing may be concluded about others."""
    if line.is_blank:
        return None
    known = line.cache.get(_FACTS)
    if not isinstance(known, EventFacts):
        is_sound = not line.problems and all(each.severity > Severity.WARNING for each in _of_line(line))
        known = event_facts(line.value) or UNREAD
        known = line.cache[_FACTS] = known if is_sound else known._replace(is_sound=False)
    return known
