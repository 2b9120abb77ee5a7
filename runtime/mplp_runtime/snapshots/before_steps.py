"""A snapshot before a step that the settings call risky (runtime.md 2: before a high-risk step)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import event_core
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.record_shapes import sound_runs
from mplp_runtime.vsl.interface import Reading

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.state import RunState
    from mplp_runtime.snapshots.snapshots import Snapshots


async def snapshot_before(
    snapshots: Snapshots,
    bus: EventBus,
    state: RunState,
    step_id: str,
    list_files: Callable[[], Iterable[str]],
) -> None:
    """Makes it where the run's settings name the step's role; the run's trace tells its id.

    Raises StoreError where it cannot be made: a step that is to be undone must not start then.
    """
    if not state.is_risky(step_id):
        return
    step = state.steps[step_id]
    made = await snapshots.create(await asyncio.to_thread(list_files), f"before “{step['description']}”")
    payload = {"snapshot_id": made.snapshot_id, "step_id": step_id, "files": len(made.files)}
    await bus.tell(
        state.run_id,
        lambda stamper: event_core(
            stamper,
            "snapshot_created",
            "compensation_plan",
            project_id=state.plan.get("context_id"),
            payload=payload,
        ),
    )


def needed_by_open_runs(reading: Reading) -> set[str]:
    """Snapshots that were made before steps of runs that are not over."""
    found: set[str] = set()
    for run in sound_runs(reading):
        if run["status"] not in records.FINAL_STATUSES and run.get("snapshot_before"):
            for stored in reading.events(run["run_id"]):
                if stored.event.get("event_type") == "snapshot_created":
                    found.add(str(stored.event["payload"]["snapshot_id"]))
    return found
