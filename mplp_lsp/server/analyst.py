"""When documents are looked at, where, and in which order (performance.md 3, point 7).

Small work is done at once on the loop, so that diagnostics leave within the same turn as the edit. Large
work goes to a worker, one at a time per document, always for the newest text: what was typed meanwhile
replaces what was waiting. First the edited document, then those that depend on it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mplp_lsp.server import right_of_way
from mplp_lsp.server.garbage import lasting_objects
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.publish import Publisher, Report, report_of
from mplp_lsp.server.turns import READ_AT_ONCE_CHARACTERS, SMALL_CHARACTERS
from mplp_lsp.server.warming import is_imported, warm_up
from mplp_lsp.server.workbench import Workbench
from mplp_lsp.text.tree import Tree
from mplp_lsp.text.uris import key_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_lsp.workspace.store import Update

logger = logging.getLogger(__name__)

_SETTINGS = "mplp_runtime.settings"
MOST_ENCODED_BYTES = 32_000
CHANGED_BLOCKS_AT_ONCE = 2
LONGEST_WAIT_S = 0.3
LONGEST_FIRST_S = 1.0
"""How long a document that is edited keeps those that depend on it waiting."""


class Surroundings(Protocol):
    """Whether the documents around one have been read yet."""

    def is_held(self, uri: str, *, is_open: bool) -> bool: ...
    async def until_read(self, uri: str) -> None: ...


@dataclass(slots=True)
class _Work:
    """A document that a worker looks at, or that waits for one."""

    task: asyncio.Task[None]
    is_stale: bool = False


class Analyst:
    """Turns changed documents into reports."""

    def __init__(
        self,
        process: ServerProcess,
        bench: Workbench,
        publisher: Publisher,
        spawn: Callable[[Any, str], asyncio.Task[Any]],
        surroundings: Surroundings,
    ) -> None:
        self._process = process
        self._bench = bench
        self._publisher = publisher
        self._spawn = spawn
        self._surroundings = surroundings
        self._held: dict[str, str] = {}
        self._partial: dict[str, str] = {}
        self._working: dict[str, _Work] = {}
        self._took_s: dict[str, float] = {}
        self._looks = 0
        self._newest: dict[str, int] = {}
        self._queue: dict[str, str] = {}
        self._urgent: dict[str, None] = {}
        self._queue_task: asyncio.Task[Any] | None = None
        self._is_warm = False

    def changed(self, updates: Iterable[Update]) -> None:
        """Looks at changed documents now or soon, and afterwards at those that depend on them."""
        changed = list(updates)
        for update in changed:
            after = update.after
            if after is None or after.kind is None:
                self._dropped(update)
            elif after.is_open and _says_the_same(update.before, after):
                continue
            elif not after.is_open:
                self.look_later([update.uri])
            elif self._surroundings.is_held(update.uri, is_open=True):
                self._held[key_of(update.uri)] = update.uri
            elif self.is_quick(update):
                self._look_now(update.uri)
            else:
                if update.before is None or not update.before.is_open:
                    # Nobody types yet.
                    self._took_s.pop(key_of(update.uri), None)
                self._look_in_worker(update.uri)
        self.look_later(self._affected(changed))

    def look_later(self, uris: Iterable[str]) -> None:
        """Documents whose findings may have changed although their text did not, or that nobody has open."""
        pulls = self._bench.client.pulls_diagnostics
        for uri in uris:
            key = key_of(uri)
            if self._bench.workspace.store.is_open(uri):
                self._urgent.setdefault(key)
            elif pulls and key not in self._working and self._bench.document(uri) is not None:
                self._outdate(key, uri, self._begin_look())
                continue
            self._queue.setdefault(key, uri)
        if self._queue and (self._queue_task is None or self._queue_task.done()):
            self._queue_task = self._spawn(self._work_off_queue(), "looking at dependent documents")

    def release(self) -> None:
        """The documents around some of those that were held have been read."""
        held, self._held = self._held, {}
        for uri in held.values():
            document = self._bench.document(uri)
            if document is None or not document.is_open:
                self.look_later([uri])
            elif self._surroundings.is_held(uri, is_open=True):
                self._held[key_of(uri)] = uri
            elif self.is_quick(Update(uri, None, document)):
                self._look_now(uri)
            else:
                self._look_in_worker(uri)
        partial, self._partial = self._partial, {}
        self.look_later(uri for uri in partial.values() if self._bench.document(uri) is not None)

    def look_at_all(self, root: Path | None = None) -> None:
        """Everything anew: settings, baselines or client abilities changed."""
        self.look_later(document.uri for document in self._bench.own_documents(root))

    def ready(self, uri: str) -> Report | None:
        """The report of the newest text, if it is there already."""
        key = key_of(uri)
        if key in self._working or key in self._queue or key in self._held:
            return None
        document, report = self._bench.document(uri), self._publisher.report(uri)
        return (
            report
            if document is not None and report is not None and report.version == document.version
            else None
        )

    async def up_to_date(self, uri: str) -> Report | None:
        """The report of the newest text of `uri`; None for documents that are not ours."""
        key = key_of(uri)
        await self._surroundings.until_read(uri)
        while True:
            while (work := self._working.get(key)) is not None:
                await asyncio.wait([work.task])
            document = self._bench.document(uri)
            if document is None or document.kind is None:
                return None
            known = self._publisher.report(uri)
            if known is not None and known.version == document.version and key not in self._queue:
                return known
            self._queue.pop(key, None)
            look = self._begin_look()
            report = await self._report_in_worker(document.uri)
            if report is not None and self._put(report, look):
                return report

    # How

    @property
    def is_working(self) -> bool:
        """Whether a worker looks at an open document: who asks for its findings now would make them twice."""
        return bool(self._working)

    def is_quick(self, update: Update) -> bool:
        """Whether looking at a changed document takes no longer than a few milliseconds."""
        document, before = update.after, update.before
        if document is None:
            return True
        if self._needs_import(document.uri):
            return False
        if document.text.length <= SMALL_CHARACTERS:
            return True
        if key_of(update.uri) in self._working:
            # A worker holds an older text; it must not come in after us.
            return False
        if before is None or not before.is_open:
            return document.text.length <= READ_AT_ONCE_CHARACTERS
        known = self._publisher.report(update.uri)
        if known is not None and len(known.encoded) > MOST_ENCODED_BYTES:
            # A thousand findings take longer to write down than the edit takes to understand.
            return False
        tree, old = document.cache.get("tree"), before.cache.get("tree")
        return (
            isinstance(tree, Tree)
            and isinstance(old, Tree)
            and _changed_blocks(old, tree) <= CHANGED_BLOCKS_AT_ONCE
        )

    def _look_now(self, uri: str) -> None:
        work = self._working.get(key_of(uri))
        if work is not None:
            work.is_stale = True
            return
        look = self._begin_look()
        snapshot = self._snapshot(uri)
        self._put(self._maker(snapshot, uri)(snapshot, uri), look)
        self._warm_up()

    def _begin_look(self) -> int:
        """A number for a look at the world as it is now; later looks have larger ones."""
        self._looks += 1
        return self._looks

    def _put(self, report: Report, look: int, *, because_of_itself: bool = True) -> bool:
        """Shows what a look has found, unless a later one was ready sooner, or the document has gone."""
        key = key_of(report.uri)
        document = self._bench.document(report.uri)
        if document is None or document.kind is None or look < self._newest.get(key, 0):
            return False
        self._newest[key] = look
        self._publisher.put(report, because_of_itself=because_of_itself)
        return True

    def _warm_up(self) -> None:
        """Whoever sees the first findings will ask for something next."""
        if not self._is_warm:
            self._is_warm = True
            right_of_way.begin()
            warming = warm_up(self._process, self._bench.client, self._bench.view)
            self._spawn(warming, "making ready to answer")

    def _snapshot(self, uri: str) -> Snapshot:
        """The project as it stands; what is looked at before all is read is looked at again afterwards."""
        snapshot = self._bench.snapshot(uri)
        if not snapshot.is_complete:
            self._partial[key_of(uri)] = uri
        return snapshot

    def _look_in_worker(self, uri: str) -> None:
        key = key_of(uri)
        work = self._working.get(key)
        if work is not None:
            work.is_stale = True
            return
        self._working[key] = _Work(self._spawn(self._work_on(uri, key), f"looking at {uri}"))

    async def _work_on(self, uri: str, key: str) -> None:
        try:
            while True:
                # Long enough that typing never queues, short enough that nobody waits for it.
                wait_s = min(self._took_s.get(key, 0.0), LONGEST_WAIT_S)
                if wait_s > 0.01:
                    await asyncio.sleep(wait_s)
                self._working[key].is_stale = False
                look = self._begin_look()
                started = time.perf_counter()
                before = self._bench.document(uri)
                with right_of_way.taken():
                    report = await self._report_in_worker(uri)
                self._took_s[key] = time.perf_counter() - started
                now = self._bench.document(uri)
                if report is not None and before is not None and now is not None and now.text is before.text:
                    # Should the world have changed meanwhile, that is told soon; this need not wait for it.
                    self._put(report, look)
                    self._warm_up()
                if not self._working[key].is_stale:
                    return
        finally:
            self._working.pop(key, None)

    async def _report_in_worker(self, uri: str) -> Report | None:
        snapshot = self._snapshot(uri)
        document = snapshot.document(uri)
        if document is None or document.kind is None:
            return None
        make = self._maker(snapshot, uri)
        return await self._process.work(lambda: make(snapshot, uri))

    def _needs_import(self, uri: str) -> bool:
        """Whether a look would import what reads settings, or wait for a thread that does: 0.2 s."""
        workspace = self._bench.workspace
        has_settings = workspace.index_of(workspace.root_of(uri)).settings_text is not None
        return has_settings and not is_imported(_SETTINGS)

    def _maker(self, snapshot: Snapshot, uri: str) -> Callable[[Snapshot, str], Report]:
        """The first report of a large document leaves much behind that stays."""
        document = snapshot.document(uri)
        is_large = document is not None and document.text.length > SMALL_CHARACTERS
        return _lasting_report if is_large and self._publisher.report(uri) is None else _report

    async def _work_off_queue(self) -> None:
        if self._working:
            # Who has just opened or edited a document waits for that one.
            await asyncio.wait([work.task for work in self._working.values()], timeout=LONGEST_FIRST_S)
        while self._queue:
            await right_of_way.until_free(LONGEST_FIRST_S)
            key = self._next_in_queue()
            uri = self._queue.pop(key)
            try:
                await self._look_at_dependent(key, uri)
            except Exception:
                # A bug that one document shows must not cost the others their findings.
                logger.exception("A bug in looking at %s.", uri)

    def _next_in_queue(self) -> str:
        """What somebody looks at comes first; behind it there may be a thousand closed documents."""
        while self._urgent:
            key = next(iter(self._urgent))
            del self._urgent[key]
            if key in self._queue:
                return key
        return next(iter(self._queue))

    async def _look_at_dependent(self, key: str, uri: str) -> None:
        look = self._begin_look()
        work = self._working.get(key)
        if work is not None:
            # Whatever it finds was found in an older world.
            work.is_stale = True
            return
        document = self._bench.document(uri)
        if document is None or document.kind is None:
            self._forget(uri)
        elif self._surroundings.is_held(uri, is_open=document.is_open):
            self._held[key] = uri
        elif not document.is_open and self._bench.client.pulls_diagnostics:
            self._outdate(key, uri, look)
        elif (
            document.is_open
            and document.text.length <= SMALL_CHARACTERS
            and not self._needs_import(document.uri)
        ):
            self._put(_report(self._snapshot(uri), uri), look, because_of_itself=False)
            await asyncio.sleep(0)
        else:
            report = await self._report_in_worker(uri)
            now = self._bench.document(uri)
            is_same = now is not None and now.text is document.text
            if report is not None and is_same and key not in self._working:
                self._put(report, look, because_of_itself=False)

    def _outdate(self, key: str, uri: str, look: int) -> None:
        """Nobody looks at it until the client asks for the whole workspace; who looks now looks in vain."""
        self._newest[key] = look
        self._publisher.outdate(uri)

    def _dropped(self, update: Update) -> None:
        self._took_s.pop(key_of(update.uri), None)
        self._queue.pop(key_of(update.uri), None)
        self._forget(update.uri)

    def _forget(self, uri: str) -> None:
        self._newest.pop(key_of(uri), None)
        self._publisher.clear(uri)

    def _affected(self, updates: Iterable[Update]) -> list[str]:
        """Other documents that are to be looked at again, each once. None while their project is being read:
        what was looked at until then is looked at again when all is known."""
        from mplp_lsp.analysis.cross import FactChange, affected_by_all

        by_root: dict[Path | None, list[FactChange]] = {}
        for update in updates:
            before = update.before.facts if update.before is not None else None
            after = update.after.facts if update.after is not None else None
            root = self._bench.workspace.root_of(update.uri)
            if before is not after and root not in self._bench.being_read:
                memory = update.after.lineage if update.after is not None else None
                by_root.setdefault(root, []).append(FactChange(before, after, memory))
        found: list[str] = []
        for root, changes in by_root.items():
            found += affected_by_all(changes, self._bench.workspace.index_of(root))
        return found


def _says_the_same(before: Document | None, after: Document) -> bool:
    """A save: what is shown is a function of the text."""
    if before is None or not before.is_open:
        return False
    return before.text is after.text and before.kind == after.kind and before.version == after.version


def _changed_blocks(old: Tree, new: Tree) -> int:
    known = {id(block) for table in old.tables.values() for block in table.blocks}
    return sum(1 for table in new.tables.values() for block in table.blocks if id(block) not in known)


def _lasting_report(snapshot: Snapshot, uri: str) -> Report:
    with lasting_objects():
        return _report(snapshot, uri)


def _report(snapshot: Snapshot, uri: str) -> Report:
    from mplp_lsp.server.written import written

    document = snapshot.document(uri)
    spelled, version = (uri, None) if document is None else (document.uri, document.version)
    return report_of(spelled, version, written(snapshot, uri))
