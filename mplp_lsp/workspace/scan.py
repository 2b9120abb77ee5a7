"""Which files a project has, and which of them are our documents. Bounded in number, size and time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mplp_lsp.workspace.disk import MAX_DOCUMENT_BYTES, read_head, stamp_of
from mplp_lsp.workspace.git_files import git_files, without_vcs
from mplp_lsp.workspace.globs import matches
from mplp_lsp.workspace.kinds import (
    HEAD_BYTES,
    NO_RULES,
    STATE_FOLDER,
    FileRules,
    by_name,
    may_be_ours,
)

MAX_FILES = 20_000
"""How many files are watched, and how many foreign ones are opened to find out that they are foreign."""

MAX_LISTED_FILES = 200_000
"""How many names are looked at: a document that is ours by its name is found among many foreign files."""

SKIPPED_FOLDERS = frozenset(
    {STATE_FOLDER, ".git", ".hg", ".svn", ".jj", "CVS", "node_modules", "bower_components", "vendor"}
    | {".venv", "venv", "site-packages", "__pycache__", ".tox", ".nox", ".eggs", ".cache", ".idea", ".vscode"}
    | {".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".gradle", ".terraform", ".next"}
)
"""Never entered and never reported. `.mplp` is here so that our timeline cannot feed itself."""


@dataclass(frozen=True, slots=True)
class FileList:
    """Files of a project, relative to its root with `/`, sorted. `is_cut` says that there are more."""

    root: Path
    files: tuple[str, ...]
    is_cut: bool = False
    by_git: bool = False


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


def walked(root: Path, *, max_depth: int = 64) -> Iterator[str]:
    """Regular files below `root`, nearer ones first; relative paths with `/`, non-UTF-8 names as surrogates.

    Links are never followed: a target inside the root is found by its own name (following would show each
    document twice), one outside is not ours, and a loop cannot happen. FIFOs and devices are left out.
    """
    level = [""]
    for _ in range(max_depth):
        deeper: list[str] = []
        for folder in level:
            try:
                with os.scandir(root / folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in entries:
                relative = f"{folder}{entry.name}"
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name not in SKIPPED_FOLDERS:
                            deeper.append(f"{relative}/")
                    elif entry.is_file(follow_symlinks=False):
                        yield relative
                except OSError:
                    continue
        if not deeper:
            return
        level = deeper


def candidates(files: FileList, rules: FileRules = NO_RULES, *, most_opened: int = MAX_FILES) -> Candidates:
    """Those of `files` that are ours by name, or whose first bytes leave room for it.

    Foreign JSON is opened once and at most its first 64 KiB are read; of at most `most_opened` files.
    """
    root = files.root
    kept: list[Path] = []
    opened = 0
    for relative in files.files:
        if not relative.endswith((".json", ".ndjson", ".toml")) and not rules.associations:
            continue
        path = root / relative
        verdict = by_name(path, rules, root)
        if verdict.decides == "content":
            opened += 1
            is_kept = opened <= most_opened and is_possible(path, is_bare=verdict.bare is not None)
        else:
            is_kept = verdict.kind is not None and stamp_of(path, follow_links=False) is not None
        if is_kept:
            kept.append(path)
    return Candidates(tuple(kept), files.is_cut or opened > most_opened)


def is_possible(path: Path, *, is_bare: bool) -> bool:
    """Whether the content leaves room for one of our documents; an empty `<kind>.json` always does."""
    head = read_head(path, HEAD_BYTES, follow_links=False)
    if head is None:
        return False
    content, stamp = head
    if is_bare:
        return stamp.size_bytes <= MAX_DOCUMENT_BYTES
    return may_be_ours(content)
