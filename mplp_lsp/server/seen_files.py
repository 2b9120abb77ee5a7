"""Which files were there at some time, so that a change of one is not taken for its creation."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePath

MOST_SEEN_FILES = 50_000
"""Two large projects. A longer list would grow for as long as somebody opens files under new names."""


class SeenFiles:
    """Names only: a `Path` takes a kilobyte, and there may be tens of thousands."""

    def __init__(self, most: int = MOST_SEEN_FILES) -> None:
        self._most = most
        self._names: dict[str, str] = {}

    def __contains__(self, path: PurePath) -> bool:
        return os.path.normcase(path) in self._names

    def __len__(self) -> int:
        return len(self._names)

    def add(self, path: PurePath) -> None:
        """Notes one file; where there are too many, those noted first are forgotten."""
        name = str(path)
        key = os.path.normcase(name)
        self._names.pop(key, None)
        self._names[key] = name
        while len(self._names) > self._most:
            del self._names[next(iter(self._names))]

    def update(self, paths: Iterable[PurePath]) -> None:
        for path in paths:
            self.add(path)

    def discard(self, path: PurePath) -> None:
        self._names.pop(os.path.normcase(path), None)

    def below(self, folder: Path) -> list[Path]:
        """The files seen in a folder, at any depth, by name."""
        start = os.path.normcase(folder / "x")[:-1]
        return sorted(Path(name) for key, name in self._names.items() if key.startswith(start))
