"""Snapshots: made before risky steps and on command, restored on command (seed 1, 3.2).

A snapshot is the store's own (values, nodes, edges), copies of the files that count, and a document beside
them under `.mplp/snapshots/` that says what it holds. Restoring turns back state, graph and files; the event
log and the records of runs are history and stay. Before it does, it makes a snapshot of what is there now.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
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
from mplp_runtime.snapshots.objects import KeptFile, LeftOut, Objects, refuse_elsewhere
from mplp_runtime.snapshots.one_at_a_time import alone
from mplp_runtime.snapshots.operations_since import files_touched, notes_since, take_back_all
from mplp_runtime.sources import Clock, NewId, timestamp
from mplp_runtime.trace.files import write_atomically, write_bytes_atomically
from mplp_runtime.vsl.interface import Reading, Transaction, ValueStateLayer

FOLDER = "snapshots"
INDEX = "index.json"
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
    `left` this could not be done.
    """

    snapshot_id: str
    before_id: str
    written: tuple[str, ...]
    kept: tuple[str, ...]
    failed: tuple[LeftOut, ...]
    taken_back: tuple[str, ...] = ()
    left: tuple[LeftOut, ...] = ()


class Snapshots:
    """The snapshots of one project. `folder` is the state folder; None where nothing may be written."""

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
    ) -> None:
        self._root = root
        self._store = store
        self._bus = bus
        self._graph = graph
        self._clock = clock
        self._new_id = new_id
        self._folder = folder
        self._most_kept = most_kept
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
            needed = wanted | self._store.read(_of_open_runs)
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
        await asyncio.to_thread(_write_document, folder, document)
        return record

    def all(self) -> list[SnapshotRecord]:
        """The snapshots that are kept, the oldest first."""
        folder = self._folder()
        # Not by the index: two processes that write it at the same time may leave one snapshot out.
        found: list[SnapshotRecord] = []
        for each in _ids(folder / FOLDER) if folder is not None else ():
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
        files made since the snapshot stay. Raises SnapshotUnknown, RunInProgress while a run is under way,
        and StoreError; then nothing was turned back but files that are listed in the newest snapshot.
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
        # All copies are read before anything is written: a damaged one must not leave half of it turned back.
        await asyncio.to_thread(objects.check, record.files)
        notes = await asyncio.to_thread(self._notes_since, record)
        touched = await asyncio.to_thread(files_touched, self._root, notes)
        named = f"before restoring {record.label or snapshot_id[:8]}"
        before = await self._create(dict.fromkeys([*now, *touched]), named)
        await self._bus.emit("project", self._planned(record, before, notes))
        not_kept = {file.path: file.why for file in before.left_out}
        undone, left = await asyncio.to_thread(take_back_all, self._root, notes, not_kept)
        # What the snapshot holds is as it was then, whatever an operation had found there.
        written, failed = await asyncio.to_thread(self._write_files, record, objects)
        await self._store.transact(
            lambda transaction: self._turn_back(transaction, record, written, failed, undone)
        )
        held = {file.path for file in record.files} | {file.path for file in record.left_out}
        kept = tuple(sorted(set(now) - held - set(undone)))
        left = [each for each in left if each.path not in {file.path for file in record.files}]
        return Restored(
            snapshot_id, before.snapshot_id, tuple(written), kept, tuple(failed), tuple(undone), tuple(left)
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
        await asyncio.to_thread(self._delete_copies, folder)

    def _delete_copies(self, folder: Path) -> None:
        _write_index(folder)
        needed = {file.name for record in self.all() for file in record.files}
        Objects(folder / "objects").keep_only(needed)

    def _turn_back(
        self,
        transaction: Transaction,
        record: SnapshotRecord,
        written: list[str],
        failed: list[LeftOut],
        undone: list[str],
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
            "taken_back": undone[:_MOST_TOLD],
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

    def _write_files(self, record: SnapshotRecord, objects: Objects) -> tuple[list[str], list[LeftOut]]:
        written: list[str] = []
        failed: list[LeftOut] = []
        for file in record.files:
            target = self._root / file.path
            try:
                refuse_elsewhere(self._root, file.path)
                content = objects.read(file.name)
                if target.is_file() and not target.is_symlink() and target.read_bytes() == content:
                    continue
                write_bytes_atomically(target, [content], mode=file.mode)
            except (MplpError, OSError) as problem:
                failed.append(LeftOut(file.path, str(problem)))
            else:
                written.append(file.path)
        return written, failed

    def _record(self, snapshot_id: str) -> SnapshotRecord | None:
        folder = self._folder()
        is_name = snapshot_id.replace("-", "").isalnum()
        kept = _read_json(folder / FOLDER / f"{snapshot_id}.json") if folder is not None and is_name else None
        if kept is None:
            return None
        try:
            return SnapshotRecord(
                str(kept["snapshot_id"]),
                str(kept["captured_at"]),
                str(kept["label"]),
                int(kept["lamport"]),
                tuple(KeptFile(**file) for file in kept["files"]),
                tuple(LeftOut(**file) for file in kept["left_out"]),
            )
        except (KeyError, TypeError, ValueError) as problem:
            raise StoreError(f"{FOLDER}/{snapshot_id}.json is not what a snapshot left there.") from problem

    def _refuse_under_way(self, reading: Reading) -> None:
        if reading.keys(records.OWNERS):
            raise RunInProgress("A run is under way; a snapshot is restored when it is over.")

    def _writable(self) -> Path:
        folder = self._folder()
        if folder is None:
            raise StoreError("This folder keeps no state, so there is no place for snapshots.")
        return folder / FOLDER


def _of_open_runs(reading: Reading) -> set[str]:
    """Snapshots that were made before steps of runs that are not over."""
    found: set[str] = set()
    for node in reading.nodes(records.RUN):
        if node.data["status"] not in records.FINAL_STATUSES and node.data.get("snapshot_before"):
            for stored in reading.events(node.id):
                if stored.event.get("event_type") == "snapshot_created":
                    found.add(str(stored.event["payload"]["snapshot_id"]))
    return found


def _modules(reading: Reading) -> list[str]:
    return [type_ for type_ in PSG_PATHS if reading.nodes(type_)]


def _sizes(reading: Reading) -> tuple[int, int]:
    counted = (*PSG_PATHS, SHARED_VALUE)
    return sum(len(reading.nodes(type_)) for type_ in counted), len(reading.edges())


def _write_document(folder: Path, document: Mapping[str, Any]) -> None:
    write_atomically(folder / f"{document['snapshot_id']}.json", [json.dumps(document, indent=2), "\n"])
    # Last, so that what the index names is there.
    _write_index(folder)


def _ids(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.json") if path.name != INDEX)


def _write_index(folder: Path) -> None:
    """For people and other programs: what is there, the oldest first. Documents that it lacks are added."""
    listed = (_read_json(folder / INDEX) or {}).get("snapshots", ())
    known = {entry.get("snapshot_id"): entry for entry in listed if isinstance(entry, dict)}
    entries: list[dict[str, Any]] = []
    for each in _ids(folder):
        try:
            document = None if each in known else _read_json(folder / f"{each}.json")
            entries.append(known[each] if document is None else _index_entry(document))
        except (KeyError, StoreError):
            continue
    entries.sort(key=lambda entry: str(entry.get("timestamp")))
    write_atomically(folder / INDEX, [json.dumps({"snapshots": entries}, indent=2), "\n"])


def _index_entry(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "snapshot_id": document["snapshot_id"],
        "timestamp": document["captured_at"],
        "label": document["label"],
        "modules_captured": document.get("modules_captured", []),
    }


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise StoreError(f"{path} cannot be read: {problem}.") from problem
    return value if isinstance(value, dict) else None
