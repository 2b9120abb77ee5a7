"""A look at all files at once, and how the graph follows (seed 1, 5.1).

What is new and what has changed: the file system is right. What is gone: the graph is right, it keeps the
node and says that the file is missing, because nobody has said that it should go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from mplp_runtime.drift.looks import LOOK, Drift, Drifted, drifted_files
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import Event
from mplp_runtime.integration.files import FileIngest, file_update_event
from mplp_runtime.psg.bulk import Growth
from mplp_runtime.psg.files import FILE, file_nodes, missing_file_data
from mplp_runtime.psg.graph import Graph
from mplp_runtime.sources import Clock, timestamp
from mplp_runtime.vsl.interface import Reading, Transaction, ValueStateLayer

MOST_EVENTS = 500
"""Changed files that get an event each; beyond, one event tells of all."""


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What a look found, by path. `is_first` where the graph knew no files: then nothing has drifted."""

    added: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    is_first: bool = False

    @property
    def is_clean(self) -> bool:
        """Whether graph and files agree; of a first look that is so."""
        return self.is_first or not (self.added or self.modified or self.deleted)


@dataclass(slots=True)
class DriftCheck:
    """Finds drift and reconciles it. One look at a time; each is one transaction."""

    root: Path
    store: ValueStateLayer
    bus: EventBus
    graph: Graph
    clock: Clock
    live_streams: Callable[[Reading], tuple[str, ...]] = lambda _: ()
    """The streams of runs under way, whose traces carry what has changed too."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self, list_files: Callable[[], Iterable[str]]) -> DriftReport:
        """Looks at every file of `list_files` (relative, with `/`) and at those the graph knows.

        Returns what had come apart, which it no longer has. Raises StoreError.
        """
        async with self._lock:
            known = {node.id: dict(node.data) for node in self.store.read(file_nodes)}
            found = await asyncio.to_thread(lambda: drifted_files(self.root, list_files(), known))
            if found:
                await self.store.transact(lambda transaction: self._reconcile(transaction, found))

        def paths(drift: Drift) -> tuple[str, ...]:
            return tuple(each.path for each in found if each.drift == drift)

        return DriftReport(paths("added"), paths("modified"), paths("deleted"), is_first=not known)

    def _reconcile(self, transaction: Transaction, found: list[Drifted]) -> None:
        streams = ("project", *self.live_streams(transaction))
        modified = [each for each in found if each.drift == "modified"]
        if len(modified) <= MOST_EVENTS:
            files = FileIngest(self.store, self.bus, self.graph, root=self.root)
            for each in modified:
                files.ingest_in(transaction, self._event(each), streams=streams)
        else:
            self._put_all(transaction, modified, "files_reconciled")
        self._put_all(transaction, [each for each in found if each.drift == "added"], "files_found")
        for each in found:
            node = transaction.read_node(FILE, each.path) if each.drift == "deleted" else None
            if node is not None:
                missing = missing_file_data(node.data, timestamp(self.clock()))
                self.graph.put(transaction, FILE, each.path, missing, event_type="file_missing")

    def _event(self, each: Drifted) -> Event:
        return file_update_event(
            self.bus.stamper,
            file_path=each.path,
            change_type="modified",
            source=LOOK,
            changed_at=_instant(each),
            workspace_root=str(self.root),
            content_hash=each.content_hash,
            size_bytes=each.size_bytes,
        )

    def _put_all(self, transaction: Transaction, files: list[Drifted], event_type: str) -> None:
        """Many nodes and one event."""
        count = 0
        for each in files:
            before = transaction.read_node(FILE, each.path)
            data = {
                "last_modified": each.changed_at,
                "size_bytes": each.size_bytes,
                "content_hash": each.content_hash,
                "source": LOOK,
            }
            transaction.write_node(
                FILE, each.path, {name: value for name, value in data.items() if value is not None}
            )
            count += before is None
        if files:
            growth = Growth(count, 0, is_changed=True)
            self.graph.record_growth(transaction, event_type, (FILE, "*"), growth, stream="project")


def _instant(each: Drifted) -> datetime | None:
    return None if each.changed_at is None else datetime.fromisoformat(each.changed_at)
