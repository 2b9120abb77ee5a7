"""Whether an answer keeps to what the client announced, for every optional part of LSP it may carry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lsprotocol import types
from lsprotocol.converters import get_converter

from tests.clients.profiles import Profile

# Not the server's, which is stricter: lsprotocol reads a code action that has a command as that command.
_CONVERTER = get_converter()

Check = Callable[[Profile, Any], Iterator[str]]

CAPABILITY: Mapping[str, str] = {
    "textDocument/completion": "textDocument.completion",
    "completionItem/resolve": "textDocument.completion.completionItem.resolveSupport",
    "textDocument/hover": "textDocument.hover",
    "textDocument/definition": "textDocument.definition",
    "textDocument/references": "textDocument.references",
    "textDocument/documentHighlight": "textDocument.documentHighlight",
    "textDocument/documentSymbol": "textDocument.documentSymbol",
    "workspace/symbol": "workspace.symbol",
    "workspaceSymbol/resolve": "workspace.symbol.resolveSupport",
    "textDocument/codeAction": "textDocument.codeAction",
    "codeAction/resolve": "textDocument.codeAction.resolveSupport",
    "textDocument/codeLens": "textDocument.codeLens",
    "textDocument/inlayHint": "textDocument.inlayHint",
    "inlayHint/resolve": "textDocument.inlayHint.resolveSupport",
    "textDocument/rename": "textDocument.rename",
    "textDocument/prepareRename": "textDocument.rename.prepareSupport",
    "textDocument/formatting": "textDocument.formatting",
    "textDocument/rangeFormatting": "textDocument.rangeFormatting",
    "textDocument/rangesFormatting": "textDocument.rangeFormatting.rangesSupport",
    "textDocument/onTypeFormatting": "textDocument.onTypeFormatting",
    "textDocument/foldingRange": "textDocument.foldingRange",
    "textDocument/selectionRange": "textDocument.selectionRange",
    "textDocument/documentLink": "textDocument.documentLink",
    "documentLink/resolve": "textDocument.documentLink",
    "textDocument/semanticTokens/full": "textDocument.semanticTokens.requests.full",
    "textDocument/semanticTokens/full/delta": "textDocument.semanticTokens.requests.full.delta",
    "textDocument/semanticTokens/range": "textDocument.semanticTokens.requests.range",
    "textDocument/prepareCallHierarchy": "textDocument.callHierarchy",
    "callHierarchy/incomingCalls": "textDocument.callHierarchy",
    "callHierarchy/outgoingCalls": "textDocument.callHierarchy",
    "textDocument/prepareTypeHierarchy": "textDocument.typeHierarchy",
    "typeHierarchy/supertypes": "textDocument.typeHierarchy",
    "typeHierarchy/subtypes": "textDocument.typeHierarchy",
    "workspace/textDocumentContent": "workspace.textDocumentContent",
    "workspace/willRenameFiles": "workspace.fileOperations.willRename",
    "textDocument/linkedEditingRange": "textDocument.linkedEditingRange",
    "textDocument/diagnostic": "textDocument.diagnostic",
    "workspace/diagnostic": "workspace.diagnostics",
    "workspace/executeCommand": "workspace.executeCommand",
}
"""Where the client says that it asks for a method."""


def broken_promises(profile: Profile, method: str, result: Any) -> list[str]:
    """What in `result` this client never announced, and whether it is the method's result at all."""
    return [*_mistyped(method, result), *(_CHECKS[method](profile, result) if method in _CHECKS else ())]


def _mistyped(method: str, result: Any) -> Iterator[str]:
    known = types.METHOD_TO_TYPES.get(method)
    if known is None or known[1] is None:
        return
    try:
        _CONVERTER.structure({"jsonrpc": "2.0", "id": 1, "result": result}, known[1])
    except Exception as error:
        yield f"{method}: the result is none of its types: {error!r}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _hover(profile: Profile, result: Any) -> Iterator[str]:
    if result is not None:
        yield from _markup(profile, result["contents"], "textDocument.hover.contentFormat")


def _markup(profile: Profile, content: Any, path: str) -> Iterator[str]:
    kind = content.get("kind") if isinstance(content, Mapping) else None
    if kind == "markdown" and "markdown" not in _words(profile, path):
        yield f"markdown without {path}"


def _words(profile: Profile, path: str) -> list[Any]:
    value: Any = profile.capabilities
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, list) else []


def _completion(profile: Profile, result: Any) -> Iterator[str]:
    where = "textDocument.completion.completionItem"
    if isinstance(result, Mapping) and result.get("itemDefaults"):
        for name in result["itemDefaults"]:
            if name not in _words(profile, "textDocument.completion.completionList.itemDefaults"):
                yield f"the item default {name}"
    items = result["items"] if isinstance(result, Mapping) else _listed(result)
    for item in items:
        if item.get("insertTextFormat") == 2 and not profile.has(f"{where}.snippetSupport"):
            yield f"a snippet: {item['label']}"
        if "insert" in (item.get("textEdit") or {}) and not profile.has(f"{where}.insertReplaceSupport"):
            yield f"an insert-replace edit: {item['label']}"
        if item.get("labelDetails") and not profile.has(f"{where}.labelDetailsSupport"):
            yield f"label details: {item['label']}"
        if item.get("tags") and not profile.has(f"{where}.tagSupport"):
            yield f"tags: {item['label']}"
        if item.get("deprecated") and not profile.has(f"{where}.deprecatedSupport"):
            yield f"deprecated: {item['label']}"
        if item.get("preselect") and not profile.has(f"{where}.preselectSupport"):
            yield f"preselect: {item['label']}"
        if item.get("commitCharacters") and not profile.has(f"{where}.commitCharactersSupport"):
            yield f"commit characters: {item['label']}"
        if item.get("insertTextMode") and item["insertTextMode"] not in _words(
            profile, f"{where}.insertTextModeSupport.valueSet"
        ):
            yield f"an insert text mode: {item['label']}"
        yield from _markup(profile, item.get("documentation"), f"{where}.documentationFormat")


def _definition(profile: Profile, result: Any) -> Iterator[str]:
    for place in _listed(result):
        if "targetUri" in place and not profile.has("textDocument.definition.linkSupport"):
            yield "a LocationLink"


def _symbols(profile: Profile, result: Any) -> Iterator[str]:
    for symbol in _listed(result):
        is_tree = "selectionRange" in symbol
        if is_tree and not profile.has("textDocument.documentSymbol.hierarchicalDocumentSymbolSupport"):
            yield f"a symbol of a tree: {symbol['name']}"
        if symbol.get("tags") and not profile.has("textDocument.documentSymbol.tagSupport"):
            yield f"tags: {symbol['name']}"


def _found_symbols(profile: Profile, result: Any) -> Iterator[str]:
    for symbol in _listed(result):
        if "range" not in symbol["location"] and "location.range" not in _words(
            profile, "workspace.symbol.resolveSupport.properties"
        ):
            yield f"a place without a range: {symbol['name']}"
        if symbol.get("tags") and not profile.has("workspace.symbol.tagSupport"):
            yield f"tags: {symbol['name']}"


def _actions(profile: Profile, result: Any) -> Iterator[str]:
    for action in _listed(result):
        if isinstance(action.get("command"), str):
            continue
        yield from _action(profile, action)


def _action(profile: Profile, action: Any) -> Iterator[str]:
    where = "textDocument.codeAction"
    title = action["title"]
    if not profile.has(f"{where}.codeActionLiteralSupport"):
        yield f"an action where only commands are known: {title}"
    if action.get("isPreferred") and not profile.has(f"{where}.isPreferredSupport"):
        yield f"a preferred action: {title}"
    if action.get("disabled") and not profile.has(f"{where}.disabledSupport"):
        yield f"a disabled action: {title}"
    if action.get("data") is not None and not profile.has(f"{where}.dataSupport"):
        yield f"an action with data: {title}"
    has_all = any(action.get(name) for name in ("edit", "command", "disabled"))
    if not has_all and "edit" not in _words(profile, f"{where}.resolveSupport.properties"):
        yield f"an action without an edit: {title}"
    yield from _edit(profile, action.get("edit"))


def _edit(profile: Profile, edit: Any) -> Iterator[str]:
    if edit is None:
        return
    where = "workspace.workspaceEdit"
    operations = _words(profile, f"{where}.resourceOperations")
    # Who announces operations on files takes document changes: they travel nowhere else.
    if edit.get("documentChanges") and not (profile.has(f"{where}.documentChanges") or operations):
        yield "document changes"
    if edit.get("changeAnnotations") and not profile.has(f"{where}.changeAnnotationSupport"):
        yield "change annotations"
    for change in edit.get("documentChanges") or []:
        if "kind" in change and change["kind"] not in operations:
            yield f"the resource operation {change['kind']}"
        for text in change.get("edits", []):
            if text.get("annotationId") and not profile.has(f"{where}.changeAnnotationSupport"):
                yield "an annotated edit"
            if "snippet" in text and not profile.has(f"{where}.snippetEditSupport"):
                yield "a snippet edit"


def _renamed(profile: Profile, result: Any) -> Iterator[str]:
    yield from _edit(profile, result)


def _folds(profile: Profile, result: Any) -> Iterator[str]:
    for fold in _listed(result):
        if fold.get("collapsedText") and not profile.has(
            "textDocument.foldingRange.foldingRange.collapsedText"
        ):
            yield "a collapsed text"


def _links(profile: Profile, result: Any) -> Iterator[str]:
    for link in _listed(result):
        if link.get("tooltip") and not profile.has("textDocument.documentLink.tooltipSupport"):
            yield "a tooltip of a link"


def _lenses(_profile: Profile, result: Any) -> Iterator[str]:
    for lens in _listed(result):
        if not lens.get("command"):
            yield "a lens that waits to be resolved"


def _prepared(profile: Profile, result: Any) -> Iterator[str]:
    is_default = isinstance(result, Mapping) and "defaultBehavior" in result
    if is_default and not profile.has("textDocument.rename.prepareSupportDefaultBehavior"):
        yield "default behaviour of a rename"


def diagnostic_promises(profile: Profile, found: Any) -> Iterator[str]:
    """What of a list of diagnostics, pushed or pulled, the client never announced."""

    def has(name: str) -> bool:
        return any(profile.has(f"textDocument.{way}.{name}") for way in ("publishDiagnostics", "diagnostic"))

    for each in found:
        for member, capability in (
            ("relatedInformation", "relatedInformation"),
            ("tags", "tagSupport"),
            ("codeDescription", "codeDescriptionSupport"),
            ("data", "dataSupport"),
        ):
            if each.get(member) and not has(capability):
                yield f"{member} of a diagnostic"


def _pulled(profile: Profile, result: Any) -> Iterator[str]:
    yield from diagnostic_promises(profile, result.get("items") or [])


_CHECKS: Mapping[str, Check] = {
    "textDocument/hover": _hover,
    "textDocument/completion": _completion,
    "textDocument/definition": _definition,
    "textDocument/documentSymbol": _symbols,
    "workspace/symbol": _found_symbols,
    "textDocument/codeAction": _actions,
    "codeAction/resolve": _action,
    "textDocument/rename": _renamed,
    "workspace/willRenameFiles": _renamed,
    "textDocument/foldingRange": _folds,
    "textDocument/documentLink": _links,
    "textDocument/codeLens": _lenses,
    "textDocument/prepareRename": _prepared,
    "textDocument/diagnostic": _pulled,
}
