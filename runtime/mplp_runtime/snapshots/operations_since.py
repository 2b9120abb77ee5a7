"""What file operations of runs have done since a snapshot, and taking it back with the notes they left.

A snapshot holds copies of the files that count, and knows nothing of others: of those that git ignores, of
large ones, and of those that were made since. What an operation did to them is known by its undo note.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from mplp_runtime.ael.undo import FOLDER, UndoNote, forget, take_back, undo_notes
from mplp_runtime.drift.own_writes import files_at
from mplp_runtime.errors import MplpError
from mplp_runtime.kinds import STATE_FOLDER
from mplp_runtime.orchestrator import records
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
    for node in reading.nodes(records.RUN):
        run = node.data
        left = (run.get("rolled_back") or {}).get("files_left")
        if not (root / STATE_FOLDER / FOLDER / node.id).is_dir() or (left is not None and not left):
            continue
        try:
            notes = undo_notes(root, node.id)
        except MplpError as problem:
            logger.warning("What run %s did to files is not taken back: %s", node.id[:8], problem)
            continue
        told: dict[str, int] = {}
        newest = lamport
        for stored in reading.events(node.id, after=lamport):
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


def take_back_all(
    root: Path, notes: Iterable[UndoNote], not_kept: Mapping[str, str]
) -> tuple[list[str], list[LeftOut]]:
    """The paths that are as before these operations, and those that were left, each with the reason.

    `not_kept` are files of which there is no copy, and why: no operation on them is taken back, because how
    they are now would be lost. A note that was used is forgotten.
    """
    restored: dict[str, None] = {}
    left: dict[str, str] = {}
    for note in notes:
        lost = {path: not_kept[path] for path in files_touched(root, [note]) if path in not_kept}
        if lost:
            left.update(lost)
            continue
        try:
            undone = take_back(root, note)
            if not undone.left:
                forget(root, note)
        except (MplpError, OSError) as problem:
            why = str(getattr(problem, "strerror", None) or problem)
            left.update((change.path, why) for change in note.changes)
            continue
        restored.update(dict.fromkeys(undone.restored))
        left.update(dict.fromkeys(undone.left, "changed since"))
    return list(restored), [LeftOut(path, why) for path, why in left.items()]
