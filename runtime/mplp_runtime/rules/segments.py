"""The tree of a trace's segments: parents that exist, no circles, times inside those of what is around."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.facts import ROOT_TRACE
from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.graph_changes import Memory
from mplp_runtime.rules.lifecycle import TRANSITIONS, is_terminal
from mplp_runtime.rules.near_ids import NearIds
from mplp_runtime.rules.words import quoted
from mplp_runtime.rules.world import DocumentFacts, EntryFacts

MOST_RELATED = 20

_STATUS: Pointer = ("status",)


def trace_findings(trace: DocumentFacts, memory: Memory | None = None) -> list[Finding]:
    """What is wrong with the segments of a trace and its events, from its own facts alone.

    `memory` belongs to one document and all its versions: while only the texts of segments are edited, the
    answer stays what it was.
    """
    known = memory.get("trace") if memory is not None else None
    if isinstance(known, _Known) and _is_same_tree(known.trace, trace):
        return list(known.findings)
    tree = _Tree.of(trace.entries.get("segments", ()))
    found = [*_parents(tree), *_circles(tree), *_times(trace, tree), *_statuses(trace), *_events(trace, tree)]
    if memory is not None:
        memory["trace"] = _Known(trace, tuple(found))
    return found


class _Known(NamedTuple):
    trace: DocumentFacts
    findings: tuple[Finding, ...]


def _is_same_tree(one: DocumentFacts, other: DocumentFacts) -> bool:
    """Whether two versions differ at most in what no rule here looks at: the content of segments."""
    ours, theirs = one.entries.get("segments", ()), other.entries.get("segments", ())
    return (
        (one.id, one.status, one.started, one.ended) == (other.id, other.status, other.started, other.ended)
        and one.references == other.references
        and len(ours) == len(theirs)
        and one.entries.get("events") == other.entries.get("events")
        and all(a is b or a == b._replace(seal=a.seal) for a, b in zip(ours, theirs, strict=True))
    )


@dataclass(frozen=True)
class _Tree:
    """The segments by position. `parents` has the position of each one's parent, None where there is none;
    `in_circle` the positions that stand in a circle, one list for each circle."""

    segments: Sequence[EntryFacts]
    first_of: dict[str, int]
    repeated: frozenset[str]
    parents: list[int | None]
    circles: list[list[int]]

    @property
    def has_malformed(self) -> bool:
        """Whether a segment's id cannot be right: it may be any that is looked for."""
        return not all(each.id is not None and is_id(each.id) for each in self.segments)

    @staticmethod
    def of(segments: Sequence[EntryFacts]) -> _Tree:
        first_of: dict[str, int] = {}
        repeated: set[str] = set()
        for index, segment in enumerate(segments):
            if segment.id is not None and first_of.setdefault(segment.id, index) != index:
                repeated.add(segment.id)
        parents = [None if each.parent is None else first_of.get(each.parent) for each in segments]
        parents = [None if parent == index else parent for index, parent in enumerate(parents)]
        return _Tree(segments, first_of, frozenset(repeated), parents, _circles_of(parents))


def _circles_of(parents: Sequence[int | None]) -> list[list[int]]:
    """Each circle once. Every segment has one parent at most, so following them either ends or comes back."""
    seen = [0] * len(parents)
    circles: list[list[int]] = []
    for start in range(len(parents)):
        walk: list[int] = []
        at: int | None = start
        while at is not None and not seen[at]:
            seen[at] = start + 1
            walk.append(at)
            at = parents[at]
        if at is not None and walk and seen[at] == start + 1:
            circles.append(walk[walk.index(at) :])
    return circles


def _finding(
    code: str,
    message: str,
    pointer: Pointer,
    related: Sequence[Related] = (),
    severity: Severity = Severity.WARNING,
    stage: Stage = Stage.GRAPH,
    suggestion: str | None = None,
) -> Finding:
    data = {"suggestion": suggestion} if suggestion is not None else {}
    return Finding(code, message, severity, stage, Place(pointer), tuple(related[:MOST_RELATED]), data=data)


def _parents(tree: _Tree) -> Iterator[Finding]:
    lost: dict[str, list[int]] = {}
    for index, segment in enumerate(tree.segments):
        if segment.parent is not None and segment.parent not in tree.first_of and is_id(segment.parent):
            lost.setdefault(segment.parent, []).append(index)
    if not lost or tree.has_malformed:
        return
    near = NearIds(tree.first_of)
    named = {segment.parent for segment in tree.segments}
    for parent, children in lost.items():
        places = [("segments", index, "parent_segment_id") for index in children]
        related = [Related(Place(place), f"Segment {place[1] + 1} names it too.") for place in places[1:]]
        suggestion = near.meant(parent)
        if suggestion is not None and suggestion not in named and len(children) > 1:
            # Several agree against one id that nobody names: the slip is there.
            yield _finding(
                "segment-parent-unknown",
                f"No segment names this one as its parent, but {len(children)} name `{parent}`, "
                "which is nearly the same.",
                ("segments", tree.first_of[suggestion], "segment_id"),
                [Related(Place(places[0]), f"Segment {children[0] + 1} names it."), *related],
                Severity.ERROR,
                suggestion=parent,
            )
            continue
        message = f"No segment of this trace is `{parent}`."
        if suggestion == tree.segments[children[0]].id:
            suggestion = None
        if suggestion is not None:
            message += f" Did you mean segment {tree.first_of[suggestion] + 1}?"
        yield _finding(
            "segment-parent-unknown", message, places[0], related, Severity.ERROR, suggestion=suggestion
        )


def _circles(tree: _Tree) -> Iterator[Finding]:
    for circle in tree.circles:
        # Parents stand before their children; the first that does not closes the circle.
        closing = min(index for index in circle if (tree.parents[index] or 0) > index)
        order = circle[circle.index(closing) :] + circle[: circle.index(closing)]
        names = " in ".join(f"segment {index + 1}" for index in (*order[:6], order[0]))
        if len(order) > 6:
            names = f"{len(order)} segments in a circle, segment {order[0] + 1} among them"
        related = [
            Related(Place(("segments", index, "parent_segment_id")), f"The parent of segment {index + 1}.")
            for index in order[1:]
        ]
        pointer = ("segments", closing, "parent_segment_id")
        message = f"Segments contain each other: {names}."
        yield _finding("segment-parent-cycle", message, pointer, related, Severity.ERROR)


def _times(trace: DocumentFacts, tree: _Tree) -> Iterator[Finding]:
    """Segments outside the time of their parent, or of the trace where they have none."""
    circular = {index for circle in tree.circles for index in circle}
    children: dict[int | None, list[int]] = {}
    for index, (segment, parent) in enumerate(zip(tree.segments, tree.parents, strict=True)):
        is_lost = segment.parent is not None and (parent is None or segment.parent in tree.repeated)
        if not is_lost and index not in circular and not _is_reversed(segment.started, segment.ended):
            children.setdefault(parent, []).append(index)
    for parent, inside in children.items():
        around = trace if parent is None else tree.segments[parent]
        if not _is_reversed(around.started, around.ended):
            owner: Pointer = () if parent is None else ("segments", parent)
            yield from _outside(tree, inside, around.started, around.ended, owner)


def _is_reversed(started: datetime | None, ended: datetime | None) -> bool:
    return started is not None and ended is not None and ended < started


def _outside(
    tree: _Tree, inside: Sequence[int], begin: datetime | None, end: datetime | None, owner: Pointer
) -> Iterator[Finding]:
    faults: list[tuple[int, str, str]] = []
    timed = 0
    for index in inside:
        segment = tree.segments[index]
        times = [each for each in (segment.started, segment.ended) if each is not None]
        timed += bool(times)
        if begin is not None and times and times[0] < begin:
            faults.append(
                (index, "started_at" if segment.started is not None else "finished_at", "started_at")
            )
        elif end is not None and times and times[-1] > end:
            is_after = segment.started is not None and segment.started > end
            faults.append((index, "started_at" if is_after else "finished_at", "finished_at"))
    around = "its parent" if owner else "the trace"
    sides = {side for _, _, side in faults}
    if len(faults) > 1 and len(faults) == timed and len(sides) == 1:
        # All of them would be wrong in the same way: then it is the time around them.
        side = faults[0][2]
        word = "begin before it does" if side == "started_at" else "end after it does"
        related = [Related(Place(("segments", i, at)), f"Segment {i + 1}.") for i, at, _ in faults]
        name = "segment" if owner else "trace"
        message = f"All segments of this {name} {word}."
        yield _finding("segment-outside-parent", message, (*owner, side), related)
        return
    for index, member, side in faults:
        word = "before" if side == "started_at" else "after"
        verb = "starts" if member == "started_at" else "ends"
        state = "starts" if side == "started_at" else "ends"
        related = [Related(Place((*owner, side)), f"`{side}` of {around}.")]
        message = f"This segment {verb} {word} {around} {state}."
        yield _finding("segment-outside-parent", message, ("segments", index, member), related)


def _statuses(trace: DocumentFacts) -> Iterator[Finding]:
    """A trace that has ended or not begun, and segments that say otherwise."""
    segments = trace.entries.get("segments", ())
    status = trace.status
    if status == "pending" and trace.ended is None:
        begun = [i for i, each in enumerate(segments) if each.status not in (None, "pending", "skipped")]
        begun = [index for index in begun if segments[index].status in TRANSITIONS["segment"]]
        if begun:
            yield _status_finding("trace-not-begun", "The trace is pending, but", "begun", begun, segments)
    elif status is not None and is_terminal("trace", status):
        open_words = ("pending", "running") if status == "completed" else ("running",)
        # One with an end has only a stale status, which is told there.
        unfinished = [i for i, s in enumerate(segments) if s.status in open_words and s.ended is None]
        if unfinished:
            start = f"The trace is {status}, but"
            yield _status_finding("trace-ended-unfinished", start, "not ended", unfinished, segments)


def _status_finding(
    code: str, start: str, word: str, indexes: list[int], segments: Sequence[EntryFacts]
) -> Finding:
    count = f"one segment has {word}" if len(indexes) == 1 else f"{len(indexes)} segments have {word}"
    first = indexes[0]
    message = f"{start} {count}. Segment {first + 1} is {quoted(segments[first].status)}."
    related = [
        Related(
            Place(("segments", index, "status")), f"Segment {index + 1} is {quoted(segments[index].status)}."
        )
        for index in indexes[:MOST_RELATED]
    ]
    return _finding(code, message, _STATUS, related, stage=Stage.LIFECYCLE)


def _events(trace: DocumentFacts, tree: _Tree) -> Iterator[Finding]:
    """What says that it belongs to another trace, and events of segments that are not there."""
    events = trace.entries.get("events", ())
    yield from _other_traces(trace, events)
    near: NearIds | None = None
    for index, event in enumerate(events):
        if event.segment is None or event.segment in tree.first_of:
            continue
        if not tree.segments or tree.has_malformed:
            return
        near = near or NearIds(tree.first_of)
        suggestion = near.meant(event.segment)
        pointer = ("events", index, "data", "segment_id")
        message = "No segment of this trace has this id."
        yield _finding("event-segment-unknown", message, pointer, suggestion=suggestion)


def _other_traces(trace: DocumentFacts, events: Sequence[EntryFacts]) -> Iterator[Finding]:
    own = trace.id
    if own is None or not is_id(own):
        return
    root = next((each.id for each in trace.references if each.pointer == ROOT_TRACE), None)
    named = {each.parent for each in events if each.parent is not None} | {root}
    if len(named) == 1 and root not in (None, own) and any(each.parent for each in events):
        # Root span and events agree against the one id of the trace.
        yield _finding(
            "trace-span-mismatch",
            f"The root span and the events of this trace say that they belong to another one, `{root}`.",
            ("trace_id",),
            [Related(Place(ROOT_TRACE), "The trace of the root span.")],
            suggestion=root,
        )
        return
    related = [Related(Place(("trace_id",)), "The trace's own id.")]
    if root not in (None, own):
        yield _finding(
            "trace-span-mismatch",
            f"The root span names another trace than the one it stands in, `{own}`.",
            ROOT_TRACE,
            related,
            suggestion=own,
        )
    for index, event in enumerate(events):
        if event.parent not in (None, own) and is_id(event.parent):
            yield _finding(
                "event-trace-mismatch",
                f"This event says that it belongs to another trace than the one it stands in, `{own}`.",
                ("events", index, "trace_id"),
                related,
                suggestion=own,
            )
