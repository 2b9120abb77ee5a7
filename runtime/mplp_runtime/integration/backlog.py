"""Events that wait: bounded, the urgent first, and no source before its turn (seed 2, 7.2 and 8.3).

What an editor and a watcher of files say of one file comes out in the order in which it came: otherwise a
file that was changed and then deleted would be there again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from mplp_runtime.events.families import Event
from mplp_runtime.integration.coalescing import PathOf, Subject, joined, subject_of
from mplp_runtime.integration.path_order import PathOrder
from mplp_runtime.integration.rates import RateLimit, Rates
from mplp_runtime.vsl.interface import Json

Priority = Literal["high", "medium", "low", "background"]
PRIORITIES: tuple[Priority, ...] = ("high", "medium", "low", "background")

MOST_WAITING = 10_000
"""File events; what no look at the disk can find out has room for ten times as many."""
_ROOM_FOR_OTHERS = 10
MOST_JOINED = 1_000
"""Deliveries that one event stands for; the next one about the same thing waits as an event of its own."""

_BY_KIND: Mapping[str, Priority] = MappingProxyType(
    {"file_update": "low", "git_operation": "low", "ci_pipeline": "low", "tool_execution": "background"}
)


def priority_of(envelope: Mapping[str, Json]) -> Priority:
    """A failed CI run is high, a merge medium, what is only known is low, tools come last (seed 2, 7.2)."""
    kind, payload = envelope["event_type"], envelope["payload"]
    if kind == "ci_pipeline" and payload.get("status") == "failed":
        return "high"
    if kind == "git_operation" and payload.get("event_kind") == "merge":
        return "medium"
    return _BY_KIND[kind]


@dataclass(frozen=True, slots=True)
class Delivered:
    """An envelope, and the deliveries (`deliveries.py`) whose effect it has: several where it was joined."""

    envelope: Event
    deliveries: tuple[str, ...] = ()


@dataclass(slots=True)
class _Waiting:
    """The events of one source and priority, in order; what may be joined is found by its subject."""

    events: OrderedDict[int, Delivered] = field(default_factory=OrderedDict)
    by_subject: dict[Subject, int] = field(default_factory=dict)


class Backlog:
    """What has come and is not yet taken in. Not safe for threads.

    `path_of` gives the one name of a file, which sources write in several ways.
    """

    def __init__(self, limit: RateLimit, most_waiting: int = MOST_WAITING, path_of: PathOf = str) -> None:
        self._rates = Rates(limit)
        self._most_waiting = most_waiting
        self._queues: dict[Priority, OrderedDict[str, _Waiting]] = {
            priority: OrderedDict() for priority in PRIORITIES
        }
        self._path_of = path_of
        self._paths = PathOrder(path_of)
        self._number = 0
        self._first_number = 0
        self._depth = 0
        self._deliveries: set[str] = set()
        self.lost = 0
        """File events that found no room; the files have to be looked at again."""

    def __len__(self) -> int:
        return self._depth

    def depths(self) -> dict[Priority, int]:
        """How many events wait, by priority."""
        return {
            name: sum(len(waiting.events) for waiting in sources.values())
            for name, sources in self._queues.items()
        }

    def put(self, event: Delivered) -> Literal["waiting", "joined", "known", "lost", "full"]:
        """Keeps the event. A full backlog loses a file event, whose file can be looked at again.

        Of other events none is lost; `full` says that this one was not taken, and may come again.
        `known` is a delivery that waits already: joined with itself, its lines would count twice.
        """
        envelope = event.envelope
        if event.deliveries and self._deliveries.issuperset(event.deliveries):
            return "known"
        source, sources = str(envelope["source"]), self._queues[priority_of(envelope)]
        waiting = sources.get(source) or _Waiting()
        subject = subject_of(envelope, self._path_of)
        known = waiting.by_subject.get(subject) if subject is not None else None
        older = waiting.events[known] if known is not None else None
        # A change that comes after a rename, of whatever source, must not be told before it.
        is_parted = subject is not None and known is not None and self._paths.is_renamed_after(subject, known)
        if (
            subject is not None
            and known is not None
            and older is not None
            and not is_parted
            and len(older.deliveries) < MOST_JOINED
        ):
            both = Delivered(joined(older.envelope, envelope), (*older.deliveries, *event.deliveries))
            if not self._paths.is_newest(subject, known):
                # Another source has said something of this file in between.
                del waiting.events[known]
                self._paths.remove(older.envelope, known)
                known = self._append(waiting, both)
            waiting.events[known] = both
            self._deliveries.update(event.deliveries)
            return "joined"
        if self._depth >= self._most_waiting:
            if envelope["event_type"] == "file_update":
                self.lost += 1
                return "lost"
            if not self._give_up_one() and self._depth >= self._most_waiting * _ROOM_FOR_OTHERS:
                return "full"
        # Only now: a source of which nothing waits has no queue. It may have lost its own just above.
        sources[source] = waiting
        self._append(waiting, event)
        self._depth += 1
        self._deliveries.update(event.deliveries)
        return "waiting"

    def take(self, most: int, now_s: float, *, at_once: bool = False) -> list[Delivered]:
        """Up to `most` events whose sources may pass now, the urgent first, sources in turn.

        With `at_once` every source may. What is said of a file waits for what was said of it before, also
        where that came from a source that must wait.
        """
        taken: list[Delivered] = []
        for sources in self._queues.values():
            before = -1
            while before < len(taken) < most:
                before = len(taken)
                for source in list(sources):
                    waiting = sources[source]
                    while (
                        waiting.events
                        and len(taken) < most
                        and not self._is_behind_another(waiting)
                        and (at_once or self._rates.take(source, now_s))
                    ):
                        taken.append(self._take_out(waiting, next(iter(waiting.events))))
                    if not waiting.events:
                        del sources[source]
                    elif len(taken) < most:
                        sources.move_to_end(source)
        return taken

    def put_back(self, events: list[Delivered]) -> None:
        """Events that could not be stored wait again, before all others of their source."""
        for event in reversed(events):
            queue = self._queues[priority_of(event.envelope)]
            waiting = queue.setdefault(str(event.envelope["source"]), _Waiting())
            self._first_number -= 1
            waiting.events[self._first_number] = event
            waiting.events.move_to_end(self._first_number, last=False)
            self._paths.add_first(event.envelope, self._first_number)
            self._depth += 1
            self._deliveries.update(event.deliveries)

    def wait_s(self, now_s: float) -> float | None:
        """Seconds until something can be taken; None if nothing waits."""
        waits = [
            self._rates.wait_s(source, now_s)
            for sources in self._queues.values()
            for source, waiting in sources.items()
            if not self._is_behind_another(waiting)
        ]
        return min(waits) if waits else None

    def _append(self, waiting: _Waiting, event: Delivered) -> int:
        self._number += 1
        waiting.events[self._number] = event
        self._paths.add(event.envelope, self._number)
        subject = subject_of(event.envelope, self._path_of)
        if subject is not None:
            waiting.by_subject[subject] = self._number
        return self._number

    def _is_behind_another(self, waiting: _Waiting) -> bool:
        """Whether something older about the same file waits, in another queue."""
        number, event = next(iter(waiting.events.items()))
        return not self._paths.is_oldest(event.envelope, number)

    def _take_out(self, waiting: _Waiting, number: int) -> Delivered:
        event = waiting.events.pop(number)
        self._paths.remove(event.envelope, number)
        subject = subject_of(event.envelope, self._path_of)
        if subject is not None and waiting.by_subject.get(subject) == number:
            del waiting.by_subject[subject]
        self._depth -= 1
        self._deliveries.difference_update(event.deliveries)
        return event

    def _give_up_one(self) -> bool:
        """Whether there is room again. What no look at the disk can find out is kept."""
        sources = self._queues["low"]
        for source, waiting in sources.items():
            oldest = next(
                (
                    number
                    for number, event in waiting.events.items()
                    if event.envelope["event_type"] == "file_update"
                ),
                None,
            )
            if oldest is not None:
                self._take_out(waiting, oldest)
                if not waiting.events:
                    del sources[source]
                self.lost += 1
                return True
        return False
