"""Which schema a document is held against: by its kind, and for events and samples by its content."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import mplp_schemas

_EVENTS = "https://mplp.dev/schemas/v1.0/events/"
_LEARNING = "https://mplp.dev/schemas/v1.0/learning/"
_COMMON = "https://schemas.mplp.dev/v1.0/common/"

EVENT_CORE = f"{_EVENTS}mplp-event-core.schema.json"
SA_EVENT = f"{_EVENTS}mplp-sa-event.schema.json"
MAP_EVENT = f"{_EVENTS}mplp-map-event.schema.json"
BASE_EVENT = f"{_COMMON}events.schema.json"
SAMPLE_CORE = f"{_LEARNING}mplp-learning-sample-core.schema.json"
SAMPLE_OLDER = f"{_COMMON}learning-sample.schema.json"

EVENT_FAMILIES = {
    "pipeline_stage": f"{_EVENTS}mplp-pipeline-stage-event.schema.json",
    "graph_update": f"{_EVENTS}mplp-graph-update-event.schema.json",
    "runtime_execution": f"{_EVENTS}mplp-runtime-execution-event.schema.json",
}
SAMPLE_FAMILIES = {
    "intent_resolution": f"{_LEARNING}mplp-learning-sample-intent.schema.json",
    "delta_impact": f"{_LEARNING}mplp-learning-sample-delta.schema.json",
}

KINDS_BY_CONTENT = frozenset({"event", "sample"})


@cache
def _names_by_id() -> dict[str, str]:
    return {mplp_schemas.schema_id(name): name for name in mplp_schemas.names()}


def schema_for(kind: str, value: object) -> str:
    """The name (as `mplp_schemas` knows it) of the schema that `value`, a document of `kind`, must satisfy.

    Total: whatever `value` is, some schema is chosen. Raises KeyError for a kind without a schema.
    """
    if kind == "event":
        return _names_by_id()[_event_schema(value)]
    if kind == "sample":
        return _names_by_id()[_sample_schema(value)]
    return mplp_schemas.KINDS[kind]


def has_schema(kind: str) -> bool:
    """Whether documents of `kind` are held against a schema at all (`settings` are not)."""
    if kind in KINDS_BY_CONTENT:
        return True
    return kind in mplp_schemas.KINDS


def _event_schema(value: object) -> str:
    if not isinstance(value, Mapping):
        return EVENT_CORE
    if "event_family" in value:
        family = value["event_family"]
        return EVENT_FAMILIES.get(family, EVENT_CORE) if isinstance(family, str) else EVENT_CORE
    event_type = value.get("event_type")
    known_type = event_type if isinstance(event_type, str) else ""
    if "sa_id" in value or known_type.startswith("SA"):
        return SA_EVENT
    if "session_id" in value or known_type.startswith("MAP"):
        return MAP_EVENT
    if "source" in value:
        # An event as it stands inside a module's own `events` list.
        return BASE_EVENT
    return EVENT_CORE


def _sample_schema(value: object) -> str:
    if not isinstance(value, Mapping):
        return SAMPLE_CORE
    if "sample_family" not in value and "success_flag" in value:
        return SAMPLE_OLDER
    family = value.get("sample_family")
    return SAMPLE_FAMILIES.get(family, SAMPLE_CORE) if isinstance(family, str) else SAMPLE_CORE
