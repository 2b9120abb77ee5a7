"""A file changed: the event that says so, and what it does to the graph (seed 2, 7.1).

The order of the seed: check the event, look for drift, keep what is now known of the file, record a
graph_update. All of it is one transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath, PurePosixPath
from typing import Literal

from mplp_runtime.errors import EventRejected, PathOutsideProject
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import Event, Stamper, external_integration
from mplp_runtime.psg.files import FILE, drift_between, file_data, missing_file_data
from mplp_runtime.psg.graph import Graph
from mplp_runtime.psg.mentions import StepTexts, file_edges
from mplp_runtime.rules.validators import without_lone_surrogates
from mplp_runtime.sources import timestamp
from mplp_runtime.vsl.interface import Edge, Json, Transaction, ValueStateLayer

# `C:\x`; a name such as `12:30.log` is one like any other outside Windows.
_DRIVE = re.compile(r"[A-Za-z]:(?:[/\\]|$)")

ChangeType = Literal["created", "modified", "deleted", "renamed"]


@dataclass(frozen=True, slots=True)
class Ingested:
    """What one file event did. `drift` says why the graph was behind the file; None if it was not.

    The graph_update says the same: it is `file_reconciled` then, or `file_missing` of a file that is gone.

    `lamports` are the logical times of all events recorded, the integration event first.
    """

    lamports: tuple[int, ...]
    drift: Literal["content", "time"] | None
    streams: tuple[str, ...]


def file_update_event(
    stamper: Stamper,
    *,
    file_path: str,
    change_type: ChangeType,
    source: str,
    changed_at: datetime | None = None,
    workspace_root: str | None = None,
    previous_path: str | None = None,
    change_summary: str | None = None,
    lines_added: int | None = None,
    lines_removed: int | None = None,
    encoding: str | None = None,
    language: str | None = None,
    content_hash: str | None = None,
    size_bytes: int | None = None,
    editor_source: str | None = None,
    project_id: str | None = None,
) -> Event:
    """The envelope of a file update; what is None is left out.

    `file_path` and `previous_path` are relative to `workspace_root`, with `/`; of a name that is no UTF-8,
    what has no character is replaced. `content_hash` is
    `sha256:<hex>`; it, `size_bytes` and `editor_source` stand on the envelope, because the payload is closed.
    """
    payload: dict[str, Json] = {
        "file_path": file_path,
        "change_type": change_type,
        "timestamp": timestamp(changed_at or stamper.clock()),
        "workspace_root": workspace_root,
        "change_summary": change_summary,
        "lines_added": lines_added,
        "lines_removed": lines_removed,
        "previous_path": previous_path,
        "encoding": encoding,
        "language": language,
    }
    return external_integration(
        stamper,
        "file_update",
        {name: _sound(value) for name, value in payload.items() if value is not None},
        source=source,
        project_id=project_id,
        extensions={"content_hash": content_hash, "size_bytes": size_bytes, "editor_source": editor_source},
    )


class FileIngest:
    """Takes file events in: log, file node, the edges of the steps that name the file, and graph_update.

    All of it becomes durable together.

    With a `root`, absolute paths below it are understood as well.
    """

    def __init__(
        self,
        store: ValueStateLayer,
        bus: EventBus,
        graph: Graph,
        *,
        root: PurePath | None = None,
        steps: StepTexts | None = None,
    ) -> None:
        self._store = store
        self._root = root
        self._bus = bus
        self._graph = graph
        self._steps = steps or StepTexts()

    async def ingest(
        self, envelope: Mapping[str, Json], *, streams: tuple[str, ...] = ("project",)
    ) -> Ingested:
        """Records the event in `streams` and brings the file's node up to date.

        `streams` beyond the first are runs under way, whose traces carry the event too. Raises EventRejected
        for an event that is not valid, PathOutsideProject for a path that leaves the project.
        """
        return await self._store.transact(
            lambda transaction: self.ingest_in(transaction, envelope, streams=streams)
        )

    def ingest_in(
        self,
        transaction: Transaction,
        envelope: Mapping[str, Json],
        *,
        streams: tuple[str, ...] = ("project",),
        is_ours: bool = False,
    ) -> Ingested:
        """The same as part of a transaction of the caller's.

        `is_ours` where the runtime itself has changed the file: that is no drift, and what it deleted is
        meant to be gone.
        """
        if envelope.get("event_type") != "file_update":
            raise EventRejected(f"{envelope.get('event_type')!r} is no file update.")
        self._steps.begin(transaction)
        lamports = self._bus.record_in(transaction, streams, envelope)
        payload = envelope["payload"]
        path = inside(payload["file_path"], self._root)
        change: str = payload["change_type"]
        before = transaction.read_node(FILE, path)
        drift = None if before is None or is_ours else drift_between(before.data, envelope)
        if change == "renamed" and payload.get("previous_path"):
            lamports += self._forget(transaction, inside(payload["previous_path"], self._root), streams)
        if change == "deleted" and is_ours:
            lamports += self._forget(transaction, path, streams)
        elif change == "deleted":
            if before is not None:
                missing = missing_file_data(before.data, payload["timestamp"])
                lamports += self._put(transaction, path, missing, (), streams, drift, "file_missing")
        else:
            data = file_data(envelope, before.data if before else None)
            lacking, outdated = file_edges(transaction, self._steps, path)
            word = None if drift is None else "file_reconciled"
            lamports += self._put(transaction, path, data, lacking, streams, drift, word)
            for edge in outdated:
                self._graph.disconnect(transaction, edge, stream=streams[0])
                lamports.append(transaction.lamport())
        self._steps.end(transaction)
        return Ingested(tuple(lamports), drift, streams)

    def _put(
        self,
        transaction: Transaction,
        path: str,
        data: Mapping[str, Json],
        edges: Iterable[Edge],
        streams: tuple[str, ...],
        drift: str | None,
        event_type: str | None,
    ) -> list[int]:
        told = None if drift is None else {"drift": drift}
        events = self._graph.put(
            transaction,
            FILE,
            path,
            data,
            edges=edges,
            stream=streams[0],
            event_type=event_type,
            told=told,
        )
        return [transaction.lamport()] if events else []

    def _forget(self, transaction: Transaction, path: str, streams: tuple[str, ...]) -> list[int]:
        events = self._graph.delete(transaction, FILE, path, stream=streams[0])
        return [transaction.lamport()] if events else []


def inside(path: str, root: PurePath | None = None) -> str:
    """`path` relative to the project, with `/`. Raises PathOutsideProject: events are untrusted input.

    >>> inside("src/main.py"), inside("/project/src/main.py", PurePath("/project"))
    ('src/main.py', 'src/main.py')
    """
    if root is not None and PurePath(path).is_relative_to(root):
        path = PurePath(path).relative_to(root).as_posix()
    is_absolute = path.startswith(("/", "\\")) or _DRIVE.match(path) is not None
    if is_absolute or ".." in path.replace("\\", "/").split("/") or "\x00" in path:
        raise PathOutsideProject(
            f"{path!r} leaves the project; paths of file events are relative to its root."
        )
    path = str(_sound(path))
    # One file is one node, however its path is written: `./a` and `a//b` too.
    return PurePosixPath(path).as_posix()


def _sound(value: Json) -> Json:
    """Texts without halves of surrogate pairs, by which Python shows names that are no UTF-8."""
    return without_lone_surrogates(value) if isinstance(value, str) else value
