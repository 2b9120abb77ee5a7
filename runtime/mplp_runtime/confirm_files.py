"""The Confirm documents of a project as they lie on disk, read again only where a file has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlsplit

from mplp_runtime.disk import Stamp, stamp_of
from mplp_runtime.kinds import by_path
from mplp_runtime.project_documents import document_at
from mplp_runtime.project_roots import of_one_project
from mplp_runtime.rules.world import DocumentFacts, World

Seen = tuple[Path, dict[str, Any]]


class ConfirmFiles:
    """Knows where the Confirms of one project are. May be asked from any thread; what it gives is shared."""

    def __init__(self, root: Path, list_files: Callable[[], Iterable[str]]) -> None:
        self._root = root
        self._list_files = list_files
        self._lock = Lock()
        # Of a file that is no Confirm: None, so that it is not read again before it changes.
        self._read: dict[Path, tuple[Stamp, dict[str, Any] | None]] = {}
        self._known: set[Path] = set()

    def everywhere(self, *paths: Path) -> list[Seen]:
        """All of the project and those at `paths`, by path; every file of the project is looked at."""
        with self._lock:
            named = (each for each in self._list_files() if each.endswith(".json"))
            files = [self._root / each for each in of_one_project(self._root, named)]
            self._known.update(file for file in files if self._value(file) is not None)
        return self.known(*paths)

    def known(self, *paths: Path) -> list[Seen]:
        """Those that were found or named before, and those at `paths`, as they are now, by path."""
        with self._lock:
            self._known.update(paths)
            return [(path, value) for path in sorted(self._known) if (value := self._value(path)) is not None]

    def noting(self, files: Iterable[str]) -> Iterator[str]:
        """`files` (relative, with `/`) as they are; those that are Confirms by name are known from now on."""
        for file in files:
            if file.endswith("confirm.json") and by_path(path := self._root / file).kind == "confirm":
                with self._lock:
                    self._known.add(path)
            yield file

    def _value(self, path: Path) -> dict[str, Any] | None:
        stamp = stamp_of(path, follow_links=False)
        if stamp is None:
            return None
        read = self._read.get(path)
        if read is None or read[0] != stamp:
            found = document_at(path)
            is_confirm = found is not None and found[0] == "confirm" and isinstance(found[1], dict)
            # What was written meanwhile has another stamp, and is read at the next look.
            read = self._read[path] = (stamp, found[1] if found is not None and is_confirm else None)
        return read[1]


def confirm_paths(world: World, targets: Iterable[str]) -> list[Path]:
    """The files of the Confirms that are about one of these ids."""
    wanted = frozenset(targets)
    return [
        Path(unquote(urlsplit(facts.uri).path))
        for facts in world.documents("confirm")
        if _is_file(facts) and any(each.id in wanted for each in facts.references)
    ]


def _is_file(facts: DocumentFacts) -> bool:
    return facts.uri.startswith("file:")
