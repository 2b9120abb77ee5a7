"""The documents of a project, read once from the disk: what `check` and `run` work on.

A folder with `mplp.toml` inside another project is a project of its own, as it is in an editor: documents on
one side of that border do not know those on the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.documents import Document, Setting
from mplp_lsp.workspace.index import Index
from mplp_lsp.workspace.projects import Projects, root_of
from mplp_lsp.workspace.scan import candidates, project_files
from mplp_lsp.workspace.snapshot import Documents, Snapshot
from mplp_lsp.workspace.store import Store
from mplp_runtime.disk import MAX_DOCUMENT_BYTES
from mplp_runtime.errors import MplpError
from mplp_runtime.kinds import MODULES, SETTINGS


@dataclass(frozen=True, slots=True)
class OnDisk:
    """Documents of all projects that were asked about; `cut` are roots with more files than are read."""

    documents: Documents
    cut: tuple[Path, ...] = ()
    _projects: Projects = field(default_factory=Projects)
    _indexes: Mapping[Path, Index] = field(default_factory=dict)

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

    def root_for(self, path: Path) -> Path:
        """The project that a file belongs to."""
        return self._projects.root_for(path)

    def snapshot(self, path: Path) -> Snapshot:
        """What features see of the project of `path`; positions count code points."""
        root = self.root_for(path)
        return Snapshot(
            documents=self.documents,
            index=self._indexes.get(root, Index()),
            root=root,
            encoding="utf-32",
        )


def read_projects(paths: Iterable[Path]) -> OnDisk:
    """The projects that hold these files and folders (absolute), with all documents that are ours.

    Raises MplpError for a path that is not there or cannot be read.
    """
    asked = list(paths)
    for path in asked:
        refuse_unreadable(path)
    roots = tuple(dict.fromkeys(root_of(path if path.is_dir() else path.parent) for path in asked))
    projects = Projects.of(roots)
    wanted: dict[Path, None] = {}
    cut: list[Path] = []
    for root in roots:
        found = candidates(project_files(root))
        wanted.update(dict.fromkeys(found.paths))
        if found.is_cut:
            cut.append(root)
    for path in asked:
        # What the user names is read even where a scan would skip it (ignored by git, inside `.mplp/`).
        named = (path,) if path.is_file() else candidates(project_files(path)).paths
        wanted.update(dict.fromkeys(named))
    documents = _read(wanted, projects)
    return OnDisk(documents, tuple(cut), projects, _indexes(documents, projects))


def absolute(path: str) -> Path:
    """Without `..`, and with symbolic links as the user wrote them: a link's name may make it ours."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the links.


def shown_path(path: Path) -> str:
    """The path as a person in the current folder would write it."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # the current folder is gone, or on another drive
        return str(path)
    return str(path) if relative.startswith(f"..{os.sep}..") else relative


def refuse_unreadable(path: Path) -> None:
    """Raises MplpError with the reason why there is nothing to read at `path`."""
    try:
        size_bytes = path.stat().st_size
        if path.is_dir():
            os.scandir(path).close()
            return
        if not path.is_file():
            raise MplpError(f"{path} is neither a file nor a folder.")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        dangling = " (a link that leads nowhere)" if path.is_symlink() else ""
        raise MplpError(f"{path} does not exist{dangling}.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise MplpError(f"{path} cannot be read: {reason}.") from error
    if size_bytes > MAX_DOCUMENT_BYTES:
        limit = MAX_DOCUMENT_BYTES // (1024 * 1024)
        raise MplpError(f"{path} is larger than {limit} MB; documents of that size are not read.")


def _read(wanted: Iterable[Path], projects: Projects) -> Documents:
    ours: set[Path] = set()

    def setting_for(path: Path | None) -> Setting:
        root = None if path is None else projects.root_for(path)
        return Setting(root=root, has_ours_beside=lambda folder: folder in ours)

    paths = list(wanted)
    store = Store(setting_for)
    store.refresh(paths)
    ours.update(
        document.path.parent
        for document in store.documents.values()
        if document.kind in MODULES
        and document.path is not None
        and document.facts is not None
        and document.facts.id is not None
    )
    # An empty `plan.json` is ours where it lies beside documents of ours, which are only known now.
    waiting = [path for path in paths if path.parent in ours and store.document(uri_of(path)) is None]
    if waiting:
        second = Store(setting_for)
        second.refresh(waiting)
        return Documents(closed={**store.documents.closed, **second.documents.closed})
    return store.documents


def _indexes(documents: Documents, projects: Projects) -> Mapping[Path, Index]:
    grouped: dict[Path, list[Document]] = {}
    for document in documents.values():
        if document.path is not None:
            grouped.setdefault(projects.root_for(document.path), []).append(document)
    indexes: dict[Path, Index] = {}
    for root, group in grouped.items():
        index = Index().updated((document.uri, document.facts) for document in group)
        for document in group:
            if document.kind == SETTINGS and document.path == root / "mplp.toml":
                index = index.with_settings(document.text.text)
        indexes[root] = index
    return indexes
