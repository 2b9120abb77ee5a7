"""Steps that a run passes by because a person said so: each has a segment in the trace (runtime.md 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.sources import NewId
from mplp_runtime.vsl.interface import Transaction

_SEGMENTS = "skipped_segments"
_NONE: Mapping[str, Mapping[str, Any]] = {}


def pass_by(
    transaction: Transaction, run_id: str, step: Mapping[str, Any], because: str, at: str, new_id: NewId
) -> str | None:
    """Keeps the segment of a step that is skipped at the instant `at`; its id, None where it has one."""
    known = segments_of(records.read_run(transaction, run_id) or {})
    step_id = step["step_id"]
    if step_id in known:
        return None
    attributes = {"step_id": step_id, "because": because}
    if step.get("agent_role"):
        attributes["agent_role"] = step["agent_role"]
    segment = {
        "segment_id": new_id(),
        "label": step["description"],
        "status": "skipped",
        "started_at": at,
        "finished_at": at,
        "attributes": attributes,
    }
    records.change_run(transaction, run_id, **{_SEGMENTS: {**known, step_id: segment}})
    return str(segment["segment_id"])


def segments_of(run: Record) -> Mapping[str, Mapping[str, Any]]:
    """The segments of the steps that a run has passed by, by the ids of steps, the first one first."""
    found: Mapping[str, Mapping[str, Any]] = run.get(_SEGMENTS, _NONE)
    return found
