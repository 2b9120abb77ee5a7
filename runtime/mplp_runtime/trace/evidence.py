"""A run as evidence: the five line files and the trace that other MPLP tools read (events.md 7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mplp_runtime.trace.files import write_atomically

Event = Mapping[str, Any]

TRACE_FILE = "trace.json"


def _of_family(family: str) -> Callable[[Event], Event | None]:
    return lambda event: event if event.get("event_family") == family else None


def _payload_of(event_type: str) -> Callable[[Event], Event | None]:
    def payload(event: Event) -> Event | None:
        is_meant = event.get("event_family") == "external_integration" and event["event_type"] == event_type
        return event["payload"] if is_meant else None

    return payload


def _of_profile(member: str, prefix: str) -> Callable[[Event], Event | None]:
    return lambda event: event if member in event and event["event_type"].startswith(prefix) else None


EVIDENCE: Mapping[str, Callable[[Event], Event | None]] = MappingProxyType(
    {
        "execution.ndjson": _of_family("runtime_execution"),
        "tool-events.ndjson": _payload_of("tool_execution"),
        "fs-events.ndjson": _payload_of("file_update"),
        "sa-events.ndjson": _of_profile("sa_id", "SA"),
        "map-events.ndjson": _of_profile("session_id", "MAP"),
    }
)
"""File -> what of an event stands there; None where the event does not. Each line fits one frozen schema."""


def write_evidence(folder: Path, trace: str, events: Iterable[Event]) -> dict[str, int]:
    """Writes the files into `folder` and tells how many lines each has; also those without any.

    Raises StoreError where the folder cannot be written to.
    """
    every = list(events)
    counts: dict[str, int] = {}
    for name, chosen in EVIDENCE.items():
        lines = list(_lines(every, chosen))
        write_atomically(folder / name, lines)
        counts[name] = len(lines)
    write_atomically(folder / TRACE_FILE, [trace])
    return counts


def _lines(events: list[Event], chosen: Callable[[Event], Event | None]) -> Iterator[str]:
    for event in events:
        kept = chosen(event)
        if kept is not None:
            yield json.dumps(kept, ensure_ascii=False, separators=(",", ":")) + "\n"
