"""From an event to a learning sample, at the nine points where the protocol asks for one.

Pure. Texts are those of the plan or of the event, never outputs of steps: a sample holds no secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from mplp_runtime.psg.world import document_in
from mplp_runtime.sources import NewId
from mplp_runtime.vsl.interface import Reading

Sample = dict[str, Any]
Priority = Literal["high", "medium"]

SIGNIFICANT_CHANGES = 5
"""Nodes and edges that a change of the graph has to touch to be worth a sample."""

_DECISIONS = {"approved": "approve", "rejected": "reject", "cancelled": "reject"}
_OUTCOMES = {"completed": "success", "failed": "failed", "cancelled": "failed"}
_DELTA_TYPES = frozenset({"refinement", "correction", "expansion", "reduction", "pivot"})
_LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Point:
    """One of the nine points: when it is met, and what is kept of it."""

    name: str
    priority: Priority
    family: str
    is_met: Callable[[Mapping[str, Any]], bool]
    content: Callable[[Mapping[str, Any], Reading], dict[str, Any] | None]


def samples_of(event: Mapping[str, Any], reading: Reading, *, new_id: NewId) -> list[tuple[str, Sample]]:
    """The samples that an event gives rise to, each with the name of its point; most events give none."""
    found: list[tuple[str, Sample]] = []
    for point in POINTS:
        content = point.content(event, reading) if point.is_met(event) else None
        if content is None:
            continue
        meta: dict[str, Any] = {"source_event_ids": [event["event_id"]], "collection_point": point.name}
        if event.get("project_id") or event.get("context_id"):
            meta["project_id"] = event.get("project_id") or event["context_id"]
        sample = {
            "sample_id": new_id(),
            "sample_family": point.family,
            "created_at": event["timestamp"],
            **content,
            "meta": meta,
        }
        found.append((point.name, sample))
    return found


def _is_type(*types: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda event: event["event_type"] in types


def _is_family(family: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda event: event.get("event_family") == family


def _is_failure(event: Mapping[str, Any]) -> bool:
    return event.get("event_family") == "pipeline_stage" and event.get("stage_status") == "failed"


def _is_large(event: Mapping[str, Any]) -> bool:
    if event.get("event_family") != "graph_update" or event["event_type"] == "decision_added":
        return False
    return bool(abs(event["node_delta"]) + abs(event["edge_delta"]) >= SIGNIFICANT_CHANGES)


def _resolved(event: Mapping[str, Any], reading: Reading) -> dict[str, Any] | None:
    plan = document_in(reading, "plan", str(event.get("plan_id")))
    if plan is None:
        return None
    return {
        "input": {"intent_id": plan["plan_id"], "raw_request_summary": _short(plan["objective"])},
        "state": {"existing_plan_count": len(reading.nodes("Plan"))},
        "output": {
            "final_intent_summary": _short(plan["title"]),
            "plan_id": plan["plan_id"],
            "plan_step_count": len(plan["steps"]),
        },
    }


def _intent(event: Mapping[str, Any], _: Reading) -> dict[str, Any]:
    said = _payload(event)
    summary = _short(said.get("summary") or said.get("text") or event["event_type"])
    return {
        "input": {
            "intent_id": str(said.get("intent_id") or event["event_id"]),
            "raw_request_summary": summary,
        },
        "output": {"final_intent_summary": _short(said.get("resolved") or summary)},
    }


def _delta(event: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    said = _payload(event)
    changed = _short(said.get("change_summary") or said.get("text") or event["event_type"])
    return {
        "input": {
            "delta_id": str(said.get("delta_id") or event["event_id"]),
            "intent_id": str(said.get("intent_id") or said.get("plan_id") or event["event_id"]),
            "change_summary": changed,
            **({"delta_type": said["delta_type"]} if said.get("delta_type") in _DELTA_TYPES else {}),
        },
        "state": {"affected_artifact_count": int(said.get("affected") or 0)},
        "output": {
            "actual_impact_summary": _short(said.get("impact_summary") or changed),
            "impact_scope": said.get("impact_scope") or ("module" if reading.nodes("Plan") else "local"),
        },
    }


def _step_outcome(event: Mapping[str, Any], reading: Reading) -> dict[str, Any] | None:
    step_id = _payload(event).get("step_id")
    step = reading.read_node("Step", str(step_id))
    return {
        "input": {
            "pipeline_id": event.get("plan_id"),
            "stage_id": step_id,
            "stage_config": {"agent_role": step.data.get("agent_role") if step is not None else None},
        },
        "output": {"status": "completed"},
    }


def _failure(event: Mapping[str, Any], _: Reading) -> dict[str, Any]:
    said = _payload(event)
    return {
        "input": {
            "pipeline_id": event["pipeline_id"],
            "stage_id": event["stage_id"],
            "stage_config": {"agent_role": said.get("agent_role")},
        },
        "output": {"status": "failed", "error_info": _short(said.get("error") or "")},
    }


def _decision(event: Mapping[str, Any], reading: Reading) -> dict[str, Any] | None:
    node = reading.read_node("Confirm", str(_payload(event).get("node_id")))
    if node is None:
        return None
    decisions = node.data.get("decisions") or [{}]
    newest = decisions[-1]
    status = newest.get("status") or node.data.get("status")
    return {
        "input": {
            "confirm_id": node.id,
            "target_type": node.data.get("target_type"),
            "target_id": node.data.get("target_id"),
        },
        "output": {
            "decision": _DECISIONS.get(str(status), "override"),
            "reasoning": _short(newest.get("reason") or ""),
            "decided_by_role": newest.get("decided_by_role"),
        },
    }


def _evolution(event: Mapping[str, Any], _: Reading) -> dict[str, Any]:
    nodes, edges = event["node_delta"], event["edge_delta"]
    kind = "node_added" if nodes > 0 else "edge_added" if edges > 0 else "attribute_changed"
    return {
        "input": {"trigger_event_id": event["event_id"], "change_type": kind},
        "output": {"nodes_added": nodes, "edges_added": edges},
    }


def _session(event: Mapping[str, Any], _: Reading) -> dict[str, Any]:
    said = _payload(event)
    return {
        "input": {
            "session_id": event["session_id"],
            "coordination_mode": said.get("mode"),
            "participant_count": said.get("participant_count"),
            "initiator_role": event.get("initiator_role"),
        },
        "output": {
            "total_turns": said.get("turns_total"),
            "outcome": _OUTCOMES.get(str(said.get("status")), "partial"),
            "duration_ms": said.get("duration_ms"),
        },
    }


def _payload(event: Mapping[str, Any]) -> Mapping[str, Any]:
    said = event.get("payload")
    return said if isinstance(said, Mapping) else MappingProxyType({})


def _short(text: object) -> str:
    words = str(text)
    return words if len(words) <= _LONGEST_TEXT else words[: _LONGEST_TEXT - 1] + "…"


POINTS: tuple[Point, ...] = (
    Point("intent_resolution", "high", "intent_resolution", _is_family("intent"), _intent),
    Point("plan_generation", "high", "intent_resolution", _is_type("SAPlanEvaluated"), _resolved),
    Point("plan_revision", "high", "delta_impact", _is_family("delta_intent"), _delta),
    Point("impact_analysis_completion", "medium", "delta_impact", _is_family("impact_analysis"), _delta),
    Point("execution_completion", "high", "pipeline_outcome", _is_type("SAStepCompleted"), _step_outcome),
    Point("pipeline_failure", "high", "pipeline_outcome", _is_failure, _failure),
    Point("user_feedback", "high", "confirm_decision", _is_type("decision_added"), _decision),
    Point("graph_update", "medium", "graph_evolution", _is_large, _evolution),
    Point(
        "map_session_completion",
        "medium",
        "multi_agent_coordination",
        _is_type("MAPSessionCompleted"),
        _session,
    ),
)
"""The nine points; `high` ones come before the `medium` ones of the same batch."""
