"""The event types that the protocol names: examples, not a closed list."""

from __future__ import annotations

from collections.abc import Mapping

INTEGRATION_KINDS: Mapping[str, str] = {
    "file_update": "file-update",
    "git_operation": "git",
    "ci_pipeline": "ci",
    "tool_execution": "tool",
}
"""What the payload of an `external_integration` event is, by `event_type`."""

FAMILIES_OF_TYPES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("import_started", "import_completed", "import_failed"), ("import_process",)),
    **dict.fromkeys(
        (
            *("context_created", "context_updated", "world_state_changed", "plan_created", "step_added"),
            *("step_removed", "dag_edge_added", "dag_edge_removed", "role_created", "role_updated"),
            *("capability_granted", "capability_revoked", "decision_added", "network_created"),
            *("node_added", "node_removed", "topology_changed"),
        ),
        ("graph_update",),
    ),
    **dict.fromkeys(
        (
            *("plan_status_changed", "step_started", "step_completed", "step_failed", "confirm_pending"),
            *("confirm_resolved", "session_started", "session_completed", "session_cancelled"),
            *("protocol_initialized", "module_enabled", "module_disabled"),
        ),
        ("pipeline_stage",),
    ),
    "confirm_created": ("pipeline_stage", "graph_update"),
    **dict.fromkeys(
        (
            *("turn_dispatched", "turn_completed", "broadcast_sent", "broadcast_received"),
            *("extension_activated", "tool_execution_started", "tool_execution_completed"),
            *("llm_call_started", "llm_call_completed", "node_status_changed"),
            *("connection_established", "connection_lost"),
        ),
        ("runtime_execution",),
    ),
    **dict.fromkeys(("external_api_call", "webhook_received", *INTEGRATION_KINDS), ("external_integration",)),
    **dict.fromkeys(
        ("context_intent_received", "user_message_received", "intent_extracted", "intent_classified"),
        ("intent",),
    ),
    **dict.fromkeys(("modification_requested", "clarification_received"), ("delta_intent",)),
    **dict.fromkeys(("trace_cost_summary", "budget_warning", "budget_exceeded"), ("cost_budget",)),
    **dict.fromkeys(("rollback_planned", "rollback_executed"), ("compensation_plan",)),
    **dict.fromkeys(("approval_reasoning", "coordination_reasoning"), ("reasoning_graph",)),
    "methodology_selected": ("methodology",),
    "impact_assessed": ("impact_analysis",),
}
"""The event types that the protocol names, with the families in which a module sends them."""
