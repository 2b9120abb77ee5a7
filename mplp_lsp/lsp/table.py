"""Which class the params of a method have."""

from __future__ import annotations

from collections.abc import Mapping

from mplp_lsp.lsp import answers, params
from mplp_lsp.lsp.structure import Structure

PARAMS: Mapping[str, type[Structure]] = {
    "textDocument/codeLens": params.CodeLensParams,
    "textDocument/hover": params.HoverParams,
    "textDocument/inlayHint": params.InlayHintParams,
    "workspace/textDocumentContent": params.TextDocumentContentParams,
    "inlayHint/resolve": answers.InlayHint,
    "textDocument/codeAction": params.CodeActionParams,
    "codeAction/resolve": answers.CodeAction,
    "textDocument/definition": params.DefinitionParams,
    "textDocument/references": params.ReferenceParams,
    "textDocument/documentHighlight": params.DocumentHighlightParams,
    "textDocument/completion": params.CompletionParams,
    "completionItem/resolve": answers.CompletionItem,
    "textDocument/prepareRename": params.PrepareRenameParams,
    "textDocument/rename": params.RenameParams,
    "textDocument/prepareCallHierarchy": params.CallHierarchyPrepareParams,
    "callHierarchy/incomingCalls": params.CallHierarchyIncomingCallsParams,
    "callHierarchy/outgoingCalls": params.CallHierarchyOutgoingCallsParams,
    "textDocument/prepareTypeHierarchy": params.TypeHierarchyPrepareParams,
    "typeHierarchy/supertypes": params.TypeHierarchySupertypesParams,
    "typeHierarchy/subtypes": params.TypeHierarchySubtypesParams,
    "textDocument/documentSymbol": params.DocumentSymbolParams,
    "workspace/symbol": params.WorkspaceSymbolParams,
    "workspaceSymbol/resolve": answers.WorkspaceSymbol,
    "textDocument/documentLink": params.DocumentLinkParams,
    "textDocument/foldingRange": params.FoldingRangeParams,
    "textDocument/selectionRange": params.SelectionRangeParams,
    "textDocument/formatting": params.DocumentFormattingParams,
    "textDocument/rangeFormatting": params.DocumentRangeFormattingParams,
    "textDocument/rangesFormatting": params.DocumentRangesFormattingParams,
    "textDocument/onTypeFormatting": params.DocumentOnTypeFormattingParams,
    "workspace/willRenameFiles": params.RenameFilesParams,
    "textDocument/semanticTokens/full": params.SemanticTokensParams,
    "textDocument/semanticTokens/full/delta": params.SemanticTokensDeltaParams,
    "textDocument/semanticTokens/range": params.SemanticTokensRangeParams,
    "textDocument/didOpen": params.DidOpenTextDocumentParams,
    "textDocument/didChange": params.DidChangeTextDocumentParams,
    "textDocument/didSave": params.DidSaveTextDocumentParams,
    "textDocument/didClose": params.DidCloseTextDocumentParams,
    "workspace/didChangeWatchedFiles": params.DidChangeWatchedFilesParams,
    "workspace/didCreateFiles": params.CreateFilesParams,
    "workspace/didRenameFiles": params.RenameFilesParams,
    "workspace/didDeleteFiles": params.DeleteFilesParams,
    "workspace/didChangeWorkspaceFolders": params.DidChangeWorkspaceFoldersParams,
    "textDocument/diagnostic": params.DocumentDiagnosticParams,
    "workspace/diagnostic": params.WorkspaceDiagnosticParams,
}
"""Of every method whose params are read as a whole; the others' are plain JSON."""
