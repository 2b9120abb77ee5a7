"""Files on disk beside what the graph knows of them; size and time spare most of the reading."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from mplp_runtime.disk import open_regular
from mplp_runtime.sources import timestamp
from mplp_runtime.vsl.interface import Json

LOOK = "drift_scan"
"""The source of what a look has found, in events and File nodes."""
LARGEST_HASHED_BYTES = 64 * 1024 * 1024
_PIECE_BYTES = 1_048_576

Drift = Literal["added", "modified", "deleted"]


@dataclass(frozen=True, slots=True)
class Drifted:
    """One file that is not what the graph says. `content_hash` is None for what is gone, or too large."""

    path: str
    drift: Drift
    changed_at: str | None = None
    size_bytes: int | None = None
    content_hash: str | None = None


def drifted_files(root: Path, paths: Iterable[str], known: Mapping[str, Mapping[str, Json]]) -> list[Drifted]:
    """What has come apart, by path. `paths` are the files that count; `known` is the data of the File nodes.

    The hash decides before the time does: a file that was touched and holds what it held is no drift. Files
    that cannot be read are left out, and those whose name is no UTF-8, which the graph cannot name; what the
    graph knows and `paths` lacks is looked for all the same.
    """
    listed = {path for path in paths if _is_utf_8(path)}
    found = [_look(root, path, known.get(path)) for path in sorted(listed | known.keys())]
    return [each for each in found if each is not None]


def _look(root: Path, path: str, data: Mapping[str, Json] | None) -> Drifted | None:
    try:
        status = (root / path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        is_told = data is None or data.get("missing_since") is not None
        return None if is_told else Drifted(path, "deleted")
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    changed_at = timestamp(_instant(status.st_mtime))
    if data is None:
        return Drifted(path, "added", changed_at, status.st_size)
    is_older = str(data.get("last_modified", "")) >= changed_at
    is_of_size = data.get("size_bytes") in {None, status.st_size}
    if is_older and is_of_size and data.get("missing_since") is None:
        return None
    content_hash = _hash(root / path) if status.st_size <= LARGEST_HASHED_BYTES else None
    if content_hash is not None and content_hash == data.get("content_hash"):
        return None
    return Drifted(path, "modified", changed_at, status.st_size, content_hash)


def look_closely(root: Path, path: str) -> Drifted | None:
    """The file as it is, with its hash, whatever anybody knows of it; None for what is no regular file."""
    try:
        status = (root / path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Drifted(path, "deleted")
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode) or not _is_utf_8(path):
        return None
    content_hash = _hash(root / path) if status.st_size <= LARGEST_HASHED_BYTES else None
    changed_at = timestamp(_instant(status.st_mtime))
    return Drifted(path, "modified", changed_at, status.st_size, content_hash)


def _is_utf_8(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _instant(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        # A file may be of the year 10,000; a date may not.
        return datetime.max.replace(tzinfo=UTC) if seconds > 0 else datetime.min.replace(tzinfo=UTC)


def _hash(path: Path) -> str | None:
    digest = hashlib.sha256()
    try:
        with open_regular(path) as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
    except OSError:
        return None
    return f"sha256:{digest.hexdigest()}"
