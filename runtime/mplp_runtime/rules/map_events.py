"""The two multi-agent rules that no path can state: they look at all events of a session.

Events are multi-agent events as the protocol's MAP schema has them, in the order in which they happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple


class EventFault(NamedTuple):
    """What is wrong with one event: its position in the list, and a reason that begins with a verb."""

    position: int
    reason: str


class _Turn(NamedTuple):
    position: int
    role_id: object
    number: object
    instant: datetime | None


def unanswered_turns(events: Iterable[object]) -> list[EventFault]:
    """Turns that were dispatched and never completed, and completions nobody dispatched.

    Matched one to one per session and role, in order; where both sides number their turns the numbers
    have to agree, and a completion never comes before its dispatch.
    """
    open_turns: dict[object, list[_Turn]] = {}
    faults: list[EventFault] = []
    for index, event in enumerate(events):
        event_type, session, payload, instant = _read(event)
        if event_type not in ("MAPTurnDispatched", "MAPTurnCompleted"):
            continue
        turn = _Turn(index, payload.get("role_id"), payload.get("turn_number"), instant)
        waiting = open_turns.setdefault(session, [])
        if event_type == "MAPTurnDispatched":
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
    sent: dict[object, int] = {}
    heard: set[object] = set()
    for index, event in enumerate(events):
        event_type, session, _payload, _instant = _read(event)
        if event_type == "MAPBroadcastSent":
            sent.setdefault(session, index)
        elif event_type == "MAPBroadcastReceived" and session in sent:
            heard.add(session)
    return [
        EventFault(index, "is a broadcast that nobody received")
        for session, index in sent.items()
        if session not in heard
    ]


def _read(event: object) -> tuple[object, object, Mapping[str, object], datetime | None]:
    if not isinstance(event, Mapping):
        return None, None, {}, None
    payload = event.get("payload")
    session = event.get("session_id")
    return (
        event.get("event_type"),
        session if isinstance(session, str) else None,
        payload if isinstance(payload, Mapping) else {},
        _instant(event.get("timestamp")),
    )


def _instant(text: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return instant if instant is not None and instant.tzinfo is not None else None
