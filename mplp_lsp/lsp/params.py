"""What comes with a message. Members that nothing here reads, such as progress tokens, are not named."""

from __future__ import annotations

from collections.abc import Sequence

from mplp_lsp.lsp.answers import (
    CallHierarchyItem,
    TypeHierarchyItem,
)
from mplp_lsp.lsp.kinds import (
    CodeActionTriggerKind,
    CompletionTriggerKind,
    FileChangeType,
)
from mplp_lsp.lsp.structure import Structure
from mplp_lsp.lsp.values import (
    Diagnostic,
    Position,
    Range,
    TextDocumentIdentifier,
    TextDocumentItem,
    Unsigned,
    VersionedTextDocumentIdentifier,
    WorkspaceFolder,
)


class DidChangeWorkspaceFoldersParams(Structure):
    """What comes with `workspace/didChangeWorkspaceFolders`."""

    event: WorkspaceFoldersChangeEvent


class FoldingRangeParams(Structure):
    """What comes with `textDocument/foldingRange`."""

    text_document: TextDocumentIdentifier


class SelectionRangeParams(Structure):
    """What comes with `textDocument/selectionRange`."""

    text_document: TextDocumentIdentifier
    positions: Sequence[Position]


class CallHierarchyPrepareParams(Structure):
    """What comes with `textDocument/prepareCallHierarchy`."""

    text_document: TextDocumentIdentifier
    position: Position


class CallHierarchyIncomingCallsParams(Structure):
    """What comes with `callHierarchy/incomingCalls`."""

    item: CallHierarchyItem


class CallHierarchyOutgoingCallsParams(Structure):
    """What comes with `callHierarchy/outgoingCalls`."""

    item: CallHierarchyItem


class SemanticTokensParams(Structure):
    """What comes with `textDocument/semanticTokens/full`."""

    text_document: TextDocumentIdentifier


class SemanticTokensDeltaParams(Structure):
    """What comes with `textDocument/semanticTokens/full/delta`."""

    text_document: TextDocumentIdentifier
    previous_result_id: str


class SemanticTokensRangeParams(Structure):
    """What comes with `textDocument/semanticTokens/range`."""

    text_document: TextDocumentIdentifier
    range: Range


class CreateFilesParams(Structure):
    """What comes with `workspace/willCreateFiles`."""

    files: Sequence[FileCreate]


class RenameFilesParams(Structure):
    """What comes with `workspace/willRenameFiles`."""

    files: Sequence[FileRename]


class DeleteFilesParams(Structure):
    """What comes with `workspace/willDeleteFiles`."""

    files: Sequence[FileDelete]


class TypeHierarchyPrepareParams(Structure):
    """What comes with `textDocument/prepareTypeHierarchy`."""

    text_document: TextDocumentIdentifier
    position: Position


class TypeHierarchySupertypesParams(Structure):
    """What comes with `typeHierarchy/supertypes`."""

    item: TypeHierarchyItem


class TypeHierarchySubtypesParams(Structure):
    """What comes with `typeHierarchy/subtypes`."""

    item: TypeHierarchyItem


class InlayHintParams(Structure):
    """What comes with `textDocument/inlayHint`."""

    text_document: TextDocumentIdentifier
    range: Range


class DocumentDiagnosticParams(Structure):
    """What comes with `textDocument/diagnostic`."""

    text_document: TextDocumentIdentifier
    identifier: str | None = None
    previous_result_id: str | None = None


class WorkspaceDiagnosticParams(Structure):
    """What comes with `workspace/diagnostic`."""

    previous_result_ids: Sequence[PreviousResultId]
    identifier: str | None = None


class TextDocumentContentParams(Structure):
    """What comes with `workspace/textDocumentContent`."""

    uri: str


class DidOpenTextDocumentParams(Structure):
    """What comes with `textDocument/didOpen`."""

    text_document: TextDocumentItem


class DidChangeTextDocumentParams(Structure):
    """What comes with `textDocument/didChange`."""

    text_document: VersionedTextDocumentIdentifier
    content_changes: Sequence[TextDocumentContentChangePartial | TextDocumentContentChangeWholeDocument]


class DidCloseTextDocumentParams(Structure):
    """What comes with `textDocument/didClose`."""

    text_document: TextDocumentIdentifier


class DidSaveTextDocumentParams(Structure):
    """What comes with `textDocument/didSave`."""

    text_document: TextDocumentIdentifier
    text: str | None = None


class DidChangeWatchedFilesParams(Structure):
    """What comes with `workspace/didChangeWatchedFiles`."""

    changes: Sequence[FileEvent]


class CompletionParams(Structure):
    """What comes with `textDocument/completion`."""

    text_document: TextDocumentIdentifier
    position: Position
    context: CompletionContext | None = None


class HoverParams(Structure):
    """What comes with `textDocument/hover`."""

    text_document: TextDocumentIdentifier
    position: Position


class DefinitionParams(Structure):
    """What comes with `textDocument/definition`."""

    text_document: TextDocumentIdentifier
    position: Position


class ReferenceParams(Structure):
    """What comes with `textDocument/references`."""

    context: ReferenceContext
    text_document: TextDocumentIdentifier
    position: Position
    partial_result_token: int | str | None = None


class DocumentHighlightParams(Structure):
    """What comes with `textDocument/documentHighlight`."""

    text_document: TextDocumentIdentifier
    position: Position


class DocumentSymbolParams(Structure):
    """What comes with `textDocument/documentSymbol`."""

    text_document: TextDocumentIdentifier


class CodeActionParams(Structure):
    """What comes with `textDocument/codeAction`."""

    text_document: TextDocumentIdentifier
    range: Range
    context: CodeActionContext


class WorkspaceSymbolParams(Structure):
    """What comes with `workspace/symbol`."""

    query: str
    partial_result_token: int | str | None = None


class CodeLensParams(Structure):
    """What comes with `textDocument/codeLens`."""

    text_document: TextDocumentIdentifier


class DocumentLinkParams(Structure):
    """What comes with `textDocument/documentLink`."""

    text_document: TextDocumentIdentifier


class DocumentFormattingParams(Structure):
    """What comes with `textDocument/formatting`."""

    text_document: TextDocumentIdentifier
    options: FormattingOptions


class DocumentRangeFormattingParams(Structure):
    """What comes with `textDocument/rangeFormatting`."""

    text_document: TextDocumentIdentifier
    range: Range
    options: FormattingOptions


class DocumentRangesFormattingParams(Structure):
    """What comes with `textDocument/rangesFormatting`."""

    text_document: TextDocumentIdentifier
    ranges: Sequence[Range]
    options: FormattingOptions


class DocumentOnTypeFormattingParams(Structure):
    """What comes with `textDocument/onTypeFormatting`."""

    text_document: TextDocumentIdentifier
    position: Position
    ch: str
    options: FormattingOptions


class RenameParams(Structure):
    """What comes with `textDocument/rename`."""

    text_document: TextDocumentIdentifier
    position: Position
    new_name: str


class PrepareRenameParams(Structure):
    """What comes with `textDocument/prepareRename`."""

    text_document: TextDocumentIdentifier
    position: Position


class WorkspaceFoldersChangeEvent(Structure):
    """Folders that came and went."""

    added: Sequence[WorkspaceFolder]
    removed: Sequence[WorkspaceFolder]


class FileCreate(Structure):
    """A file the user has made."""

    uri: str


class FileRename(Structure):
    """A file the user gives another name."""

    old_uri: str
    new_uri: str


class FileDelete(Structure):
    """A file the user has removed."""

    uri: str


class PreviousResultId(Structure):
    """What a client holds for one document."""

    uri: str
    value: str


class FileEvent(Structure):
    """Something that happened to a file."""

    uri: str
    type: FileChangeType


class CompletionContext(Structure):
    """What made the editor ask."""

    trigger_kind: CompletionTriggerKind
    trigger_character: str | None = None


class ReferenceContext(Structure):
    """Whether the place that declares counts."""

    include_declaration: bool


class CodeActionContext(Structure):
    """What the editor knows about the place."""

    diagnostics: Sequence[Diagnostic]
    only: Sequence[str] | None = None
    trigger_kind: CodeActionTriggerKind | None = None


class FormattingOptions(Structure):
    """What the editor indents with."""

    tab_size: Unsigned
    insert_spaces: bool
    trim_trailing_whitespace: bool | None = None
    insert_final_newline: bool | None = None
    trim_final_newlines: bool | None = None


class TextDocumentContentChangePartial(Structure):
    """New text in place of a range."""

    range: Range
    text: str
    range_length: Unsigned | None = None


class TextDocumentContentChangeWholeDocument(Structure):
    """New text in place of all."""

    text: str
