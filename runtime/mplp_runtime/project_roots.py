"""What makes a folder a project, and where one project ends because another begins inside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mplp_runtime.kinds import STATE_FOLDER

ROOT_MARKS = (STATE_FOLDER, "mplp.toml", ".git", ".hg", ".svn", ".jj")
"""What makes a folder a project root. Any of them counts; the nearest folder that has one wins."""


def is_root(folder: Path) -> bool:
    """Whether `folder` carries one of the marks; folders we may not read carry none."""
    for mark in ROOT_MARKS:
        try:
            if (folder / mark).exists():
                return True
        except OSError:
            continue
    return False


def of_one_project(root: Path, files: Iterable[str]) -> Iterator[str]:
    """Those of `files` (relative, with `/`) that belong to no project inside this one.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "inner").mkdir(), (root / "inner" / "mplp.toml").touch()
    (None, None)
    >>> list(of_one_project(root, ["mplp.toml", "docs/a.plan.json", "inner/a.plan.json", "inner/x/b.json"]))
    ['mplp.toml', 'docs/a.plan.json']
    """
    known = {"": True}

    def is_ours(folder: str) -> bool:
        if folder not in known:
            known[folder] = is_ours(folder.rpartition("/")[0]) and not is_root(root / folder)
        return known[folder]

    return (file for file in files if is_ours(file.rpartition("/")[0]))
