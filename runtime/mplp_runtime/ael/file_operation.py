"""A step that is one operation on files of the project. Writes are atomic; nothing leaves the root."""

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

from mplp_runtime.ael.action import Action, Outcome
from mplp_runtime.ael.bounded_output import BoundedOutput
from mplp_runtime.ael.project_paths import inside_project
from mplp_runtime.errors import PathOutsideProject

STATE_FOLDER = ".mplp"
"""Where the record of runs lies, below the project root; no step touches it."""


async def file_operation(action: Action) -> Outcome:
    """Carries out the binding's `operation` (read, write, copy, move, delete) on `source` and `target`.

    `read` gives the text of `source`, bounded; `write` puts `content` (or else what the dependencies
    returned) into `target`. Raises PathOutsideProject.
    """
    operation = str(action.settings.get("operation"))
    work = {"read": _read, "write": _write, "copy": _copy, "move": _move, "delete": _delete}.get(operation)
    if work is None:
        return Outcome(
            False, error=f"`{operation}` is no file operation. Known: read, write, copy, move, delete."
        )
    try:
        output = await asyncio.to_thread(work, action)
    except (
        FileNotFoundError,
        NotADirectoryError,
        IsADirectoryError,
        FileExistsError,
        PermissionError,
    ) as problem:
        return Outcome(False, error=f"{operation} failed: {problem.strerror}: {problem.filename}.")
    except (OSError, shutil.Error) as problem:
        return Outcome(False, error=f"{operation} failed: {problem}.")
    return Outcome(True, output=output)


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


def _read(action: Action) -> str:
    kept = BoundedOutput(action.limits.output_kib * 1024)
    with _file(_named(action, "source")).open("rb") as source:
        while chunk := source.read(64 * 1024):
            kept.add(chunk)
    return kept.text()


def _write(action: Action) -> str:
    target = _named(action, "target")
    content = action.settings.get("content")
    if content is None:
        content = "".join(_text(value) for value in action.inputs.values())
    data = str(content).encode("utf-8", "replace")
    target.parent.mkdir(parents=True, exist_ok=True)

    def fill(path: Path) -> None:
        path.write_bytes(data)

    _replace(target, fill)
    return f"{len(data)} bytes written to {target.relative_to(action.root.resolve())}"


def _copy(action: Action) -> str:
    source, target = _named(action, "source"), _named(action, "target")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        if target.is_relative_to(source):
            raise shutil.Error(f"{source} cannot be copied into itself")
        _refuse_links_outside(source, action.root)
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:

        def fill(path: Path) -> None:
            shutil.copy2(_file(source), path)

        _replace(target / source.name if target.is_dir() else target, fill)
    return f"copied to {target.relative_to(action.root.resolve())}"


def _move(action: Action) -> str:
    source, target = _named(action, "source", is_itself=True), _named(action, "target")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)
    return f"moved to {target.relative_to(action.root.resolve())}"


def _delete(action: Action) -> str:
    path = _named(action, "target" if action.settings.get("target") else "source", is_itself=True)
    if path.is_dir() and not path.is_symlink():
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
