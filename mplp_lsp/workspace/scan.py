"""Which files a project has, and which of them are our documents. Bounded in number, size and time."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mplp_lsp.workspace.foreign_files import ForeignFiles, mark_of
from mplp_lsp.workspace.git_files import git_files, without_vcs
from mplp_lsp.workspace.globs import matches
from mplp_lsp.workspace.kinds import NO_RULES, FileRules, by_rules
from mplp_runtime.disk import read_head, stamp_of
from mplp_runtime.kinds import HEAD_BYTES, STATE_FOLDER, by_last_name, may_be_ours
from mplp_runtime.project_listing import MOST_FILES, SKIPPED_FOLDERS, walked

MAX_FILES = MOST_FILES
"""How many files a list holds where nobody asks for more."""

MOST_OPENED_FILES = 100_000
"""How many foreign files are opened to find out that they are foreign."""

MAX_LISTED_FILES = 200_000
"""How many names are looked at: a document that is ours by its name is found among many foreign files."""


@dataclass(frozen=True, slots=True)
class FileList:
    """Files of a project, relative to its root with `/`, sorted. `is_cut` says that there are more."""

    root: Path
    files: tuple[str, ...]
    is_cut: bool = False
    by_git: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """Files as their names tell them, relative to `root`: those worth reading, and those that may be ours."""

    root: Path
    worth_reading: tuple[str, ...]
    undecided: tuple[str, ...]

    @property
    def paths(self) -> list[Path]:
        """The files that are worth reading."""
        return [self.root / relative for relative in self.worth_reading]

    def without(self, known: Iterable[Path]) -> list[Path]:
        """Those of `known` that are not among the files worth reading."""
        start = os.path.join(self.root, "")  # noqa: PTH118
        names = {start + relative for relative in self.worth_reading}
        return [path for path in known if str(path) not in names]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Files that are ours or may be. `is_cut` says that the limit was reached, which users must be told."""

    paths: tuple[Path, ...]
    is_cut: bool = False


def project_files(root: Path, *, limit: int = MAX_FILES, include: tuple[str, ...] = ("**",)) -> FileList:
    """Files git knows or does not ignore; without git, those under `include` outside skipped ones (D23)."""
    listed = git_files(root, limit=limit)
    if listed is not None:
        kept = without_vcs(listed, SKIPPED_FOLDERS)
        return FileList(root, tuple(sorted(kept[:limit])), len(listed) > limit, by_git=True)
    found: list[str] = []
    for relative in walked(root):
        if include == ("**",) or any(matches(glob, relative) for glob in include):
            if len(found) == limit:
                return FileList(root, tuple(sorted(found)), is_cut=True)
            found.append(relative)
    return FileList(root, tuple(sorted(found)))


def by_names(files: FileList, rules: FileRules = NO_RULES) -> Named:
    """What the names alone tell; no file is touched."""
    in_state = STATE_FOLDER in files.root.parts
    worth_reading: list[str] = []
    undecided: list[str] = []
    has_rules = rules != NO_RULES
    for relative in files.files:
        verdict = by_rules(relative, rules) if has_rules else None
        if verdict is None:
            if not relative.endswith((".json", ".ndjson", ".toml")):
                continue
            verdict = by_last_name(relative.rpartition("/")[2], in_state=in_state)
        if verdict.kind is not None or verdict.bare is not None:
            worth_reading.append(relative)
        elif verdict.decides == "content":
            undecided.append(relative)
    return Named(files.root, tuple(worth_reading), tuple(undecided))


class Heads:
    """Looks into files whose names leave open what they are, a stretch at a time.

    Each is opened once and at most its first 64 KiB are read, and not even that where `foreign` knows it; of
    at most `most_opened` files. When all have been looked at, `foreign` knows those that are nobody's.
    """

    def __init__(
        self, named: Named, foreign: ForeignFiles | None = None, *, most_opened: int = MOST_OPENED_FILES
    ) -> None:
        self._start = os.path.join(named.root, "")  # noqa: PTH118 (one string for all of them)
        self._names = named.undecided[:most_opened]
        self._foreign = foreign
        self._seen = array("q")
        self._next = 0
        self.is_cut = len(named.undecided) > most_opened

    @property
    def is_done(self) -> bool:
        return self._next >= len(self._names)

    def look_on(self, count: int = MOST_OPENED_FILES) -> list[Path]:
        """Those of the next `count` files whose first bytes leave room for one of our documents."""
        possible: list[Path] = []
        stop = min(self._next + count, len(self._names))
        foreign, knows_some = self._foreign, bool(self._foreign)
        for name in self._names[self._next : stop]:
            path = self._start + name
            if foreign is not None and knows_some:
                stamp = stamp_of(path, follow_links=False)
                if stamp is not None and foreign.holds(path, stamp):
                    self._seen.append(mark_of(path, stamp))
                    continue
            head = read_head(path, HEAD_BYTES, follow_links=False)
            if head is None:
                continue
            if may_be_ours(head[0]):
                possible.append(Path(path))
            elif foreign is not None:
                self._seen.append(mark_of(path, head[1]))
        self._next = stop
        if foreign is not None and self.is_done:
            foreign.replace(self._seen)
        return possible


def candidates(
    files: FileList, rules: FileRules = NO_RULES, *, most_opened: int = MOST_OPENED_FILES
) -> Candidates:
    """Those of `files` that are ours by name, or whose first bytes leave room for it."""
    named = by_names(files, rules)
    heads = Heads(named, most_opened=most_opened)
    kept = [path for path in named.paths if is_readable(path)]
    return Candidates(tuple(sorted([*kept, *heads.look_on()])), files.is_cut or heads.is_cut)


def is_readable(path: Path) -> bool:
    """Whether there is a regular file, and no link to one: what that leads to has a name of its own."""
    return stamp_of(path, follow_links=False) is not None
