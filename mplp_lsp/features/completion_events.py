"""Types of events that fit: those of the profile by phase, those a family is known for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from lsprotocol import types

import mplp_schemas
from mplp_lsp.features.completion_items import Offer
from mplp_lsp.features.completion_keys import about
from mplp_lsp.features.completion_place import Place
from mplp_lsp.workspace.documents import Document

# What the runtime records, and what the examples of the protocol show, by family.
TYPES_OF_FAMILY: Mapping[str, tuple[str, ...]] = {
    "pipeline_stage": (
        "plan_execution_started",
        "plan_execution_completed",
        "step_started",
        "step_completed",
        "step_failed",
        "step_skipped",
        "plan_status_changed",
    ),
    "graph_update": ("plan_created", "plan_updated", "step_created", "step_updated", "files_changed"),
    "runtime_execution": ("step_execution_started", "step_execution_completed", "step_execution_failed"),
    "external_integration": ("file_update", "git_operation", "ci_pipeline", "tool_execution"),
    "intent": ("user_message_received",),
}
_LINES_BACK = 200


def event_type_offers(place: Place) -> list[Offer]:
    """Offers for an `event_type` at the cursor; [] where another word stands there, or nothing is known."""
    pointer = place.cursor.pointer
    if pointer[-1] != "event_type":
        return []
    said = place.describe(pointer)
    if isinstance(said.get("enum"), list):
        return _of_profile(place, said["enum"])
    if "pattern" in said:
        return _embedded(place)
    family = place.text_at("event_family")
    families = [family] if family in TYPES_OF_FAMILY else [] if family else list(TYPES_OF_FAMILY)
    return [
        _offer(place, word, f"of family {each}", rank)
        for rank, (each, word) in enumerate(
            (each, word) for each in families for word in TYPES_OF_FAMILY[str(each)]
        )
    ]


def _offer(place: Place, word: str, detail: str, rank: int) -> Offer:
    kind = types.CompletionItemKind.Event
    return Offer(word, word, kind, detail, rank=rank, about=about(place, place.cursor.pointer))


def _of_profile(place: Place, allowed: Sequence[str]) -> list[Offer]:
    """In a timeline the events that may follow the last one stand first."""
    profile = mplp_schemas.profiles()["map" if "MAPSessionStarted" in allowed else "sa"]
    phases = [(phase, event) for phase in profile.phases for event in phase.events]
    phase_of = {event: (number, phase) for number, (phase, event) in enumerate(phases)}
    last = _last_type(place.document, place.base, allowed)
    reached = phase_of[last][0] if last in phase_of else -1
    offers = []
    for order, word in enumerate(allowed):
        number, phase = phase_of.get(word, (order, None))
        detail = f"phase {phase.id}" if phase is not None else ""
        is_over = number < reached and (phase is None or last not in phase.events)
        rank = number + (100 if is_over else 0)
        offers.append(_offer(place, word, detail + (", which is over" if is_over else ""), rank))
    return offers


def _last_type(document: Document, base: int, allowed: Sequence[str]) -> str | None:
    timeline = document.timeline
    if timeline is None:
        return None
    number = timeline.lines.locate(base)[0]
    for index in islice(range(number - 1, -1, -1), _LINES_BACK):
        header = timeline.lines[index].tree.header
        word = header.get("event_type") if isinstance(header, Mapping) else None
        if word in allowed:
            return str(word)
    return None


def _embedded(place: Place) -> list[Offer]:
    """In a module's own list: types that stand there already, then what can happen to any module."""
    table = place.tree.tables.get("events")
    used = (
        element.value.get("event_type")
        for block in (table.blocks if table is not None else ())
        for element in block.elements
        if isinstance(element.value, Mapping)
    )
    words = {word: "used here already" for word in islice(used, 500) if isinstance(word, str) and word}
    words.pop(place.cursor.written, None)
    for happening in ("created", "updated", "status.changed"):
        words.setdefault(f"{place.kind}.{happening}", "")
    return [_offer(place, word, detail, rank) for rank, (word, detail) in enumerate(words.items())]
