"""A trace as spans: the plan, its steps, and what each attempt at a step did.

Pure: from a Trace document and the events of its timeline to plain values, which `otlp` sends. Names and
attributes follow OpenTelemetry's conventions for generative AI where they have a word, else `mplp.*`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Attributes = dict[str, str | bool | int | float]

_NANOSECONDS = 1_000_000_000
_OPERATIONS = {
    "llm_call": "chat",
    "agent_handoff": "invoke_agent",
    "agent_execution": "invoke_agent",
    "tool_call": "execute_tool",
    "file_operation": "execute_tool",
    "custom_action": "execute_tool",
}
_FAILED = frozenset({"failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Ids are numbers of 128 and 64 bits, times nanoseconds since 1970.

    `error` is None where it went well. `is_client` marks a call that left this machine's own processes. The
    ids follow from the trace's own, so that a trace that is sent again is the same trace.
    """

    name: str
    trace_id: int
    span_id: int
    parent_id: int | None
    started_ns: int
    ended_ns: int
    attributes: Attributes = field(default_factory=dict)
    error: str | None = None
    is_client: bool = False


def spans_of(trace: Mapping[str, Any], events: Iterable[Mapping[str, Any]] = ()) -> list[Span]:
    """The plan's span first, then each step's with those of its attempts.

    What has not ended ends at the last instant that the trace knows.
    """
    root, attributes = trace["root_span"], trace["root_span"].get("attributes", {})
    segments = list(trace.get("segments", ()))
    last = max(_instants(trace, segments))
    trace_id = int(trace["trace_id"].replace("-", ""), 16)
    root_id = _span_id(root["span_id"])
    plan = _present(
        {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": attributes.get("plan_title"),
            "gen_ai.conversation.id": attributes.get("run_id"),
            "mplp.plan.id": trace.get("plan_id"),
            "mplp.context.id": trace["context_id"],
            "mplp.run.id": attributes.get("run_id"),
            "mplp.status": trace["status"],
            "mplp.simulated": attributes.get("simulated"),
            "error.type": _error_type(trace["status"], attributes),
        }
    )
    title = attributes.get("plan_title") or trace.get("plan_id", "plan")
    found = [
        Span(
            f"invoke_workflow {title}",
            trace_id,
            root_id,
            None,
            _nanoseconds(trace["started_at"]),
            _nanoseconds(trace.get("finished_at") or last),
            plan,
            _error(trace["status"], attributes.get("error")),
        )
    ]
    usage = _usage(events)
    by_step: dict[str, list[Mapping[str, Any]]] = {}
    for segment in segments:
        by_step.setdefault(_step_of(segment), []).append(segment)
    for step_id, attempts in by_step.items():
        found += _step_spans(trace_id, root_id, step_id, attempts, last, usage)
    return found


def _step_spans(
    trace_id: int,
    root_id: int,
    step_id: str,
    attempts: list[Mapping[str, Any]],
    last: str,
    usage: Mapping[tuple[str, int], Mapping[str, Any]],
) -> list[Span]:
    newest, own_id = attempts[-1], _span_id(f"{trace_id:032x}/{step_id}")
    # A step that was passed by has a segment in which nothing was done.
    carried_out = [attempt for attempt in attempts if attempt["status"] != "skipped"]
    said = newest.get("attributes", {})
    step = Span(
        f"step {newest['label']}",
        trace_id,
        own_id,
        root_id,
        min(_start(attempt, last) for attempt in attempts),
        max(_end(attempt, last) for attempt in attempts),
        _present(
            {
                "mplp.step.id": step_id,
                "mplp.step.role": said.get("agent_role"),
                "mplp.step.attempts": len(carried_out),
                "mplp.status": newest["status"],
                "error.type": _error_type(newest["status"], said),
            }
        ),
        _error(newest["status"], said.get("error")),
    )
    found = [step]
    for attempt in carried_out:
        spent = usage.get((step_id, attempt.get("attributes", {}).get("attempt", 1)), {})
        found.append(_attempt_span(trace_id, own_id, step_id, attempt, last, spent))
    return found


def _attempt_span(
    trace_id: int,
    parent_id: int,
    step_id: str,
    segment: Mapping[str, Any],
    last: str,
    spent: Mapping[str, Any],
) -> Span:
    said = segment.get("attributes", {})
    action = str(said.get("action", "step_execution"))
    operation = _OPERATIONS.get(action, "execute_tool")
    role = said.get("agent_role") or segment["label"]
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "mplp.action": action,
        "mplp.step.id": step_id,
        "mplp.step.attempt": said.get("attempt"),
        "mplp.status": segment["status"],
        "mplp.step.role": said.get("agent_role"),
        "mplp.step.retry_count": said.get("retry_count"),
        "error.type": _error_type(segment["status"], said),
    }
    # Traces of earlier versions do not say what was used.
    subject = role
    if operation == "chat":
        model = said.get("model") or spent.get("model")
        subject = model or role
        attributes |= {
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": spent.get("prompt_tokens"),
            "gen_ai.usage.output_tokens": spent.get("completion_tokens"),
        }
    elif operation == "invoke_agent":
        attributes["gen_ai.agent.name"] = role
    else:
        subject = said.get("tool") or role
        attributes |= {"gen_ai.tool.name": subject, "gen_ai.tool.type": "function"}
    return Span(
        f"{operation} {subject}",
        trace_id,
        _span_id(segment["segment_id"]),
        parent_id,
        _start(segment, last),
        _end(segment, last),
        _present(attributes),
        _error(segment["status"], said.get("error")),
        is_client=operation == "chat",
    )


def _usage(events: Iterable[Mapping[str, Any]]) -> dict[tuple[str, int], Mapping[str, Any]]:
    """What models were asked and what they counted (`cost_budget` events), by step and attempt."""
    found: dict[tuple[str, int], Mapping[str, Any]] = {}
    for event in events:
        payload = event.get("payload")
        if (
            event.get("event_family") == "cost_budget"
            and isinstance(payload, Mapping)
            and "step_id" in payload
        ):
            found[str(payload["step_id"]), payload.get("attempt", 1)] = payload
    return found


def _step_of(segment: Mapping[str, Any]) -> str:
    return str(segment.get("attributes", {}).get("step_id") or segment["segment_id"])


def _error(status: str, error: str | None) -> str | None:
    return (error or status) if status in _FAILED else None


def _error_type(status: str, said: Mapping[str, Any]) -> str | None:
    return str(said.get("error_type") or status) if status in _FAILED else None


def _instants(trace: Mapping[str, Any], segments: list[Mapping[str, Any]]) -> Iterable[str]:
    yield trace["started_at"]
    for each in (trace, *segments):
        yield from (each[name] for name in ("started_at", "finished_at") if each.get(name))


def _start(segment: Mapping[str, Any], last: str) -> int:
    return _nanoseconds(segment.get("started_at") or last)


def _end(segment: Mapping[str, Any], last: str) -> int:
    return _nanoseconds(segment.get("finished_at") or last)


def _nanoseconds(instant: str) -> int:
    parsed = datetime.fromisoformat(instant)
    # Not by `timestamp()` times a billion: a float has no room for the last digits.
    whole = int(parsed.replace(microsecond=0).timestamp())
    return whole * _NANOSECONDS + parsed.microsecond * 1_000


def _span_id(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") or 1


def _present(members: Mapping[str, Any]) -> Attributes:
    return {name: value for name, value in members.items() if value is not None}
