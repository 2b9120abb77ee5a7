"""From edits in offsets to LSP's WorkspaceEdit, over several documents and new files, as the client can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lsprotocol import types

from mplp_lsp.features.places import range_of_text
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import ClientView, Snapshot

_TOP = types.Range(types.Position(0, 0), types.Position(0, 0))


class AnnotatedEdit(NamedTuple):
    """An `Edit` that belongs to a group, so that a person can look at the groups one by one."""

    start: int
    end: int
    new_text: str
    annotation: str


@dataclass(frozen=True, slots=True)
class Change:
    """What an action does to the workspace: edits of documents as they stand, and new files with a text.

    `annotations` says what the groups of its annotated edits are, for clients that show groups.
    """

    edits: Sequence[tuple[Document, Sequence[Edit | AnnotatedEdit]]] = ()
    created: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, types.ChangeAnnotation] = field(default_factory=dict)


def can_create(client: ClientView) -> bool:
    """Whether the client makes new files as a part of an edit."""
    return client.document_changes and "create" in client.resource_operations


def workspace_edit(snapshot: Snapshot, change: Change) -> types.WorkspaceEdit:
    """For exactly these versions of the documents, where the client can be told so.

    New files come first and are never written over a file that is there.
    """
    client = snapshot.client
    edited = [
        (document, [(edit, _text_edit(snapshot, document, edit)) for edit in edits])
        for document, edits in change.edits
    ]
    if not client.document_changes:
        return types.WorkspaceEdit(
            changes={document.uri: [text for _, text in texts] for document, texts in edited}
        )
    operations: list[types.TextDocumentEdit | types.CreateFile | types.RenameFile | types.DeleteFile] = []
    for uri, text in change.created.items():
        operations.append(types.CreateFile(uri=uri, options=types.CreateFileOptions(ignore_if_exists=False)))
        # A file that is just being made has no version yet.
        operations.append(_of_version(uri, None, [types.TextEdit(range=_TOP, new_text=text)]))
    annotates = client.change_annotations and bool(change.annotations)
    for document, texts in edited:
        made = [_annotated(edit, text) if annotates else text for edit, text in texts]
        operations.append(_of_version(document.uri, document.version, made))
    return types.WorkspaceEdit(
        document_changes=operations, change_annotations=dict(change.annotations) if annotates else None
    )


def _of_version(
    uri: str, version: int | None, texts: Sequence[types.TextEdit | types.AnnotatedTextEdit]
) -> types.TextDocumentEdit:
    target = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=version)
    return types.TextDocumentEdit(text_document=target, edits=list(texts))


def _text_edit(snapshot: Snapshot, document: Document, edit: Edit | AnnotatedEdit) -> types.TextEdit:
    place = range_of_text(snapshot, document, edit.start, edit.end)
    return types.TextEdit(range=place, new_text=edit.new_text)


def _annotated(edit: Edit | AnnotatedEdit, text: types.TextEdit) -> types.TextEdit | types.AnnotatedTextEdit:
    if not isinstance(edit, AnnotatedEdit):
        return text
    return types.AnnotatedTextEdit(annotation_id=edit.annotation, range=text.range, new_text=text.new_text)
