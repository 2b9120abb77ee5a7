"""What a command may ask of the session that runs it; the server implements this, tests fake it.

A command is `async (services, arguments) -> JSON`. It never touches the connection, the store of documents
or a thread: everything with an effect goes through here, so that a command reads as what the user gets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from lsprotocol.types import WorkspaceEdit

    from mplp_lsp.workspace.snapshot import Snapshot
    from mplp_runtime.runtime import Runtime

T = TypeVar("T")
LogLevel = Literal["error", "warning", "info", "debug"]


class Reporter(Protocol):
    """The progress bar of one command (LSP work-done progress); silent where the client shows none."""

    def report(self, message: str, *, percentage: int | None = None) -> None: ...


class Services(Protocol):
    """One session, as a command sees it. All coroutines belong to the session's event loop."""

    def now(self) -> datetime:
        """The current instant, with offset (invariant 11: time is a parameter)."""

    def snapshot(self, uri: str | None = None) -> Snapshot:
        """The project that holds `uri` as it stands now; without `uri`, the session's first project."""

    def project_root(self, uri: str | None = None) -> Path | None:
        """The project root that holds `uri` (longest by path components); None outside all of them."""

    def path_of(self, uri: str) -> Path | None:
        """The file behind `uri`; None for virtual documents."""

    def text_of(self, uri: str) -> str | None:
        """The text the user sees: the open buffer, else the file; None where there is neither."""

    def is_open(self, uri: str) -> bool:
        """Whether the client holds `uri` open."""

    def is_unsaved(self, uri: str) -> bool:
        """Whether the open buffer differs from the file on disk (D20)."""

    def is_trusted(self, root: Path) -> bool:
        """Whether the user trusts this folder, by the client's word or by their own list (D25)."""

    async def trust(self, root: Path) -> None:
        """Adds `root` to the user's list and shows everything anew. Call it only after asking."""

    async def on_runtime(self, root: Path, work: Callable[[Runtime], Awaitable[T]]) -> T:
        """Runs `work` on the runtime's own loop and returns what it returns.

        The runtime of `root` is opened at the first use. `work` must not touch `services`.
        """

    def has_runtime(self, root: Path) -> bool:
        """Whether the runtime of `root` is open, so that looking at it opens nothing."""

    def follow_run(self, run_id: str) -> None:
        """This session started the run: it shows its progress and puts its questions to the user."""

    @property
    def can_ask(self) -> bool:
        """Whether `ask` can reach a person in this editor."""

    async def ask(self, question: str, actions: Sequence[str]) -> str | None:
        """The label the user chose; None if they chose none or the editor cannot ask.

        Only for something the user has just started (window/showMessageRequest).
        """

    async def show_document(self, uri: str, *, take_focus: bool = False) -> bool:
        """Opens a document in the editor; False where the client cannot."""

    async def apply_edit(self, edit: WorkspaceEdit, label: str) -> bool:
        """Asks the client to make an edit; False if it refuses or cannot."""

    def progress(
        self,
        token: str,
        title: str,
        *,
        cancellable: bool = False,
        on_cancel: Callable[[], None] | None = None,
    ) -> AbstractAsyncContextManager[Reporter]:
        """A progress bar for as long as the `async with` block lasts; its end is always sent."""

    def refresh(self) -> None:
        """Has the client ask again for everything that shows runs, approvals and trust."""

    def look_again(self) -> None:
        """Has every document of all projects looked at anew, and what is found published."""

    async def in_worker(self, work: Callable[[], T]) -> T:
        """Runs long work on a thread, away from the loop; `work` sees snapshots, never `services`."""

    def log(self, message: str, *, level: LogLevel = "info") -> None:
        """One line for the editor's log of this server. Never document text."""
