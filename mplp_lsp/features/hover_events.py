"""Cards of events: what a type of event means, wherever it stands, and what a line of a timeline says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import mplp_schemas
from mplp_lsp.features.hover_markup import Card, Line, code, line, said, strong
from mplp_lsp.features.hover_schema import description
from mplp_lsp.features.hover_spot import Spot
from mplp_lsp.features.moments import moment_of

_FAMILIES: Mapping[str, str] = {
    "pipeline_stage": "A plan or a step enters or leaves a stage.",
    "graph_update": "The project graph changed: nodes or edges were added, changed or removed.",
    "runtime_execution": "Something was carried out: by an agent, a tool, a model or the runtime.",
    "external_integration": "Something happened outside: a file, git, CI or a tool.",
}


@cache
def _phases() -> Mapping[str, tuple[str, str, bool]]:
    """For each event of a profile: the profile, what its phase means, and whether a run must send it."""
    return {
        event: (profile.title, phase.sentence, event in profile.mandatory_events)
        for profile in mplp_schemas.profiles().values()
        for phase in profile.phases
        for event in phase.events
    }


def event_cards(spot: Spot) -> Iterator[Card]:
    """For an `event_type`, an `event_family`, or the bracket that opens an event."""
    if spot.part == "open":
        if isinstance(spot.value, Mapping) and isinstance(spot.value.get("event_type"), str):
            yield _card(spot, spot.value)
    elif spot.pointer and spot.pointer[-1] in {"event_type", "event_family"}:
        yield _card(spot, spot.around)


def _card(spot: Spot, event: Mapping[str, object]) -> Card:
    word, family = event.get("event_type"), event.get("event_family")
    title = line(strong(str(word or family or "event")), " · event")
    sentences: list[Line] = []
    rows: list[Line] = []
    phase = _phases().get(word) if isinstance(word, str) else None
    if phase is not None:
        profile, meaning, is_mandatory = phase
        sentences.append(line(meaning))
        rows.append(
            line(f"{profile}: every run sends it" if is_mandatory else f"{profile}: sent where it applies")
        )
    if isinstance(family, str):
        about = _FAMILIES.get(family)
        rows.append(line("Family ", code(family), *([": ", about] if about else [])))
    if not sentences and not rows:
        said_of_it = (description(spot.kind, spot.header, spot.pointer) or {}).get("description")
        if isinstance(said_of_it, str):
            sentences.append(line(said_of_it))
    rows.extend(_details(event))
    return Card(title, sentences, rows)


def _details(event: Mapping[str, object]) -> Iterator[Line]:
    moment = moment_of(event.get("timestamp"))
    if moment is not None:
        yield line(f"At {moment:%Y-%m-%d %H:%M:%S} UTC")
    payload = event.get("payload")
    inside = {**payload, **event} if isinstance(payload, Mapping) else event
    for key, label in (
        ("message", "Says"),
        ("description", "About"),
        ("file_path", "File"),
        ("status", "Status"),
    ):
        value = inside.get(key)
        if isinstance(value, str) and value.strip():
            yield line(f"{label}: ", said(value))
    if "update_kind" in event:
        yield line("Change: ", code(str(event["update_kind"])))
    if "executor_kind" in event:
        yield line("Carried out by ", code(str(event["executor_kind"])))
