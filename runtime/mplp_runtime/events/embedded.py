"""Bus events in the shape that fits into a document: a Trace's `events` hold BaseEvents, not EventCores.

A BaseEvent's type is lower-case words between dots, and it is closed: everything else goes under `data`.
Id and instant stay the same, so that a trace and its timeline can be joined.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from mplp_runtime.vsl.interface import Json

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+|[0-9]+")
_HEAD = frozenset(
    {"event_id", "event_type", "timestamp", "payload", "event_family", "trace_id", "lamport_timestamp"}
)
_COMPONENT = {
    "pipeline_stage": "runtime.orchestrator",
    "runtime_execution": "runtime.ael",
    "graph_update": "runtime.psg",
    "external_integration": "runtime.integration",
}


@lru_cache(maxsize=1024)
def embedded_type(event_type: str) -> str:
    """The event type as dotted lower-case words; `event` where nothing usable is left.

    >>> embedded_type("plan_status_changed"), embedded_type("SAStepStarted")
    ('plan.status.changed', 'sa.step.started')
    """
    words = [word.lower() for word in _WORDS.findall(event_type)]
    joined: list[str] = []
    for word in words:
        # A part must begin with a letter: "step_2" becomes "step2".
        if word[0].isdigit() and joined:
            joined[-1] += word
        elif not word[0].isdigit():
            joined.append(word)
    return ".".join(joined) or "event"


def embedded_event(event: Mapping[str, Json], *, trace_id: str | None = None) -> dict[str, Json]:
    """A BaseEvent that says the same as `event` (EventCore, SA or MAP), with the same id and timestamp.

    `data` holds the family, the logical time, the ids and the payload of the original, and its exact type.
    """
    payload = event.get("payload")
    inner = dict(payload) if isinstance(payload, Mapping) else {}
    lamport = inner.pop("lamport_timestamp", None)
    data: dict[str, Json] = {"event_type": event["event_type"]}
    if "event_family" in event:
        data["family"] = event["event_family"]
        lamport = event.get("lamport_timestamp", lamport)
    data.update({name: value for name, value in event.items() if name not in _HEAD})
    if lamport is not None:
        data["lamport"] = lamport
    if inner:
        data["payload"] = inner
    embedded: dict[str, Json] = {
        "event_id": event["event_id"],
        "event_type": embedded_type(event["event_type"]),
        "source": _source_of(event),
        "timestamp": event["timestamp"],
    }
    of_trace = trace_id or event.get("trace_id")
    if of_trace is not None:
        embedded["trace_id"] = of_trace
    embedded["data"] = data
    return embedded


def _source_of(event: Mapping[str, Json]) -> str:
    for member in ("source", "source_module"):
        value = event.get(member)
        if isinstance(value, str) and value:
            return value
    return _COMPONENT.get(str(event.get("event_family")), "runtime.orchestrator")
