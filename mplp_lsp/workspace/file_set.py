"""Which paths of a project count: files git knows or does not ignore, else those the globs name (D23)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from mplp_lsp.workspace.git_files import git_ignored
from mplp_lsp.workspace.globs import matches
from mplp_runtime.project_listing import SKIPPED_FOLDERS

MAX_FOLDERS = 8_192
"""inotify gives one watch per folder, and a user has a few ten thousand for all programs together."""

_MOST_REMEMBERED = 20_000


class FileSet:
    """Answers for one project, and remembers the answers; may start git, so ask off the event loop."""

    def __init__(self, root: Path, include: tuple[str, ...] = ("**",)) -> None:
        self.root = root
        self._include = include
        self._counts: dict[str, bool] = {}

    def counting(self, paths: Iterable[Path]) -> set[Path]:
        """Those of `paths`, files or folders, there or gone, that count.

        Never the root itself, what is outside it, `.mplp/`, folders of version control, or what is vendored.
        A change of an ignore file makes everything be asked anew.
        """
        inside = {path: relative for path in paths if (relative := self._relative(path)) is not None}
        if any(path.name == ".gitignore" for path in inside):
            self._counts.clear()
        unknown = [relative for relative in inside.values() if relative not in self._counts]
        if unknown:
            self._ask(unknown)
        return {path for path, relative in inside.items() if self._counts[relative]}

    def folders(self, *, limit: int = MAX_FOLDERS) -> list[Path]:
        """The root and all folders below it that count, nearer ones first; at most `limit`."""
        found: list[Path] = [self.root] if self.root.is_dir() else []
        level = list(found)
        while level and len(found) < limit:
            below = [folder for parent in level for folder in _folders_in(parent)]
            counting = self.counting(below)
            level = [folder for folder in below if folder in counting]
            found += level
        return found[:limit]

    def _relative(self, path: Path) -> str | None:
        try:
            parts = path.relative_to(self.root).parts
        except ValueError:
            return None
        return "/".join(parts) if parts and SKIPPED_FOLDERS.isdisjoint(parts) else None

    def _ask(self, unknown: list[str]) -> None:
        ignored = git_ignored(self.root, unknown)
        if len(self._counts) + len(unknown) > _MOST_REMEMBERED:
            self._counts.clear()
        for relative in unknown:
            if ignored is not None:
                self._counts[relative] = relative not in ignored
            else:
                self._counts[relative] = any(matches(glob, relative) for glob in self._include)


def _folders_in(parent: Path) -> list[Path]:
    """Links to folders are not followed: what they lead to is watched at its own place, or is outside."""
    try:
        with os.scandir(parent) as listing:
            return sorted(
                parent / entry.name
                for entry in listing
                if entry.name not in SKIPPED_FOLDERS and entry.is_dir(follow_symlinks=False)
            )
    except OSError:
        return []
