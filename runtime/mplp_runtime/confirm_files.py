"""The Confirm documents of a project as they lie on disk, read again only where a file has changed.

Of a file that is there and cannot be read nobody knows what it says: it is told as broken, never passed by.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlsplit

from mplp_runtime.disk import MAX_DOCUMENT_BYTES, Stamp, decoded, read_head, stamp_of
from mplp_runtime.kinds import by_path
from mplp_runtime.project_documents import document_at
from mplp_runtime.project_roots import of_one_project
from mplp_runtime.rules.world import DocumentFacts, World
from mplp_runtime.strict_json import strict_value

Seen = tuple[Path, dict[str, Any]]

_TARGET = re.compile(r'"target_id"\s*:\s*"([^"]*)"')
_ID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@dataclass(frozen=True, slots=True)
class BrokenConfirm:
    """A Confirm that is there and cannot be read. `about` has the ids it names, and what it was about."""

    path: Path
    about: frozenset[str]


@dataclass(frozen=True, slots=True)
class Look:
    """The Confirms at one look, each read once: what they say, and which cannot be read, by path.

    What `seen` has is shared: nobody may change it.
    """

    seen: tuple[Seen, ...]
    broken: tuple[BrokenConfirm, ...]

    @property
    def values(self) -> list[dict[str, Any]]:
        """What those say that can be read."""
        return [value for _, value in self.seen]

    def unreadable(self, target_id: str, paths: Container[Path]) -> list[Path]:
        """Those at `paths`, or about what has this id, that cannot be read."""
        return [each.path for each in self.broken if each.path in paths or target_id in each.about]


@dataclass(frozen=True, slots=True)
class OpenConfirms:
    """Confirms about a plan that the user has open: what they say, which are no JSON, and where they lie."""

    values: tuple[Any, ...] = ()
    unreadable: tuple[str, ...] = ()
    paths: frozenset[Path] = frozenset()


@dataclass(frozen=True, slots=True)
class _Read:
    """What was found in a file: a Confirm, a broken one, or (with neither) something else."""

    stamp: Stamp | None
    value: dict[str, Any] | None = None
    broken: BrokenConfirm | None = None


class ConfirmFiles:
    """Knows where the Confirms of one project are. May be asked from any thread; what it gives is shared."""

    def __init__(self, root: Path, list_files: Callable[[], Iterable[str]]) -> None:
        self._root = root
        self._list_files = list_files
        self._lock = Lock()
        self._read: dict[Path, _Read] = {}
        self._known: set[Path] = set()
        self._named: set[Path] = set()
        # What each was about when it could be read last.
        self._targets: dict[Path, str] = {}

    def everywhere(self, *paths: Path) -> Look:
        """All of the project and those at `paths`; every file of the project is looked at."""
        with self._lock:
            named = (each for each in self._list_files() if each.endswith(".json"))
            for file in [self._root / each for each in of_one_project(self._root, named)]:
                read = self._look(file)
                if read is not None and (read.value is not None or read.broken is not None):
                    self._known.add(file)
            return self._all(paths)

    def known(self, *paths: Path) -> Look:
        """Those that were found or named before, and those at `paths`, as they are now.

        A named path may be a link to a file of the project; the others are none.
        """
        with self._lock:
            return self._all(paths)

    def read(self, path: Path) -> dict[str, Any] | None:
        """What the Confirm at a path says now, for whoever writes it next; None where it cannot be read."""
        text, is_sound = _text(self._linked(path) or path)
        return confirm_in(text) if is_sound else None

    def noting(self, files: Iterable[str]) -> Iterator[str]:
        """`files` (relative, with `/`) as they are; those that are Confirms by name are known from now on."""
        for file in files:
            if file.endswith("confirm.json") and by_path(path := self._root / file).kind == "confirm":
                with self._lock:
                    self._known.add(path)
            yield file

    def _all(self, paths: Iterable[Path]) -> Look:
        self._named.update(paths)
        self._known.update(self._named)
        every = [(path, read) for path in sorted(self._known) if (read := self._look(path)) is not None]
        return Look(
            tuple((path, read.value) for path, read in every if read.value is not None),
            tuple(read.broken for _, read in every if read.broken is not None),
        )

    def _look(self, path: Path) -> _Read | None:
        target, stamp = path, stamp_of(path, follow_links=False)
        if stamp is None:
            if not os.path.lexists(path):
                return None
            # A link leads into the project, or nowhere.
            target = self._linked(path) or path
            stamp = stamp_of(target, follow_links=False)
        if stamp is None:
            return _Read(None, broken=self._broken(path, ""))
        read = self._read.get(path)
        if read is None or read.stamp != stamp:
            # What was written meanwhile has another stamp, and is read at the next look.
            read = self._read[path] = self._read_anew(path, target, stamp)
        return read

    def _linked(self, path: Path) -> Path | None:
        """Where a link leads; None outside the project, in a circle, and for what is no link."""
        try:
            found = path.resolve() if path.is_symlink() else None
            return found if found is not None and found.is_relative_to(self._root.resolve()) else None
        except (OSError, RuntimeError):
            return None

    def _read_anew(self, path: Path, target: Path, stamp: Stamp) -> _Read:
        found = document_at(target)
        is_expected = path in self._named or path in self._targets or by_path(path).kind == "confirm"
        if (found is None and not is_expected) or (found is not None and found[0] != "confirm"):
            return _Read(stamp)
        text, is_sound = _text(target)
        value = confirm_in(text) if is_sound else None
        if value is None:
            # Without a stamp it is read again at every look: no stamp tells of permissions.
            return _Read(stamp if text else None, broken=self._broken(path, text))
        if isinstance(target_id := value.get("target_id"), str):
            self._targets[path] = target_id
        return _Read(stamp, value)

    def _broken(self, path: Path, text: str) -> BrokenConfirm:
        about = ids_named_in(text)
        return BrokenConfirm(path, about | {self._targets[path]} if path in self._targets else about)


def confirm_in(text: str) -> dict[str, Any] | None:
    """The Confirm that a text is; None where it is no JSON object, or not strictly one.

    >>> confirm_in('{"status": "pending"}')
    {'status': 'pending'}
    >>> confirm_in('{"status": "pending",}'), confirm_in('{"status": "pending", "status": "cancelled"}')
    (None, None)
    """
    try:
        value = strict_value(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def ids_named_in(text: str) -> frozenset[str]:
    """What a broken Confirm is about, as far as its text tells: its target, else all ids that it names."""
    return frozenset(_TARGET.findall(text) or _ID.findall(text))


def confirm_paths(world: World, targets: Container[str]) -> list[Path]:
    """The files of the Confirms that are about one of these ids."""
    return [
        Path(unquote(urlsplit(facts.uri).path))
        for facts in world.documents("confirm")
        if _is_file(facts) and any(each.id in targets for each in facts.references)
    ]


def _is_file(facts: DocumentFacts) -> bool:
    return facts.uri.startswith("file:")


def _text(path: Path) -> tuple[str, bool]:
    """What is in a file, as far as it can be read, and whether that is all of it, and UTF-8."""
    head = read_head(path, MAX_DOCUMENT_BYTES + 1, follow_links=False)
    if head is None:
        return "", False
    # Also the beginning of what is too large tells what it is about.
    found = decoded(head[0][:MAX_DOCUMENT_BYTES])
    return found.text, found.fault is None and len(head[0]) <= MAX_DOCUMENT_BYTES
