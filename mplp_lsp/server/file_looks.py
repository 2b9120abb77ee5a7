"""What git and the disk say about changed files: which of them count (D23), and what they hold.

May take a while, so this is for worker threads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mplp_lsp.workspace.changes import FileState
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.file_set import FileSet
from mplp_runtime.disk import Stamp, decoded, read_head, stamp_of

LARGEST_TEXT_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Look:
    """One file at one moment. `state` is None where there is no regular file.

    `is_same` says that the stamp is the one that was known: then the file was not read again.
    """

    state: FileState | None = None
    stamp: Stamp | None = None
    is_same: bool = False
    is_folder: bool = False


class FileLooks:
    """Asks git and the disk; remembers only which paths count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sets: dict[Path, FileSet] = {}

    def counting(self, roots: Mapping[Path, Path]) -> set[Path]:
        """Those paths that count in their project: git knows them or does not ignore them."""
        by_root: dict[Path, list[Path]] = {}
        for path, root in roots.items():
            by_root.setdefault(root, []).append(path)
        found: set[Path] = set()
        with self._lock:
            for root, paths in by_root.items():
                found |= self._sets.setdefault(root, FileSet(root)).counting(paths)
        return found

    def looks(self, roots: Mapping[Path, Path], known: Mapping[Path, Stamp | None]) -> dict[Path, Look]:
        """How those files stand that count; the others are not even opened."""
        return {path: look_at(path, known.get(path)) for path in _in_order(roots, self.counting(roots))}


def look_at(path: Path, known: Stamp | None = None) -> Look:
    """A stat, and the content only where the stat tells something new."""
    stamp = stamp_of(path)
    if stamp is None:
        return Look(is_folder=path.is_dir())
    if stamp == known:
        return Look(stamp=stamp, is_same=True)
    found = read_head(path, LARGEST_TEXT_BYTES + 1)
    if found is None:
        return Look()
    content, stamp = found
    if len(content) > LARGEST_TEXT_BYTES or b"\0" in content[:8192]:
        return Look(FileState(), stamp)
    text = decoded(content)
    return Look(FileState.of_text(text.text, text.encoding), stamp)


def state_of(document: Document) -> FileState:
    """An open document, without text where it is too large to be compared later."""
    if document.text.length > LARGEST_TEXT_BYTES:
        return FileState(None, None, document.encoding)
    return FileState.of_text(document.text.text, document.encoding)


def _in_order(paths: Iterable[Path], kept: set[Path]) -> list[Path]:
    return [path for path in paths if path in kept]
