"""Asks for completions in test projects, and accepts them as an editor would."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from lsprotocol import types
from lsprotocol.converters import get_converter

from mplp_lsp.features.completion import completion
from mplp_lsp.text.edits import apply
from mplp_lsp.workspace.snapshot import ClientView
from tests.project import ABLE_CLIENT, Project, project

_CONVERTER = get_converter()
PLAIN_CLIENT = replace(ABLE_CLIENT, snippets=False)

_STOP = re.compile(r"\\([\\$}])|\$(\d+)|\$\{(\d+):((?:\\[\\$}]|[^}\\])*)\}")


def asked(seen: Project, typed: str | None = None, offset: int | None = None) -> types.CompletionList | None:
    """The completion list at the cursor; `typed` is the trigger character that asked for it."""
    uri, cursor = seen.cursor
    at = cursor if offset is None else offset
    document = seen.snapshot.document(uri)
    assert document is not None
    line, character = document.text.position(at, seen.snapshot.encoding)
    kind = types.CompletionTriggerKind
    context = types.CompletionContext(
        kind.Invoked if typed is None else kind.TriggerCharacter, trigger_character=typed
    )
    params = types.CompletionParams(
        types.TextDocumentIdentifier(uri), types.Position(line, character), context=context
    )
    found = completion(seen.snapshot, document, at, params)
    if isinstance(found, dict):
        found = _CONVERTER.structure(found, types.CompletionList)
    return found


def items(seen: Project, typed: str | None = None, offset: int | None = None) -> list[types.CompletionItem]:
    """What is offered at the cursor, in the order a client shows it."""
    found = asked(seen, typed, offset)
    return sorted(found.items, key=lambda item: item.sort_text or item.label) if found is not None else []


def labels(seen: Project, typed: str | None = None) -> list[str]:
    return [item.label for item in items(seen, typed)]


def completed(text: str, label: str, *, client: ClientView = ABLE_CLIENT) -> str:
    """The file with the cursor after the item with this label was accepted there."""
    seen = project(text, client=client)
    (item,) = [each for each in items(seen) if each.label == label]
    return accepted(seen, item)


def accepted(seen: Project, item: types.CompletionItem) -> str:
    """The text after an item was accepted, its tab stops left as they are offered."""
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    edit = item.text_edit
    assert isinstance(edit, types.TextEdit)
    assert edit.range.start.line == edit.range.end.line
    new_text = edit.new_text
    is_snippet = item.insert_text_format == types.InsertTextFormat.Snippet
    if is_snippet or item.insert_text_mode == types.InsertTextMode.AdjustIndentation:
        line = document.text.line(edit.range.start.line)
        new_text = new_text.replace("\n", "\n" + line[: len(line) - len(line.lstrip(" \t"))])
    if is_snippet:
        new_text = _STOP.sub(_filled, new_text)
    edits = [*(item.additional_text_edits or ()), types.TextEdit(edit.range, new_text)]
    return _edited(seen, edits)


def _filled(match: re.Match[str]) -> str:
    escaped, _, _, default = match.groups()
    return escaped or re.sub(r"\\([\\$}])", r"\1", default or "")


def _edited(seen: Project, edits: Iterable[types.TextEdit]) -> str:
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    text = document.text
    for edit in sorted(
        edits, key=lambda each: (each.range.start.line, each.range.start.character), reverse=True
    ):
        start, end = edit.range.start, edit.range.end
        place = ((start.line, start.character), (end.line, end.character))
        text, _ = apply(text, [(place, edit.new_text)], seen.snapshot.encoding)
    return text.text
