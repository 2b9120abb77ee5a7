"""A session's whole view: folders, projects, documents and one index per project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mplp_lsp.text.edits import Change
from mplp_lsp.text.snapshot import Encoding
from mplp_lsp.text.uris import path_of
from mplp_lsp.workspace.documents import Document, Setting
from mplp_lsp.workspace.index import Baselines, Index
from mplp_lsp.workspace.kinds import NO_RULES, FileRules
from mplp_lsp.workspace.projects import Projects
from mplp_lsp.workspace.snapshot import ClientView, Snapshot
from mplp_lsp.workspace.store import Read, Store, Update
from mplp_runtime.kinds import MODULES, SETTINGS
from mplp_runtime.project_listing import SKIPPED_FOLDERS

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.views import RunView

_NO_RUNS: Mapping[str, RunView] = {}


class Workspace:
    """Used on one thread; what changes something returns what changed, the document asked about first.

    `snapshot` gives an immutable view to hand to features; it costs the same whatever the project's size.
    """

    def __init__(self, *, rules: FileRules = NO_RULES, encoding: Encoding = "utf-16") -> None:
        self.projects = Projects()
        self._rules: dict[Path | None, FileRules] = {None: rules}
        self.store = Store(self._setting_for, encoding)
        self._indexes: dict[Path | None, Index] = {}
        self._baselines: dict[Path, Baselines] = {}
        self._roots: dict[Path, Path] = {}

    @property
    def encoding(self) -> Encoding:
        return self.store.encoding

    def root_of(self, uri: str) -> Path | None:
        """The project a document belongs to; None for documents without a file."""
        path = path_of(uri)
        return None if path is None else self._root_for(path)

    def index_of(self, root: Path | None) -> Index:
        """The index of one project; an empty one where nothing is known."""
        return self._indexes.get(root, Index())

    def snapshot(
        self,
        uri: str | None = None,
        *,
        root: Path | None = None,
        runs: Mapping[str, RunView] = _NO_RUNS,
        client: ClientView | None = None,
        is_trusted: bool = False,
        max_findings: int = 1_000,
        shows_id_hints: bool = True,
    ) -> Snapshot:
        """Everything as it stands, seen from the project of `uri` (or from the project at `root`)."""
        project = self.root_of(uri) if uri is not None else root
        return Snapshot(
            documents=self.store.documents,
            index=self.index_of(project),
            root=project,
            runs=runs,
            client=client or ClientView(),
            encoding=self.store.encoding,
            is_trusted=is_trusted,
            max_findings=max_findings,
            shows_id_hints=shows_id_hints,
        )

    def open(self, uri: str, language_id: str, version: int, text: str) -> list[Update]:
        return self._noted([self.store.open(uri, language_id, version, text)])

    def change(self, uri: str, version: int, changes: Iterable[Change]) -> list[Update]:
        """[] where the document is not open or the version is not newer."""
        update = self.store.change(uri, version, changes)
        return [] if update is None else self._noted([update])

    def save(self, uri: str, text: str | None = None) -> list[Update]:
        update = self.store.save(uri, text)
        return [] if update is None else self._noted([update])

    def put(self, document: Document) -> list[Update]:
        """An open document whose next version was made elsewhere (`Store.opened`, `Store.changed`)."""
        return self._noted([self.store.put(document)])

    def close(self, uri: str, read: Callable[[], Document | None] | None = None) -> list[Update]:
        update = self.store.close(uri, read)
        return [] if update is None else self._noted([update])

    def look(self, paths: Iterable[Path]) -> Iterator[Read]:
        """What the disk says about files that came, changed or went, and about folders that are gone.

        Changes nothing: a worker may walk it, a stretch at a time, and `put_read` takes what it gave.
        """
        return self.store.look(path for path in paths if not self._is_skipped(path))

    def put_read(self, reads: Iterable[Read]) -> list[Update]:
        """What `look` gave, all at once: the index is made anew once, however many documents there are."""
        return self._noted(self.store.put_read(reads))

    def refresh(self, paths: Iterable[Path]) -> list[Update]:
        """Files that came, changed or went on disk; also what a scan found, and folders that are gone."""
        return self.put_read(self.look(paths))

    def moved(self, old: Path, new: Path) -> list[Path]:
        """What to look at after `didRenameFiles` of a file or a whole folder, the old names and the new ones.

        Open documents are moved by the client itself.
        """
        inside = [path for path in self.store.known_below(old) if path != old]
        moved = [new / path.relative_to(old) for path in inside]
        return [*inside, old, *moved, new]

    def set_folders(self, folders: Iterable[Path]) -> list[Update]:
        """The workspace folders of `initialize`, or after folders came and went."""
        before = self.projects
        self.projects = Projects.of(folders)
        self._roots.clear()
        updates: list[Update] = []
        for root in before.roots:
            if not any(root.is_relative_to(kept) for kept in self.projects.roots):
                updates += self.store.forget_below(root)
        noted = self._noted(updates)
        self._rebuild()
        return noted

    def rules_of(self, root: Path | None) -> FileRules:
        """The globs of one project: its own, else those of the session."""
        return self._rules.get(root, self._rules[None])

    def set_rules(self, rules: FileRules, root: Path | None = None) -> list[Update]:
        """`mplp.files.*` changed, of one project or (None) of all that have no own.

        Files that were foreign so far are found by the next scan.
        """
        if rules == self.rules_of(root) and (root is None or root in self._rules):
            return []
        is_news = rules != self.rules_of(root)
        self._rules[root] = rules
        self.store.forget_foreign()
        return self._noted(self.store.judge_again(list(self.store.documents))) if is_news else []

    def set_baselines(self, root: Path, baselines: Baselines) -> None:
        """Where the graph's last known statuses come from; call again when the graph has changed (D22)."""
        self._baselines[root] = baselines
        self._indexes[root] = self.index_of(root).with_baselines(baselines)

    def set_partial(self, root: Path, *, is_partial: bool) -> None:
        """Whether documents of a project that no name tells of may still be found."""
        self._indexes[root] = self.index_of(root).with_all(is_partial=is_partial)

    def _setting_for(self, path: Path | None) -> Setting:
        root = None if path is None else self._root_for(path)
        return Setting(self.rules_of(root), root, self._has_ours_beside)

    def _root_for(self, path: Path) -> Path:
        folder = path.parent
        root = self._roots.get(folder)
        if root is None:
            root = self._roots[folder] = self.projects.root_for(path)
        return root

    def _is_skipped(self, path: Path) -> bool:
        """Whether a folder between the project's root and the file is never looked into."""
        root = self._root_for(path)
        inside = path.relative_to(root).parts if path.is_relative_to(root) else path.parts
        return not SKIPPED_FOLDERS.isdisjoint(inside[:-1])

    def _has_ours_beside(self, folder: Path) -> bool:
        """Whether the folder holds a document that is ours for a better reason than being empty itself."""
        return any(
            facts.kind in MODULES and facts.id is not None and _folder_of(facts.uri) == folder
            for facts in self.index_of(self._root_for(folder / "plan.json")).documents()
        )

    def _noted(self, updates: list[Update]) -> list[Update]:
        """Brings the indexes up to date, and the kinds of empty documents that follow from neighbours."""
        self._index(updates)
        folders = {_folder_of(update.uri) for update in updates if _declares_differently(update)}
        if folders:
            waiting = [
                document.uri
                for document in self.store.documents.open.values()
                if document.text.length < 64 and document.path is not None and document.path.parent in folders
            ]
            judged = self.store.judge_again(waiting) + self.store.refresh_empty(folders)
            self._index(judged)
            updates = updates + judged
        return updates

    def _index(self, updates: Iterable[Update]) -> None:
        changes: dict[Path | None, list[Update]] = {}
        for update in updates:
            changes.setdefault(self.root_of(update.uri), []).append(update)
        for root, group in changes.items():
            index = self.index_of(root).updated(
                (update.uri, update.after.facts if update.after is not None else None) for update in group
            )
            for update in group:
                if root is not None and path_of(update.uri) == root / "mplp.toml":
                    index = index.with_settings(_settings_text(update.after))
            if root is not None and root in self._baselines and root not in self._indexes:
                index = index.with_baselines(self._baselines[root])
            self._indexes[root] = index

    def _rebuild(self) -> None:
        """All indexes anew: folders changed, so files may belong to other projects than before."""
        self._indexes.clear()
        self._index([Update(document.uri, None, document) for document in self.store.documents.values()])
        for root, baselines in self._baselines.items():
            self._indexes[root] = self.index_of(root).with_baselines(baselines)


def _folder_of(uri: str) -> Path | None:
    path = path_of(uri)
    return None if path is None else path.parent


def _settings_text(document: Document | None) -> str | None:
    return document.text.text if document is not None and document.kind == SETTINGS else None


def _declares_differently(update: Update) -> bool:
    """Whether the document came, went, or changed its kind or own id."""

    def declared(document: Document | None) -> tuple[str, str | None] | None:
        facts = None if document is None else document.facts
        return None if facts is None else (facts.kind, facts.id)

    return declared(update.before) != declared(update.after)
