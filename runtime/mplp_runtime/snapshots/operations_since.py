"""What file operations of runs have done since a snapshot, and taking it back with the notes they left.

A snapshot holds copies of the files that count, and knows nothing of others: of those that git ignores, of
large ones, and of those that were made since. What an operation did to them is known by its undo note.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mplp_runtime.ael.undo import FOLDER, UndoNote, forget, take_back, undo_notes
from mplp_runtime.disk import why
from mplp_runtime.drift.own_writes import files_at
from mplp_runtime.errors import MplpError
from mplp_runtime.kinds import STATE_FOLDER
from mplp_runtime.orchestrator.record_shapes import sound_runs
from mplp_runtime.orchestrator.rollback import touched_by
from mplp_runtime.snapshots.objects import LeftOut
from mplp_runtime.vsl.interface import Reading

logger = logging.getLogger(__name__)


def notes_since(reading: Reading, root: Path, lamport: int, captured_at: str) -> list[UndoNote]:
    """The notes of all operations after this logical time, the newest first.

    What was rolled back already is not among them. `captured_at`, the same as an instant, decides about one
    that a process left which ended before it could tell of it: it counts if its run began after that.
    """
    found: list[tuple[int, int, UndoNote]] = []
    for run in sound_runs(reading):
        run_id = run["run_id"]
        left = (run.get("rolled_back") or {}).get("files_left")
        if not (root / STATE_FOLDER / FOLDER / run_id).is_dir() or (left is not None and not left):
            continue
        try:
            notes = undo_notes(root, run_id)
        except MplpError as problem:
            logger.warning("What run %s did to files is not taken back: %s", run_id[:8], problem)
            continue
        told: dict[str, int] = {}
        newest = lamport
        for stored in reading.events(run_id, after=lamport):
            newest = stored.lamport
            if stored.event.get("event_type") == "compensation_recorded":
                payload = stored.event["payload"]
                told[f"{payload['step_id']}.{payload['attempt']}"] = stored.lamport
        began_since = str(run["started_at"]) > captured_at
        for note in notes:
            when = told.get(note.name, newest if began_since else 0)
            if when > lamport:
                found.append((when, note.number, note))
    return [note for _, _, note in sorted(found, key=lambda each: each[:2], reverse=True)]


def files_touched(root: Path, notes: Iterable[UndoNote]) -> list[str]:
    """The files that lie now where the operations of these notes have been."""
    places = touched_by(notes)
    found = dict.fromkeys(path for place in places for path in files_at(root, place))
    return [path for path in found if not (root / path).is_dir()]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What became of notes: paths that are as before, those that were left, and the notes that are used up.

    `remaining` are paths that notes of the same runs could still take back, by run.
    """

    restored: tuple[str, ...] = ()
    left: tuple[LeftOut, ...] = ()
    used: tuple[UndoNote, ...] = ()
    remaining: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def take_back_all(root: Path, notes: Iterable[UndoNote], not_kept: Mapping[str, str]) -> TakenBack:
    """Makes files as before these operations, the newest first. Doing it again changes nothing more.

    `not_kept` are files of which there is no copy, and why: no operation on them is taken back, because how
    they are now would be lost. The notes stay until `forget_all`.
    """
    restored: dict[str, None] = {}
    left: dict[str, str] = {}
    used: list[UndoNote] = []
    runs: dict[str, None] = {}
    for note in notes:
        runs[note.run_id] = None
        lost = {path: not_kept[path] for path in files_touched(root, [note]) if path in not_kept}
        if lost:
            left.update(lost)
            continue
        try:
            undone = take_back(root, note)
        except (MplpError, OSError) as problem:
            left.update((change.path, why(problem)) for change in note.changes)
            continue
        if not undone.left:
            used.append(note)
        restored.update(dict.fromkeys(undone.restored))
        left.update(dict.fromkeys(undone.left, "changed since"))
    names = {(note.run_id, note.name) for note in used}
    return TakenBack(
        tuple(restored),
        tuple(LeftOut(path, why) for path, why in left.items()),
        tuple(used),
        {run_id: _remaining(root, run_id, names) for run_id in runs},
    )


def forget_all(root: Path, notes: Iterable[UndoNote]) -> None:
    """Removes notes that are used up, once it is on record that they are."""
    for note in notes:
        try:
            forget(root, note)
        except OSError as problem:
            # It says itself that it was taken back, so nobody is misled.
            logger.warning("A note of run %s stays for now: %s", note.run_id[:8], problem)


def _remaining(root: Path, run_id: str, used: Collection[tuple[str, str]]) -> tuple[str, ...]:
    try:
        notes = [note for note in undo_notes(root, run_id) if (run_id, note.name) not in used]
    except MplpError as problem:
        logger.warning("What is left of run %s is not known: %s", run_id[:8], problem)
        return ()
    return tuple(dict.fromkeys(change.path for note in notes for change in note.changes))
