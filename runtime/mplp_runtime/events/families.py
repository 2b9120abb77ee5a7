"""Builders of complete events: what they return is valid against the frozen schema of its family.

Words of plans and steps are translated into the words the event schemas know; the exact word stays in the
payload. Nothing here stores or sends an event; `EventBus.record` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from mplp_runtime.kinds import Family
from mplp_runtime.sources import Clock, NewId, timestamp
from mplp_runtime.vsl.interface import Json

Event = dict[str, Json]

UpdateKind = Literal[
    "node_add", "node_update", "node_delete", "edge_add", "edge_update", "edge_delete", "bulk"
]
ExecutorKind = Literal["agent", "tool", "llm", "worker", "external"]
ExecutionStatus = Literal["pending", "running", "completed", "failed", "cancelled"]
IntegrationKind = Literal["file_update", "git_operation", "ci_pipeline", "tool_execution"]

STAGE_STATUS: Mapping[str, str] = MappingProxyType(
    {
        "draft": "pending",
        "proposed": "pending",
        "approved": "pending",
        "pending": "pending",
        "blocked": "pending",
        "in_progress": "running",
        "running": "running",
        "completed": "completed",
        "failed": "failed",
        "skipped": "skipped",
        # The frozen enum has no word for it; payload.status says `cancelled`.
        "cancelled": "skipped",
    }
)
"""Status of a plan or a step -> `stage_status` of a pipeline_stage event."""

EXECUTION_STATUS: Mapping[str, str] = MappingProxyType(
    {
        "pending": "pending",
        "running": "running",
        "in_progress": "running",
        "succeeded": "completed",
        "completed": "completed",
        "failed": "failed",
        "cancelled": "cancelled",
        "skipped": "cancelled",
    }
)
"""Status of a tool, a CI run or a step -> `status` of a runtime_execution event."""

EXECUTOR_KIND: Mapping[str, ExecutorKind] = MappingProxyType(
    {
        "tool_call": "tool",
        "llm_call": "llm",
        "agent_handoff": "agent",
        "agent_execution": "agent",
        "file_operation": "worker",
        "step_execution": "worker",
        "custom_action": "external",
    }
)
"""Type of an action -> `executor_kind` of its runtime_execution events."""


@dataclass(frozen=True, slots=True)
class Stamper:
    """Gives each new event its id and its instant."""

    clock: Clock
    new_id: NewId

    def head(self, event_type: str) -> Event:
        return {"event_id": self.new_id(), "event_type": event_type, "timestamp": timestamp(self.clock())}


def event_core(
    stamper: Stamper,
    event_type: str,
    family: Family,
    *,
    project_id: str | None = None,
    payload: Mapping[str, Json] | None = None,
    **members: Json,
) -> Event:
    """An EventCore event; `members` whose value is None are left out.

    >>> from datetime import UTC, datetime
    >>> stamper = Stamper(lambda: datetime(2025, 12, 6, tzinfo=UTC), lambda: "an-id")
    >>> event_core(stamper, "intent_extracted", "intent", payload={"words": 3})["event_family"]
    'intent'
    """
    event = stamper.head(event_type)
    event["event_family"] = family
    event.update(_present({"project_id": project_id, **members}))
    if payload is not None:
        event["payload"] = dict(payload)
    return event


def pipeline_stage(
    stamper: Stamper,
    event_type: str,
    *,
    pipeline_id: str,
    stage_id: str,
    status: str,
    stage_name: str | None = None,
    stage_order: int | None = None,
    project_id: str | None = None,
    payload: Mapping[str, Json] | None = None,
) -> Event:
    """A transition of a plan or a step. `status` is their word (`in_progress`), kept in `payload.status`.

    `pipeline_id` is the plan_id; `stage_id` the step_id, or `plan` for the plan itself.
    """
    return event_core(
        stamper,
        event_type,
        "pipeline_stage",
        project_id=project_id,
        payload={**(payload or {}), "status": status},
        pipeline_id=pipeline_id,
        stage_id=stage_id,
        stage_name=stage_name,
        stage_status=STAGE_STATUS[status],
        stage_order=stage_order,
    )


def graph_update(
    stamper: Stamper,
    event_type: str,
    *,
    graph_id: str,
    update_kind: UpdateKind,
    node_delta: int = 0,
    edge_delta: int = 0,
    source_module: str | None = None,
    project_id: str | None = None,
    payload: Mapping[str, Json] | None = None,
) -> Event:
    """A change of the project's graph. The deltas say by how much the number of nodes and edges changed."""
    return event_core(
        stamper,
        event_type,
        "graph_update",
        project_id=project_id,
        payload=payload,
        graph_id=graph_id,
        update_kind=update_kind,
        node_delta=node_delta,
        edge_delta=edge_delta,
        source_module=source_module,
    )


def runtime_execution(
    stamper: Stamper,
    event_type: str,
    *,
    execution_id: str,
    executor_kind: ExecutorKind,
    status: str,
    executor_role: str | None = None,
    project_id: str | None = None,
    payload: Mapping[str, Json] | None = None,
) -> Event:
    """One call of the Action Execution Layer begins or ends. `status` may be a step's or a tool's word."""
    return event_core(
        stamper,
        event_type,
        "runtime_execution",
        project_id=project_id,
        payload=payload,
        execution_id=execution_id,
        executor_kind=executor_kind,
        executor_role=executor_role,
        status=EXECUTION_STATUS[status],
    )


def sa_event(
    stamper: Stamper,
    event_type: str,
    *,
    sa_id: str,
    context_id: str | None = None,
    plan_id: str | None = None,
    trace_id: str | None = None,
    payload: Mapping[str, Json] | None = None,
) -> Event:
    """An event of the single-agent profile, e.g. `SAStepStarted`; its schema is closed but for `payload`."""
    ids = {"sa_id": sa_id, "context_id": context_id, "plan_id": plan_id, "trace_id": trace_id}
    return _profile_event(stamper, event_type, ids, payload)


def map_event(
    stamper: Stamper,
    event_type: str,
    *,
    session_id: str,
    initiator_role: str | None = None,
    target_roles: list[str] | None = None,
    payload: Mapping[str, Json] | None = None,
) -> Event:
    """An event of the multi-agent profile, e.g. `MAPTurnDispatched`. `session_id` is the collab_id."""
    members = {"session_id": session_id, "initiator_role": initiator_role, "target_roles": target_roles}
    return _profile_event(stamper, event_type, members, payload)


def external_integration(
    stamper: Stamper,
    kind: IntegrationKind,
    payload: Mapping[str, Json],
    *,
    source: str,
    project_id: str | None = None,
    signature: str | None = None,
    extensions: Mapping[str, Json] | None = None,
) -> Event:
    """The envelope of an integration event: `payload` is the frozen event and nothing else.

    `source` names who saw it (seed 2, 8.1). `extensions` are members of the envelope for which the payload's
    closed schema has no room, such as `content_hash`; they never replace a member of the envelope itself.
    """
    envelope = event_core(
        stamper,
        kind,
        "external_integration",
        project_id=project_id,
        payload=payload,
        source=source,
        signature=signature,
    )
    extra = {name: value for name, value in _present(extensions or {}).items() if name not in envelope}
    return {**envelope, **extra}


def _profile_event(
    stamper: Stamper, event_type: str, members: Mapping[str, Json], payload: Mapping[str, Json] | None
) -> Event:
    event = {**stamper.head(event_type), **_present(members)}
    if payload is not None:
        event["payload"] = dict(payload)
    return event


def _present(members: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in members.items() if value is not None}
