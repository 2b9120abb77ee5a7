"""Events on the bus: EventCore and its three special forms, and the closed events of the two profiles."""

from __future__ import annotations

from typing import Literal

from mplp_runtime.events.families import ExecutionStatus, ExecutorKind, UpdateKind
from mplp_runtime.kinds import Family
from mplp_runtime.model.base import Count, Integer, JsonObject, OpenObject, ProtocolObject, Timestamp, Uuid


class EventCore(OpenObject):
    """What every observability event has; further members are kept."""

    event_id: Uuid
    event_type: str
    event_family: Family
    timestamp: Timestamp
    project_id: Uuid | None = None
    payload: JsonObject | None = None


class PipelineStageEvent(EventCore):
    """A transition of a plan or a step."""

    event_family: Literal["pipeline_stage"]
    pipeline_id: Uuid
    stage_id: str
    stage_name: str | None = None
    stage_status: Literal["pending", "running", "completed", "failed", "skipped"]
    stage_order: Count | None = None


class GraphUpdateEvent(EventCore):
    """A change of the project's graph, with signed deltas."""

    event_family: Literal["graph_update"]
    graph_id: Uuid
    update_kind: UpdateKind
    node_delta: Integer
    edge_delta: Integer
    source_module: str | None = None


class RuntimeExecutionEvent(EventCore):
    """One call of the Action Execution Layer."""

    event_family: Literal["runtime_execution"]
    execution_id: Uuid
    executor_kind: ExecutorKind
    executor_role: str | None = None
    status: ExecutionStatus


class SAEvent(ProtocolObject):
    """An event of the single-agent profile."""

    event_id: Uuid
    event_type: Literal[
        "SAInitialized",
        "SAContextLoaded",
        "SAPlanEvaluated",
        "SAStepStarted",
        "SAStepCompleted",
        "SAStepFailed",
        "SATraceEmitted",
        "SACompleted",
    ]
    timestamp: Timestamp
    sa_id: Uuid
    context_id: Uuid | None = None
    plan_id: Uuid | None = None
    trace_id: Uuid | None = None
    payload: JsonObject | None = None


class MAPEvent(ProtocolObject):
    """An event of the multi-agent profile; `session_id` is the collab_id."""

    event_id: Uuid
    event_type: Literal[
        "MAPSessionStarted",
        "MAPRolesAssigned",
        "MAPTurnDispatched",
        "MAPTurnCompleted",
        "MAPBroadcastSent",
        "MAPBroadcastReceived",
        "MAPConflictDetected",
        "MAPConflictResolved",
        "MAPSessionCompleted",
    ]
    timestamp: Timestamp
    session_id: Uuid
    initiator_role: str | None = None
    target_roles: list[str] | None = None
    payload: JsonObject | None = None
