"""Paths of files in the texts of documents: where they stand, and which file each means.

A path counts from the folder of the document if it leads to a known document there, else from the project
root, as the runtime reads it. Nothing is asked of the disk.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from mplp_lsp.text.uris import is_encodable, path_of, uri_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

Moves = Sequence[tuple[Path, Path]]
"""Files and folders that get another path: the old one and the new one."""

Style = Literal["beside", "below root", "absolute", "uri"]

_ENDS = re.compile(r"\.[A-Za-z0-9_]{1,12}[\"']")
_LONGEST = 1_000
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_KEY_FOLLOWS = re.compile(r"\s*:")


class Mention(NamedTuple):
    """A quoted text that may be a path: its place without quotes, and what it says."""

    start: int
    end: int
    text: str


def mentions(document: Document) -> Iterator[Mention]:
    """Quoted texts that end like a file's name, in the order of the text; keys are none."""
    whole = document.text.text
    is_toml = document.toml is not None
    for match in _ENDS.finditer(whole):
        end = match.end() - 1
        quote = whole[end]
        if quote == "'" and not is_toml:
            continue
        start = whole.rfind(quote, max(0, end - _LONGEST), end) + 1
        raw = whole[start:end]
        if not start or not raw or "\n" in raw or "\r" in raw:
            continue
        if not is_toml and _KEY_FOLLOWS.match(whole, end + 1):
            continue
        text = _unescaped(raw) if quote == '"' else raw
        if text is not None:
            yield Mention(start, end, text)


def _unescaped(raw: str) -> str | None:
    if "\\" not in raw:
        return raw
    try:
        text = json.loads(f'"{raw}"')
    except ValueError:
        return None
    return text if isinstance(text, str) else None


def meant_by(snapshot: Snapshot, document: Document, text: str) -> tuple[Path, Style] | None:
    """The file a path means, and in which way it says so; None for what is no path inside the project."""
    root, own = snapshot.root, document.path
    if root is None or own is None or not text.strip() or "\0" in text or not is_encodable(text):
        return None
    if _SCHEME.match(text):
        path = path_of(text)
        return None if path is None or not path.is_relative_to(root) else (path, "uri")
    if text.startswith("/"):
        path = joined(root, text)
        return None if path is None or not path.is_relative_to(root) else (path, "absolute")
    beside, below = joined(own.parent, text), joined(root, text)
    if beside is not None and beside.is_relative_to(root):
        is_relative = text.startswith(("./", "../"))
        if beside == below or is_relative or snapshot.document(uri_of(beside)) is not None:
            return beside, "below root" if beside == below and not is_relative else "beside"
    return (below, "below root") if below is not None and below.is_relative_to(root) else None


def joined(folder: Path, text: str) -> Path | None:
    """`text` as seen from a folder, without `.` and `..`; None where it leaves the file system."""
    path = folder / text
    parts: list[str] = []
    for part in path.parts[1:]:
        if part == ".." and not parts:
            return None
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return path.__class__(path.anchor, *parts)


def spelled(path: Path, style: Style, folder: Path, root: Path, *, dotted: bool) -> str | None:
    """A path in the way another was spelled; None where that cannot be, as below a root that it has left."""
    if style == "uri":
        return uri_of(path)
    if style == "absolute":
        return path.as_posix()
    if style == "below root":
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else None
    shared = 0
    for one, other in zip(path.parts, folder.parts, strict=False):
        if one != other:
            break
        shared += 1
    up = [".."] * (len(folder.parts) - shared)
    text = "/".join([*up, *path.parts[shared:]])
    return f"./{text}" if dotted and not up else text


def moves_of(renamed: Sequence[tuple[str, str]]) -> Moves:
    """The moves among pairs of an old and a new URI; what is no file, or stays, is left out."""
    pairs = [(path_of(old), path_of(new)) for old, new in renamed]
    return [(old, new) for old, new in pairs if old is not None and new is not None and old != new]


def moved(path: Path, moves: Moves) -> Path:
    """Where a file will be: moved itself, or with a folder around it."""
    for old, new in moves:
        if path == old:
            return new
        if path.is_relative_to(old):
            return new / path.relative_to(old)
    return path
