"""The files of a project that count, where nobody knows better: the editor's server asks git."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

MOST_FILES = 20_000
_LEFT_OUT = frozenset({".git", ".hg", ".svn", ".mplp", "node_modules", "__pycache__", ".venv", ".tox"})


def walked_files(root: Path) -> list[str]:
    """Regular files below `root`, relative and with `/`, the nearest first; at most 20,000 (D23).

    Links are not followed; folders of version control, of this runtime and of installed packages are left
    out.
    """
    found: list[str] = []
    waiting: list[str] = [""]
    while waiting:
        deeper: list[str] = []
        for folder in waiting:
            for entry in _entries(root / folder):
                name = f"{folder}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _LEFT_OUT:
                        deeper.append(f"{name}/")
                elif entry.is_file(follow_symlinks=False):
                    found.append(name)
                    if len(found) == MOST_FILES:
                        return found
        waiting = deeper
    return found


def _entries(folder: Path) -> Iterable[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return ()
