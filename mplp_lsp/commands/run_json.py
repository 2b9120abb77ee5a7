"""A run as JSON, in the one form that answers of commands and `mplp/run` notifications carry."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mplp_runtime.orchestrator.views import RunView, StepView
from mplp_runtime.sources import timestamp


def run_json(view: RunView) -> dict[str, Any]:
    """`view` with times as RFC 3339 and durations in seconds; steps stand in plan order."""
    return {**run_head_json(view), "steps": [step_json(step) for step in view.steps.values()]}


def run_head_json(view: RunView) -> dict[str, Any]:
    """The same without the steps."""
    return {
        "run_id": view.run_id,
        "plan_id": view.plan_id,
        "plan_path": view.plan_path,
        "title": view.title,
        "status": view.status,
        "simulated": view.simulated,
        "generation": view.generation,
        "started_at": timestamp(view.started_at),
        "finished_at": _time(view.finished_at),
        "trace_id": view.trace_id,
        "trace_path": view.trace_path,
        "timeline_path": view.timeline_path,
        "error": view.error,
        "questions": [
            {
                "step_id": question.step_id,
                "kind": question.kind,
                "text": question.text,
                **({"choices": list(question.choices)} if question.choices else {}),
            }
            for question in view.questions
        ],
        "session": _session(view),
        "paused": view.is_paused,
    }


def step_json(step: StepView) -> dict[str, Any]:
    """One step of a run."""
    return {
        "step_id": step.step_id,
        "description": step.description,
        "status": step.status,
        "agent_role": step.agent_role,
        "attempt": step.attempt,
        "duration_s": step.duration_s,
        "output": step.output,
        "error": step.error,
        "interrupted": step.interrupted,
        "participant": step.participant,
    }


def _session(view: RunView) -> dict[str, Any] | None:
    session = view.session
    if session is None:
        return None
    return {
        "collab_id": session.collab_id,
        "title": session.title,
        "mode": session.mode,
        "participants": list(session.participants),
        "unmatched_roles": list(session.unmatched_roles),
    }


def _time(instant: datetime | None) -> str | None:
    return None if instant is None else timestamp(instant)
