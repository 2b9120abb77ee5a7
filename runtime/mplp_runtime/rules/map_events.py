"""The two multi-agent rules that no path can state: they look at all events of a session.

Events are multi-agent events as the protocol's MAP schema has them, in the order in which they happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from mplp_runtime.rules.event_facts import EventFacts, event_facts


class EventFault(NamedTuple):
    """What is wrong with one event: its position in the list, and a reason that begins with a verb."""

    position: int
    reason: str


class _Turn(NamedTuple):
    position: int
    role_id: str | None
    number: int | None
    instant: datetime | None


def unanswered_turns(events: Iterable[object]) -> list[EventFault]:
    """Turns that were dispatched and never completed, and completions nobody dispatched.

    Matched one to one per session and role, in order; where both sides number their turns the numbers
    have to agree, and a completion never comes before its dispatch.
    """
    return unanswered_turns_of([event_facts(event) for event in events])


def unanswered_turns_of(events: Sequence[EventFacts | None]) -> list[EventFault]:
    """The same from the facts of the events."""
    open_turns: dict[str | None, list[_Turn]] = {}
    faults: list[EventFault] = []
    for index, event in enumerate(events):
        if event is None or event.type not in ("MAPTurnDispatched", "MAPTurnCompleted"):
            continue
        turn = _Turn(index, event.role, event.turn, event.time)
        waiting = open_turns.setdefault(event.run, [])
        if event.type == "MAPTurnDispatched":
            waiting.append(turn)
            continue
        match = next((dispatched for dispatched in waiting if _completes(dispatched, turn)), None)
        if match is None:
            faults.append(EventFault(index, "completes a turn that was never dispatched"))
        else:
            waiting.remove(match)
    faults += [
        EventFault(turn.position, "dispatches a turn that is never completed")
        for waiting in open_turns.values()
        for turn in waiting
    ]
    return sorted(faults, key=lambda fault: fault.position)


def _completes(dispatched: _Turn, completed: _Turn) -> bool:
    if dispatched.role_id != completed.role_id:
        return False
    numbers = (dispatched.number, completed.number)
    if None not in numbers and numbers[0] != numbers[1]:
        return False
    if dispatched.instant is None or completed.instant is None:
        return True
    return completed.instant >= dispatched.instant


def unheard_broadcasts(events: Iterable[object]) -> list[EventFault]:
    """Broadcasts of a session in which nobody receives anything afterwards; the first of each session."""
    return unheard_broadcasts_of([event_facts(event) for event in events])


def unheard_broadcasts_of(events: Sequence[EventFacts | None]) -> list[EventFault]:
    """The same from the facts of the events."""
    sent: dict[str | None, int] = {}
    heard: set[str | None] = set()
    for index, event in enumerate(events):
        if event is None:
            continue
        if event.type == "MAPBroadcastSent":
            sent.setdefault(event.run, index)
        elif event.type == "MAPBroadcastReceived" and event.run in sent:
            heard.add(event.run)
    return [
        EventFault(index, "is a broadcast that nobody received")
        for session, index in sent.items()
        if session not in heard
    ]
