"""A session as commands see it, without a server: a real project on disk and its real runtime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mplp_lsp.commands.services import LogLevel, Reporter
from mplp_lsp.commands.table import COMMANDS
from mplp_lsp.text.uris import key_of, path_of, uri_of
from mplp_lsp.workspace.scan import candidates, project_files
from mplp_lsp.workspace.snapshot import ClientView, Snapshot
from mplp_lsp.workspace.workspace import Workspace
from mplp_runtime.runtime import Runtime
from tests.project import rescan

if TYPE_CHECKING:
    from lsprotocol.types import WorkspaceEdit

T = TypeVar("T")
LIMIT_S = 60


class Silent:
    def report(self, message: str, *, percentage: int | None = None) -> None:
        """Progress is not looked at here."""


class Session:
    """Implements `Services`; what a command did to the editor is kept in lists for the test to look at."""

    def __init__(
        self, *roots: Path, trusted: bool = True, answer: str | None = None, can_ask: bool = True
    ) -> None:
        self.workspace = Workspace()
        self.workspace.set_folders(roots)
        for root in roots:
            rescan(self.workspace, root, candidates(project_files(root)).paths)
        self.trusted: set[Path] = set(roots) if trusted else set()
        self.runtimes: dict[Path, Runtime] = {}
        self.asked: list[str] = []
        self.shown: list[str] = []
        self.logged: list[str] = []
        self.followed: list[str] = []
        self.edits: list[WorkspaceEdit] = []
        self.applies_edits = True
        self.client = ClientView(show_document=True, document_changes=True)
        self.looked_again = 0
        self.refreshed = 0
        self._answer = answer
        self._can_ask = can_ask

    async def run(self, name: str, **arguments: Any) -> Any:
        """What the command answers; its arguments are checked first, as the server does."""
        command = COMMANDS[f"mplp.{name}"]
        assert command.problem(arguments) is None
        return await command.run(self, arguments)

    def edit(self, path: Path, text: str) -> None:
        """The user types: the buffer differs from the file."""
        self.workspace.open(uri_of(path), "json", 1, text)

    async def close(self) -> None:
        for runtime in self.runtimes.values():
            await runtime.close()

    # Services

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def snapshot(self, uri: str | None = None) -> Snapshot:
        root = self.project_root(uri)
        runs = (
            {view.plan_id: view for view in self.runtimes[root].runs.all()} if root in self.runtimes else {}
        )
        return self.workspace.snapshot(
            root=root, runs=runs, client=self.client, is_trusted=root in self.trusted
        )

    def project_root(self, uri: str | None = None) -> Path | None:
        found = self.workspace.root_of(uri) if uri is not None else None
        roots = self.workspace.projects.roots
        return found or (roots[0] if roots else None)

    def path_of(self, uri: str) -> Path | None:
        return path_of(uri)

    def text_of(self, uri: str) -> str | None:
        document = self.workspace.store.document(uri)
        return None if document is None else document.text.text

    def is_open(self, uri: str) -> bool:
        return self.workspace.store.is_open(uri)

    def is_unsaved(self, uri: str) -> bool:
        document = self.workspace.store.documents.open.get(key_of(uri))
        return document is not None and (
            document.path is None or document.path.read_text(encoding="utf-8") != document.text.text
        )

    def is_trusted(self, root: Path) -> bool:
        return root in self.trusted

    async def trust(self, root: Path) -> None:
        self.trusted.add(root)

    async def on_runtime(self, root: Path, work: Callable[[Runtime], Awaitable[T]]) -> T:
        if root not in self.runtimes:
            self.runtimes[root] = Runtime.open(root, follow_interval_s=0.02)
        return await work(self.runtimes[root])

    def has_runtime(self, root: Path) -> bool:
        return root in self.runtimes

    def follow_run(self, run_id: str) -> None:
        self.followed.append(run_id)

    @property
    def can_ask(self) -> bool:
        return self._can_ask

    async def ask(self, question: str, actions: Sequence[str]) -> str | None:
        self.asked.append(question)
        assert self._answer is None or self._answer in actions
        return self._answer

    async def show_document(self, uri: str, *, take_focus: bool = False) -> bool:
        self.shown.append(uri)
        return True

    async def apply_edit(self, edit: WorkspaceEdit, label: str) -> bool:
        self.edits.append(edit)
        return self.applies_edits

    @asynccontextmanager
    async def progress(
        self,
        token: str,
        title: str,
        *,
        cancellable: bool = False,
        on_cancel: Callable[[], None] | None = None,
    ) -> AsyncIterator[Reporter]:
        yield Silent()

    def refresh(self) -> None:
        self.refreshed += 1

    def look_again(self) -> None:
        self.looked_again += 1

    async def in_worker(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)

    def log(self, message: str, *, level: LogLevel = "info") -> None:
        self.logged.append(message)


def played(session: Session, story: Callable[[Session], Coroutine[Any, Any, None]]) -> None:
    """Plays a story on an event loop of its own and closes the session, whatever happens."""

    async def whole() -> None:
        try:
            async with asyncio.timeout(LIMIT_S):
                await story(session)
        finally:
            await session.close()

    asyncio.run(whole())
