"""Which files were there at some time, so that a change of one is not taken for its creation."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path, PurePath

MOST_SEEN_FILES = 50_000
"""Files seen one by one. A longer list would grow for as long as somebody opens files under new names."""

_END = "\0"

Listing = Mapping[str, tuple[str, str]]
"""By folder (as `os.path.normcase` spells it): its name, and the names of its files, a NUL around each."""


def listing_of(root: Path, files: Iterable[str]) -> Listing:
    """The listing of files that a scan has found, relative to `root` with `/`, one folder after the other."""
    start = str(root)
    by_folder: dict[str, list[str]] = {}
    for folder, inside in groupby(files, key=lambda file: file.rpartition("/")[0]):
        by_folder.setdefault(folder, []).extend(file.rpartition("/")[2] for file in inside)
    listing: dict[str, tuple[str, str]] = {}
    for folder, names in by_folder.items():
        spelled = os.path.join(start, *folder.split("/")) if folder else start  # noqa: PTH118
        listing[os.path.normcase(spelled)] = (spelled, f"{_END}{_END.join(names)}{_END}")
    return listing


class SeenFiles:
    """Names only, and of what a scan has found one text for each folder: a project may have 50,000 files."""

    def __init__(self, most: int = MOST_SEEN_FILES) -> None:
        self._most = most
        self._listings: dict[Path, Listing] = {}
        self._names: dict[str, str] = {}
        self._gone: set[str] = set()

    def __contains__(self, path: PurePath) -> bool:
        key = os.path.normcase(path)
        return key in self._names or (key not in self._gone and self._is_listed(key))

    def __len__(self) -> int:
        listed = (
            names.count(_END) - 1 for listing in self._listings.values() for _, names in listing.values()
        )
        return len(self._names) + sum(listed) - len(self._gone)

    def listed(self, root: Path, listing: Listing) -> None:
        """What a scan of a project has found, in place of what an earlier one did."""
        self._listings[root] = listing
        self._gone.difference_update(_inside(root, self._gone))
        for key in _inside(root, self._names):
            if self._is_listed(key):
                del self._names[key]

    def add(self, path: PurePath) -> None:
        """Notes one file; where there are too many, those noted first are forgotten."""
        name = str(path)
        key = os.path.normcase(name)
        self._gone.discard(key)
        self._names.pop(key, None)
        if self._is_listed(key):
            return
        self._names[key] = name
        while len(self._names) > self._most:
            del self._names[next(iter(self._names))]

    def discard(self, path: PurePath) -> None:
        """Forgets one file."""
        key = os.path.normcase(path)
        self._names.pop(key, None)
        if self._is_listed(key):
            self._gone.add(key)

    def below(self, folder: Path) -> list[Path]:
        """The files seen in a folder, at any depth, by name."""
        start = os.path.normcase(folder / "x")[:-1]
        found = [Path(name) for key, name in self._names.items() if key.startswith(start)]
        for listing in self._listings.values():
            for key, (spelled, names) in listing.items():
                if key.startswith(start) or key == start[:-1]:
                    found += (Path(spelled, name) for name in names.split(_END) if name)
        if self._gone:
            found = [path for path in found if os.path.normcase(path) not in self._gone]
        return sorted(set(found))

    def _is_listed(self, key: str) -> bool:
        folder, name = os.path.split(key)
        wanted = f"{_END}{name}{_END}"
        for listing in self._listings.values():
            found = listing.get(folder)
            if found is not None and wanted in os.path.normcase(found[1]):
                return True
        return False


def _inside(root: Path, keys: Iterable[str]) -> list[str]:
    start = os.path.normcase(root / "x")[:-1]
    return [key for key in keys if key.startswith(start)]
