"""What a run's record and stream say of work that was taken back, by a rollback or a restored snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import Event, Stamper, event_core
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.vsl.interface import Transaction

MOST_TOLD = 100
"""Paths that are named in a record or an event."""
ROLLED_BACK = "rolled_back"
"""The member of a run's record: there while what the run did counts as taken back."""


@dataclass(frozen=True, slots=True)
class WorkUndone:
    """What became of a run's work. `left` are paths that are as they were, each with a reason of few words.

    `segments` are those of the attempts whose work is gone; `snapshots` were made before risky steps of the
    run, `snapshot_before` before the restore that took its work back.
    """

    at: str
    restored: Sequence[str] = ()
    left: Sequence[tuple[str, str]] = ()
    segments: Iterable[str] = ()
    snapshots: Sequence[str] | None = None
    snapshot_before: str | None = None

    def record(self) -> Record:
        """What stands in the run's record under `rolled_back`."""
        kept: Record = {
            "at": self.at,
            "files_restored": len(self.restored),
            "files_left": [path for path, _ in self.left[:MOST_TOLD]],
            "segments": sorted(self.segments),
        }
        if self.snapshot_before is not None:
            kept["snapshot_before"] = self.snapshot_before
        return kept

    def write(self, transaction: Transaction, bus: EventBus, run: Record) -> Record:
        """Into the record, and as `rollback_executed` into the run's stream; the new record."""
        told: dict[str, Any] = {
            "run_id": run["run_id"],
            "files_restored": len(self.restored),
            "paths": named(self.restored),
            "files_left": [{"path": path, "why": why} for path, why in self.left[:MOST_TOLD]],
        }
        if self.snapshots is not None:
            told["snapshots"] = list(self.snapshots)
        if self.snapshot_before is not None:
            told["snapshot_before"] = self.snapshot_before
        event = compensation(bus.stamper, "rollback_executed", run, told)
        bus.record(transaction, str(run["run_id"]), event)
        return records.change_run(transaction, str(run["run_id"]), **{ROLLED_BACK: self.record()})


def compensation(stamper: Stamper, word: str, run: Record, payload: dict[str, Any]) -> Event:
    """One event of the family that tells of work being taken back."""
    return event_core(stamper, word, "compensation_plan", project_id=run["context_id"], payload=payload)


def named(paths: Iterable[str]) -> list[str]:
    """As many of the paths as are told."""
    return list(paths)[:MOST_TOLD]
