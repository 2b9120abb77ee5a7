"""What a rollback needs to take a file operation back: noted on disk before anything is changed.

A note lies in `.mplp/undo/<run id>/<step id>.<attempt>.json`, beside what it keeps. Contents that are about
to be replaced are kept as a second link to the same data, which costs nothing, or else as a copy.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from mplp_runtime.ael.action import Action
from mplp_runtime.ael.project_paths import inside_project
from mplp_runtime.disk import open_regular, read_regular, why
from mplp_runtime.errors import MplpError, StoreError
from mplp_runtime.kinds import STATE_FOLDER
from mplp_runtime.trace.files import write_atomically

FOLDER = "undo"
KEPT_RUNS = 20
"""Runs whose notes are kept; those of older runs are removed when a new run needs its first."""

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Change:
    """One place that an operation changes. Paths are relative to the project, with `/`.

    `before` says what was there. What was replaced or deleted lies in the file or folder `kept`, beside the
    note. `after` is the SHA-256 of the file that is there now, None where none is. `moved_from` names the
    place that what is there now came from.
    """

    path: str
    before: Literal["nothing", "file", "folder", "link"]
    kept: str | None = None
    after: str | None = None
    moved_from: str | None = None


@dataclass(frozen=True, slots=True)
class UndoNote:
    """What one attempt at a step changed, in the order it did. `is_done`: the operation came to its end.

    `number` rises with the notes of a run. `is_taken_back`: all of it was taken back since.
    """

    run_id: str
    step_id: str
    attempt: int
    operation: str
    number: int = 0
    changes: tuple[Change, ...] = ()
    is_done: bool = False
    is_taken_back: bool = False

    @property
    def name(self) -> str:
        return f"{self.step_id}.{self.attempt}"


@dataclass(frozen=True, slots=True)
class Undone:
    """What taking a note back did: `restored` paths, and `left` ones that somebody has changed since."""

    restored: tuple[str, ...]
    left: tuple[str, ...]


@dataclass
class UndoWriter:
    """Notes the changes of one operation as they are planned. Does nothing where no state is kept (D23)."""

    action: Action
    operation: str
    note: UndoNote | None = field(default=None, init=False)
    _folder: Path | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        state = self.action.root.resolve() / STATE_FOLDER
        if state.is_dir() and not state.is_symlink() and os.access(state, os.W_OK):
            action = self.action
            self._folder = state / FOLDER / action.run_id
            self.note = UndoNote(action.run_id, action.step_id, action.attempt, self.operation)

    def replaces(self, path: Path) -> None:
        """A file is about to be made here, or to take the place of what is here."""
        self._folders_above(path)
        self._add(Change(self._named(path), _kind(path), self._keep(path)))

    def deletes(self, path: Path) -> bool:
        """What is here is about to be deleted; True if keeping it has removed it, at once, already."""
        if self.note is None or not os.path.lexists(path):
            return False
        name = self._next_name()
        self._add(Change(self._named(path), _kind(path), name))
        # Moving it away is the deletion: nothing is copied, and nobody sees half of a folder.
        try:
            path.rename(self._place(name))
        except OSError:
            self._copy(path, self._place(name))
            return False
        return True

    def moves(self, source: Path, target: Path) -> None:
        """What is at `source` is about to be at `target`."""
        self._folders_above(target)
        change = Change(self._named(target), _kind(target), self._keep(target))
        self._add(replace(change, moved_from=self._named(source)))

    def makes_folder(self, path: Path) -> None:
        """A folder is about to be made here, unless there is one."""
        if not path.exists():
            self._folders_above(path)
            self._add(Change(self._named(path), "nothing"))

    def finish(self) -> None:
        """Notes what is there now; without it a later change by somebody else could not be told apart."""
        if self.note is None or not self.note.changes:
            return
        root = self.action.root.resolve()
        changes = tuple(replace(each, after=digest_of(root / each.path)) for each in self.note.changes)
        self.note = replace(self.note, changes=changes, is_done=True)
        self._write()

    def _folders_above(self, path: Path) -> None:
        root = self.action.root.resolve()
        missing = [each for each in path.parents if root in each.parents and not each.exists()]
        for folder in reversed(missing):
            self._add(Change(self._named(folder), "nothing"))

    def _add(self, change: Change) -> None:
        if self.note is not None and change not in self.note.changes:
            self.note = replace(self.note, changes=(*self.note.changes, change))
            self._write()

    def _keep(self, path: Path) -> str | None:
        if self.note is None or not os.path.lexists(path):
            return None
        self._make_folder()
        name = self._next_name()
        self._copy(path, self._place(name))
        return name

    def _copy(self, path: Path, place: Path) -> None:
        if path.is_symlink():
            place.symlink_to(path.readlink())
        elif path.is_dir():
            shutil.copytree(path, place, symlinks=True)
        elif path.stat().st_nlink > 1 or not _linked(path, place):
            # Through another name of the same data, what is kept would change as well.
            shutil.copy2(path, place)

    def _next_name(self) -> str:
        return "" if self.note is None else f"{self.note.name}.{len(self.note.changes)}"

    def _write(self) -> None:
        if self.note is not None and self._folder is not None:
            self._make_folder()
            if not self.note.is_done and len(self.note.changes) == 1:
                self.note = replace(self.note, number=sum(1 for _ in self._folder.glob("*.json")) + 1)
            write_atomically(self._folder / f"{self.note.name}.json", [json.dumps(asdict(self.note))])

    def _make_folder(self) -> None:
        if self._folder is not None and not self._folder.is_dir():
            self._folder.mkdir(parents=True)
            _forget_old_runs(self._folder.parent)

    def _place(self, kept: str) -> Path:
        return (self._folder or Path()) / kept

    def _named(self, path: Path) -> str:
        return path.relative_to(self.action.root.resolve()).as_posix()


def undo_notes(root: Path, run_id: str) -> list[UndoNote]:
    """The notes of a run, the newest first; [] where it changed no file."""
    folder = notes_folder(root, run_id)
    return sorted(map(_read, folder.glob("*.json")), key=lambda note: (note.number, note.name), reverse=True)


def take_back(root: Path, note: UndoNote) -> Undone:
    """Restores what a note's operation changed, the last change first.

    What somebody has changed since the operation is left as it is and told in `left`. Doing it again changes
    nothing more. Raises PathOutsideProject where a link now leads out of the project.
    """
    if note.is_taken_back:
        # What older notes took back since must not look like somebody's change.
        return Undone((), ())
    restored, left = [], []
    for change in reversed(note.changes):
        done = _taken_back(root.resolve(), note, change)
        if done is None:
            left.append(change.path)
        elif done:
            restored.append(change.path)
    if not left:
        _mark_taken_back(root, note)
    return Undone(tuple(restored), tuple(left))


def notes_folder(root: Path, run_id: str) -> Path:
    """Where the notes of a run lie with what they keep."""
    return root.resolve() / STATE_FOLDER / FOLDER / run_id


def forget(root: Path, note: UndoNote) -> None:
    """Removes a note that was taken back, and its run's folder with the last one. Raises OSError."""
    folder = notes_folder(root, note.run_id)
    (folder / f"{note.name}.json").unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _mark_taken_back(root: Path, note: UndoNote) -> None:
    marked = replace(note, is_taken_back=True)
    path = notes_folder(root, note.run_id) / f"{note.name}.json"
    # A full disk: the files are as before all the same, and are only looked at once more next time.
    with suppress(StoreError):
        write_atomically(path, [json.dumps(asdict(marked))], folders=False)


def _taken_back(root: Path, note: UndoNote, change: Change) -> bool | None:
    """True: restored. False: nothing to do. None: somebody else has been there."""
    path = inside_project(root, change.path, follow=False)
    kept = None if change.kept is None else root / STATE_FOLDER / FOLDER / note.run_id / change.kept
    if kept is not None and not os.path.lexists(kept):
        # It was put back before.
        return False
    if change.before == "nothing" and not os.path.lexists(path) and _is_home(root, change):
        # What was made here is gone already, by us or by somebody who wanted the same.
        return False
    if note.is_done and digest_of(path) != change.after:
        return None
    if not note.is_done and change.before == "nothing" and path.is_file():
        # The process died in between: it may be ours or somebody else's.
        return None
    if change.moved_from is not None:
        origin = inside_project(root, change.moved_from, follow=False)
        if os.path.lexists(path) and not os.path.lexists(origin):
            origin.parent.mkdir(parents=True, exist_ok=True)
            path.rename(origin)
        elif note.is_done:
            return None
    if kept is not None:
        if path.is_dir() and not path.is_symlink():
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        _put_back(kept, path)
        return True
    return _removed(path, is_move=change.moved_from is not None)


def _is_home(root: Path, change: Change) -> bool:
    """Whether what an operation moved is where it came from; also where it moved nothing."""
    origin = change.moved_from
    return origin is None or os.path.lexists(inside_project(root, origin, follow=False))


def _removed(path: Path, *, is_move: bool) -> bool | None:
    if is_move:
        return True
    if not os.path.lexists(path):
        return False
    if path.is_dir() and not path.is_symlink():
        try:
            path.rmdir()
        except OSError:
            return None
        return True
    path.unlink()
    return True


def _linked(path: Path, place: Path) -> bool:
    try:
        os.link(path, place)
    except OSError:
        return False
    return True


def _put_back(kept: Path, path: Path) -> None:
    try:
        kept.rename(path)
    except OSError:
        # Another file system: what is there goes first.
        with suppress(FileNotFoundError):
            path.unlink()
        shutil.move(kept, path)


def _kind(path: Path) -> Literal["nothing", "file", "folder", "link"]:
    if path.is_symlink():
        return "link"
    if path.is_dir():
        return "folder"
    return "file" if path.exists() else "nothing"


def digest_of(path: Path) -> str | None:
    """The SHA-256 of a file, or of where a link leads; None where neither is. Raises OSError."""
    if path.is_symlink():
        return hashlib.sha256(str(path.readlink()).encode("utf-8", "surrogateescape")).hexdigest()
    if not path.is_file():
        return None
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _read(path: Path) -> UndoNote:
    try:
        value: dict[str, Any] = json.loads(read_regular(path))
        changes = tuple(Change(**each) for each in value.pop("changes"))
        return _sound(UndoNote(**value, changes=changes))
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as problem:
        raise MplpError(f"{path} cannot be read: {why(problem)}.") from problem


def _sound(note: UndoNote) -> UndoNote:
    """The note. Raises TypeError and ValueError where it says what no note of ours does."""
    numbers = (note.attempt, note.number)
    texts = [note.run_id, note.step_id, note.operation]
    for change in note.changes:
        texts += [change.path, change.before]
        texts += [each for each in (change.kept, change.after, change.moved_from) if each is not None]
    if not all(type(each) is str for each in texts) or not all(type(each) is int for each in numbers):
        raise TypeError("something in it is of another kind")
    if any("\0" in text for text in texts):
        raise ValueError("no file has such a name")
    return note


def _forget_old_runs(folder: Path) -> None:
    for old in _oldest_first(folder)[:-KEPT_RUNS]:
        shutil.rmtree(old, ignore_errors=True)


def _oldest_first(folder: Path) -> list[Path]:
    def runs() -> Iterator[tuple[int, Path]]:
        for each in folder.iterdir():
            with suppress(OSError):
                yield each.stat().st_mtime_ns, each

    return [path for _, path in sorted(runs())]
