"""What the rules about a sequence of events need of each: small, comparable, made once per event.

If an edit leaves the facts of an event equal, nothing that is said about the sequence can change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.instants import instant_of

Profile = Literal["sa", "map"]
LAMPORT = "lamport_timestamp"
STEP_EVENTS = ("SAStepStarted", "SAStepCompleted", "SAStepFailed")


class EventFacts(NamedTuple):
    """One event. Members that are absent or of a wrong type are None.

    `run` is the agent's or the session's id, `profile` says which. `subject` is what the event is about: the
    step of a step event, pipeline and stage of a stage event, the execution of an execution event; `status`
    is the state that it tells of its subject.
    """

    id: str | None = None
    type: str | None = None
    time: datetime | None = None
    lamport: int | None = None
    is_lamport_inside: bool = False
    profile: Profile | None = None
    run: str | None = None
    subject: tuple[str, ...] | None = None
    status: str | None = None
    order: int | None = None
    role: str | None = None
    turn: int | None = None
    is_sound: bool = True
    """False where the event itself is found fault with: then nothing follows from what it seems to say."""

    @property
    def lamport_place(self) -> Pointer:
        """Where the Lamport time stands: events of a profile are closed and keep it in their payload."""
        return ("payload", LAMPORT) if self.is_lamport_inside else (LAMPORT,)


UNREAD = EventFacts(is_sound=False)
"""Stands for an event that is there but could not be read."""


def event_facts(event: object) -> EventFacts | None:
    """The facts of an event of any shape; None for a value that is no object."""
    if not isinstance(event, Mapping):
        return None
    payload = event.get("payload")
    inside: Mapping[str, object] = payload if isinstance(payload, Mapping) else {}
    kind = _text(event, "event_type")
    profile, run = _profile(event, kind)
    subject, status = _subject(event, inside, kind, profile)
    lamport, is_inside = _whole(event, LAMPORT), False
    if lamport is None:
        lamport, is_inside = _whole(inside, LAMPORT), True
    return EventFacts(
        id=_text(event, "event_id"),
        type=kind,
        time=instant_of(event.get("timestamp")),
        lamport=lamport,
        is_lamport_inside=is_inside,
        profile=profile,
        run=run,
        subject=subject,
        status=status,
        order=_whole(event, "stage_order"),
        role=_text(inside, "role_id"),
        turn=_whole(inside, "turn_number"),
    )


def _profile(event: Mapping[str, object], kind: str | None) -> tuple[Profile | None, str | None]:
    if kind is None or "event_family" in event:
        return None, None
    if kind.startswith("SA"):
        return "sa", _text(event, "sa_id")
    if kind.startswith("MAP"):
        return "map", _text(event, "session_id")
    return None, None


def _subject(
    event: Mapping[str, object], inside: Mapping[str, object], kind: str | None, profile: Profile | None
) -> tuple[tuple[str, ...] | None, str | None]:
    if profile is not None:
        step = _text(inside, "step_id") if kind in STEP_EVENTS else None
        return None if step is None else (step,), _text(inside, "status")
    family = event.get("event_family")
    if family == "pipeline_stage":
        pipeline, stage = _text(event, "pipeline_id"), _text(event, "stage_id")
        known = (family, pipeline, stage) if pipeline is not None and stage is not None else None
        return known, _text(event, "stage_status")
    if family == "runtime_execution":
        execution = _text(event, "execution_id")
        return (family, execution) if execution is not None else None, _text(event, "status")
    return None, None


def _text(members: Mapping[str, object], name: str) -> str | None:
    value = members.get(name)
    return value if isinstance(value, str) else None


def _whole(members: Mapping[str, object], name: str) -> int | None:
    value = members.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
