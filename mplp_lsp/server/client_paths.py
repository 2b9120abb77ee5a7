"""Files and folders that a client names, as paths that an operating system could have."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mplp_lsp.server.capabilities import at
from mplp_lsp.text.uris import path_of

LONGEST_PATH = 4_096
LONGEST_NAME = 255


def path_on_disk(uri: str) -> Path | None:
    """The file behind a URI, if an operating system could have it."""
    path = path_of(uri)
    text = str(path)
    if path is None or not path.is_absolute() or "\0" in text:
        return None
    if len(text) <= LONGEST_NAME and text.isascii():
        # No part of it is longer than the whole. A client may name thousands of files at once.
        return path
    fits = len(text) < LONGEST_PATH and all(len(os.fsencode(part)) <= LONGEST_NAME for part in path.parts)
    return path if fits else None


def paths_on_disk(uris: Iterable[str]) -> list[Path]:
    """The files behind those URIs that name one."""
    return [path for path in map(path_on_disk, uris) if path is not None]


def folders_of(params: Mapping[str, Any]) -> list[Path]:
    """`workspaceFolders`, else `rootUri`, else `rootPath`."""
    listed = params.get("workspaceFolders")
    uris = [at(folder, "uri") for folder in listed] if isinstance(listed, list) else []
    if not uris:
        uris = [params.get("rootUri")]
    found = paths_on_disk(uri for uri in uris if isinstance(uri, str))
    root_path = params.get("rootPath")
    if not found and isinstance(root_path, str) and Path(root_path).is_absolute():
        return [Path(root_path)]
    return found
