"""Which schema a document is held against: by its kind, and for events and samples by its content."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import mplp_schemas
from mplp_runtime.rules.event_types import FAMILIES_OF_TYPES

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

_ONLY_ON_ENVELOPES = frozenset({"payload", "project_id", "signature", "lamport_timestamp", "extensions"})
"""What tells an envelope, which names its source too, from an event embedded in a document."""

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
    event_type = value.get("event_type")
    known_type = event_type if isinstance(event_type, str) else ""
    if "sa_id" in value and known_type.startswith("SA"):
        return SA_EVENT
    if "session_id" in value and known_type.startswith("MAP"):
        return MAP_EVENT
    if "event_family" in value:
        family = value["event_family"]
        if not isinstance(family, str) or family_by_members(value) not in (None, family):
            return EVENT_CORE
        return EVENT_FAMILIES.get(family, EVENT_CORE)
    if "sa_id" in value or known_type.startswith("SA"):
        return SA_EVENT
    if "session_id" in value or known_type.startswith("MAP"):
        return MAP_EVENT
    if "source" in value and _ONLY_ON_ENVELOPES.isdisjoint(value):
        # An event as it stands inside a module's own `events` list.
        return BASE_EVENT
    return EVENT_CORE


_MEMBERS_OF_FAMILIES = {
    "pipeline_stage": frozenset({"pipeline_id", "stage_id", "stage_status"}),
    "graph_update": frozenset({"graph_id", "update_kind", "node_delta", "edge_delta"}),
    "runtime_execution": frozenset({"execution_id", "executor_kind", "status"}),
}


def family_by_members(event: Mapping[str, object]) -> str | None:
    """The family whose members an event has, all of them; None where it has none or those it says itself.

    Where it has members of no family at all, its type may name a family that needs none.
    An event of the family `graph_update` that has all of a stage and nothing of a graph says the wrong word.
    """
    declared = event.get("event_family")
    own = _MEMBERS_OF_FAMILIES.get(declared) if isinstance(declared, str) else None
    if own is not None and not own.isdisjoint(event):
        return None
    found = [family for family, members in _MEMBERS_OF_FAMILIES.items() if members <= event.keys()]
    if own is not None and not found:
        # The other families have no members of their own: only the type tells them.
        word = event.get("event_type")
        by_type = FAMILIES_OF_TYPES.get(word, ()) if isinstance(word, str) else ()
        found = [family for family in by_type if family not in _MEMBERS_OF_FAMILIES]
        return found[0] if len(by_type) == len(found) == 1 else None
    return found[0] if len(found) == 1 else None


def _sample_schema(value: object) -> str:
    if not isinstance(value, Mapping):
        return SAMPLE_CORE
    if "sample_family" not in value and "success_flag" in value:
        return SAMPLE_OLDER
    family = value.get("sample_family")
    return SAMPLE_FAMILIES.get(family, SAMPLE_CORE) if isinstance(family, str) else SAMPLE_CORE
