"""How documents are called and where they stand, in the words of a hover."""

from __future__ import annotations

from mplp_lsp.features.hover_markup import Line, Piece, code, line, place, said
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.world import DocumentFacts


def place_of(snapshot: Snapshot, facts: DocumentFacts) -> Piece:
    """The file of a document, by its path inside the project; a virtual document by its URI."""
    return place(path_in_project(snapshot, facts.uri), facts.uri)


def path_in_project(snapshot: Snapshot, uri: str) -> str:
    """A file's path below the project root; the last part of the URI where it has none."""
    document = snapshot.document(uri)
    path, root = (document.path if document is not None else None), snapshot.root
    if path is not None and root is not None and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return uri.rpartition("/")[2] or uri


def document_name(facts: DocumentFacts) -> Line:
    """What people call a document: its title or name, else its id."""
    if facts.title and facts.title.strip():
        return line(said(facts.title, 60))
    return line(code(facts.id or facts.uri.rpartition("/")[2]))
