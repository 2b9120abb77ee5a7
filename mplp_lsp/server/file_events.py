"""Changes of files, in the editor and outside it, on their way to the runtime as file-update events.

Typing is reported after half a second of quiet, a save at once. Where the project keeps state and may be
written to, the runtime makes the events durable; else it keeps them in memory (D23).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.workbench import Workbench
from mplp_lsp.workspace.changes import FileChange, FileState, Quiet
from mplp_lsp.workspace.disk import decoded, read_head
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.scan import SKIPPED_FOLDERS
from mplp_runtime.errors import MplpError

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime

LARGEST_TEXT_BYTES = 2 * 1024 * 1024
MOST_REMEMBERED_FILES = 2_000
MOST_REMEMBERED_CHARACTERS = 16_000_000

OnRuntime = Callable[[Path, Callable[["Runtime"], Awaitable[None]]], Awaitable[None]]

logger = logging.getLogger(__name__)


class FileEvents:
    """Collects changes of one session and hands them to the runtime of their project."""

    def __init__(
        self,
        process: ServerProcess,
        bench: Workbench,
        spawn: Callable[[Any, str], asyncio.Task[Any]],
        on_runtime: OnRuntime,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._process = process
        self._bench = bench
        self._spawn = spawn
        self._on_runtime = on_runtime
        self._quiet = Quiet(monotonic)
        self._states: dict[PurePath, FileState] = {}
        self._seen: set[PurePath] = set()
        self._remembered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[Any] | None = None
        self._outgoing: list[FileChange] = []

    # What happened

    def found(self, root: Path, files: Iterable[str]) -> None:
        """Files that a scan has seen: when one of them changes, it was there before."""
        self._seen.update(root / file for file in files)

    def opened(self, document: Document) -> None:
        """Remembers what the file holds, so that the first edit has something to be compared with."""
        if document.path is not None:
            self._remember(document.path, FileState.of_text(document.text.text, document.encoding))

    def edited(self, before: Document, after: Document) -> None:
        path = after.path
        if path is None or not self._is_reported(path):
            return
        if path not in self._states:
            self._remember(path, FileState.of_text(before.text.text, before.encoding))
        # The text is joined and hashed when it is quiet, not at every key.
        self._quiet.note(
            path,
            self._states[path],
            FileState(None, None, after.encoding),
            source="editor",
            language_id=after.language_id,
        )
        self._wake()

    def saved(self, document: Document) -> None:
        if document.path is not None and self._is_reported(document.path):
            self.edited(document, document)
            self._flush(document.path)

    def on_disk(self, paths: Iterable[Path]) -> None:
        """Files that the client, its file operations or our watcher named; compared with what was known."""
        for path in paths:
            if not self._is_reported(path) or self._open_document(path) is not None:
                continue
            after = _state_on_disk(path)
            before = self._states.get(path) or (FileState() if path in self._seen else None)
            if before is None and after is None:
                continue
            if after is None:
                self._forget(path)
            else:
                self._remember(path, after)
            self._quiet.note(path, before, after, source="disk")
        self._wake()

    def created(self, paths: Iterable[Path]) -> None:
        for path in paths:
            if self._is_reported(path) and not path.is_dir():
                self._quiet.note(path, None, _state_on_disk(path) or FileState.of_text(""), source="editor")
                self._flush(path)

    def deleted(self, paths: Iterable[Path]) -> None:
        for path in paths:
            if self._is_reported(path):
                before = self._forget(path) or FileState()
                self._quiet.note(path, before, None, source="editor")
                self._flush(path)

    def renamed(self, pairs: Iterable[tuple[Path, Path]]) -> None:
        for old, new in pairs:
            if self._is_reported(new) and self._is_reported(old) and not new.is_dir():
                state = self._forget(old) or _state_on_disk(new)
                self._quiet.note_renamed(old, new, state, source="editor")
                self._flush(new)

    async def close(self) -> None:
        """Sends what is pending."""
        if self._timer is not None:
            self._timer.cancel()
        self._take(self._quiet.flush())
        if self._sending is not None:
            await asyncio.wait([self._sending], timeout=1.0)

    # How it gets there

    def _is_reported(self, path: Path) -> bool:
        root = self._bench.workspace.projects.folder_for(path)
        if root is None:
            return False
        return SKIPPED_FOLDERS.isdisjoint(path.relative_to(root).parts)

    def _open_document(self, path: PurePath) -> Document | None:
        for document in self._bench.workspace.store.documents.open.values():
            if document.path == path:
                return document
        return None

    def _remember(self, path: PurePath, state: FileState) -> None:
        self._seen.add(path)
        before = self._states.pop(path, None)
        self._states[path] = state
        self._remembered += len(state.text or "") - len((before and before.text) or "")
        while len(self._states) > MOST_REMEMBERED_FILES or self._remembered > MOST_REMEMBERED_CHARACTERS:
            oldest = self._states.pop(next(iter(self._states)))
            self._remembered -= len(oldest.text or "")

    def _forget(self, path: PurePath) -> FileState | None:
        state = self._states.pop(path, None)
        self._remembered -= len((state and state.text) or "")
        self._seen.discard(path)
        return state

    def _wake(self) -> None:
        due_s = self._quiet.seconds_until_due()
        if due_s is not None and self._timer is None:
            self._timer = self._process.loop.call_later(due_s, self._ripen)

    def _ripen(self) -> None:
        self._timer = None
        self._take(self._quiet.due())
        self._wake()

    def _flush(self, path: Path) -> None:
        self._take(self._quiet.flush(path))

    def _take(self, changes: list[FileChange]) -> None:
        self._outgoing.extend(changes)
        if self._outgoing and (self._sending is None or self._sending.done()):
            self._sending = self._spawn(self._send(), "recording file changes")

    async def _send(self) -> None:
        while self._outgoing:
            taken, self._outgoing = self._outgoing, []
            by_root: dict[Path, list[FileChange]] = {}
            for change in taken:
                complete = await self._completed(change)
                root = self._bench.workspace.projects.root_for(Path(change.path))
                if complete is not None and Path(change.path).is_relative_to(root):
                    by_root.setdefault(root, []).append(complete)
            for root, changes in by_root.items():
                await self._ingest(root, changes)

    async def _completed(self, change: FileChange) -> FileChange | None:
        """A change from typing gets its text now: only the last of many is worth joining and comparing."""
        from mplp_lsp.workspace.changes import file_change

        document = self._open_document(change.path)
        if change.source != "editor" or change.content_hash is not None or document is None:
            return change
        before = self._states.get(change.path)
        after = await self._process.work(lambda: FileState.of_text(document.text.text, document.encoding))
        self._remember(change.path, after)
        return await self._process.work(
            lambda: file_change(
                change.path,
                before,
                after,
                source="editor",
                language_id=document.language_id,
                previous_path=change.previous_path,
            )
        )

    async def _ingest(self, root: Path, changes: list[FileChange]) -> None:
        from mplp_lsp.server.ingest import ingest_changes

        editor = self._bench.client.name or None
        trusted = self._bench.is_trusted(root)
        try:
            await self._on_runtime(
                root,
                lambda runtime: ingest_changes(runtime, root, changes, editor=editor, is_trusted=trusted),
            )
        except MplpError as error:
            logger.warning("%d file changes were not recorded: %s", len(changes), error)


def _state_on_disk(path: Path) -> FileState | None:
    """None where there is no regular file; without text where it is too large to compare."""
    found = read_head(path, LARGEST_TEXT_BYTES + 1)
    if found is None:
        return None
    content, _stamp = found
    if len(content) > LARGEST_TEXT_BYTES or b"\0" in content[:8192]:
        return FileState()
    text = decoded(content)
    return FileState.of_text(text.text, text.encoding)
