"""What we answer with; also what a client hands back to have it resolved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mplp_lsp.lsp.kinds import (
    ApplyKind,
    CompletionItemKind,
    CompletionItemTag,
    DocumentHighlightKind,
    InlayHintKind,
    InsertTextFormat,
    InsertTextMode,
    SymbolKind,
    SymbolTag,
)
from mplp_lsp.lsp.structure import Structure
from mplp_lsp.lsp.values import (
    Command,
    Diagnostic,
    InsertReplaceEdit,
    Location,
    LocationUriOnly,
    MarkedStringWithLanguage,
    MarkupContent,
    Position,
    Range,
    TextEdit,
    WorkspaceEdit,
)


class SelectionRange(Structure):
    """A range and the next larger one."""

    range: Range
    parent: SelectionRange | None = None


class CallHierarchyItem(Structure):
    """A step among those it calls and is called by."""

    name: str
    kind: SymbolKind
    uri: str
    range: Range
    selection_range: Range
    tags: Sequence[SymbolTag] | None = None
    detail: str | None = None
    data: Any = None


class CallHierarchyIncomingCall(Structure):
    """Who calls, and where."""

    from_: CallHierarchyItem
    from_ranges: Sequence[Range]


class CallHierarchyOutgoingCall(Structure):
    """Who is called, and where."""

    to: CallHierarchyItem
    from_ranges: Sequence[Range]


class TypeHierarchyItem(Structure):
    """A kind of thing among wider and narrower ones."""

    name: str
    kind: SymbolKind
    uri: str
    range: Range
    selection_range: Range
    tags: Sequence[SymbolTag] | None = None
    detail: str | None = None
    data: Any = None


class SemanticTokens(Structure):
    """Five numbers for each token, relative to the one before."""

    data: Sequence[int]
    result_id: str | None = None


class InlayHint(Structure):
    """A word that the editor shows between others."""

    position: Position
    label: str | Sequence[InlayHintLabelPart]
    kind: InlayHintKind | None = None
    text_edits: Sequence[TextEdit] | None = None
    tooltip: str | MarkupContent | None = None
    padding_left: bool | None = None
    padding_right: bool | None = None
    data: Any = None


class InlayHintLabelPart(Structure):
    """A part of such a word that can be clicked."""

    value: str
    tooltip: str | MarkupContent | None = None
    location: Location | None = None
    command: Command | None = None


class TextDocumentContentResult(Structure):
    """The text of a virtual document."""

    text: str


class CompletionItemLabelDetails(Structure):
    """What stands behind the name of an offer."""

    detail: str | None = None
    description: str | None = None


class CompletionItem(Structure):
    """One offer."""

    label: str
    label_details: CompletionItemLabelDetails | None = None
    kind: CompletionItemKind | int | None = None
    tags: Sequence[CompletionItemTag] | None = None
    detail: str | None = None
    documentation: str | MarkupContent | None = None
    deprecated: bool | None = None
    preselect: bool | None = None
    sort_text: str | None = None
    filter_text: str | None = None
    insert_text: str | None = None
    insert_text_format: InsertTextFormat | None = None
    insert_text_mode: InsertTextMode | None = None
    text_edit: TextEdit | InsertReplaceEdit | None = None
    text_edit_text: str | None = None
    additional_text_edits: Sequence[TextEdit] | None = None
    commit_characters: Sequence[str] | None = None
    command: Command | None = None
    data: Any = None


class CompletionItemDefaults(Structure):
    """What all offers of a list have in common."""

    commit_characters: Sequence[str] | None = None
    edit_range: Range | EditRangeWithInsertReplace | None = None
    insert_text_format: InsertTextFormat | None = None
    insert_text_mode: InsertTextMode | None = None
    data: Any = None


class CompletionItemApplyKinds(Structure):
    """How what they have in common meets what each says."""

    commit_characters: ApplyKind | None = None
    data: ApplyKind | None = None


class EditRangeWithInsertReplace(Structure):
    """A range for each of the two ways to accept an offer."""

    insert: Range
    replace: Range


class CompletionList(Structure):
    """Offers, and whether there are more."""

    is_incomplete: bool
    items: Sequence[CompletionItem]
    item_defaults: CompletionItemDefaults | None = None
    apply_kind: CompletionItemApplyKinds | None = None


class Hover(Structure):
    """What is told about a place."""

    contents: MarkupContent | str | MarkedStringWithLanguage | Sequence[str | MarkedStringWithLanguage]
    range: Range | None = None


class DocumentHighlight(Structure):
    """A place where the same thing stands."""

    range: Range
    kind: DocumentHighlightKind | None = None


class SymbolInformation(Structure):
    """A symbol for clients that know no trees."""

    location: Location
    name: str
    kind: SymbolKind
    deprecated: bool | None = None
    tags: Sequence[SymbolTag] | None = None
    container_name: str | None = None


class DocumentSymbol(Structure):
    """A symbol and what is inside it."""

    name: str
    kind: SymbolKind
    range: Range
    selection_range: Range
    detail: str | None = None
    tags: Sequence[SymbolTag] | None = None
    deprecated: bool | None = None
    children: Sequence[DocumentSymbol] | None = None


class WorkspaceSymbol(Structure):
    """A symbol of some document; its range may be told when it is resolved."""

    location: Location | LocationUriOnly
    name: str
    kind: SymbolKind
    data: Any = None
    tags: Sequence[SymbolTag] | None = None
    container_name: str | None = None


class CodeActionDisabled(Structure):
    """Why an action is not possible now."""

    reason: str


class CodeAction(Structure):
    """Something that can be done about a place."""

    title: str
    kind: str | None = None
    diagnostics: Sequence[Diagnostic] | None = None
    is_preferred: bool | None = None
    disabled: CodeActionDisabled | None = None
    edit: WorkspaceEdit | None = None
    command: Command | None = None
    data: Any = None


class CodeLens(Structure):
    """A command above a line."""

    range: Range
    command: Command | None = None
    data: Any = None


class DocumentLink(Structure):
    """Words that lead somewhere."""

    range: Range
    target: str | None = None
    tooltip: str | None = None
    data: Any = None


class PrepareRenamePlaceholder(Structure):
    """What is about to be renamed."""

    range: Range
    placeholder: str
