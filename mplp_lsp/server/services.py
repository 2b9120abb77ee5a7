"""`mplp_lsp.commands.services.Services` for one session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lsprotocol import types

from mplp_lsp.commands.services import LogLevel, Reporter
from mplp_lsp.server.capabilities import at
from mplp_lsp.server.messages import RequestError
from mplp_lsp.server.params import shared_converter
from mplp_lsp.text.uris import path_of
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.disk import MAX_DOCUMENT_BYTES, decoded, read_head

if TYPE_CHECKING:
    from mplp_lsp.server.desk import Desk
    from mplp_runtime.runtime import Runtime

T = TypeVar("T")

_LOG_TYPES = {"error": 1, "warning": 2, "info": 3, "debug": 4}


class SessionServices:
    """Commands see the session through this and nothing else."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._protocol = desk.session.protocol

    def now(self) -> datetime:
        return self._desk.session.process.now()

    def snapshot(self, uri: str | None = None) -> Snapshot:
        return self._desk.bench.snapshot(uri)

    def project_root(self, uri: str | None = None) -> Path | None:
        return self._desk.bench.root_of(uri)

    def path_of(self, uri: str) -> Path | None:
        return path_of(uri)

    def text_of(self, uri: str) -> str | None:
        document = self._desk.bench.document(uri)
        if document is not None and document.is_open:
            return document.text.text
        path = path_of(uri)
        # Only files of the workspace: a command's argument must not make us read anything else.
        if path is None or self._desk.bench.workspace.projects.folder_for(path) is None:
            return document.text.text if document is not None else None
        found = read_head(path, MAX_DOCUMENT_BYTES + 1)
        return None if found is None else decoded(found[0]).text

    def is_open(self, uri: str) -> bool:
        return self._desk.bench.workspace.store.is_open(uri)

    def is_unsaved(self, uri: str) -> bool:
        document = self._desk.bench.document(uri)
        if document is None or not document.is_open:
            return False
        if document.path is None:
            return True
        found = read_head(document.path, MAX_DOCUMENT_BYTES + 1)
        return found is None or decoded(found[0]).text != document.text.text

    def is_trusted(self, root: Path) -> bool:
        return self._desk.bench.is_trusted(root)

    async def trust(self, root: Path) -> None:
        bench = self._desk.bench
        await self._desk.session.process.work(lambda: bench.trust_list.trust(root))
        self._desk.trust_changed()

    async def on_runtime(self, root: Path, work: Callable[[Runtime], Awaitable[T]]) -> T:
        return await self._desk.runs.on_runtime(root, work)

    def has_runtime(self, root: Path) -> bool:
        process = self._desk.session.process
        return process.has_runtimes and process.runtimes.is_open(root)

    def follow_run(self, run_id: str) -> None:
        self._desk.runs.follow(run_id)

    @property
    def can_ask(self) -> bool:
        return self._desk.session.client.can_ask

    async def ask(self, question: str, actions: Sequence[str]) -> str | None:
        if not self.can_ask:
            return None
        params = {"type": 3, "message": question, "actions": [{"title": action} for action in actions]}
        try:
            chosen = at(await self._protocol.ask("window/showMessageRequest", params), "title")
        except RequestError:
            return None
        return chosen if chosen in actions else None

    async def show_document(self, uri: str, *, take_focus: bool = False) -> bool:
        if not self._desk.session.client.shows_documents:
            return False
        try:
            answer = await self._protocol.ask("window/showDocument", {"uri": uri, "takeFocus": take_focus})
        except RequestError:
            return False
        return at(answer, "success") is True

    async def apply_edit(self, edit: types.WorkspaceEdit, label: str) -> bool:
        if not self._desk.session.client.applies_edits:
            return False
        params = {"label": label, "edit": shared_converter().unstructure(edit)}
        try:
            answer = await self._protocol.ask("workspace/applyEdit", params)
        except RequestError:
            return False
        return at(answer, "applied") is True

    def progress(
        self,
        token: str,
        title: str,
        *,
        cancellable: bool = False,
        on_cancel: Callable[[], None] | None = None,
    ) -> AbstractAsyncContextManager[Reporter]:
        return self._desk.progress.bar(token, title, cancellable=cancellable, on_cancel=on_cancel)

    def refresh(self) -> None:
        self._desk.refresh.soon()

    def look_again(self) -> None:
        self._desk.analyst.look_at_all()
        self._desk.refresh.soon(hints=False, lenses=False)

    async def in_worker(self, work: Callable[[], T]) -> T:
        return await self._desk.session.process.work(work)

    def log(self, message: str, *, level: LogLevel = "info") -> None:
        self._protocol.notify(
            "window/logMessage", {"type": _LOG_TYPES[level], "message": message}, droppable=True
        )
