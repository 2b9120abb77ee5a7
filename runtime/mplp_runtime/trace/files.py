"""Files that are either the old text or the new one, never a part of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from mplp_runtime.errors import StoreError


def write_atomically(path: Path, pieces: Iterable[str], *, folders: bool = True) -> None:
    """Replaces `path` by the joined pieces, on disk before it is visible; folders on the way are made.

    Without `folders` only the last one is: a state folder that the user removed must not come back. A file
    that is there keeps its permissions, a new one gets those of any file the user makes (the umask).
    Raises StoreError where the folder or disk does not take it.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=folders, exist_ok=True)
        beside = path.with_name(f".{path.name[:30]}.{secrets.token_hex(8)}.tmp")
        # Not `mkstemp`: it makes files for their owner alone, and reading the umask means setting it.
        number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        temporary = beside
        # Half a surrogate pair has no UTF-8 form; written as \\udc80 it is sound inside a JSON text.
        with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            with suppress(FileNotFoundError):
                os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _keep_name(path.parent)
    except OSError as problem:
        raise StoreError(f"{path} cannot be written: {problem.strerror or problem}.") from problem
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


def _keep_name(folder: Path) -> None:
    # A power cut must not bring the old file back: the new name is on disk only with its folder. Systems that
    # cannot sync a folder keep names by themselves.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
