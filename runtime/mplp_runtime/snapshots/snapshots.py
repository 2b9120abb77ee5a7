"""Snapshots: made before risky steps and on command, restored on command (seed 1, 3.2).

A snapshot is the store's own (values, nodes, edges), copies of the files that count, and a document beside
them under `.mplp/snapshots/` that says what it holds. Restoring turns back state, graph and files; the event
log and the records of runs are history and stay. Before it does, it makes a snapshot of what is there now.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mplp_runtime.ael.undo import UndoNote
from mplp_runtime.errors import MplpError, RunInProgress, StoreError
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import event_core
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.sessions.merging import SHARED_VALUE
from mplp_runtime.psg.bulk import Growth
from mplp_runtime.psg.graph import PSG_PATHS, Graph
from mplp_runtime.snapshots import runs_undone
from mplp_runtime.snapshots.before_steps import needed_by_open_runs
from mplp_runtime.snapshots.documents import ids, read_json, write_document, write_index
from mplp_runtime.snapshots.objects import KeptFile, LeftOut, Objects
from mplp_runtime.snapshots.one_at_a_time import alone
from mplp_runtime.snapshots.operations_since import (
    TakenBack,
    files_touched,
    forget_all,
    notes_since,
    take_back_all,
)
from mplp_runtime.sources import Clock, NewId, timestamp
from mplp_runtime.vsl.interface import Reading, Transaction, ValueStateLayer

FOLDER = "snapshots"
_MOST_TOLD = 100
DEFAULT_KEPT = 20
"""Snapshots that are kept while mplp.toml says nothing else."""
_HISTORY_KEYS = (
    records.OWNERS,
    records.FILES_BEHIND,
    "run_generation/",
    "run_output/",
    "causality/",
    "integration/",
    "graph_id",
)
_HISTORY_TYPES = frozenset(
    {
        records.RUN,
        records.RUN_PLAN,
        records.STEP_ATTEMPT,
        records.RUN_REQUEST,
        "Trace",
        "Segment",
        "Session",
    }
)
"""What stays as it is. A Session says how a run of several participants went, as its Trace does (seed 1, 3.3:
immutable history). What they wrote under a key (`SharedValue`) is what the graph knows, and is turned back.
"""

logger = logging.getLogger(__name__)


class SnapshotUnknown(MplpError):
    """No snapshot with this id is kept."""


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """What a snapshot holds. `captured_at` is an RFC 3339 instant, `lamport` the logical time."""

    snapshot_id: str
    captured_at: str
    label: str
    lamport: int
    files: tuple[KeptFile, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did. `before_id` is the snapshot of how it was before; `kept` are files made since.

    `taken_back` are paths that file operations of runs had changed since, and that no longer are; of those in
    `left` this could not be done. `runs_undone` are the runs whose work that was: they count as rolled back.
    """

    snapshot_id: str
    before_id: str
    written: tuple[str, ...]
    kept: tuple[str, ...]
    failed: tuple[LeftOut, ...]
    taken_back: tuple[str, ...] = ()
    left: tuple[LeftOut, ...] = ()
    runs_undone: tuple[str, ...] = ()


async def _nobody(_run_id: str) -> None:
    """Where no runs are carried there is nobody to give one up."""


class Snapshots:
    """The snapshots of one project. `folder` is the state folder; None where nothing may be written.

    `give_up` ends an interrupted run before its work is taken back; `told` hears of each run that stands
    differently after a restore.
    """

    def __init__(
        self,
        root: Path,
        store: ValueStateLayer,
        bus: EventBus,
        graph: Graph,
        *,
        clock: Clock,
        new_id: NewId,
        folder: Callable[[], Path | None],
        most_kept: Callable[[], int] = lambda: DEFAULT_KEPT,
        give_up: Callable[[str], Awaitable[object]] = _nobody,
        told: Callable[[str], Awaitable[object]] = _nobody,
        refuse_writing: Callable[[], None] = lambda: None,
    ) -> None:
        self._root = root
        self._store = store
        self._bus = bus
        self._graph = graph
        self._clock = clock
        self._new_id = new_id
        self._folder = folder
        self._most_kept = most_kept
        self._give_up = give_up
        self._told = told
        self._refuse_writing = refuse_writing
        self._lock = asyncio.Lock()

    async def create(self, paths: Iterable[str], label: str = "") -> SnapshotRecord:
        """Keeps state, graph and the files at `paths` (relative, with `/`). Raises StoreError."""
        async with self._lock, alone(self._writable()):
            made = await self._create(paths, label)
            await self._forget_oldest({made.snapshot_id})
            return made

    async def _forget_oldest(self, wanted: set[str]) -> None:
        """Keeps as many as the settings say; `wanted`, and those of runs that are not over, stay.

        What was asked for is done by now: one that cannot be forgotten is told in the log, and is tried again
        with the next snapshot.
        """
        try:
            needed = wanted | self._store.read(needed_by_open_runs)
            kept = await asyncio.to_thread(self.all)
            too_many = len(kept) - self._most_kept()
        except (MplpError, OSError) as problem:
            logger.warning("Old snapshots are kept for now: %s", problem)
            return
        for record in [each for each in kept if each.snapshot_id not in needed][: max(0, too_many)]:
            try:
                await self._delete(record.snapshot_id)
            except (MplpError, OSError) as problem:
                named = record.label or record.snapshot_id[:8]
                logger.warning("The old snapshot “%s” could not be removed: %s", named, problem)

    async def _create(self, paths: Iterable[str], label: str) -> SnapshotRecord:
        folder = self._writable()
        snapshot_id, listed = self._new_id(), list(paths)

        def copied() -> list[KeptFile | LeftOut]:
            return list(Objects(folder / "objects").keep(self._root, listed))

        found = await asyncio.to_thread(copied)
        made = await self._store.transact(lambda transaction: transaction.create_snapshot(snapshot_id, label))
        record = SnapshotRecord(
            snapshot_id,
            timestamp(self._clock()),
            label,
            made.lamport,
            tuple(each for each in found if isinstance(each, KeptFile)),
            tuple(each for each in found if isinstance(each, LeftOut)),
        )
        document = {**asdict(record), "modules_captured": self._store.read(_modules)}
        await asyncio.to_thread(write_document, folder, document)
        return record

    def all(self) -> list[SnapshotRecord]:
        """The snapshots that are kept, the oldest first."""
        folder = self._folder()
        # Not by the index: two processes that write it at the same time may leave one snapshot out.
        found: list[SnapshotRecord] = []
        for each in ids(folder / FOLDER) if folder is not None else ():
            try:
                record = self._record(each)
            except StoreError as problem:
                # One that is damaged does not hide the others.
                logger.warning("%s", problem)
                continue
            if record is not None:
                found.append(record)
        return sorted(found, key=lambda record: (record.captured_at, record.lamport))

    async def restore(self, snapshot_id: str, paths: Iterable[str]) -> Restored:
        """Turns back state, graph and files. `paths` are the files that count now.

        What file operations of runs did since is taken back, also to files that no snapshot holds. Other
        files made since the snapshot stay. Runs whose work that was count as rolled back, until the snapshot
        of how it was before comes back. Raises SnapshotUnknown, RunInProgress while a run is under way, and
        StoreError; then nothing was turned back but files that are listed in the newest snapshot.
        """
        async with self._lock, alone(self._writable()):
            done = await self._restore(snapshot_id, paths)
            await self._forget_oldest({done.snapshot_id, done.before_id})
            return done

    async def _restore(self, snapshot_id: str, paths: Iterable[str]) -> Restored:
        record = self._record(snapshot_id)
        if record is None:
            raise SnapshotUnknown(f"There is no snapshot {snapshot_id} in this project.")
        self._store.read(self._refuse_under_way)
        objects, now = Objects(self._writable() / "objects"), list(paths)
        held = {file.path for file in record.files}
        # All copies are read before anything is written: a damaged one must not leave half of it turned back.
        await asyncio.to_thread(objects.check, record.files)
        notes = await asyncio.to_thread(self._notes_since, record)
        touched = await asyncio.to_thread(files_touched, self._root, notes)
        named = f"before restoring {record.label or snapshot_id[:8]}"
        before = await self._create(dict.fromkeys([*now, *touched]), named)
        behind = [note.run_id for note in notes]
        run_ids = self._store.read(lambda reading: runs_undone.runs_behind(reading, behind))
        again = self._store.read(lambda reading: runs_undone.marked_with(reading, snapshot_id))
        keeping = (self._writable(), self._root)
        await asyncio.to_thread(runs_undone.keep_notes, *keeping, before.snapshot_id, run_ids)
        for each in self._store.read(lambda reading: runs_undone.interrupted(reading, run_ids)):
            await self._give_up(each)
        await self._store.transact(
            lambda transaction: self._begin(transaction, record, before, run_ids, notes)
        )
        try:
            not_kept = {file.path: file.why for file in before.left_out}
            done = await asyncio.to_thread(take_back_all, self._root, notes, not_kept)
            # What the snapshot holds is as it was then, whatever an operation had found there.
            written, failed = await asyncio.to_thread(objects.write_back, self._root, record.files)
            await asyncio.to_thread(runs_undone.put_back_notes, *keeping, snapshot_id, again)

            def end(transaction: Transaction) -> list[str]:
                self._turn_back(transaction, record, written, failed, done)
                undone = runs_undone.settle(transaction, self._bus, run_ids, notes, done, held)
                runs_undone.stand_again(transaction, again, snapshot_id)
                return [each for each in undone if each not in again]

            undone = await self._store.transact(end)
            # Not before: without them nobody could take back what a process that is killed has left.
            brought = {each.run_id for each in notes} & set(again)
            await asyncio.to_thread(
                forget_all, self._root, [note for note in done.used if note.run_id not in brought]
            )
        finally:
            for each in dict.fromkeys([*run_ids, *again]):
                await self._told(each)
        known = held | {file.path for file in record.left_out}
        return Restored(
            snapshot_id,
            before.snapshot_id,
            tuple(written),
            tuple(sorted(set(now) - known - set(done.restored))),
            tuple(failed),
            done.restored,
            tuple(each for each in done.left if each.path not in held),
            tuple(undone),
        )

    def _notes_since(self, record: SnapshotRecord) -> list[UndoNote]:
        return self._store.read(
            lambda reading: notes_since(reading, self._root, record.lamport, record.captured_at)
        )

    async def delete(self, snapshot_id: str) -> None:
        """Forgets a snapshot and the copies that only it needs. Raises SnapshotUnknown."""
        async with self._lock, alone(self._writable()):
            if self._record(snapshot_id) is None:
                raise SnapshotUnknown(f"There is no snapshot {snapshot_id} in this project.")
            await self._delete(snapshot_id)

    async def _delete(self, snapshot_id: str) -> None:
        folder = self._writable()

        def work(transaction: Transaction) -> None:
            transaction.delete_snapshot(snapshot_id)
            # In here, so that a document that cannot be removed keeps what it lists.
            (folder / f"{snapshot_id}.json").unlink(missing_ok=True)

        await self._store.transact(work)
        await asyncio.to_thread(runs_undone.drop_notes, folder, snapshot_id)
        await asyncio.to_thread(self._delete_copies, folder)

    def _delete_copies(self, folder: Path) -> None:
        write_index(folder)
        needed = {file.name for record in self.all() for file in record.files}
        Objects(folder / "objects").keep_only(needed)

    def _begin(
        self,
        transaction: Transaction,
        record: SnapshotRecord,
        before: SnapshotRecord,
        run_ids: list[str],
        notes: list[UndoNote],
    ) -> None:
        self._refuse_under_way(transaction)
        runs_undone.mark(transaction, run_ids, notes, before.snapshot_id, timestamp(self._clock()))
        self._bus.record(transaction, "project", self._planned(record, before, notes))

    def _turn_back(
        self,
        transaction: Transaction,
        record: SnapshotRecord,
        written: list[str],
        failed: list[LeftOut],
        done: TakenBack,
    ) -> None:
        self._refuse_under_way(transaction)
        nodes, edges = _sizes(transaction)
        transaction.restore_snapshot(record.snapshot_id, keep_keys=_HISTORY_KEYS, keep_types=_HISTORY_TYPES)
        nodes_now, edges_now = _sizes(transaction)
        growth = Growth(nodes_now - nodes, edges_now - edges, is_changed=True)
        self._graph.record_growth(
            transaction, "graph_restored", ("Snapshot", record.snapshot_id), growth, stream="project"
        )
        payload = {
            "snapshot_id": record.snapshot_id,
            "files_restored": len(written),
            "files_failed": [each.path for each in failed],
            "taken_back": list(done.restored[:_MOST_TOLD]),
        }
        event = event_core(self._bus.stamper, "rollback_executed", "compensation_plan", payload=payload)
        self._bus.record(transaction, "project", event)

    def _planned(
        self, record: SnapshotRecord, before: SnapshotRecord, notes: list[UndoNote]
    ) -> dict[str, Any]:
        payload = {
            "snapshot_id": record.snapshot_id,
            "label": record.label,
            "captured_at": record.captured_at,
            "snapshot_before": before.snapshot_id,
            "operations": len(notes),
        }
        return event_core(self._bus.stamper, "rollback_planned", "compensation_plan", payload=payload)

    def _record(self, snapshot_id: str) -> SnapshotRecord | None:
        folder = self._folder()
        is_name = snapshot_id.replace("-", "").isalnum()
        kept = read_json(folder / FOLDER / f"{snapshot_id}.json") if folder is not None and is_name else None
        if kept is None:
            return None
        try:
            return SnapshotRecord(
                str(kept["snapshot_id"]),
                str(kept["captured_at"]),
                str(kept["label"]),
                int(kept["lamport"]),
                tuple(KeptFile.of(file) for file in kept["files"]),
                tuple(LeftOut(**file) for file in kept["left_out"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as problem:
            raise StoreError(f"{FOLDER}/{snapshot_id}.json is not what a snapshot left there.") from problem

    def _refuse_under_way(self, reading: Reading) -> None:
        if reading.keys(records.OWNERS):
            raise RunInProgress("A run is under way; a snapshot is restored when it is over.")

    def _writable(self) -> Path:
        self._refuse_writing()
        folder = self._folder()
        if folder is None:
            raise StoreError("This folder keeps no state, so there is no place for snapshots.")
        return folder / FOLDER


def _modules(reading: Reading) -> list[str]:
    return [type_ for type_ in PSG_PATHS if reading.nodes(type_)]


def _sizes(reading: Reading) -> tuple[int, int]:
    counted = (*PSG_PATHS, SHARED_VALUE)
    return sum(len(reading.nodes(type_)) for type_ in counted), len(reading.edges())
