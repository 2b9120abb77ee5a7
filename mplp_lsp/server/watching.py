"""Files changed outside the editor: watched by the client where it offers that, else by ourselves."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from mplp_lsp.server.messages import RequestError
from mplp_lsp.server.seen_files import listing_of
from mplp_lsp.workspace.foreign_files import ForeignFiles
from mplp_lsp.workspace.scan import MAX_LISTED_FILES, Heads, by_names, project_files
from mplp_runtime.project_roots import is_root

if TYPE_CHECKING:
    from mplp_lsp.server.desk import Desk
    from mplp_lsp.workspace.store import Read
    from mplp_lsp.workspace.watch import Batch, Watcher

PATIENCE_S = 0.1
"""How long an open document waits for the documents around it to be read; then its own findings are shown."""
LONG_PATIENCE_S = 1.5
"""The same for a client that asks once and cannot be told to ask again."""
LIMIT_S = 10.0
"""How long an answer that would be wrong before all is read may take."""

READ_AT_ONCE_S = 0.02
MOST_READ_AT_ONCE = 64
"""One stretch of reading: what the loop then takes over in one turn."""
HEADS_AT_ONCE = 1_000
TAKEN_AT_ONCE = 200


class Watching:
    """Scans projects once in the background and keeps them up to date."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._watchers: dict[Path, Watcher] = {}
        self._is_registered = False
        self._waiting: dict[Path, None] = {}
        self._scanned: dict[Path, asyncio.Event] = {}
        self._impatient: set[Path] = set()
        self._foreign: dict[Path, ForeignFiles] = {}
        self._cut: set[Path] = set()
        # Whether the project is to be scanned once more after the scan that is under way.
        self._rescans: dict[Path, bool] = {}
        self._task: asyncio.Task[object] | None = None

    def start(self) -> None:
        """For the folders as they are now; call again when they change."""
        client = self._desk.session.client
        if client.watches_files:
            if not self._is_registered:
                self._is_registered = True
                self._desk.session.spawn(self._register(), "registering watched files")
        else:
            self._watch_ourselves()
        for root in self._desk.bench.roots:
            self._begin_scan(root)

    def opened(self, path: Path) -> None:
        """A document outside all folders brings its project along where that has a mark, else its folder."""
        root = self._desk.bench.workspace.projects.root_for(path)
        if root not in self._scanned:
            self._begin_scan(root, only_folder=None if is_root(root) else path.parent)

    def is_held(self, uri: str, *, is_open: bool) -> bool:
        """Whether the documents around this one are still being read, so that "unknown" would be a guess.

        Open documents are held for a moment only, and no longer than until those known by name are read.
        """
        root = self._desk.bench.workspace.root_of(uri)
        scanned = self._scanned.get(root) if root is not None else None
        return scanned is not None and not scanned.is_set() and not (is_open and root in self._impatient)

    def is_complete(self, uri: str) -> bool:
        """Whether all documents around this one are known, so that one that is missing is missing."""
        return self._desk.bench.workspace.root_of(uri) not in self._desk.bench.being_read

    async def until_read(self, uri: str, limit_s: float | None = None) -> None:
        """Returns when all documents around this one are known, or after `limit_s`.

        Unless said, that is as long as diagnostics may wait: less where the client can be told to ask again.
        """
        if self.is_complete(uri):
            return
        if limit_s is None:
            limit_s = PATIENCE_S if self._desk.session.client.refreshes_diagnostics else LONG_PATIENCE_S
        root = self._desk.bench.workspace.root_of(uri)
        if root is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._scanned[root].wait(), limit_s)

    async def all_read(self, limit_s: float = LIMIT_S) -> None:
        """Returns when every project that is being scanned has been read, or after `limit_s`."""
        waiting = [
            asyncio.ensure_future(event.wait()) for event in self._scanned.values() if not event.is_set()
        ]
        if waiting:
            try:
                await asyncio.wait(waiting, timeout=limit_s)
            finally:
                for task in waiting:
                    task.cancel()

    def _begin_scan(self, root: Path, only_folder: Path | None = None) -> None:
        if root not in self._scanned:
            self._scanned[root] = asyncio.Event()
            self._desk.bench.being_read.add(root)
            self._desk.session.process.loop.call_later(PATIENCE_S, self._lose_patience, root)
        self._desk.session.spawn(self.scan(root, only_folder), f"scanning {root}")

    def _lose_patience(self, root: Path) -> None:
        if not self._desk.is_closed:
            self._impatient.add(root)
            self._desk.analyst.release()

    async def scan(self, root: Path, only_folder: Path | None = None) -> None:
        """Reads the documents of a project, a few at a time, between everything else that goes on."""
        try:
            await self._scan(root, only_folder)
        finally:
            self._desk.bench.workspace.set_partial(root, is_partial=False)
            self._desk.bench.being_read.discard(root)
            if root in self._scanned:
                self._scanned[root].set()
            if not self._desk.is_closed:
                self._desk.analyst.release()
                self._desk.refresh.soon(diagnostics=False, hints=False)

    async def _scan(self, root: Path, only_folder: Path | None) -> None:
        """First the documents that names tell of, then those that their content does."""
        workspace, work = self._desk.bench.workspace, self._desk.session.process.work
        if only_folder is not None:
            await self._read(await work(lambda: sorted(only_folder.glob("*.json"))))
            return
        rules = workspace.rules_of(root)
        files = await work(lambda: project_files(root, limit=MAX_LISTED_FILES))
        self._desk.file_events.found(root, await work(lambda: listing_of(root, files.files)))
        named = await work(lambda: by_names(files, rules))
        if not await self._read(await work(lambda: named.paths)):
            return
        heads = Heads(named, self._foreign.setdefault(root, ForeignFiles()))
        if not heads.is_done:
            self._names_are_read(root)
        possible: list[Path] = []
        while not heads.is_done:
            possible += await work(lambda: heads.look_on(HEADS_AT_ONCE))
            if self._desk.is_closed:
                return
        if (files.is_cut or heads.is_cut) and root not in self._cut:
            self._cut.add(root)
            self._desk.services.log(
                f"{root} has more files than are looked at; the rest is ignored.", level="warning"
            )
        known = workspace.store.known_below(root)
        await self._read([*possible, *await work(lambda: named.without(known))])

    def _names_are_read(self, root: Path) -> None:
        """What is still to be looked into is foreign, most likely; only "it is missing" must wait for it."""
        if root in self._desk.bench.being_read:
            self._desk.bench.workspace.set_partial(root, is_partial=True)
            self._impatient.add(root)
            self._desk.analyst.release()

    def _rescan(self, root: Path) -> None:
        """Soon; however often it is asked for, one scan is under way and one more to come, at most."""
        if root in self._rescans:
            self._rescans[root] = True
            return
        self._rescans[root] = False
        self._desk.session.spawn(self._scan_again(root), f"scanning {root}")

    async def _scan_again(self, root: Path) -> None:
        is_wanted = True
        try:
            while is_wanted and not self._desk.is_closed:
                # What the scan lists counts as seen before; what is new must have been told by then.
                await self._desk.file_events.until_looked()
                self._rescans[root] = False
                await self.scan(root)
                is_wanted = self._rescans[root]
        finally:
            del self._rescans[root]

    def told(self, paths: Iterator[Path]) -> None:
        """The client or our watcher names files: a build or a checkout may change thousands at once."""
        first = list(islice(paths, TAKEN_AT_ONCE))
        self._take(first)
        if len(first) == TAKEN_AT_ONCE:
            self._desk.session.spawn(self._take_rest(paths), "taking notice of changed files")

    async def _take_rest(self, paths: Iterator[Path]) -> None:
        while some := list(islice(paths, TAKEN_AT_ONCE)):
            self._take(some)
            await asyncio.sleep(0)
            if self._desk.is_closed:
                return

    def _take(self, paths: list[Path]) -> None:
        self._desk.file_events.on_disk(paths)
        self.paths_changed(paths)

    def paths_changed(self, paths: Iterable[Path]) -> None:
        """Something happened to these files; what exactly, the disk tells."""
        changed = list(paths)
        self._desk.marks_changed(changed)
        self._waiting.update(dict.fromkeys(changed))
        if self._waiting and (self._task is None or self._task.done()):
            self._task = self._desk.session.spawn(self._work_off(), "reading changed files")

    def stop(self) -> None:
        watchers, self._watchers = list(self._watchers.values()), {}
        for watcher in watchers:
            # Stopping joins a thread; nobody waits for that.
            watcher.stop(timeout_s=0)

    async def _work_off(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, {}
            await self._read(taken)

    async def _read(self, paths: Iterable[Path]) -> bool:
        """Takes over what the disk says about these files, a stretch at a time; False if the session ended.

        A worker reads. The loop takes the documents of a stretch together, and is free between two.
        """
        workspace = self._desk.bench.workspace
        reads = workspace.look(paths)
        is_done = False
        while not is_done:
            found, is_done = await self._desk.session.process.work(lambda: stretch_of(reads))
            if self._desk.is_closed:
                return False
            if found:
                self._desk.documents_changed(workspace.put_read(found))
        return True

    async def _register(self) -> None:
        options = {"watchers": [{"globPattern": "**/*"}]}
        registration = {
            "id": "mplp-files",
            "method": "workspace/didChangeWatchedFiles",
            "registerOptions": options,
        }
        try:
            await self._desk.session.protocol.ask(
                "client/registerCapability", {"registrations": [registration]}
            )
        except RequestError:
            # It announced the ability and refused the request: then we look ourselves.
            self._watch_ourselves()

    def _watch_ourselves(self) -> None:
        from mplp_lsp.workspace.watch import Watcher

        roots = set(self._desk.bench.roots)
        for root in [known for known in self._watchers if known not in roots]:
            self._watchers.pop(root).stop(timeout_s=0)
        for root in roots - set(self._watchers):
            watcher = Watcher(root, self._batches_of(root))
            self._watchers[root] = watcher
            watcher.start()

    def _batches_of(self, root: Path) -> Callable[[Batch], None]:
        loop = self._desk.session.process.loop

        def seen(batch: Batch) -> None:
            try:
                loop.call_soon_threadsafe(self._seen, root, batch)
            except RuntimeError:
                # The loop has closed: the server is leaving.
                return

        return seen

    def _seen(self, root: Path, batch: Batch) -> None:
        if self._desk.is_closed:
            return
        paths = iter(sorted(batch.paths, key=str))
        if batch.must_rescan:
            self._desk.session.spawn(self._take_flood(root, paths), "taking notice of a flood of files")
        else:
            self.told(paths)

    async def _take_flood(self, root: Path, paths: Iterator[Path]) -> None:
        """Each file is told by name, and then all are compared: some of a flood may have been lost."""
        await self._take_rest(paths)
        if not self._desk.is_closed:
            self._rescan(root)


def stretch_of(reads: Iterator[Read]) -> tuple[list[Read], bool]:
    """The next of `reads`, for some milliseconds, and whether there are no more."""
    until = time.perf_counter() + READ_AT_ONCE_S
    found: list[Read] = []
    for read in reads:
        found.append(read)
        if len(found) >= MOST_READ_AT_ONCE or time.perf_counter() > until:
            return found, False
    return found, True
