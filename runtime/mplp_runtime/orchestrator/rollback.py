"""Taking back what the file operations of a run have done (runtime.md 2 and 3: external compensation).

Newest first, by the notes that each operation left before it changed anything. What somebody has changed
since stays as it is and is named. Nothing of the record is taken back: the failure stays in the trace, and
what was done about it is added.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mplp_runtime.ael.undo import UndoNote, take_back, undo_notes
from mplp_runtime.disk import why
from mplp_runtime.drift.dependence import EXPECTS, expectations, written_by
from mplp_runtime.drift.looks import Drifted
from mplp_runtime.drift.own_writes import own_writes, take_over, tell_again
from mplp_runtime.errors import MplpError, RunBuiltUpon, StoreError
from mplp_runtime.events.bus import EventBus
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.record_shapes import sound_runs
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.work_undone import WorkUndone, compensation, named
from mplp_runtime.psg.bulk import Growth
from mplp_runtime.psg.files import FILE
from mplp_runtime.psg.graph import Graph
from mplp_runtime.psg.mentions import note_writers
from mplp_runtime.sources import Clock, timestamp
from mplp_runtime.vsl.interface import Reading, Transaction, ValueStateLayer

SOURCE = "rollback"


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What became of the files. `left`: paths that are as they were, each with the reason in a few words.

    `snapshots` are those made before risky steps of the run, the oldest first; they bring back what commands
    and tools have changed, which leave no notes.
    """

    restored: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    snapshots: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """For the person who looks at the run."""
        if not self.restored and not self.left:
            return "No file operation of the run had anything to take back."
        files = "1 file is" if len(self.restored) == 1 else f"{len(self.restored)} files are"
        told = f"Rolled back: {files} as before."
        if self.left:
            named = ", ".join(f"{path} ({why})" for path, why in self.left[:5])
            more = f", and {len(self.left) - 5} more" if len(self.left) > 5 else ""
            told += f" Left as found: {named}{more}."
        return told


@dataclass(frozen=True, slots=True)
class Rollback:
    """Rolls runs back. Doing it again changes nothing more, so one that was cut off is done anew."""

    root: Path
    store: ValueStateLayer
    bus: EventBus
    graph: Graph
    clock: Clock

    async def of(self, state: RunState) -> RolledBack:
        """Takes back what the run's file operations did, and records it with the run.

        Raises StoreError where it cannot be recorded, and MplpError where the notes cannot be read; then no
        file was touched.
        """
        notes = await asyncio.to_thread(undo_notes, self.root, state.run_id)
        snapshots = tuple(self._snapshots(state))
        planned = {"run_id": state.run_id, "operations": len(notes), "paths": named(_paths(notes))}
        await self.bus.tell(
            state.run_id, lambda stamper: compensation(stamper, "rollback_planned", state.run, planned)
        )
        done, steps = await asyncio.to_thread(self._taken_back, notes)
        done = replace(done, snapshots=snapshots)
        observed = await asyncio.to_thread(own_writes, self.root, touched_by(notes, done.restored))

        def work(transaction: Transaction) -> Record:
            self._take_over(transaction, observed, state, source=SOURCE)
            segments = [
                attempt["segment_id"] for step_id, attempt in state.attempts.items() if step_id in steps
            ]
            undone = WorkUndone(
                timestamp(self.clock()), done.restored, done.left, segments, snapshots=snapshots
            )
            return undone.write(transaction, self.bus, state.run)

        state.take_run(await self.store.transact(work))
        return done

    async def after_failure(self, state: RunState) -> str:
        """The same for a run that has just failed; what was done, in a sentence. Raises StoreError."""
        try:
            return (await self.of(state)).sentence
        except StoreError:
            raise
        except MplpError as problem:
            return f"It could not be rolled back: {problem}"

    async def note_what_is_left(self, state: RunState) -> None:
        """The graph and the run's record learn what its file operations have left. Raises StoreError."""
        try:
            notes = await asyncio.to_thread(undo_notes, self.root, state.run_id)
        except MplpError:
            # Whoever wants to roll back is told; the run ends as it would have.
            return
        if not notes:
            return
        observed, writer = await asyncio.to_thread(written_by, self.root, notes)

        standing = set(touched_by(note for note in notes if not note.is_taken_back))
        written = [each for each in observed if each.path in standing]

        def work(transaction: Transaction) -> Record:
            tell_again(
                transaction,
                self.bus,
                self.root,
                written,
                source="run",
                stream=state.run_id,
                since=state.run["started_at"],
            )
            self._take_over(transaction, observed, state, source="run")
            run = records.read_run(transaction, state.run_id) or {}
            left = expectations(observed, writer)
            self._link(transaction, state, {path: str(each["step"]) for path, each in left.items()})
            expects = {**run.get(EXPECTS, {}), **left}
            return records.change_run(transaction, state.run_id, **{EXPECTS: expects})

        state.take_run(await self.store.transact(work))

    def _link(self, transaction: Transaction, state: RunState, writers: Mapping[str, str]) -> None:
        """The steps that wrote files have edges to them, for whoever asks what a change of a file touches."""
        added, gone = note_writers(transaction, state.plan["plan_id"], writers)
        growth = Growth(0, added - gone, is_changed=bool(added or gone))
        self.graph.record_growth(transaction, "files_written", (FILE, "*"), growth, stream="project")

    def _take_over(
        self, transaction: Transaction, observed: Iterable[Drifted], state: RunState, *, source: str
    ) -> None:
        """What the run has done to files belongs to its own trace, too (seed 2, 4.1)."""
        streams = ("project", state.run_id)
        take_over(
            transaction,
            self.store,
            self.bus,
            self.graph,
            self.root,
            observed,
            source=source,
            streams=streams,
        )

    def _taken_back(self, notes: Iterable[UndoNote]) -> tuple[RolledBack, set[str]]:
        restored: dict[str, None] = {}
        left: dict[str, str] = {}
        steps: set[str] = set()
        for note in notes:
            try:
                undone = take_back(self.root, note)
            except (MplpError, OSError) as problem:
                # One that fails does not keep the others from being taken back.
                left.update((change.path, why(problem)) for change in note.changes)
                continue
            restored.update(dict.fromkeys(undone.restored))
            left.update(dict.fromkeys(undone.left, "changed since"))
            if not undone.left:
                steps.add(note.step_id)
        return RolledBack(tuple(restored), tuple(left.items())), steps

    def _snapshots(self, state: RunState) -> list[str]:
        """Of a run without risky steps nothing is read."""
        if not state.run.get("snapshot_before"):
            return []
        events = self.store.read(lambda reading: list(reading.events(state.run_id)))
        made = (each.event for each in events if each.event.get("event_type") == "snapshot_created")
        return [str(event["payload"]["snapshot_id"]) for event in made]


def refuse_if_built_upon(reading: Reading, run_id: str) -> None:
    """Raises RunBuiltUpon where a later run took over what this one completed, and still stands.

    Also by way of others; dry runs have done nothing, and one that was rolled back has nothing to lose.
    """
    runs = sound_runs(reading)
    below: set[Any] = {run_id}
    standing: Mapping[str, Any] | None = None
    for run in sorted(runs, key=lambda each: int(each.get("generation", 0))):
        if run.get("continues") in below and not run["simulated"]:
            below.add(run["run_id"])
            standing = standing if run.get("rolled_back") else run
    if standing is not None:
        raise RunBuiltUpon(
            f"Run {standing['generation']} ({standing['run_id'][:8]}) of the plan went on from this one and "
            "stands on what it did. Roll that one back first."
        )


def touched_by(notes: Iterable[UndoNote], paths: Collection[str] | None = None) -> list[str]:
    """Where file operations changed something, both ends of what they moved; only of `paths` if given."""
    changes = [change for note in notes for change in note.changes if paths is None or change.path in paths]
    both = (place for change in changes for place in (change.path, change.moved_from) if place is not None)
    return list(dict.fromkeys(both))


def _paths(notes: Iterable[UndoNote]) -> list[str]:
    return list(dict.fromkeys(change.path for note in notes for change in note.changes))
