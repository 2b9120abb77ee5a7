"""What the client can do, each question asked once and by name; and what we tell it that we can do.

Read from plain JSON: a client that sends an odd value somewhere must still get a server. Nothing is
registered, sent or answered that the client has not announced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from mplp_lsp.workspace.snapshot import ClientView

Encoding = Literal["utf-8", "utf-16", "utf-32"]
ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")


def at(value: object, path: str) -> Any:
    """The member at a dotted path of plain JSON; None where there is none."""
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def _is(capabilities: Mapping[str, Any], path: str) -> bool:
    return at(capabilities, path) is True


def _has(capabilities: Mapping[str, Any], path: str) -> bool:
    return isinstance(at(capabilities, path), Mapping)


def negotiated_encoding(capabilities: Mapping[str, Any]) -> Encoding:
    """UTF-16 whenever the client offers it (silence is an offer), else its first choice that we know (D5)."""
    offered = at(capabilities, "general.positionEncodings")
    if not isinstance(offered, list):
        return "utf-16"
    known = [encoding for encoding in offered if encoding in ENCODINGS]
    if not known or "utf-16" in known:
        return "utf-16"
    return cast("Encoding", known[0])


@dataclass(frozen=True, slots=True)
class Client:
    """What the server itself asks; what features ask is in `client_view`."""

    name: str = ""
    encoding: Encoding = "utf-16"
    pulls_diagnostics: bool = False
    refreshes_diagnostics: bool = False
    refreshes_inlay_hints: bool = False
    refreshes_code_lenses: bool = False
    shows_progress: bool = False
    can_ask: bool = False
    shows_documents: bool = False
    applies_edits: bool = False
    watches_files: bool = False
    answers_configuration: bool = False
    registers_configuration: bool = False
    reports_created_files: bool = False
    reports_renamed_files: bool = False
    reports_deleted_files: bool = False
    asks_before_renames: bool = False
    prepares_renames: bool = False
    reads_code_actions: bool = False
    reads_virtual_documents: bool = False
    wants_run_notifications: bool = False


def client_of(params: Mapping[str, Any]) -> Client:
    """The client behind the params of `initialize`."""
    asked = _capabilities(params)
    name = at(params, "clientInfo.name")
    return Client(
        name=name if isinstance(name, str) else "",
        encoding=negotiated_encoding(asked),
        pulls_diagnostics=_has(asked, "textDocument.diagnostic"),
        refreshes_diagnostics=_is(asked, "workspace.diagnostics.refreshSupport"),
        refreshes_inlay_hints=_is(asked, "workspace.inlayHint.refreshSupport"),
        refreshes_code_lenses=_is(asked, "workspace.codeLens.refreshSupport"),
        shows_progress=_is(asked, "window.workDoneProgress"),
        can_ask=_has(asked, "window.showMessage"),
        shows_documents=_is(asked, "window.showDocument.support"),
        applies_edits=_is(asked, "workspace.applyEdit"),
        watches_files=_is(asked, "workspace.didChangeWatchedFiles.dynamicRegistration"),
        answers_configuration=_is(asked, "workspace.configuration"),
        registers_configuration=_is(asked, "workspace.didChangeConfiguration.dynamicRegistration"),
        reports_created_files=_is(asked, "workspace.fileOperations.didCreate"),
        reports_renamed_files=_is(asked, "workspace.fileOperations.didRename"),
        reports_deleted_files=_is(asked, "workspace.fileOperations.didDelete"),
        asks_before_renames=_is(asked, "workspace.fileOperations.willRename"),
        prepares_renames=_is(asked, "textDocument.rename.prepareSupport"),
        reads_code_actions=_has(asked, "textDocument.codeAction.codeActionLiteralSupport"),
        reads_virtual_documents=_has(asked, "workspace.textDocumentContent"),
        wants_run_notifications=at(params, "initializationOptions.runNotifications") is True,
    )


def client_view(params: Mapping[str, Any]) -> ClientView:
    """What features ask, for the snapshot."""
    from mplp_lsp.workspace.snapshot import ClientView

    asked = _capabilities(params)
    client = client_of(params)
    return ClientView(
        name=client.name,
        related_information=_either(asked, "relatedInformation"),
        diagnostic_tags=_tags(asked),
        code_description=_either(asked, "codeDescriptionSupport"),
        diagnostic_data=_either(asked, "dataSupport"),
        symbol_resolve="location.range" in _words(asked, "workspace.symbol.resolveSupport.properties"),
        hierarchical_symbols=_is(asked, "textDocument.documentSymbol.hierarchicalDocumentSymbolSupport"),
        markdown_hover="markdown" in _words(asked, "textDocument.hover.contentFormat"),
        snippets=_is(asked, "textDocument.completion.completionItem.snippetSupport"),
        completion_documentation_markdown="markdown"
        in _words(asked, "textDocument.completion.completionItem.documentationFormat"),
        completion_documentation_resolve="documentation"
        in _words(asked, "textDocument.completion.completionItem.resolveSupport.properties")
        # Silence is a yes: before LSP 3.16 there was nothing to announce.
        or not _has(asked, "textDocument.completion.completionItem.resolveSupport"),
        completion_preselect=_is(asked, "textDocument.completion.completionItem.preselectSupport"),
        insert_text_modes=_numbers(
            asked, "textDocument.completion.completionItem.insertTextModeSupport.valueSet"
        ),
        link_support=_is(asked, "textDocument.definition.linkSupport"),
        # Files are made, renamed and deleted only among document changes: Neovim names just these operations.
        document_changes=_is(asked, "workspace.workspaceEdit.documentChanges")
        or bool(_words(asked, "workspace.workspaceEdit.resourceOperations")),
        change_annotations=_has(asked, "workspace.workspaceEdit.changeAnnotationSupport"),
        resource_operations=_words(asked, "workspace.workspaceEdit.resourceOperations"),
        code_action_literals=_has(asked, "textDocument.codeAction.codeActionLiteralSupport"),
        code_action_preferred=_is(asked, "textDocument.codeAction.isPreferredSupport"),
        code_action_disabled=_is(asked, "textDocument.codeAction.disabledSupport"),
        code_action_data=_is(asked, "textDocument.codeAction.dataSupport"),
        code_action_resolve=_words(asked, "textDocument.codeAction.resolveSupport.properties"),
        inlay_hint_resolve=_words(asked, "textDocument.inlayHint.resolveSupport.properties"),
        folding_line_only=_is(asked, "textDocument.foldingRange.lineFoldingOnly"),
        folding_collapsed_text=_is(asked, "textDocument.foldingRange.foldingRange.collapsedText"),
        folding_limit=_limit(asked, "textDocument.foldingRange.rangeLimit"),
        show_document=client.shows_documents,
        text_document_content=client.reads_virtual_documents,
    )


def _capabilities(params: Mapping[str, Any]) -> Mapping[str, Any]:
    found = at(params, "capabilities")
    return found if isinstance(found, Mapping) else {}


def _words(asked: Mapping[str, Any], path: str) -> frozenset[str]:
    found = at(asked, path)
    return (
        frozenset(word for word in found if isinstance(word, str)) if isinstance(found, list) else frozenset()
    )


def _numbers(asked: Mapping[str, Any], path: str) -> frozenset[int]:
    found = at(asked, path)
    return (
        frozenset(each for each in found if isinstance(each, int)) if isinstance(found, list) else frozenset()
    )


def _limit(asked: Mapping[str, Any], path: str) -> int | None:
    found = at(asked, path)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def _tags(asked: Mapping[str, Any]) -> frozenset[int]:
    support = at(asked, "textDocument.publishDiagnostics.tagSupport")
    if support is None:
        support = at(asked, "textDocument.diagnostic.tagSupport")
    values = at(support, "valueSet")
    if isinstance(values, list):
        return frozenset(value for value in values if isinstance(value, int))
    return frozenset({1, 2}) if support is True else frozenset()


def _either(asked: Mapping[str, Any], name: str) -> bool:
    """3.18 announces the shape of diagnostics for push and for pull; either will do."""
    return _is(asked, f"textDocument.publishDiagnostics.{name}") or _is(
        asked, f"textDocument.diagnostic.{name}"
    )


VIRTUAL_SCHEMES = ("mplp-graph", "mplp-trace")
"""As in features/virtual_documents.py, which must not be imported to say hello."""

ANY_FILE = {"filters": [{"scheme": "file", "pattern": {"glob": "**/*"}}]}


def server_capabilities(
    client: Client, commands: Iterable[str], providers: Mapping[str, object]
) -> dict[str, object]:
    """ServerCapabilities as plain JSON; `providers` are those of the feature routes."""
    operations = {
        name: ANY_FILE
        for name, is_reported in (
            ("didCreate", client.reports_created_files),
            ("didRename", client.reports_renamed_files),
            ("didDelete", client.reports_deleted_files),
            ("willRename", client.asks_before_renames),
        )
        if is_reported
    }
    workspace: dict[str, object] = {"workspaceFolders": {"supported": True, "changeNotifications": True}}
    if operations:
        workspace["fileOperations"] = operations
    if client.reads_virtual_documents:
        workspace["textDocumentContent"] = {"schemes": list(VIRTUAL_SCHEMES)}
    capabilities: dict[str, object] = {
        "positionEncoding": client.encoding,
        "textDocumentSync": {"openClose": True, "change": 2, "save": {"includeText": False}},
        "workspace": workspace,
        "executeCommandProvider": {"commands": sorted(commands)},
        **providers,
    }
    # LSP allows the detailed form of these two only to clients that say they can read it.
    if "renameProvider" in providers and not client.prepares_renames:
        capabilities["renameProvider"] = True
    if "codeActionProvider" in providers and not client.reads_code_actions:
        capabilities["codeActionProvider"] = True
    if client.pulls_diagnostics:
        capabilities["diagnosticProvider"] = {
            "identifier": "mplp",
            "interFileDependencies": True,
            "workspaceDiagnostics": True,
        }
    return capabilities
