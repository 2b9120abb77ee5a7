"""File nodes: what the graph last knew of each file of the project (`/psg/files`).

A node's id is the path relative to the project root, with `/`. A file that is gone
keeps its node, with `missing_since`, and its edges: nobody has said that it should go (seed 1, 5.1). One that
was renamed, or that the runtime itself has deleted, leaves a tombstone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from mplp_runtime.vsl.interface import Json, Node, Reading

FILE = "File"


def file_data(envelope: Mapping[str, Json], before: Mapping[str, Json] | None) -> dict[str, Json]:
    """What is kept of a file after an event: last_modified, content_hash, size_bytes, language and encoding.

    Hash and size are those of the event only: an event without them says that the content may have changed,
    so the old ones would be wrong. Language and encoding stay as they were where the event is silent.
    """
    payload = envelope["payload"]
    kept: dict[str, Json] = {"last_modified": payload["timestamp"], "source": envelope["source"]}
    for name in ("content_hash", "size_bytes"):
        if envelope.get(name) is not None:
            kept[name] = envelope[name]
    for name in ("language", "encoding"):
        value = payload.get(name, (before or {}).get(name))
        if value is not None:
            kept[name] = value
    return kept


def drift_between(
    known: Mapping[str, Json], envelope: Mapping[str, Json]
) -> Literal["content", "time"] | None:
    """Whether the graph was behind the file: by content where both hashes are known, else by time.

    A file that was touched and holds what it held before is no drift.

    >>> drift_between({"content_hash": "sha256:a"}, {"content_hash": "sha256:b", "payload": {}})
    'content'
    """
    old, new = known.get("content_hash"), envelope.get("content_hash")
    if old is not None and new is not None:
        return "content" if old != new else None
    before, after = _instant(known.get("last_modified")), _instant(envelope["payload"].get("timestamp"))
    return "time" if before is not None and after is not None and before < after else None


def missing_file_data(before: Mapping[str, Json], since: str) -> dict[str, Json]:
    """What is kept of a file that is gone; `since` is when that was first heard.

    >>> missing_file_data({"language": "python"}, "2026-01-01T00:00:00Z")
    {'language': 'python', 'missing_since': '2026-01-01T00:00:00Z'}
    """
    return {**before, "missing_since": before.get("missing_since", since)}


def file_nodes(reading: Reading) -> list[Node]:
    """All files the graph knows, in the order they were first seen."""
    return list(reading.nodes(FILE))


def _instant(text: Json) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else None
