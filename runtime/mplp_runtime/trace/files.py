"""Files that are either the old content or the new one, never a part of it; and lines added at the end."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from mplp_runtime.errors import StoreError
from mplp_runtime.sources import Clock, system_clock

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.tmp", re.DOTALL)
_ABANDONED_S = 600.0


def write_atomically(path: Path, pieces: Iterable[str], *, folders: bool = True) -> None:
    """Replaces `path` by the joined pieces, on disk before it is visible; folders on the way are made.

    Without `folders` only the last one is: a state folder that the user removed must not come back. A file
    that is there keeps its permissions, a new one gets those of any file the user makes (the umask).
    Raises StoreError where the folder or disk does not take it.
    """
    # Half a surrogate pair has no UTF-8 form; written as \\udc80 it is sound inside a JSON text.
    encoded = (piece.encode("utf-8", "backslashreplace") for piece in pieces)
    write_bytes_atomically(path, encoded, folders=folders)


def write_bytes_atomically(
    path: Path, pieces: Iterable[bytes], *, mode: int | None = None, folders: bool = True
) -> None:
    """The same for bytes; with `mode` the file has these permissions, whatever it had before."""
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=folders, exist_ok=True)
        beside = path.with_name(f".{path.name[:30]}.{secrets.token_hex(8)}.tmp")
        # Not `mkstemp`: it makes files for their owner alone, and reading the umask means setting it.
        number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        temporary = beside
        with os.fdopen(number, "wb") as file:
            with suppress(FileNotFoundError):
                _permit(file.fileno(), path.stat().st_mode if mode is None else mode)
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


def remove_abandoned(folder: Path, *, deep: bool = False, clock: Clock = system_clock) -> int:
    """Removes what writers that were killed have left in `folder`, with `deep` also below; how many files.

    A file that was touched within the last ten minutes may still be written and stays.
    """
    removed = 0
    oldest = clock().timestamp() - _ABANDONED_S
    for path in folder.rglob(".*.tmp") if deep else folder.glob(".*.tmp"):
        with suppress(OSError):
            if _TEMPORARY.fullmatch(path.name) and path.lstat().st_mtime < oldest:
                path.unlink()
                removed += 1
    return removed


def append_line(path: Path, line: str) -> None:
    """Adds a line to a file inside a project's state; the folder it stands in is made. Raises OSError.

    A project must not lead us to write elsewhere, so neither the file nor its folder may be a link.
    """
    path.parent.mkdir(exist_ok=True)
    if path.parent.is_symlink():
        raise OSError(errno.ELOOP, f"{path.parent.name} is a symbolic link")
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    for name in ("O_NOFOLLOW", "O_NONBLOCK"):  # Windows has neither.
        flags |= getattr(os, name, 0)
    with os.fdopen(os.open(path, flags, 0o666), "ab") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, f"{path.name} is no regular file")
        # As one write, so that lines of several processes do not mix.
        file.write(f"{line}\n".encode("utf-8", "backslashreplace"))


def _permit(descriptor: int, mode: int) -> None:
    if hasattr(os, "fchmod"):  # Windows has none before Python 3.13.
        os.fchmod(descriptor, mode & 0o7777)


def _keep_name(folder: Path) -> None:
    # A power cut must not bring the old file back: the new name is on disk only with its folder. Systems that
    # cannot sync a folder keep names by themselves.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
