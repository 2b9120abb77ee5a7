"""The documents of one project, read once from the disk: what `check` and `run` work on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mplp_lsp.text.uris import key_of, uri_of
from mplp_lsp.workspace.documents import Document, Setting
from mplp_lsp.workspace.index import Index
from mplp_lsp.workspace.kinds import SETTINGS, by_name
from mplp_lsp.workspace.projects import root_of
from mplp_lsp.workspace.scan import candidates, project_files
from mplp_lsp.workspace.snapshot import Documents, Snapshot
from mplp_lsp.workspace.store import Store


@dataclass(frozen=True, slots=True)
class Project:
    """A project as it stands on disk; `world` is what cross-file rules see."""

    root: Path
    documents: Documents
    world: Index
    is_cut: bool = False

    def document(self, path: Path) -> Document | None:
        """The document at `path`, None where it is not ours."""
        return self.documents.get(uri_of(path))

    def below(self, path: Path) -> list[Document]:
        """Our documents at or below `path`, by path."""
        found = [
            document
            for document in self.documents.values()
            if document.path is not None and (document.path == path or document.path.is_relative_to(path))
        ]
        return sorted(found, key=lambda document: str(document.path))

    def plan_id(self, path: Path) -> str | None:
        document = self.document(path)
        return None if document is None or document.facts is None else document.facts.id

    def snapshot(self) -> Snapshot:
        """The project as features see it."""
        return Snapshot(documents=self.documents, index=self.world, root=self.root, encoding="utf-32")


def load_project(path: Path) -> Project:
    """The project that holds `path` (a file or a folder), with all its documents and `path` itself."""
    folder = path if path.is_dir() else path.parent
    root = root_of(folder)
    found = candidates(project_files(root))
    return _project(root, (*found.paths, *_named(path)), is_cut=found.is_cut)


def _named(path: Path) -> tuple[Path, ...]:
    """What the user names is read even where a scan would skip it (ignored by git, inside `.mplp/`)."""
    if path.is_file():
        return (path,)
    if not path.is_dir():
        return ()
    return candidates(project_files(path)).paths


def _project(root: Path, paths: Iterable[Path], *, is_cut: bool) -> Project:
    wanted = tuple(dict.fromkeys(paths))
    folders = {path.parent for path in wanted if by_name(path).kind is not None}
    setting = Setting(root=root, has_ours_beside=lambda path: path.parent in folders)
    store = Store(lambda _path: setting)
    store.refresh(wanted)
    documents = store.documents
    world = Index().updated((key_of(document.uri), document.facts) for document in documents.values())
    settings = next(
        (one for one in documents.values() if one.kind == SETTINGS and one.path == root / "mplp.toml"), None
    )
    if settings is not None:
        world = world.with_settings(settings.text.text)
    return Project(root, documents, world, is_cut)
