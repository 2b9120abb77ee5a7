"""Changes of files that wait because the state that they are for is locked and was not opened yet."""

from __future__ import annotations

from pathlib import Path

from mplp_lsp.workspace.changes import FileChange

MOST_HELD = 10_000
"""For each project; of more the oldest are given up, and the project's files are looked at instead."""


class HeldChanges:
    """The changes of each project, in their order, and which projects have lost some."""

    def __init__(self) -> None:
        self._changes: dict[Path, list[FileChange]] = {}
        self._lost: set[Path] = set()

    def __len__(self) -> int:
        return sum(len(changes) for changes in self._changes.values())

    @property
    def roots(self) -> list[Path]:
        return list(self._changes)

    def hold(self, root: Path, changes: list[FileChange]) -> None:
        """Keeps what waits for `root`, from now on the whole of it: what it had before goes."""
        if len(changes) > MOST_HELD:
            self._lost.add(root)
        self._changes.pop(root, None)
        if changes:
            self._changes[root] = changes[-MOST_HELD:]

    def of(self, root: Path) -> list[FileChange]:
        """What waits for `root`; it stays here until it is told."""
        return self._changes.get(root, [])

    def has_lost(self, root: Path) -> bool:
        """Whether changes of this project were given up since the last that were `told`."""
        return root in self._lost

    def told(self, root: Path) -> None:
        """The runtime has all that waited, and looks at the files where some was lost."""
        self._changes.pop(root, None)
        self._lost.discard(root)
