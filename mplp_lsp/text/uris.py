"""Between URIs and paths, and when two spellings of a URI mean the same document.

Messages echo the client's own spelling; only keys are canonical. Symbolic links are not resolved: an editor
that opens a file under two names sees two documents, as everywhere else.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

_FILE = re.compile(r"^file:(?://(?P<host>[^/]*))?(?P<path>/.*)$", re.IGNORECASE | re.DOTALL)
_DRIVE = re.compile(r"^/(?P<letter>[A-Za-z]):(?=/|$)")
_SAFE = b"/:"
_IS_WINDOWS = os.name == "nt"


def path_of(uri: str) -> Path | None:
    """The file behind a `file:` URI; None for other schemes, other hosts, and what no file can be named."""
    decoded = _decoded(uri)
    if decoded is None:
        return None
    path = os.fsdecode(decoded)
    if "\0" in path:
        return None
    if _IS_WINDOWS:
        path = _DRIVE.sub(lambda match: f"{match['letter']}:", path)
    return Path(path)


def uri_of(path: Path) -> str:
    """The `file:` URI of an absolute path, percent-encoded byte by byte, so that every name survives.

    >>> uri_of(Path("/w/a b#c.plan.json"))
    'file:///w/a%20b%23c.plan.json'
    """
    text = path.as_posix()
    if not text.startswith("/"):
        text = f"/{text}"
    return f"file://{quote_from_bytes(os.fsencode(text), _SAFE)}"


@lru_cache(maxsize=8192)
def key_of(uri: str) -> str:
    """One string for all spellings of a document: percent-decoding, `.` and `..`, the case of drive letters.

    >>> key_of("file:///c%3A/a/../b.json") == key_of("file:///C:/b.json")
    True
    """
    decoded = _decoded(uri)
    if decoded is None:
        return uri
    path = os.fsdecode(decoded)
    path = _DRIVE.sub(lambda match: f"/{match['letter'].lower()}:", path)
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "file:///" + "/".join(parts)


def _decoded(uri: str) -> bytes | None:
    match = _FILE.match(uri)
    if match is None:
        return None
    host = match["host"]
    if host and host.lower() != "localhost":
        return None
    try:
        return unquote_to_bytes(match["path"])
    except UnicodeEncodeError:  # half of a surrogate pair: no file is named so
        return None
