"""What a session does with each message: documents in, diagnostics, answers and events out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from mplp_lsp.commands.editor_settings import SECTION
from mplp_lsp.server.analyst import Analyst
from mplp_lsp.server.answering import answer_of
from mplp_lsp.server.answers_first import AnswersFirst
from mplp_lsp.server.backlog import Backlog
from mplp_lsp.server.baselines import BaselineKeeper
from mplp_lsp.server.capabilities import at, client_view
from mplp_lsp.server.client_paths import folders_of, path_on_disk, paths_on_disk
from mplp_lsp.server.client_settings import ClientSettings
from mplp_lsp.server.commands import DEBUG_TEXT, invocation, run_command
from mplp_lsp.server.file_events import FileEvents
from mplp_lsp.server.garbage import lasting_objects
from mplp_lsp.server.params import structured
from mplp_lsp.server.progress import Progress
from mplp_lsp.server.publish import Publisher
from mplp_lsp.server.pull import Pulls
from mplp_lsp.server.refresh import Refresh
from mplp_lsp.server.right_of_way import taken
from mplp_lsp.server.routes import BY_METHOD
from mplp_lsp.server.runs import Runs
from mplp_lsp.server.services import SessionServices
from mplp_lsp.server.turns import READ_AT_ONCE_CHARACTERS, SMALL_CHARACTERS, Turns
from mplp_lsp.server.warming import make_ready_for_keys
from mplp_lsp.server.watching import LIMIT_S, PATIENCE_S, Watching
from mplp_lsp.server.workbench import Workbench
from mplp_lsp.text.edits import Change
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.store import Update
from mplp_runtime.orchestrator.views import RunView

if TYPE_CHECKING:
    from mplp_lsp.server.session import Session

_ACROSS_FILES = frozenset({types.TEXT_DOCUMENT_REFERENCES, types.TEXT_DOCUMENT_RENAME})
"""Asked once by a person, and wrong where a document is not known yet."""

logger = logging.getLogger(__name__)


class Desk:
    """The parts of one session, joined."""

    def __init__(self, session: Session, params: Mapping[str, Any]) -> None:
        self.session = session
        self.is_closed = False
        self.bench = Workbench(session.client, client_view(params), folders_of(params))
        self.refresh = Refresh(self)
        self.publisher = Publisher(
            session.protocol,
            pulls=session.client.pulls_diagnostics,
            ask_again=lambda: self.refresh.soon(hints=False, lenses=False),
        )
        self.turns = Turns(session.process, session.spawn)
        self.answers_first = AnswersFirst(session.process.loop, self._look)
        self.backlog = Backlog(session.process.loop, self._open_version, self._apply)
        self.watching = Watching(self)
        self.analyst = Analyst(session.process, self.bench, self.publisher, session.spawn, self.watching)
        self.pulls = Pulls(session.protocol, self.bench, self.analyst, self.publisher)
        self.progress = Progress(session.protocol, is_shown=session.client.shows_progress)
        self.services = SessionServices(self)
        self.runs = Runs(self)
        self.baselines = BaselineKeeper(self)
        self.file_events = FileEvents(session.process, self.bench, session.spawn, self.runs.on_runtime)
        self.client_settings = ClientSettings(self)
        self.client_settings.begin(params.get("initializationOptions"))
        self._notices: dict[str, Callable[[Any], None]] = {
            types.INITIALIZED: self._initialized,
            types.TEXT_DOCUMENT_DID_OPEN: self._opened,
            types.TEXT_DOCUMENT_DID_CHANGE: self._changed,
            types.TEXT_DOCUMENT_DID_SAVE: self._saved,
            types.TEXT_DOCUMENT_DID_CLOSE: self._closed,
            types.WORKSPACE_DID_CHANGE_WATCHED_FILES: self._files_changed,
            types.WORKSPACE_DID_CREATE_FILES: self._files_created,
            types.WORKSPACE_DID_RENAME_FILES: self._files_renamed,
            types.WORKSPACE_DID_DELETE_FILES: self._files_deleted,
            types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: self._folders_changed,
            types.WORKSPACE_DID_CHANGE_CONFIGURATION: self._configuration_changed,
            types.WINDOW_WORK_DONE_PROGRESS_CANCEL: lambda params: self.progress.cancel(at(params, "token")),
        }

    # Messages

    def catch_up(self) -> None:
        """Nothing more has come for now."""
        self.backlog.settle()

    def request(self, method: str, params: Any) -> object | Awaitable[object]:
        if method not in BY_METHOD:
            # Commands and pulled findings are about what was looked at.
            self.answers_first.look_now()
            self.backlog.settle()
            return self._begin_request(method, params)
        with self.answers_first.question():
            self.backlog.settle()
        return self.answers_first.answered(self._begin_request(method, params))

    def _begin_request(self, method: str, params: Any) -> object | Awaitable[object]:
        uri = at(params, "textDocument.uri") or at(params, "item.uri") or at(params, "data.uri")
        if isinstance(uri, str) and self.turns.is_busy(uri):
            return self.turns.answered(uri, lambda: self._request(method, params))
        return self._request(method, params)

    def _request(self, method: str, params: Any) -> object | Awaitable[object]:
        self.backlog.settle()
        if method == types.WORKSPACE_EXECUTE_COMMAND:
            return self._command(*invocation(params))
        if method == types.TEXT_DOCUMENT_DIAGNOSTIC:
            return self.pulls.document(params)
        if method == types.WORKSPACE_DIAGNOSTIC:
            return self._pull_workspace(params)
        uri = at(params, "textDocument.uri")
        patience_s = self._patience_s(method)
        if patience_s and not self.watching.is_complete(str(uri)):
            return self._answer_when_read(str(uri), method, params, patience_s)
        return self._answer(method, params)

    def _answer(self, method: str, params: Any) -> object | Awaitable[object]:
        return answer_of(
            self.session.process,
            self.bench,
            BY_METHOD[method],
            params,
            self.session.protocol.notify,
            may_be_quick=not self.analyst.is_working
            and all(self.analyst.is_quick(update) for update in self.answers_first.waiting),
        )

    def _patience_s(self, method: str) -> float:
        """How long the documents around one are waited for, because their part cannot be added later."""
        if method == types.TEXT_DOCUMENT_CODE_LENS:
            # What a plan offers depends on its approval, which may still be on its way from the disk.
            return PATIENCE_S if self.session.client.refreshes_code_lenses else LIMIT_S
        return LIMIT_S if method in _ACROSS_FILES else 0.0

    async def _answer_when_read(self, uri: str, method: str, params: Any, patience_s: float) -> object:
        await self.watching.until_read(uri, patience_s)
        answer = self._answer(method, params)
        return await answer if isinstance(answer, Awaitable) else answer

    async def _pull_workspace(self, params: Any) -> object:
        await self.turns.until_free()
        return await self.pulls.workspace(params)

    async def _command(self, name: str, arguments: dict[str, Any]) -> object:
        await self.turns.until_free()
        if name != DEBUG_TEXT:
            # A run needs the plan's context and roles, which may still be on their way from the disk.
            await self.watching.all_read()
        return await run_command(self.services, name, arguments)

    def notification(self, method: str, params: Any) -> None:
        with taken():
            self._notification(method, params)

    def _notification(self, method: str, params: Any) -> None:
        notice = self._notices.get(method)
        if notice is None:
            return
        if method != types.TEXT_DOCUMENT_DID_CHANGE:
            notice = self._after_changes(notice)
        uri = at(params, "textDocument.uri")
        if isinstance(uri, str) and self.turns.is_busy(uri):
            self.turns.later(uri, lambda: notice(params))
        else:
            notice(params)

    def _after_changes(self, notice: Callable[[Any], None]) -> Callable[[Any], None]:
        def taken(params: Any) -> None:
            self.backlog.settle()
            notice(params)

        return taken

    # Documents

    def documents_changed(self, updates: Iterable[Update]) -> None:
        """Findings follow documents, whatever changed them; lenses of plans follow approvals and settings."""
        self.answers_first.changed(list(updates))

    def _look(self, updates: Sequence[Update]) -> None:
        self.analyst.changed(updates)
        self.refresh.after(updates)

    def _opened(self, params: Any) -> None:
        item = structured(types.TEXT_DOCUMENT_DID_OPEN, params).text_document
        path = path_on_disk(item.uri)
        if path is not None:
            self.watching.opened(path)
        opened = partial(
            self.bench.workspace.store.opened, item.uri, item.language_id, item.version, item.text
        )
        if len(item.text) > READ_AT_ONCE_CHARACTERS:
            self.turns.slowly(item.uri, lambda: _read_through(opened()), self._put_opened)
        else:
            with lasting_objects() if len(item.text) > SMALL_CHARACTERS else nullcontext():
                document = _read_through(opened())
            self._put_opened(document)

    def _put_opened(self, document: Document | None) -> None:
        if document is not None:
            self.publisher.opened(document.uri)
            self.documents_changed(self.bench.workspace.put(document))
            self.file_events.opened(document)
            self.baselines.opened(document)
            ready = make_ready_for_keys(self.session.process, partial(self.bench.document, document.uri))
            self.session.spawn(ready, "making ready for keys")

    def _changed(self, params: Any) -> None:
        change = structured(types.TEXT_DOCUMENT_DID_CHANGE, params)
        uri = change.text_document.uri
        edits = [_edit(part) for part in change.content_changes]
        if not self.backlog.add(uri, change.text_document.version, edits):
            self.backlog.settle()
            self._apply(uri, change.text_document.version, edits)
        elif self.turns.is_busy(uri):
            # It has waited for its turn, and what comes after it may have been delivered long ago.
            self.session.process.loop.call_soon(self.backlog.settle)

    def _open_version(self, uri: str) -> int | None:
        document = self.bench.document(uri)
        return document.version if document is not None and document.is_open else None

    def _apply(self, uri: str, version: int, edits: list[Change]) -> None:
        changed = partial(self.bench.workspace.store.changed, uri, version, edits)
        if sum(len(text) for _, text in edits) > SMALL_CHARACTERS:
            self.turns.slowly(uri, lambda: _read_through(changed()), self._put_changed)
        else:
            self._put_changed(changed())

    def _put_changed(self, after: Document | None) -> None:
        before = self.bench.document(after.uri) if after is not None else None
        if after is not None and before is not None:
            self.documents_changed(self.bench.workspace.put(after))
            self.file_events.edited(before, after)

    def _saved(self, params: Any) -> None:
        saved = structured(types.TEXT_DOCUMENT_DID_SAVE, params)
        uri = saved.text_document.uri
        self.documents_changed(self.bench.workspace.save(uri, saved.text))
        document = self.bench.document(uri)
        if document is not None and document.is_open:
            self.file_events.saved(document)
            self.baselines.saved(document)

    def _closed(self, params: Any) -> None:
        uri = structured(types.TEXT_DOCUMENT_DID_CLOSE, params).text_document.uri
        workspace = self.bench.workspace
        document = self.bench.document(uri)
        path = document.path if document is not None and document.is_open else None
        if path is None or document is None or document.text.length <= SMALL_CHARACTERS:
            self._put_closed(document, workspace.close(uri))
        else:
            self.turns.slowly(
                uri,
                lambda: workspace.store.read_again(path),
                lambda read: self._put_closed(document, workspace.close(uri, lambda: read)),
            )

    def _put_closed(self, before: Document | None, updates: list[Update]) -> None:
        self.documents_changed(updates)
        if before is not None:
            self.file_events.closed(before)
            self.baselines.closed(before.uri)

    # Files

    def _files_changed(self, params: Any) -> None:
        changes = structured(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, params).changes
        found = (path_on_disk(change.uri) for change in changes)
        self.watching.told(path for path in found if path is not None)

    def _files_created(self, params: Any) -> None:
        paths = paths_on_disk(file.uri for file in structured(types.WORKSPACE_DID_CREATE_FILES, params).files)
        self.file_events.created(paths)
        self._look_at(paths)

    def _files_deleted(self, params: Any) -> None:
        paths = paths_on_disk(file.uri for file in structured(types.WORKSPACE_DID_DELETE_FILES, params).files)
        self.file_events.deleted(paths)
        self._look_at(paths)

    def _files_renamed(self, params: Any) -> None:
        pairs: list[tuple[Path, Path]] = []
        for file in structured(types.WORKSPACE_DID_RENAME_FILES, params).files:
            old, new = path_on_disk(file.old_uri), path_on_disk(file.new_uri)
            if old is not None and new is not None:
                pairs.append((old, new))
        self._look_at([path for pair in pairs for path in self.bench.workspace.moved(*pair)])
        self.file_events.renamed(pairs)

    def _look_at(self, paths: list[Path]) -> None:
        self.watching.paths_changed(paths)

    def marks_changed(self, paths: Iterable[Path]) -> None:
        """Where a project's mplp.toml came or went, files may belong to another project now."""
        for path in paths:
            if path.name == "mplp.toml" and path.is_file() != (self.bench.document(uri_of(path)) is not None):
                folders = self.bench.workspace.projects.folders
                self.documents_changed(self.bench.workspace.set_folders(folders))
                self.analyst.look_at_all()
                return

    # Workspace and settings

    def _initialized(self, params: Any) -> None:
        del params
        self.watching.start()
        self.session.spawn(self.runs.watch_existing(), "showing runs")
        client = self.session.client
        if client.registers_configuration:
            registration = {
                "id": "mplp-settings",
                "method": "workspace/didChangeConfiguration",
                "registerOptions": {"section": SECTION},
            }
            self.session.protocol.send_request("client/registerCapability", {"registrations": [registration]})
        if client.answers_configuration:
            self.client_settings.ask()

    def _folders_changed(self, params: Any) -> None:
        event = structured(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, params).event
        gone = set(paths_on_disk(folder.uri for folder in event.removed))
        kept = [folder for folder in self.bench.workspace.projects.folders if folder not in gone]
        added = paths_on_disk(folder.uri for folder in event.added)
        self.documents_changed(self.bench.workspace.set_folders([*kept, *added]))
        self.watching.start()
        self.session.spawn(self.runs.watch_existing(), "showing runs")
        self.analyst.look_at_all()

    def _configuration_changed(self, params: Any) -> None:
        self.client_settings.pushed(at(params, "settings"))

    def trust_changed(self) -> None:
        """Trust came or went, or settings changed: everything may look different."""
        self.bench.trust_changed()
        self.analyst.look_at_all()
        self.refresh.soon()
        self.session.spawn(self.runs.settle(), "keeping the state")

    def run_changed(self, root: Path, view: RunView, *, lenses: bool, steps: bool) -> None:
        """A run shows itself in its plan's findings, hints and lenses."""
        if steps:
            plans = self.bench.workspace.index_of(root).declarations("plan", view.plan_id)
            self.analyst.look_later(facts.uri for facts in plans)
        self.refresh.soon(diagnostics=False, hints=steps, lenses=lenses, at_once=not view.is_live)

    # The end

    async def close(self) -> None:
        """`shutdown`: what is pending is sent."""
        self.answers_first.look_now()
        self.backlog.settle()
        await self.file_events.close()

    def forget(self) -> None:
        """The session is over."""
        self.is_closed = True
        self.backlog.forget()
        self.answers_first.forget()
        self.runs.close()
        self.refresh.close()
        self.watching.stop()


def _read_through(document: Document | None) -> Document | None:
    """With everything derived that the loop would ask for at once."""
    if document is not None and document.kind is not None:
        _ = document.facts
    return document


def _edit(part: Any) -> Change:
    where = getattr(part, "range", None)
    if where is None:
        return None, part.text
    start, end = where.start, where.end
    return ((start.line, start.character), (end.line, end.character)), part.text
