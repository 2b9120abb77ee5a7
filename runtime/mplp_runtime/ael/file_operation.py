"""A step that is one operation on files of the project: atomic, inside the root, and noted for undoing it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mplp_runtime.ael.action import Action, EventMaker, Outcome
from mplp_runtime.ael.bounded_output import BoundedOutput
from mplp_runtime.ael.project_paths import inside_project
from mplp_runtime.ael.undo import FOLDER, UndoNote, UndoWriter
from mplp_runtime.disk import open_regular
from mplp_runtime.errors import PathOutsideProject, StoreError
from mplp_runtime.events.families import event_core
from mplp_runtime.kinds import STATE_FOLDER

_PATHS_TOLD = 20


async def file_operation(action: Action) -> Outcome:
    """Carries out the binding's `operation` (read, write, copy, move, delete) on `source` and `target`.

    `read` gives the text of `source`, bounded; `write` puts `content` (or else what the dependencies
    returned) into `target`. What is needed to take the change back is on disk before it is made, and told as
    a compensation_plan event. Raises PathOutsideProject.
    """
    operation = str(action.settings.get("operation"))
    work = {"read": _read, "write": _write, "copy": _copy, "move": _move, "delete": _delete}.get(operation)
    if work is None:
        return Outcome(
            False, error=f"`{operation}` is no file operation. Known: read, write, copy, move, delete."
        )
    undo = UndoWriter(action, operation)
    try:
        return await asyncio.to_thread(_outcome, work, action, undo)
    finally:
        if undo.note is not None and undo.note.changes:
            await action.tell(_undo_event(action, undo.note))


def _outcome(work: Callable[[Action, UndoWriter], str], action: Action, undo: UndoWriter) -> Outcome:
    try:
        output = work(action, undo)
    except (
        FileNotFoundError,
        NotADirectoryError,
        IsADirectoryError,
        FileExistsError,
        PermissionError,
    ) as problem:
        error = f"{undo.operation} failed: {problem.strerror}: {problem.filename}."
        return Outcome(False, error=error, error_type=type(problem).__name__)
    except (OSError, shutil.Error) as problem:
        error = f"{undo.operation} failed: {problem}."
        return Outcome(False, error=error, error_type=type(problem).__name__)
    finally:
        # The note is there already; what this adds is only how to tell later changes apart.
        with suppress(OSError, StoreError):
            undo.finish()
    return Outcome(True, output=output)


def _undo_event(action: Action, note: UndoNote) -> EventMaker:
    payload = {
        "step_id": note.step_id,
        "attempt": note.attempt,
        "operation": note.operation,
        "paths": [change.path for change in note.changes[:_PATHS_TOLD]],
        "changes": len(note.changes),
        "undo": f"{STATE_FOLDER}/{FOLDER}/{note.run_id}/{note.name}.json",
    }
    project_id = action.plan.get("context_id")
    return lambda stamper: event_core(
        stamper, "compensation_recorded", "compensation_plan", project_id=project_id, payload=payload
    )


def _named(action: Action, option: str, *, is_itself: bool = False) -> Path:
    """The real path that an option names; with `is_itself` a link there is meant, not what it leads to."""
    named = action.settings.get(option) or (
        action.settings.get("path") if option in {"source", "target"} else None
    )
    if not named:
        raise PathOutsideProject(f"The file operation names no `{option}`.")
    root = action.root.resolve()
    path = inside_project(root, str(named), follow=not is_itself)
    if path == root:
        raise PathOutsideProject(
            f"`{named}` is the project itself; a file operation needs something inside it."
        )
    if path.is_relative_to(root / STATE_FOLDER):
        raise PathOutsideProject(f"`{named}` is in {STATE_FOLDER}, where the record of all runs is kept.")
    return path


def _file(path: Path) -> Path:
    # Reading a pipe or a device would wait for ever, in a thread that nothing can stop.
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise shutil.Error(f"{path} is {kind}")
    return path


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _read(action: Action, _undo: UndoWriter) -> str:
    kept = BoundedOutput(action.limits.output_kib * 1024)
    with open_regular(_file(_named(action, "source"))) as source:
        while chunk := source.read(64 * 1024):
            kept.add(chunk)
    return kept.text()


def _write(action: Action, undo: UndoWriter) -> str:
    target = _named(action, "target")
    content = action.settings.get("content")
    if content is None:
        content = "".join(_text(value) for value in action.inputs.values())
    data = str(content).encode("utf-8", "replace")
    if target.is_dir():
        raise shutil.Error(f"{target} is a folder")
    undo.replaces(target)
    target.parent.mkdir(parents=True, exist_ok=True)

    def fill(path: Path) -> None:
        path.write_bytes(data)

    _replace(target, fill)
    return f"{len(data)} bytes written to {target.relative_to(action.root.resolve())}"


def _copy(action: Action, undo: UndoWriter) -> str:
    source, target = _named(action, "source"), _named(action, "target")
    if source.is_dir():
        if target.is_relative_to(source):
            raise shutil.Error(f"{source} cannot be copied into itself")
        _refuse_links_outside(source, action.root)
        undo.makes_folder(target)
        for path in sorted(source.rglob("*")):
            place = target / path.relative_to(source)
            (undo.makes_folder if path.is_dir() and not path.is_symlink() else undo.replaces)(place)
        _copy_folder(source, target)
    else:
        place = target / source.name if target.is_dir() else target
        _file(source).stat()
        undo.replaces(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        _copy_file(source, place)
    return f"copied to {target.relative_to(action.root.resolve())}"


def _copy_folder(source: Path, target: Path) -> None:
    """Not `shutil.copytree`: that gives a folder which is there already the permissions of the other one."""
    is_new = not target.is_dir()
    if is_new:
        target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        place = target / path.name
        if path.is_symlink():
            place.symlink_to(path.readlink())
        elif path.is_dir():
            _copy_folder(path, place)
        else:
            _copy_file(_file(path), place)
    if is_new:
        # At the end: a folder may be one that nothing can be put into.
        shutil.copystat(source, target)


def _copy_file(source: Path, target: Path) -> None:
    def fill(path: Path) -> None:
        shutil.copy2(source, path)

    # Not into what is there: a file that is kept under a second name would be changed in place.
    _replace(target, fill)


def _move(action: Action, undo: UndoWriter) -> str:
    source, target = _named(action, "source", is_itself=True), _named(action, "target")
    source.lstat()
    place = target / source.name if target.is_dir() else target
    if place != source and not place.is_relative_to(source):
        undo.moves(source, place)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)
    return f"moved to {target.relative_to(action.root.resolve())}"


def _delete(action: Action, undo: UndoWriter) -> str:
    path = _named(action, "target" if action.settings.get("target") else "source", is_itself=True)
    path.lstat()
    if undo.deletes(path):
        pass
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    return f"deleted {path.relative_to(action.root.resolve())}"


def _refuse_links_outside(folder: Path, root: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_symlink():
            inside_project(root, str(path))


def _replace(target: Path, fill: Callable[[Path], None]) -> None:
    """Fills a file beside `target` and puts it in place at once, so that nobody ever reads half of it."""
    temporary = target.with_name(f".{target.name[:30]}.{secrets.token_hex(8)}.tmp")
    # Not `mkstemp`: it makes files for their owner alone, and the umask can only be read by setting it, while
    # other threads create files.
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o7777)
        fill(temporary)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
