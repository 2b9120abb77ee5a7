"""The table of feature requests: one line per LSP method.

`answer` is named as "module:function" and imported when the first request comes: start-up is a budget. What
it is called with follows from `takes` (see `mplp_lsp/features/__init__.py`). `runs` says where: `now` on the
event loop, for answers that never need more than a few milliseconds, `quick` on the loop where the last one
was quick (`pace.py`), else in a worker, or always in a `worker`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from mplp_lsp.features.token_legend import LEGEND
from mplp_lsp.server.imports import import_one

Takes = Literal["snapshot", "projects", "document", "position", "item"]
Runs = Literal["now", "quick", "worker"]


@dataclass(frozen=True, slots=True)
class Route:
    """One method: who answers it, where, and how the server announces it (`provider`: `options`).

    `in_parts`: the answer is a list, and a client that gave a `partialResultToken` gets it piece by piece.
    """

    method: str
    answer: str
    takes: Takes = "document"
    runs: Runs = "worker"
    provider: str | None = None
    options: object = True
    in_parts: bool = False


ROUTES: tuple[Route, ...] = (
    Route(
        "textDocument/codeLens",
        "mplp_lsp.features.code_lens:code_lens",
        runs="quick",
        provider="codeLensProvider",
        options={"resolveProvider": False},
    ),
    Route(
        "textDocument/hover",
        "mplp_lsp.features.hover:hover",
        runs="quick",
        takes="position",
        provider="hoverProvider",
    ),
    Route(
        "textDocument/inlayHint",
        "mplp_lsp.features.inlay_hints:inlay_hints",
        runs="quick",
        provider="inlayHintProvider",
        options={"resolveProvider": True},
    ),
    Route(
        "workspace/textDocumentContent",
        "mplp_lsp.features.virtual_documents:text_document_content",
        takes="projects",
    ),
    Route("inlayHint/resolve", "mplp_lsp.features.inlay_ids:resolve_inlay_hint", runs="quick", takes="item"),
    Route(
        "textDocument/codeAction",
        "mplp_lsp.features.code_actions:code_actions",
        runs="quick",
        provider="codeActionProvider",
        options={
            "codeActionKinds": [
                "quickfix",
                "refactor.rewrite",
                "refactor.extract",
                "source.fixAll.mplp",
                "mplp.run",
                "mplp.new",
                "mplp.explain",
            ],
            "resolveProvider": True,
        },
    ),
    Route(
        "codeAction/resolve", "mplp_lsp.features.code_actions:code_action_resolve", runs="quick", takes="item"
    ),
    Route(
        "textDocument/definition",
        "mplp_lsp.features.definition:definition",
        runs="quick",
        takes="position",
        provider="definitionProvider",
    ),
    Route(
        "textDocument/references",
        "mplp_lsp.features.references:references",
        takes="position",
        provider="referencesProvider",
        in_parts=True,
    ),
    Route(
        "textDocument/documentHighlight",
        "mplp_lsp.features.highlight:document_highlight",
        runs="quick",
        takes="position",
        provider="documentHighlightProvider",
    ),
    Route(
        "textDocument/completion",
        "mplp_lsp.features.completion:completion",
        runs="quick",
        takes="position",
        provider="completionProvider",
        options={"triggerCharacters": ['"', ":", ",", " ", "[", "."], "resolveProvider": True},
    ),
    Route(
        "completionItem/resolve",
        "mplp_lsp.features.completion_resolve:completion_resolve",
        runs="quick",
        takes="item",
    ),
    Route(
        "textDocument/prepareRename",
        "mplp_lsp.features.rename:prepare_rename",
        runs="quick",
        takes="position",
    ),
    Route(
        "textDocument/rename",
        "mplp_lsp.features.rename:rename",
        takes="position",
        provider="renameProvider",
        options={"prepareProvider": True},
    ),
    Route(
        "textDocument/prepareCallHierarchy",
        "mplp_lsp.features.call_hierarchy:prepare_call_hierarchy",
        runs="quick",
        takes="position",
        provider="callHierarchyProvider",
    ),
    Route("callHierarchy/incomingCalls", "mplp_lsp.features.call_hierarchy:incoming_calls", takes="item"),
    Route("callHierarchy/outgoingCalls", "mplp_lsp.features.call_hierarchy:outgoing_calls", takes="item"),
    Route(
        "textDocument/prepareTypeHierarchy",
        "mplp_lsp.features.type_hierarchy:prepare_type_hierarchy",
        takes="position",
        provider="typeHierarchyProvider",
    ),
    Route("typeHierarchy/supertypes", "mplp_lsp.features.type_hierarchy:supertypes", takes="item"),
    Route("typeHierarchy/subtypes", "mplp_lsp.features.type_hierarchy:subtypes", takes="item"),
    Route(
        "textDocument/documentSymbol",
        "mplp_lsp.features.document_symbols:document_symbols",
        runs="quick",
        provider="documentSymbolProvider",
    ),
    Route(
        "workspace/symbol",
        "mplp_lsp.features.workspace_symbols:workspace_symbols",
        takes="projects",
        provider="workspaceSymbolProvider",
        options={"resolveProvider": True},
        in_parts=True,
    ),
    Route(
        "workspaceSymbol/resolve",
        "mplp_lsp.features.workspace_symbols:workspace_symbol_resolve",
        takes="item",
    ),
    Route(
        "textDocument/documentLink",
        "mplp_lsp.features.document_links:document_links",
        runs="quick",
        provider="documentLinkProvider",
        options={"resolveProvider": False},
    ),
    Route(
        "textDocument/foldingRange",
        "mplp_lsp.features.folding:folding_range",
        runs="quick",
        provider="foldingRangeProvider",
    ),
    Route(
        "textDocument/selectionRange",
        "mplp_lsp.features.selection:selection_range",
        runs="quick",
        provider="selectionRangeProvider",
    ),
    Route(
        "textDocument/formatting",
        "mplp_lsp.features.formatting:formatting",
        provider="documentFormattingProvider",
    ),
    Route(
        "textDocument/rangeFormatting",
        "mplp_lsp.features.formatting:range_formatting",
        provider="documentRangeFormattingProvider",
        options={"rangesSupport": True},
    ),
    Route("textDocument/rangesFormatting", "mplp_lsp.features.formatting:ranges_formatting"),
    Route(
        "textDocument/onTypeFormatting",
        "mplp_lsp.features.formatting:on_type_formatting",
        runs="quick",
        provider="documentOnTypeFormattingProvider",
        options={"firstTriggerCharacter": "}", "moreTriggerCharacter": ["]", ",", "\n"]},
    ),
    Route("workspace/willRenameFiles", "mplp_lsp.features.file_renames:will_rename_files", takes="projects"),
    Route(
        "textDocument/semanticTokens/full",
        "mplp_lsp.features.semantic_tokens:semantic_tokens_full",
        runs="quick",
        provider="semanticTokensProvider",
        options={"legend": LEGEND, "range": True, "full": {"delta": True}},
    ),
    Route(
        "textDocument/semanticTokens/full/delta",
        "mplp_lsp.features.semantic_tokens:semantic_tokens_delta",
        runs="quick",
    ),
    Route(
        "textDocument/semanticTokens/range",
        "mplp_lsp.features.semantic_tokens:semantic_tokens_range",
        runs="quick",
    ),
)

BY_METHOD = {route.method: route for route in ROUTES}


@cache
def answering(answer: str) -> Callable[..., Any]:
    """The function behind `Route.answer`."""
    module, _, function = answer.partition(":")
    found: Callable[..., Any] = getattr(import_one(module), function)
    return found


def providers() -> dict[str, object]:
    """The capabilities that follow from the table."""
    return {route.provider: route.options for route in ROUTES if route.provider is not None}
