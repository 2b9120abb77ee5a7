"""Whether an event may enter the log: the schema of its content, and the rules beyond the schema.

The twelve observability and nineteen integration invariants are mostly said by the schemas already. What they
add is checked here in code, because every event of a run passes through: ids are lower-case UUIDs of version
4, words are not blank. And an integration event names its source (seed 2, 8.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mplp_runtime.rules.validators import Fault, validator_for
from mplp_runtime.vsl.interface import Json

_EVENTS = "https://mplp.dev/schemas/v1.0/events/"
_INTEGRATION = "https://mplp.dev/schemas/v1.0/integration/"

CORE_SCHEMA = f"{_EVENTS}mplp-event-core.schema.json"
SA_SCHEMA = f"{_EVENTS}mplp-sa-event.schema.json"
MAP_SCHEMA = f"{_EVENTS}mplp-map-event.schema.json"
FAMILY_SCHEMAS: Mapping[str, str] = {
    "pipeline_stage": f"{_EVENTS}mplp-pipeline-stage-event.schema.json",
    "graph_update": f"{_EVENTS}mplp-graph-update-event.schema.json",
    "runtime_execution": f"{_EVENTS}mplp-runtime-execution-event.schema.json",
}
PAYLOAD_SCHEMAS: Mapping[str, str] = {
    "file_update": f"{_INTEGRATION}mplp-file-update-event.json",
    "git_operation": f"{_INTEGRATION}mplp-git-event.json",
    "ci_pipeline": f"{_INTEGRATION}mplp-ci-event.json",
    "tool_execution": f"{_INTEGRATION}mplp-tool-event.json",
}

_UUID_V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
_FAMILY_UUIDS = {
    "pipeline_stage": ("pipeline_id",),
    "graph_update": ("graph_id",),
    "runtime_execution": ("execution_id",),
}
_PAYLOAD_WORDS = {
    "file_update": ("file_path",),
    "git_operation": ("repo_url", "commit_id", "ref_name"),
    "ci_pipeline": ("ci_provider", "pipeline_id", "run_id"),
    "tool_execution": ("tool_id",),
}


def is_uuid_v4(text: str) -> bool:
    """Whether a text is an id in the one form that all schemas and invariants accept."""
    return _UUID_V4.match(text) is not None


def schema_of(event: Mapping[str, Json]) -> str:
    """The `$id` of the schema an event must fit, told by its content.

    >>> schema_of({"event_family": "graph_update"}).rsplit("/")[-1]
    'mplp-graph-update-event.schema.json'
    """
    family = event.get("event_family")
    if family is not None:
        return FAMILY_SCHEMAS.get(family, CORE_SCHEMA) if isinstance(family, str) else CORE_SCHEMA
    event_type = str(event.get("event_type"))
    if "sa_id" in event or event_type.startswith("SA"):
        return SA_SCHEMA
    if "session_id" in event or event_type.startswith("MAP"):
        return MAP_SCHEMA
    return CORE_SCHEMA


def event_errors(event: Mapping[str, Json]) -> list[str]:
    """What is wrong with an EventCore, SA or MAP event, each as a part of a sentence; [] for a valid one."""
    errors = [_said(fault) for fault in validator_for(schema_of(event))(dict(event))]
    if errors:
        return errors
    errors = _unsound_ids(event, ("event_id",)) + _blank_words(event, ("event_type",))
    family = event.get("event_family")
    if family is None:
        return errors
    errors += _unsound_ids(event, _FAMILY_UUIDS.get(family, ()))
    if family == "pipeline_stage":
        errors += _blank_words(event, ("stage_id",))
    if family == "external_integration" and event["event_type"] in PAYLOAD_SCHEMAS:
        errors += _blank_words(event, ("source", "signature") if "signature" in event else ("source",))
        errors += payload_errors(event["event_type"], event.get("payload"))
    return errors


def payload_errors(kind: str, payload: Json) -> list[str]:
    """What is wrong with a frozen integration event of `kind` (an `event_type` of the envelope)."""
    errors = [_said(fault, "payload") for fault in validator_for(PAYLOAD_SCHEMAS[kind])(payload)]
    return errors or _blank_words(payload, _PAYLOAD_WORDS[kind], "payload.")


def _unsound_ids(event: Mapping[str, Json], names: tuple[str, ...]) -> list[str]:
    return [
        f"`{name}` is not a lower-case UUID of version 4"
        for name in names
        if not (isinstance(event.get(name), str) and _UUID_V4.match(event[name]))
    ]


def _blank_words(event: Mapping[str, Json], names: tuple[str, ...], prefix: str = "") -> list[str]:
    return [
        f"`{prefix}{name}` is missing or blank"
        for name in names
        if not (isinstance(event.get(name), str) and event[name].strip())
    ]


def _said(fault: Fault, prefix: str = "") -> str:
    steps = [prefix, *map(str, fault.pointer)] if prefix else [str(step) for step in fault.pointer]
    where = ".".join(steps)
    place = f"`{where}`" if where else "the event"
    match fault.keyword:
        case "required":
            return f"`{'.'.join([*steps, str(fault.parameter)])}` is missing"
        case "additionalProperties":
            return f"{place} has members it may not have: {_listed(fault.parameter)}"
        case "type":
            return f"{place} must be of type {_listed(fault.parameter)}"
        case "enum":
            return f"{place} must be one of {_listed(fault.parameter)}"
        case "const":
            return f"{place} must be {fault.parameter!r}"
        case "format":
            return f"{place} must be a valid {fault.parameter}"
        case _:
            return f"{place} does not meet {fault.keyword} {fault.parameter}"


def _listed(values: object) -> str:
    return ", ".join(map(str, values)) if isinstance(values, list | tuple) else str(values)
