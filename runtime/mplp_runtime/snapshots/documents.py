"""The documents beside a store's snapshots: what each holds, and an index of all for people and programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mplp_runtime.disk import read_regular, why
from mplp_runtime.errors import StoreError
from mplp_runtime.trace.files import write_atomically

INDEX = "index.json"


def write_document(folder: Path, document: Mapping[str, Any]) -> None:
    """Writes one, and names it in the index. Raises StoreError."""
    write_atomically(folder / f"{document['snapshot_id']}.json", [json.dumps(document, indent=2), "\n"])
    # Last, so that what the index names is there.
    write_index(folder)


def ids(folder: Path) -> list[str]:
    """Of all snapshots that have a document."""
    return sorted(path.stem for path in folder.glob("*.json") if path.name != INDEX)


def write_index(folder: Path) -> None:
    """For people and other programs: what is there, the oldest first. Documents that it lacks are added."""
    index: Mapping[str, Any] | None = None
    with suppress(StoreError):
        # One that cannot be read is made anew: all that it tells stands in the documents.
        index = read_json(folder / INDEX)
    listed = (index or {}).get("snapshots", ())
    known = {entry.get("snapshot_id"): entry for entry in listed if isinstance(entry, dict)}
    entries: list[dict[str, Any]] = []
    for each in ids(folder):
        try:
            document = None if each in known else read_json(folder / f"{each}.json")
            entries.append(known[each] if document is None else _index_entry(document))
        except (KeyError, StoreError):
            continue
    entries.sort(key=lambda entry: str(entry.get("timestamp")))
    write_atomically(folder / INDEX, [json.dumps({"snapshots": entries}, indent=2), "\n"])


def _index_entry(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "snapshot_id": document["snapshot_id"],
        "timestamp": document["captured_at"],
        "label": document["label"],
        "modules_captured": document.get("modules_captured", []),
    }


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None where there is no file, or something else in it. Raises StoreError."""
    try:
        value = json.loads(read_regular(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as problem:
        raise StoreError(f"{path} cannot be read: {why(problem)}.") from problem
    return value if isinstance(value, dict) else None
