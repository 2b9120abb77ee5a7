"""Runs whose work a restore takes back: nothing goes on from them, until that restore itself is undone.

They count as rolled back from before the first file is touched, so that a process which is killed in between
leaves no run that takes its work for done. What is needed to go back is kept with the snapshot of how it was
before: the undo notes with the contents that they keep, and in each run's record how it stood.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from mplp_runtime.ael.undo import UndoNote, notes_folder
from mplp_runtime.errors import StoreError
from mplp_runtime.events.bus import EventBus
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.record_shapes import sound_runs
from mplp_runtime.orchestrator.state import step_positions
from mplp_runtime.orchestrator.work_undone import WorkUndone
from mplp_runtime.snapshots.operations_since import TakenBack
from mplp_runtime.vsl.interface import Reading, Transaction

NOTES = "undo"
"""The folder with kept notes, below that of the snapshots: `<snapshot>/<run>/`."""
_UNDONE_BY = "undone_by"


def runs_behind(reading: Reading, run_ids: Iterable[str]) -> list[str]:
    """These runs and the later ones that went on from them, the oldest first; they all stand on this work."""
    found = set(run_ids)
    runs = sorted(sound_runs(reading), key=lambda run: int(run["generation"]))
    for run in runs:
        if run.get("continues") in found and not run["simulated"] and not run.get("rolled_back"):
            found.add(run["run_id"])
    return [run["run_id"] for run in runs if run["run_id"] in found]


def interrupted(reading: Reading, run_ids: Iterable[str]) -> list[str]:
    """Those that could be resumed."""
    found = ((run_id, records.read_run(reading, run_id) or {}) for run_id in run_ids)
    return [run_id for run_id, run in found if run.get("status") == "interrupted"]


def mark(
    transaction: Transaction, run_ids: Iterable[str], notes: Iterable[UndoNote], before_id: str, at: str
) -> None:
    """Says that the work of these runs is being taken back; all of it is still left."""
    left: dict[str, dict[str, None]] = {}
    for note in notes:
        left.setdefault(note.run_id, {}).update(dict.fromkeys(change.path for change in note.changes))
    for run_id in run_ids:
        run = records.read_run(transaction, run_id) or {}
        earlier = run.get("rolled_back")
        paths = [(path, "being taken back") for path in left.get(run_id, ())]
        rolled_back = WorkUndone(at, left=paths, snapshot_before=before_id).record()
        undone_by = [*run.get(_UNDONE_BY, ()), {"before": before_id, "earlier": earlier}]
        records.change_run(transaction, run_id, rolled_back=rolled_back, **{_UNDONE_BY: undone_by})


def settle(
    transaction: Transaction,
    bus: EventBus,
    run_ids: Iterable[str],
    notes: Collection[UndoNote],
    done: TakenBack,
    held: Collection[str],
) -> list[str]:
    """Says what became of the runs that were marked, the oldest first; those that count as rolled back.

    A run all of whose files had to be left stands as before, unless they are among `held`, which the snapshot
    brought back.
    """
    stays = {each.path for each in done.left} - set(held)
    touched = {note.run_id for note in notes if any(change.path not in stays for change in note.changes)}
    undone: list[str] = []
    for run_id in run_ids:
        run = records.read_run(transaction, run_id) or {}
        if run_id not in touched and run.get("continues") not in undone:
            *before, last = run[_UNDONE_BY]
            records.change_run(transaction, run_id, rolled_back=last["earlier"], **{_UNDONE_BY: before})
            continue
        undone.append(run_id)
        used = [note for note in done.used if note.run_id == run_id]
        paths = {change.path for note in used for change in note.changes}
        restored = [path for path in done.restored if path in paths]
        marked = run["rolled_back"]
        WorkUndone(
            marked["at"],
            restored,
            [(path, "not taken back by the restore") for path in done.remaining.get(run_id, ())],
            _segments(transaction, used),
            snapshot_before=marked["snapshot_before"],
        ).write(transaction, bus, run)
    return undone


def marked_with(reading: Reading, before_id: str) -> list[str]:
    """The runs whose work was taken back by the restore that this snapshot was made before."""
    return [run["run_id"] for run in sound_runs(reading) if before_id in _chain(run)]


def stand_again(transaction: Transaction, run_ids: Iterable[str], before_id: str) -> None:
    """These runs are as they were before that restore; later ones that touched them are undone with it."""
    for run_id in run_ids:
        run = records.read_run(transaction, run_id) or {}
        place = _chain(run).index(before_id)
        undone_by = run[_UNDONE_BY]
        records.change_run(
            transaction,
            run_id,
            rolled_back=undone_by[place]["earlier"],
            **{_UNDONE_BY: undone_by[:place]},
        )


def keep_notes(folder: Path, root: Path, before_id: str, run_ids: Iterable[str]) -> None:
    """Copies the notes of these runs, and what they keep, beside a snapshot. Raises StoreError.

    Copies, not links: what is put back is a file of the project then, which its owner may write in place.
    """
    for run_id in run_ids:
        _copy(notes_folder(root, run_id), folder / NOTES / before_id / run_id)


def put_back_notes(folder: Path, root: Path, before_id: str, run_ids: Iterable[str]) -> None:
    """The runs can be rolled back again; doing it again changes nothing more. Raises StoreError."""
    for run_id in run_ids:
        _copy(folder / NOTES / before_id / run_id, notes_folder(root, run_id))


def drop_notes(folder: Path, before_id: str) -> None:
    """Forgets what was kept beside a snapshot."""
    shutil.rmtree(folder / NOTES / before_id, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    try:
        if source.is_dir():
            # A link is replaced only where there is none: `copytree` cannot make one twice.
            for each in source.iterdir() if target.is_dir() else ():
                if each.is_symlink():
                    (target / each.name).unlink(missing_ok=True)
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    except (OSError, shutil.Error) as problem:
        raise StoreError(f"The undo notes in {source} cannot be copied to {target}: {problem}.") from problem


def _chain(run: Mapping[str, Any]) -> list[str]:
    return [each["before"] for each in run.get(_UNDONE_BY, ())]


def _segments(reading: Reading, notes: Iterable[UndoNote]) -> set[str]:
    positions: dict[str, Mapping[str, int]] = {}
    found: set[str] = set()
    for note in notes:
        run_id, step_id = note.run_id, note.step_id
        if run_id not in positions:
            positions[run_id] = step_positions(reading, run_id)
        position = positions[run_id].get(step_id)
        attempt = records.read_attempt(reading, run_id, step_id, position, note.attempt)
        if attempt is not None:
            found.add(attempt["segment_id"])
    return found
