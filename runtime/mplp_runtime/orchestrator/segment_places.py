"""In which run's trace a segment is, found without composing any trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.passed_by import segments_of
from mplp_runtime.orchestrator.record_shapes import sound_runs
from mplp_runtime.orchestrator.state import step_positions
from mplp_runtime.vsl.interface import Reading


def trace_of_segment(reading: Reading, segment_id: str) -> str | None:
    """The id of the trace; None where no run has such a segment. Newer runs are asked first."""
    for run in reversed(sound_runs(reading)):
        if _has(reading, run, segment_id):
            return str(run["trace_id"])
    return None


def _has(reading: Reading, run: Mapping[str, Any], segment_id: str) -> bool:
    """Whether one of the run's attempts, or a step that it passed by, has this segment."""
    if any(segment["segment_id"] == segment_id for segment in segments_of(run).values()):
        return True
    # Run by run, because all attempts of all runs may be more than memory holds.
    return any(
        attempt.get("segment_id") == segment_id
        for step_id, position in step_positions(reading, run["run_id"]).items()
        for attempt in records.read_attempts(reading, run["run_id"], step_id, position)
    )
