"""One session's documents, runs, trust and options, and the snapshots features see of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mplp_lsp.server.capabilities import Client
from mplp_lsp.server.configuration import Options, configured
from mplp_lsp.text.uris import path_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import ClientView, Snapshot
from mplp_lsp.workspace.store import Update
from mplp_lsp.workspace.workspace import Workspace
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.sources import Clock, system_clock
from mplp_runtime.trust import Trust


class Workbench:
    """Used on the session's loop only; the snapshots may be kept and read anywhere."""

    def __init__(
        self,
        client: Client,
        view: ClientView,
        folders: Iterable[Path],
        trust_list: Trust | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self.client = client
        self.view = view
        self.options = Options()
        self._own_options: dict[Path, Options] = {}
        self._clock = clock
        self.trust_list = trust_list or Trust()
        self.workspace = Workspace(encoding=client.encoding)
        self.workspace.set_folders(folders)
        self._runs: dict[Path, dict[str, RunView]] = {}
        self._trusted: dict[Path, bool] = {}
        self.being_read: set[Path] = set()
        """Projects whose documents are not all known yet, so that one that is missing may still come."""

    @property
    def roots(self) -> tuple[Path, ...]:
        """The project roots of the workspace folders."""
        return self.workspace.projects.roots

    def root_of(self, uri: str | None) -> Path | None:
        """The project that holds `uri`; the first one for documents without a file, and without a URI."""
        root = self.workspace.root_of(uri) if uri is not None else None
        if root is not None:
            return root
        return self.roots[0] if self.roots else None

    def document(self, uri: str) -> Document | None:
        return self.workspace.store.document(uri)

    def own_documents(self, root: Path | None = None) -> list[Document]:
        """All of our documents, open ones first; of one project if `root` is given."""
        return [
            document
            for document in self.workspace.store.documents.values()
            if document.kind is not None and (root is None or self.workspace.root_of(document.uri) == root)
        ]

    # Snapshots

    def snapshot(self, uri: str | None = None) -> Snapshot:
        """The project that holds `uri` as it stands now; the first one without."""
        root = self.root_of(uri)
        # Documents without a file live in no project, and are judged by themselves.
        return self._seen_from(root, root if uri is None or path_of(uri) is not None else None)

    def snapshots(self) -> list[Snapshot]:
        """Every project of the session as it stands now; at least one, which may hold no documents."""
        return [self._seen_from(root, root) for root in self.roots] or [self.snapshot()]

    def _seen_from(self, root: Path | None, seen_from: Path | None) -> Snapshot:
        options = self.options_of(root)
        snapshot = self.workspace.snapshot(
            root=seen_from,
            runs=dict(self._runs.get(root, {})) if root is not None else {},
            client=self.view,
            is_trusted=root is not None and self.is_trusted(root),
            max_findings=options.max_findings,
            shows_id_hints=options.shows_id_hints,
        )
        return replace(snapshot, taken_at=self._clock(), is_complete=root not in self.being_read)

    def put_run(self, root: Path, view: RunView) -> RunView | None:
        """Keeps the newest run of each plan; the view that was shown before, None if there was none."""
        runs = self._runs.setdefault(root, {})
        before = runs.get(view.plan_id)
        if before is None or before.run_id == view.run_id or before.generation <= view.generation:
            runs[view.plan_id] = view
        return before

    def runs(self, root: Path) -> list[RunView]:
        """The newest run of each plan of one project."""
        return list(self._runs.get(root, {}).values())

    # Trust and options

    def is_trusted(self, root: Path) -> bool:
        """The client's word, else the user's list (D25). The list is read once until something changes."""
        trusted = self.options_of(root).trusted
        if trusted is not None:
            return trusted
        known = self._trusted.get(root)
        if known is None:
            known = self._trusted[root] = self.trust_list.is_trusted(root)
        return known

    def trust_changed(self) -> None:
        self._trusted.clear()

    def options_of(self, root: Path | None) -> Options:
        """What the user has set for one project, else for all."""
        return self._own_options.get(root, self.options) if root is not None else self.options

    def configure(self, settings: object, root: Path | None = None) -> list[Update] | None:
        """Takes over `mplp.*` settings of one project, or (None) of all that have no own.

        Documents whose kind changed by that; None if nothing is new.
        """
        before = self.options_of(root)
        options = configured(before, settings)
        if options == before:
            return None
        if root is None:
            self.options = options
        else:
            self._own_options[root] = options
        self.trust_changed()
        return self.workspace.set_rules(options.rules, root)
