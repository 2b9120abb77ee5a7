"""From edits in offsets to LSP's WorkspaceEdit, over several documents and new files, as the client can."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lsprotocol import types

from mplp_lsp.features.places import range_of_text
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import ClientView, Snapshot

_TOP = types.Range(types.Position(0, 0), types.Position(0, 0))


@dataclass(frozen=True, slots=True)
class Change:
    """What an action does to the workspace: edits of documents as they stand, and new files with a text."""

    edits: Sequence[tuple[Document, Sequence[Edit]]] = ()
    created: Mapping[str, str] = field(default_factory=dict)


def can_create(client: ClientView) -> bool:
    """Whether the client makes new files as a part of an edit."""
    return client.document_changes and "create" in client.resource_operations


def workspace_edit(snapshot: Snapshot, change: Change) -> types.WorkspaceEdit:
    """For exactly these versions of the documents, where the client can be told so.

    New files come first and are never written over a file that is there.
    """
    edited = [(document, _text_edits(snapshot, document, edits)) for document, edits in change.edits]
    if not snapshot.client.document_changes:
        return types.WorkspaceEdit(changes={document.uri: list(texts) for document, texts in edited})
    operations: list[types.TextDocumentEdit | types.CreateFile | types.RenameFile | types.DeleteFile] = []
    for uri, text in change.created.items():
        operations.append(types.CreateFile(uri=uri, options=types.CreateFileOptions(ignore_if_exists=False)))
        # A file that is just being made has no version yet.
        operations.append(_of_version(uri, None, [types.TextEdit(range=_TOP, new_text=text)]))
    operations += [_of_version(document.uri, document.version, texts) for document, texts in edited]
    return types.WorkspaceEdit(document_changes=operations)


def _of_version(uri: str, version: int | None, texts: Sequence[types.TextEdit]) -> types.TextDocumentEdit:
    target = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=version)
    return types.TextDocumentEdit(text_document=target, edits=list(texts))


def _text_edits(snapshot: Snapshot, document: Document, edits: Iterable[Edit]) -> list[types.TextEdit]:
    return [
        types.TextEdit(range=range_of_text(snapshot, document, edit.start, edit.end), new_text=edit.new_text)
        for edit in edits
    ]
