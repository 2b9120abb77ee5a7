"""Code actions: what the lenses offer, for editors without lenses; and the fix a finding carries."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lsprotocol import types

from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.features.places import elements
from mplp_lsp.features.plan_state import Door, doors, plan_state
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

RUN_KIND = "mplp.run"
"""A kind of our own, so that running never mixes with fixing in an editor's menus."""


def code_actions(
    snapshot: Snapshot, document: Document, params: types.CodeActionParams
) -> list[types.CodeAction | types.Command] | None:
    """Fixes at the asked range first, then what can be done with the plan and the step there."""
    wanted = params.context.only
    actions: list[types.CodeAction | types.Command] = []
    if _is_wanted(types.CodeActionKind.QuickFix.value, wanted) and snapshot.client.code_action_literals:
        actions.extend(_fixes(snapshot, document, params))
    if _is_wanted(RUN_KIND, wanted) and params.context.trigger_kind != types.CodeActionTriggerKind.Automatic:
        actions.extend(_run_actions(snapshot, document, params))
    return actions or None


def _is_wanted(kind: str, wanted: object) -> bool:
    """`only` names kinds; a kind includes those below it, as `mplp` includes `mplp.run`."""
    if not isinstance(wanted, list | tuple):
        return True
    names = [str(getattr(only, "value", only)) for only in wanted]
    return any(name == "" or kind == name or kind.startswith(f"{name}.") for name in names)


def _run_actions(
    snapshot: Snapshot, document: Document, params: types.CodeActionParams
) -> Iterator[types.CodeAction | types.Command]:
    state = plan_state(snapshot, document)
    if state is None:
        return
    here = _step_at(snapshot, document, params.range)
    for door in doors(state, params.text_document.uri):
        if door.step_id is None or door.step_id == here:
            yield _action(snapshot, door)


def _action(snapshot: Snapshot, door: Door) -> types.CodeAction | types.Command:
    command = types.Command(title=door.title, command=door.command, arguments=[dict(door.arguments)])
    if not snapshot.client.code_action_literals:
        return command
    return types.CodeAction(title=f"MPLP: {door.title}", kind=RUN_KIND, command=command)


def _step_at(snapshot: Snapshot, document: Document, where: types.Range) -> str | None:
    tree = document.tree
    table = None if tree is None else tree.tables.get("steps")
    if table is None:
        return None
    offset = document.text.offset(where.start.line, where.start.character, snapshot.encoding)
    for index, element in elements(document, "steps"):
        if isinstance(element.value, dict) and tree is not None:
            start, end = tree.range_of(("steps", index))
            if start <= offset <= end:
                step_id = element.value.get("step_id")
                return step_id if isinstance(step_id, str) else None
    return None


def _fixes(
    snapshot: Snapshot, document: Document, params: types.CodeActionParams
) -> Iterator[types.CodeAction]:
    for diagnostic in diagnostics(snapshot, params.text_document.uri):
        if not _overlap(diagnostic.range, params.range) or not isinstance(diagnostic.data, dict):
            continue
        suggestion = diagnostic.data.get("suggestion")
        if not isinstance(suggestion, str):
            continue
        yield types.CodeAction(
            title=f"Change to `{suggestion}`",
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[diagnostic],
            is_preferred=True,
            edit=_replacement(snapshot, document, params.text_document.uri, diagnostic.range, suggestion),
        )


def _replacement(
    snapshot: Snapshot, document: Document, uri: str, where: types.Range, text: str
) -> types.WorkspaceEdit:
    edit = types.TextEdit(range=where, new_text=json.dumps(text, ensure_ascii=False))
    if not snapshot.client.document_changes:
        return types.WorkspaceEdit(changes={uri: [edit]})
    target = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=document.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(text_document=target, edits=[edit])])


def _overlap(one: types.Range, other: types.Range) -> bool:
    def key(position: types.Position) -> tuple[int, int]:
        return position.line, position.character

    return key(one.start) <= key(other.end) and key(other.start) <= key(one.end)
