"""Collects what belongs into a run's trace while the run goes on, in bounded memory."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from json.encoder import encode_basestring as quoted
from threading import Lock
from typing import Any

from mplp_runtime.events.embedded import embedded_event
from mplp_runtime.trace.document import Item, Line, TraceHead, item_text, one_line
from mplp_runtime.vsl.interface import Json, StoredEvent

EMBEDDED_EVENTS = 1_000
"""How many events a trace document holds; the timeline beside it has all of them."""
_FIRST_EVENTS = 100
_TAIL_CHARACTERS = 2_000
_ATTRIBUTES = (
    "action",
    "tool",
    "model",
    "participant",
    "exit_code",
    "error",
    "error_type",
    "duration_s",
    "interrupted",
    "answered_by",
    "simulated",
)
"""What of an attempt's record a segment tells under the same name."""


class TraceRecorder:
    """Segments by attempt and the first and last events; the database and the timeline hold everything."""

    def __init__(self, trace_id: str, *, embedded_limit: int = EMBEDDED_EVENTS) -> None:
        self._trace_id = trace_id
        self._segments: list[Item] = []
        # Where those stand that may still change.
        self._open: dict[object, int] = {}
        # When the last segment began, once there are any that come out of their turn.
        self._latest: str | None = None
        self._first_limit = min(_FIRST_EVENTS, embedded_limit)
        # Events come on the thread that commits, and the document is made on another.
        self._lock = Lock()
        self._first: list[StoredEvent] = []
        self._last_limit = embedded_limit - self._first_limit
        # As they came, in pieces: of most of them nobody will ever want the embedded form.
        self._last: deque[Sequence[StoredEvent]] = deque()
        self._in_last = 0
        self._events = 0

    @property
    def size(self) -> int:
        """How many segments and events the document has."""
        return len(self._segments) + len(self._first) + min(self._in_last, self._last_limit)

    def segment(self, segment: Mapping[str, Any]) -> None:
        """Adds a segment, or moves one forward that is there already (same `segment_id`, same place).

        Whatever is told after it or was told before, the document has all by the time they began.
        """
        if self._latest is None:
            self._latest = _began(self._segments[-1]) if self._segments else ""
        self._put(segment["segment_id"], dict(segment), is_over=False)

    def attempt(self, attempt: Mapping[str, Any], step: Mapping[str, Any]) -> None:
        """The same for a stored record of an attempt and its step; the segment is made when it is written.

        An attempt that has ended is told once.
        """
        key = (step["step_id"], attempt["attempt"])
        self._put(key, _AttemptLine(attempt, step), is_over=attempt["segment_status"] != "running")

    def ended(self, step_id: str, number: int, line: Line) -> None:
        """The same for an attempt that has ended and knows its own text."""
        self._put((step_id, number), line, is_over=True)

    def _put(self, key: object, item: Item, *, is_over: bool) -> None:
        place = self._open.pop(key, None) if is_over else self._open.get(key)
        if place is not None:
            self._segments[place] = item
            return
        place = self._place_of(item)
        if not is_over:
            self._open[key] = place
        self._segments.insert(place, item)

    def _place_of(self, item: Item) -> int:
        """Where a new segment stands. Attempts come as they began, steps that were passed by at any time."""
        if self._latest is None:
            return len(self._segments)
        began = _began(item)
        if began >= self._latest:
            self._latest = began
            return len(self._segments)
        place = bisect_right(self._segments, began, key=_began)
        self._open = {key: at + (at >= place) for key, at in self._open.items()}
        return place

    def event(self, stored: StoredEvent) -> None:
        """Takes one event of the run's stream, in the order of the log."""
        self.events((stored,))

    def events(self, stored: Sequence[StoredEvent]) -> None:
        """The same for several that came together; from any thread."""
        with self._lock:
            self._events += len(stored)
            room = self._first_limit - len(self._first)
            rest = stored
            if room > 0:
                self._first.extend(stored[:room])
                rest = stored[room:]
            if rest:
                self._last.append(rest)
                self._in_last += len(rest)
            while self._last and self._in_last - len(self._last[0]) >= self._last_limit:
                self._in_last -= len(self._last.popleft())

    def snapshot(self, head: TraceHead) -> tuple[dict[str, Any], list[Item], list[dict[str, Any]]]:
        """Head, segments and events of the document as of now; later changes do not reach them."""
        with self._lock:
            too_many = max(self._in_last - self._last_limit, 0)
            kept = [*self._first, *islice(chain.from_iterable(self._last), too_many, None)]
            total = self._events
        events = [embedded_event(stored.event, trace_id=self._trace_id) for stored in kept]
        document = head.document()
        attributes = document["root_span"]["attributes"]
        attributes["events_total"] = total
        attributes["events_left_to_timeline"] = total - len(events)
        return document, list(self._segments), events


def _began(item: Item) -> str:
    return str(item.get("started_at", "")) if isinstance(item, Mapping) else item.started_at


def segment_line(attempt: Mapping[str, Any], step: Mapping[str, Any]) -> str:
    """What `item_text` makes of `segment_of` on one line; a large trace has a hundred thousand of them."""
    attributes = [f'"step_id": {quoted(step["step_id"])}, "attempt": {attempt["attempt"]}']
    if step.get("agent_role"):
        attributes.append(f'"agent_role": {quoted(step["agent_role"])}')
    for name in _ATTRIBUTES:
        value = attempt.get(name)
        if value is not None and value is not False:
            attributes.append(f'"{name}": {_text(value)}')
    if attempt["segment_status"] == "failed":
        attributes.append(f'"retry_count": {attempt["attempt"] - 1}')
    if attempt.get("tail"):
        attributes.append(f'"output": {quoted(attempt["tail"][-_TAIL_CHARACTERS:])}')
    finished_at = attempt.get("finished_at")
    finished = f'"finished_at": {quoted(finished_at)}, ' if finished_at else ""
    return (
        f'{{"segment_id": {quoted(attempt["segment_id"])}, "label": {quoted(step["description"])}'
        f', "status": {quoted(attempt["segment_status"])}, "started_at": {quoted(attempt["started_at"])}'
        f', {finished}"attributes": {{{", ".join(attributes)}}}}}'
    )


def _text(value: Json) -> str:
    if type(value) is str:
        return quoted(value)
    return "true" if value is True else one_line(value)


class _AttemptLine:
    """The segment of one attempt, made anew each time: kept, it would take as much as all else of a step."""

    __slots__ = ("_attempt", "_step")

    def __init__(self, attempt: Mapping[str, Any], step: Mapping[str, Any]) -> None:
        self._attempt = attempt
        self._step = step

    @property
    def started_at(self) -> str:
        return str(self._attempt["started_at"])

    def text(self, *, readable: bool) -> str:
        return segment_text(self._attempt, self._step, readable=readable)


def segment_text(attempt: Mapping[str, Any], step: Mapping[str, Any], *, readable: bool) -> str:
    """The segment of one attempt as it stands in a trace document."""
    if readable:
        return item_text(segment_of(attempt, step), readable=True)
    return segment_line(attempt, step)


def segment_of(attempt: Mapping[str, Any], step: Mapping[str, Any]) -> dict[str, Any]:
    """The trace segment of one attempt, from its stored record and its step.

    Optional attributes appear once they are known: exit_code, error, output (its last lines), interrupted;
    of a failure also its error_type and how many retries had been made before it (runtime.md 3).
    """
    attributes: dict[str, Any] = {"step_id": step["step_id"], "attempt": attempt["attempt"]}
    if step.get("agent_role"):
        attributes["agent_role"] = step["agent_role"]
    for name in _ATTRIBUTES:
        value = attempt.get(name)
        # Exit code 0 is worth telling; what is unknown or not so is not.
        if value is not None and value is not False:
            attributes[name] = value
    if attempt["segment_status"] == "failed":
        attributes["retry_count"] = attempt["attempt"] - 1
    if attempt.get("tail"):
        attributes["output"] = attempt["tail"][-_TAIL_CHARACTERS:]
    segment: dict[str, Any] = {
        "segment_id": attempt["segment_id"],
        "label": step["description"],
        "status": attempt["segment_status"],
        "started_at": attempt["started_at"],
    }
    if attempt.get("finished_at"):
        segment["finished_at"] = attempt["finished_at"]
    segment["attributes"] = attributes
    return segment
