"""Copies of files by their content: a file that did not change between two snapshots is kept once."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mplp_runtime.disk import read_regular_bytes
from mplp_runtime.errors import MplpError, PathOutsideProject, StoreError
from mplp_runtime.trace.files import write_bytes_atomically

LARGEST_FILE_BYTES = 5 * 1024 * 1024
LARGEST_BYTES = 256 * 1024 * 1024
_PERMISSIONS = 0o7777
_NAME = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file of a snapshot. `name` is that of its copy, the SHA-256 of its bytes."""

    path: str
    name: str
    size_bytes: int
    mode: int

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> KeptFile:
        """The file of an entry in a snapshot's document, which others may have written.

        Raises KeyError, TypeError, ValueError and OverflowError for what is none.
        """
        path, name = str(entry["path"]), str(entry["name"])
        if "\0" in path or not _NAME.fullmatch(name):
            raise ValueError("no file has such a name")
        return cls(path, name, int(entry["size_bytes"]), int(entry["mode"]))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that no snapshot holds, and why in a few words."""

    path: str
    why: str


class Objects:
    """A folder of copies, each under the hash of its content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, root: Path, paths: Iterable[str]) -> Iterator[KeptFile | LeftOut]:
        """Copies the files that are small enough. Raises StoreError where a copy cannot be written."""
        total = 0
        for path in sorted(paths):
            kept = self._keep(root, path, LARGEST_BYTES - total)
            if isinstance(kept, KeptFile):
                total += kept.size_bytes
            if kept is not None:
                yield kept

    def read(self, name: str) -> bytes:
        """A copy's bytes. Raises StoreError where it is gone or no longer what it was."""
        try:
            content = read_regular_bytes(self._folder / name[:2] / name)
        except OSError as problem:
            raise StoreError(f"A copy of the snapshot cannot be read: {problem.strerror}.") from problem
        if hashlib.sha256(content).hexdigest() != name:
            raise StoreError(f"The copy {name[:12]} of the snapshot is damaged.")
        return content

    def check(self, files: Iterable[KeptFile]) -> None:
        """Reads every copy, one at a time. Raises StoreError as `read` does."""
        for file in files:
            self.read(file.name)

    def write_back(self, root: Path, files: Iterable[KeptFile]) -> tuple[list[str], list[LeftOut]]:
        """Makes the project's files what their copies are: paths that were not so, and what could not be."""
        written: list[str] = []
        failed: list[LeftOut] = []
        for file in files:
            target = root / file.path
            try:
                refuse_elsewhere(root, file.path)
                content = self.read(file.name)
                if target.is_file() and not target.is_symlink() and read_regular_bytes(target) == content:
                    continue
                write_bytes_atomically(target, [content], mode=file.mode)
            except (MplpError, OSError) as problem:
                failed.append(LeftOut(file.path, str(problem)))
            else:
                written.append(file.path)
        return written, failed

    def keep_only(self, names: set[str]) -> None:
        """Deletes the copies that no snapshot needs any more."""
        for path in self._folder.glob("??/*"):
            if path.name not in names:
                with suppress(OSError):
                    path.unlink()

    def _keep(self, root: Path, path: str, room: int) -> KeptFile | LeftOut | None:
        try:
            status = (root / path).lstat()
            if not stat.S_ISREG(status.st_mode):
                return LeftOut(path, "no regular file")
            if status.st_size > LARGEST_FILE_BYTES:
                return LeftOut(path, f"larger than {LARGEST_FILE_BYTES // 1024 // 1024} MiB")
            if status.st_size > room:
                return LeftOut(path, f"the snapshot is larger than {LARGEST_BYTES // 1024 // 1024} MiB")
            content = read_regular_bytes(root / path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as problem:
            return LeftOut(path, f"cannot be read: {getattr(problem, 'strerror', problem)}")
        name = hashlib.sha256(content).hexdigest()
        target = self._folder / name[:2] / name
        if not target.exists():
            write_bytes_atomically(target, [content], mode=0o600)
        return KeptFile(path, name, len(content), status.st_mode & _PERMISSIONS)


def refuse_elsewhere(root: Path, path: str) -> None:
    """Raises PathOutsideProject where `path` is not below `root`, or a folder on the way is a link.

    The document of a snapshot is a file of the project, which others may have written.
    """
    base = root.resolve()
    target = base / path
    if target == base or not target.is_relative_to(base) or ".." in target.parts:
        raise PathOutsideProject(f"`{path}` is not inside the project, so it is not restored.")
    if target.parent.resolve() != target.parent:
        raise PathOutsideProject(f"`{path}` leads through a symbolic link, so it is not restored.")
