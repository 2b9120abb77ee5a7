"""Steps that a run passes by because a person said so: each has a segment in the trace (runtime.md 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mplp_runtime.orchestrator import records
from mplp_runtime.sources import NewId
from mplp_runtime.vsl.interface import Transaction

SEGMENTS = "skipped_segments"
"""The member of a run's record that holds them."""
_NONE: Mapping[str, Mapping[str, Any]] = {}


def pass_by(
    transaction: Transaction,
    run_id: str,
    steps: Iterable[tuple[Mapping[str, Any], str]],
    at: str,
    new_id: NewId,
) -> Mapping[str, str]:
    """Keeps the segments of steps that are skipped at the instant `at`, each with why.

    What comes back are the ids of the new segments by those of the steps; some may have had one before.
    """
    known = segments_of(records.read_run(transaction, run_id) or {})
    new = {
        step["step_id"]: _segment(step, because, at, new_id())
        for step, because in steps
        if step["step_id"] not in known
    }
    if new:
        # All at once: the run's record, which holds them, is read and written as a whole.
        records.change_run(transaction, run_id, **{SEGMENTS: {**known, **new}})
    return {step_id: segment["segment_id"] for step_id, segment in new.items()}


def segments_of(run: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The segments of the steps that a run has passed by, by the ids of steps, the first one first."""
    found: Mapping[str, Mapping[str, Any]] = run.get(SEGMENTS, _NONE)
    return found


def _segment(step: Mapping[str, Any], because: str, at: str, segment_id: str) -> dict[str, Any]:
    attributes = {"step_id": step["step_id"], "because": because}
    if step.get("agent_role"):
        attributes["agent_role"] = step["agent_role"]
    return {
        "segment_id": segment_id,
        "label": step["description"],
        "status": "skipped",
        "started_at": at,
        "finished_at": at,
        "attributes": attributes,
    }
