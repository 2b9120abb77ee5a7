"""Two events about one thing become one, so that a flood loses nothing that matters (seed 2, 8.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mplp_runtime.events.families import Event
from mplp_runtime.vsl.interface import Json

Subject = tuple[str, ...]
"""What an event is about: a file, a CI run, a call of a tool."""

PathOf = Callable[[str], str]
"""The one name of a file whose path is written in several ways."""

FINAL = frozenset({"succeeded", "failed", "cancelled"})

_SUBJECTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "file_update": ("file_path",),
        "ci_pipeline": ("ci_provider", "pipeline_id", "run_id"),
        "tool_execution": ("tool_id", "invocation_id"),
    }
)
_OF_ONE_MOMENT = frozenset({"content_hash", "size_bytes"})
_CHANGES: Mapping[tuple[str, str], str] = MappingProxyType(
    {("created", "modified"): "created", ("deleted", "created"): "modified"}
)


def subject_of(envelope: Mapping[str, Json], path_of: PathOf = str) -> Subject | None:
    """What later events may replace this one; None for what always stands for itself, as each git event does.

    A rename is about two paths, so nothing is joined with it.
    """
    kind, payload = envelope["event_type"], envelope["payload"]
    members = _SUBJECTS.get(kind)
    if members is None or payload.get("change_type") == "renamed":
        return None
    if kind == "file_update":
        return paths_of(envelope, path_of)[0]
    return (kind, *(str(payload[name]) for name in members))


def paths_of(envelope: Mapping[str, Json], path_of: PathOf = str) -> list[Subject]:
    """The files a file event is about: for a rename, both."""
    if envelope["event_type"] != "file_update":
        return []
    payload = envelope["payload"]
    paths = [payload["file_path"]]
    if payload.get("change_type") == "renamed" and payload.get("previous_path"):
        paths.append(payload["previous_path"])
    return [("file_update", path_of(path)) for path in paths]


def joined(older: Event, newer: Event) -> Event:
    """One event that says what both said; `coalesced` on its envelope counts how many it stands for.

    A file that was created and then modified was created; lines are added up where both are counted. Hash and
    size are those of the newer one, which may not know them. What has ended stays ended, whatever order the
    news came in.
    """
    was, now = older["payload"], newer["payload"]
    payload: dict[str, Json] = {**was, **now}
    kept = older
    if newer["event_type"] == "file_update":
        change = (was["change_type"], now["change_type"])
        payload["change_type"] = _CHANGES.get(change, now["change_type"])
        for name in ("lines_added", "lines_removed"):
            if name in was and name in now:
                payload[name] = was[name] + now[name]
            else:
                payload.pop(name, None)
        kept = {name: value for name, value in older.items() if name not in _OF_ONE_MOMENT}
    elif was.get("status") in FINAL and now.get("status") not in FINAL:
        payload = {**now, **was}
    return {**kept, **newer, "payload": payload, "coalesced": _count(older) + _count(newer)}


def _count(envelope: Event) -> int:
    count = envelope.get("coalesced", 1)
    return count if isinstance(count, int) else 1
