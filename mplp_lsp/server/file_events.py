"""Changes of files, in the editor and outside it, on their way to the runtime as file-update events.

Typing is reported after half a second of quiet, a save at once; what is closed without a save is compared
with the disk, so that edits thrown away are no change. Only files that git knows or does not ignore count.
Where the project keeps state and may be written to, the runtime makes the events durable; else it keeps them
in memory (D23). The intake takes them in behind our back, within bounds, as it does all events from outside.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal

from mplp_lsp.server.file_looks import FileLooks, Look, state_of
from mplp_lsp.server.held_changes import HeldChanges
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.seen_files import Listing, SeenFiles
from mplp_lsp.server.workbench import Workbench
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.changes import FileChange, FileState, Quiet, Settled
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.projects import Projects
from mplp_runtime.disk import Stamp
from mplp_runtime.errors import MplpError, StoreLocked
from mplp_runtime.project_listing import SKIPPED_FOLDERS

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime

MOST_REMEMBERED_FILES = 2_000
MOST_REMEMBERED_CHARACTERS = 16_000_000
MOST_KNOWN_FOLDERS = 4_096
LONGEST_CLOSE_S = 2.5
"""For what is still to be recorded (a busy git takes a second), of the session's `SHUTDOWN_LIMIT_S`."""
LONGEST_LOOK_S = 60.0
TRIED_AGAIN_S = 5.0
NOTED_AT_ONCE = 50
LOOKED_AT_ONCE = 500
SENT_AT_ONCE = 200

What = Literal["changed", "created", "deleted", "renamed", "closed"]
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
        self._stamps: dict[PurePath, Stamp] = {}
        self._seen = SeenFiles()
        self._told_unsaved: set[PurePath] = set()
        self._looks = FileLooks()
        self._arrived: list[tuple[What, list[tuple[Path, Path]]]] = []
        self._looking: asyncio.Task[Any] | None = None
        self._remembered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[Any] | None = None
        self._outgoing: list[Settled] = []
        self._held = HeldChanges()
        self._is_closing = False
        self._next_try: asyncio.TimerHandle | None = None
        self._told: set[Path] = set()
        self._known_folders: tuple[Projects, dict[Path, Path | None]] | None = None

    # What happened

    def found(self, root: Path, listing: Listing) -> None:
        """Files that a scan has seen: when one of them changes, it was there before."""
        self._seen.listed(root, listing)

    def opened(self, document: Document) -> None:
        """Remembers what the file holds, so that the first edit has something to be compared with."""
        if document.path is not None:
            self._remember(document.path, state_of(document))

    def edited(self, before: Document, after: Document) -> None:
        path = after.path
        if path is None or not self._is_reported(path):
            return
        if path not in self._states:
            self._remember(path, state_of(before))
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

    def closed(self, document: Document) -> None:
        """Edits that were not saved are gone: the file tells what holds, and so whether anything changed."""
        path = document.path
        if path is not None and (self._quiet.drop(path) or path in self._told_unsaved):
            self._arrive("closed", [(path, path)])

    def on_disk(self, paths: Iterable[Path]) -> None:
        """Files that the client, its file operations or our watcher named; compared with what was known."""
        self._arrive("changed", [(path, path) for path in paths if self._open_document(path) is None])

    def created(self, paths: Iterable[Path]) -> None:
        self._arrive("created", [(path, path) for path in paths])

    def deleted(self, paths: Iterable[Path]) -> None:
        """Files, or folders with all that was seen in them."""
        self._arrive("deleted", [(file, file) for path in paths for file in self._seen_in(path)])

    def renamed(self, pairs: Iterable[tuple[Path, Path]]) -> None:
        """Files, or folders with all that was seen in them."""
        self._arrive(
            "renamed",
            [(file, new / file.relative_to(old)) for old, new in pairs for file in self._seen_in(old)],
        )

    def _seen_in(self, path: Path) -> list[Path]:
        inside = self._seen.below(path) if path not in self._seen else []
        return inside or [path]

    async def until_looked(self) -> None:
        """Returns when all files that were named have been looked at, or after a while."""
        if self._looking is not None:
            await asyncio.wait([self._looking], timeout=LONGEST_LOOK_S)

    async def close(self) -> None:
        """Sends what is pending; what a locked state does not take in time is given up."""
        self._is_closing = True
        for timer in filter(None, (self._timer, self._next_try)):
            timer.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_CLOSE_S):
                await self._send_all()
        if self._held:
            logger.warning("%d file changes are given up: the state stays locked.", len(self._held))

    async def _send_all(self) -> None:
        await self.until_looked()
        self._take(self._quiet.flush())
        if self._sending is not None:
            await asyncio.wait([self._sending])
        await asyncio.wait([self._spawn(self._send_held(), "recording file changes")])
        # The runtime may live on with other sessions; this one says what it did before it goes.
        await asyncio.gather(*map(self._until_settled, self._told), return_exceptions=True)

    # How it gets there

    def _arrive(self, what: What, pairs: list[tuple[Path, Path]]) -> None:
        """News about (old, new) paths; looked at off the loop, in the order they came."""
        inside = [pair for pair in pairs if self._is_reported(pair[0]) or self._is_reported(pair[1])]
        if inside:
            self._arrived.append((what, inside))
            if self._looking is None or self._looking.done():
                self._looking = self._spawn(self._look(), "looking at changed files")

    async def _look(self) -> None:
        while self._arrived:
            taken = self._next_arrived()
            roots = self._roots(path for _, pairs in taken for pair in pairs for path in pair)
            stamps = {path: self._stamps.get(path) for path in roots}
            # One answer for all: a path that came twice is told by how it stands now.
            looks = await self._process.work(lambda: self._looks.looks(roots, stamps))  # noqa: B023
            for number, (what, old, new) in enumerate(
                (what, *pair) for what, pairs in taken for pair in pairs
            ):
                self._note(what, old, new, looks)
                if number % NOTED_AT_ONCE == NOTED_AT_ONCE - 1:
                    await asyncio.sleep(0)
            self._wake()

    def _next_arrived(self) -> list[tuple[What, list[tuple[Path, Path]]]]:
        """The oldest news: what came together, and of thousands of files some hundred at a time."""
        taken: list[tuple[What, list[tuple[Path, Path]]]] = []
        count = 0
        while self._arrived and count < LOOKED_AT_ONCE:
            taken.append(self._arrived.pop(0))
            count += len(taken[-1][1])
        return taken

    def _note(self, what: What, old: Path, new: Path, looks: Mapping[Path, Look]) -> None:
        look = looks.get(new)
        if what == "renamed" and old in looks and look is not None:
            if not look.is_folder:
                state = self._forget(old) or look.state
                if state is not None:
                    self._remember(new, state, look.stamp)
                self._quiet.note_renamed(old, new, state, source="editor")
                self._flush(new)
            return
        if what == "renamed" and old in looks:
            what, new, look = "deleted", old, looks[old]
        if look is None or look.is_folder:
            return
        if what == "deleted":
            self._quiet.note(new, self._forget(new) or FileState(), None, source="editor")
        elif what in {"created", "renamed"}:
            state = look.state or FileState.of_text("")
            self._remember(new, state, look.stamp)
            self._quiet.note(new, None, state, source="editor")
        elif what == "closed":
            self._note_closed(new, look)
        else:
            self._note_on_disk(new, look)
            return
        self._flush(new)

    def _note_closed(self, path: Path, look: Look) -> None:
        if self._open_document(path) is not None:
            return
        was_told = path in self._told_unsaved
        self._told_unsaved.discard(path)
        if look.state is None and not was_told:
            # A file that was never written, and that nobody has heard of.
            self._forget(path)
        else:
            self._note_on_disk(path, look)

    def _note_on_disk(self, path: Path, look: Look) -> None:
        if look.is_same or self._open_document(path) is not None:
            return
        before = self._states.get(path) or (FileState() if path in self._seen else None)
        if before is None and look.state is None:
            return
        if look.state is None:
            self._forget(path)
        else:
            self._remember(path, look.state, look.stamp)
        self._quiet.note(path, before, look.state, source="disk")

    def _roots(self, paths: Iterable[Path]) -> dict[Path, Path]:
        """The project of each path that may be reported."""
        return {path: root for path in paths if (root := self._project_of(path)) is not None}

    def _is_reported(self, path: Path) -> bool:
        return self._project_of(path) is not None

    def _project_of(self, path: Path) -> Path | None:
        """The project of a path that may be reported; what there is to say about its folder is said once."""
        projects = self._bench.workspace.projects
        known = self._known_folders
        if known is None or known[0] is not projects or len(known[1]) > MOST_KNOWN_FOLDERS:
            known = self._known_folders = (projects, {})
        folder = path.parent
        if folder not in known[1]:
            known[1][folder] = self._project_of_folder(folder)
        return known[1][folder] if path.name not in SKIPPED_FOLDERS else None

    def _project_of_folder(self, folder: Path) -> Path | None:
        """The project of the files in a folder; None where nobody looks, and outside the workspace."""
        opened = self._bench.workspace.projects.folder_for(folder / "x")
        if opened is None or not SKIPPED_FOLDERS.isdisjoint(folder.relative_to(opened).parts):
            return None
        root = self._bench.workspace.root_of(uri_of(folder / "x"))
        return root if root is not None and folder.is_relative_to(root) else None

    def _open_document(self, path: PurePath) -> Document | None:
        opened = self._bench.workspace.store.documents.open.values()
        return next((document for document in opened if document.path == path), None)

    def _remember(self, path: PurePath, state: FileState, stamp: Stamp | None = None) -> None:
        self._seen.add(path)
        self._stamps.pop(path, None)
        if stamp is not None:
            self._stamps[path] = stamp
        before = self._states.pop(path, None)
        self._states[path] = state
        self._remembered += len(state.text or "") - len((before and before.text) or "")
        while len(self._states) > MOST_REMEMBERED_FILES or self._remembered > MOST_REMEMBERED_CHARACTERS:
            forgotten = next(iter(self._states))
            oldest = self._states.pop(forgotten)
            self._stamps.pop(forgotten, None)
            self._remembered -= len(oldest.text or "")

    def _forget(self, path: PurePath) -> FileState | None:
        state = self._states.pop(path, None)
        self._stamps.pop(path, None)
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

    def _take(self, settled: list[Settled]) -> None:
        self._outgoing.extend(settled)
        if self._outgoing and (self._sending is None or self._sending.done()):
            self._sending = self._spawn(self._send(), "recording file changes")

    def _try_again(self) -> None:
        self._next_try = None
        if self._sending is None or self._sending.done():
            self._sending = self._spawn(self._send(), "recording file changes")
        else:
            self._try_later()

    def _try_later(self) -> None:
        if self._next_try is None and not self._is_closing:
            self._next_try = self._process.loop.call_later(TRIED_AGAIN_S, self._try_again)

    async def _send_held(self) -> None:
        for root in self._held.roots:
            await self._ingest(root, [])

    async def _send(self) -> None:
        await self._send_held()
        while self._outgoing:
            taken, self._outgoing = self._outgoing[:SENT_AT_ONCE], self._outgoing[SENT_AT_ONCE:]
            roots = self._roots(Path(one.path) for one in taken)
            whole = [await self._with_its_text(one) for one in taken]
            changes = await self._process.work(lambda: self._changes_of(whole, roots))  # noqa: B023
            by_root: dict[Path, list[FileChange]] = {}
            for change in changes:
                by_root.setdefault(roots[Path(change.path)], []).append(change)
            for root, inside in by_root.items():
                await self._ingest(root, inside)

    def _changes_of(self, settled: Iterable[Settled], roots: Mapping[Path, Path]) -> list[FileChange]:
        """What is to be told. Which paths count is asked here, in a worker, and not at every key."""
        counting = self._looks.counting(roots)
        kept = [one for one in settled if Path(one.path) in counting]
        return [change for one in kept if (change := one.change()) is not None]

    async def _with_its_text(self, one: Settled) -> Settled:
        """What was typed gets its text now: only the last of many is worth joining and comparing."""
        document = self._open_document(one.path) if one.source == "editor" else None
        if document is None or one.after is None or one.after.content_hash is not None:
            return one
        before = self._states.get(one.path)
        after = await self._process.work(lambda: FileState.of_text(document.text.text, document.encoding))
        self._remember(one.path, after)
        self._told_unsaved.add(one.path)
        return replace(one, before=before, after=after, language_id=document.language_id)

    async def _ingest(self, root: Path, changes: list[FileChange]) -> None:
        ingest = await self._process.imported("mplp_lsp.server.ingest")
        editor, trusted = self._bench.client.name or None, self._bench.is_trusted(root)
        held, has_lost = self._held.of(root), self._held.has_lost(root)
        changes = [*held, *changes]
        try:
            await self._on_runtime(
                root,
                lambda runtime: ingest.ingest_changes(
                    runtime, root, changes, editor=editor, is_trusted=trusted, has_lost=has_lost
                ),
            )
        except StoreLocked as error:
            if not held:  # Once, and not at every try, as long as it lasts.
                logger.warning("%d file changes wait: %s", len(changes), error)
            self._held.hold(root, changes)
            self._try_later()
        except Exception as error:
            # Also after a bug, which the same changes would meet at every try, and keep all others back.
            self._held.hold(root, [])
            if not isinstance(error, MplpError):
                raise
            logger.warning("%d file changes were not recorded: %s", len(changes), error)
        else:
            self._told.add(root)
            self._held.told(root)

    async def _until_settled(self, root: Path) -> None:
        try:
            await self._on_runtime(root, lambda runtime: runtime.settling.until_settled())
        except MplpError as error:
            logger.warning("%s", error)
