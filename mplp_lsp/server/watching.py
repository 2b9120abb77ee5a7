"""Files changed outside the editor: watched by the client where it offers that, else by ourselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mplp_lsp.server.messages import RequestError
from mplp_lsp.workspace.scan import candidates, project_files

if TYPE_CHECKING:
    from mplp_lsp.server.desk import Desk
    from mplp_lsp.workspace.watch import Batch, Watcher

logger = logging.getLogger(__name__)


class Watching:
    """Scans projects once in the background and keeps them up to date."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._watchers: dict[Path, Watcher] = {}
        self._is_registered = False
        self._waiting: dict[Path, None] = {}
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
            self._desk.session.spawn(self.scan(root), f"scanning {root}")

    async def scan(self, root: Path) -> None:
        """Reads the documents of a project one by one, between everything else that goes on."""
        bench = self._desk.bench
        rules = bench.options.rules
        found = await self._desk.session.process.work(lambda: candidates(project_files(root), rules))
        if found.is_cut:
            self._desk.services.log(
                f"{root} has more files than are looked at; the rest is ignored.", level="warning"
            )
        if await self._refresh(found.paths):
            self._desk.documents_changed(bench.workspace.rescan(root, found.paths))

    def paths_changed(self, paths: Iterable[Path]) -> None:
        """Something happened to these files; what exactly, the disk tells."""
        self._waiting.update(dict.fromkeys(paths))
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
            await self._refresh(taken)

    async def _refresh(self, paths: Iterable[Path]) -> bool:
        for path in paths:
            if self._desk.is_closed:
                return False
            self._desk.documents_changed(self._desk.bench.workspace.refresh([path]))
            await asyncio.sleep(0)
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
        if batch.must_rescan:
            self._desk.session.spawn(self.scan(root), f"scanning {root}")
            return
        paths = sorted(batch.paths)
        self._desk.file_events.on_disk(paths)
        self.paths_changed(paths)
