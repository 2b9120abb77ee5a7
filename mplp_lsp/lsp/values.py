"""What both questions and answers are made of: places, edits, texts, findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import total_ordering
from typing import Annotated, Any, Literal

from mplp_lsp.lsp.kinds import (
    DiagnosticSeverity,
    DiagnosticTag,
    MarkupKind,
)
from mplp_lsp.lsp.structure import Structure

Unsigned = Annotated[int, "unsigned"]
"""From 0 to 2**31 - 1."""


@total_ordering
class Position(Structure):
    """A place between two characters; both numbers from 0, characters in units of the encoding."""

    line: Unsigned
    character: Unsigned

    def __init__(self, line: int, character: int) -> None:
        # Made by the thousand, as ranges are; the general way takes three times as long.
        self.line = line
        self.character = character

    def __lt__(self, other: Position) -> bool:
        return (self.line, self.character) < (other.line, other.character)


class Range(Structure):
    """From `start` to before `end`."""

    start: Position
    end: Position

    def __init__(self, start: Position, end: Position) -> None:
        self.start = start
        self.end = end


class Location(Structure):
    """A range of some document."""

    uri: str
    range: Range


class LocationLink(Structure):
    """Where a name leads to, with the words that are underlined here."""

    target_uri: str
    target_range: Range
    target_selection_range: Range
    origin_selection_range: Range | None = None


class LocationUriOnly(Structure):
    """A document whose place in it is told when it is resolved."""

    uri: str


class TextDocumentIdentifier(Structure):
    """A document, whatever its version."""

    uri: str


class VersionedTextDocumentIdentifier(Structure):
    """A document as it is after a change."""

    version: int
    uri: str


class OptionalVersionedTextDocumentIdentifier(Structure):
    """A document that an edit is for; null for what is not open."""

    nullable = frozenset({"version"})
    uri: str
    version: int | None = None


class TextDocumentItem(Structure):
    """A document as it was opened."""

    uri: str
    language_id: str
    version: int
    text: str


class TextEdit(Structure):
    """New text in place of a range."""

    range: Range
    new_text: str


class AnnotatedTextEdit(Structure):
    """An edit that a person may be asked about."""

    annotation_id: str
    range: Range
    new_text: str


class StringValue(Structure):
    """A text with holes."""

    value: str
    kind: Literal["snippet"] = "snippet"


class SnippetTextEdit(Structure):
    """New text with holes in place of a range."""

    range: Range
    snippet: StringValue
    annotation_id: str | None = None


class InsertReplaceEdit(Structure):
    """An edit with a range for each of the two ways to accept an offer."""

    new_text: str
    insert: Range
    replace: Range


class ChangeAnnotation(Structure):
    """What a person is told about edits."""

    label: str
    needs_confirmation: bool | None = None
    description: str | None = None


class TextDocumentEdit(Structure):
    """The edits of one document."""

    text_document: OptionalVersionedTextDocumentIdentifier
    edits: Sequence[AnnotatedTextEdit | SnippetTextEdit | TextEdit]


class CreateFileOptions(Structure):
    """What happens where the file is there."""

    overwrite: bool | None = None
    ignore_if_exists: bool | None = None


class RenameFileOptions(Structure):
    """What happens where the new name is taken."""

    overwrite: bool | None = None
    ignore_if_exists: bool | None = None


class DeleteFileOptions(Structure):
    """What happens to what is inside, and where nothing is there."""

    recursive: bool | None = None
    ignore_if_not_exists: bool | None = None


class CreateFile(Structure):
    """A new file within a workspace edit."""

    uri: str
    kind: Literal["create"] = "create"
    options: CreateFileOptions | None = None
    annotation_id: str | None = None


class RenameFile(Structure):
    """A new name within a workspace edit."""

    old_uri: str
    new_uri: str
    kind: Literal["rename"] = "rename"
    options: RenameFileOptions | None = None
    annotation_id: str | None = None


class DeleteFile(Structure):
    """A file that goes within a workspace edit."""

    uri: str
    kind: Literal["delete"] = "delete"
    options: DeleteFileOptions | None = None
    annotation_id: str | None = None


class WorkspaceEdit(Structure):
    """Changes of documents and files: by name, or in an order."""

    changes: Mapping[str, Sequence[TextEdit]] | None = None
    document_changes: Sequence[TextDocumentEdit | CreateFile | RenameFile | DeleteFile] | None = None
    change_annotations: Mapping[str, ChangeAnnotation] | None = None


class MarkupContent(Structure):
    """Text for people."""

    kind: MarkupKind
    value: str


class MarkedStringWithLanguage(Structure):
    """Code for people."""

    language: str
    value: str


class Command(Structure):
    """Something the client may ask us to do, and how it is called."""

    title: str
    command: str
    tooltip: str | None = None
    arguments: Sequence[Any] | None = None


class CodeDescription(Structure):
    """Where a finding is explained."""

    href: str


class DiagnosticRelatedInformation(Structure):
    """Another place that a finding is about."""

    location: Location
    message: str


class Diagnostic(Structure):
    """One finding."""

    range: Range
    message: str
    severity: DiagnosticSeverity | None = None
    code: int | str | None = None
    code_description: CodeDescription | None = None
    source: str | None = None
    tags: Sequence[DiagnosticTag] | None = None
    related_information: Sequence[DiagnosticRelatedInformation] | None = None
    data: Any = None


class WorkspaceFolder(Structure):
    """A folder that the user has opened."""

    uri: str
    name: str
