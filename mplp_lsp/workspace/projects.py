"""From workspace folders to project roots, and from a file to its project."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mplp_runtime.kinds import STATE_FOLDER
from mplp_runtime.project_listing import SKIPPED_FOLDERS
from mplp_runtime.project_roots import is_root


def root_of(folder: Path) -> Path:
    """The nearest ancestor of `folder` (itself included) with a mark, else `folder`.

    The home folder and the file system's root never count as ancestors: a stray `~/.git` or `~/.mplp`
    would otherwise make every file of the user one project. As workspace folders they are taken as given.
    Nor does a project reach into its vendored folders, where no scan looks: what lies there is by itself.
    """
    home = Path.home()
    for candidate in (folder, *folder.parents):
        if candidate != folder and (candidate == home or candidate.parent == candidate):
            break
        if is_root(candidate):
            return candidate
        if candidate.name in SKIPPED_FOLDERS and candidate.name != STATE_FOLDER:
            break
    return folder


@dataclass(frozen=True, slots=True)
class Projects:
    """The workspace folders of one session and the project roots they stand for."""

    folders: tuple[Path, ...] = ()
    roots: tuple[Path, ...] = ()

    @staticmethod
    def of(folders: Iterable[Path]) -> Projects:
        """Looks at the disk once; a folder that is gone stands for itself."""
        kept = tuple(dict.fromkeys(folders))
        return Projects(kept, tuple(dict.fromkeys(root_of(folder) for folder in kept)))

    def changed(self, added: Iterable[Path], removed: Iterable[Path]) -> Projects:
        """After `workspace/didChangeWorkspaceFolders`."""
        gone = set(removed)
        return Projects.of([folder for folder in self.folders if folder not in gone] + list(added))

    def root_for(self, path: Path) -> Path:
        """The project root of a file: of the longest workspace folder that contains it by path components.

        A project nested inside that folder (a folder with a mark between it and the file) is a project of its
        own. A file in no workspace folder belongs to the nearest marked ancestor of its own folder.
        """
        folder = self.folder_for(path)
        if folder is None:
            return root_of(path.parent)
        for candidate in path.parents:
            if candidate == folder:
                break
            if is_root(candidate):
                return candidate
        return root_of(folder)

    def folder_for(self, path: Path) -> Path | None:
        """The longest workspace folder that contains `path`; None where none does."""
        containing = [folder for folder in self.folders if path.is_relative_to(folder)]
        return max(containing, key=lambda folder: len(folder.parts), default=None)
