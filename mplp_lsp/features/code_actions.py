"""Code actions: the fixes of the findings here, and what the lenses offer, for editors without lenses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lsprotocol import types

from mplp_lsp.features.diagnostics import diagnostic, findings_of
from mplp_lsp.features.doors import TERMINAL, Door, doors
from mplp_lsp.features.fixes import fixes
from mplp_lsp.features.places import STEPS, offsets_of, range_between, steps_between
from mplp_lsp.features.plan_state import PlanState, plan_state
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

RUN_KIND = "mplp.run"
"""A kind of our own, so that running never mixes with fixing in an editor's menus."""

Action = types.CodeAction | types.Command


def code_actions(
    snapshot: Snapshot, document: Document, params: types.CodeActionParams
) -> list[Action] | None:
    """Fixes at the asked range first, then what can be done with the step there, then with the plan."""
    context = params.context
    start, end = offsets_of(snapshot, document, params.range)
    actions: list[Action] = []
    if _is_wanted(types.CodeActionKind.QuickFix.value, context.only) and snapshot.client.code_action_literals:
        actions.extend(_fixes(snapshot, document, start, end))
    if _is_wanted(RUN_KIND, context.only):
        # A light bulb on every line would only be noise: unasked, only the questions of a step are offered.
        is_asked = context.trigger_kind != types.CodeActionTriggerKind.Automatic
        actions.extend(_run_actions(snapshot, document, params.text_document.uri, (start, end), is_asked))
    return actions or None


def _is_wanted(kind: str, wanted: Sequence[object] | None) -> bool:
    """`only` names kinds; a kind includes those below it, as `mplp` includes `mplp.run`."""
    if wanted is None:
        return True
    names = [str(getattr(only, "value", only)) for only in wanted]
    return any(name == "" or kind == name or kind.startswith(f"{name}.") for name in names)


def _run_actions(
    snapshot: Snapshot, document: Document, uri: str, where: tuple[int, int], is_asked: bool
) -> Iterator[Action]:
    state = plan_state(snapshot, document)
    if state is None:
        return
    here = {step_id for _, step_id in steps_between(document, *where)}
    offered = list(doors(state, uri))
    for door in offered:
        if door.step_id is not None and door.step_id in here:
            yield _action(snapshot, door)
    if not is_asked:
        return
    for door in offered:
        if door.step_id is None:
            yield _action(snapshot, door)
    yield from _again(snapshot, document, state)


def _action(snapshot: Snapshot, door: Door) -> Action:
    command = types.Command(title=door.title, command=door.command, arguments=[dict(door.arguments)])
    if not snapshot.client.code_action_literals:
        return command
    return types.CodeAction(title=f"MPLP: {door.title}", kind=RUN_KIND, command=command)


def _again(snapshot: Snapshot, document: Document, state: PlanState) -> Iterator[types.CodeAction]:
    """A plan whose text says that it is over runs again once it is a draft: an edit for the user to make."""
    tree = document.tree
    if state.plan.get("status") not in TERMINAL or tree is None or not snapshot.client.code_action_literals:
        return
    edits = [Edit(*tree.range_of(("status",)), '"draft"')]
    table = tree.tables.get(STEPS)
    for index in range(0 if table is None else table.count):
        value = tree.tables[STEPS].element(index).value
        if isinstance(value, dict) and value.get("status") not in {None, "pending"}:
            edits.append(Edit(*tree.range_of((STEPS, index, "status")), '"pending"'))
    yield types.CodeAction(
        title="MPLP: Set the plan back to draft, to run it again",
        kind=RUN_KIND,
        edit=_workspace_edit(snapshot, document, edits),
    )


def _fixes(snapshot: Snapshot, document: Document, start: int, end: int) -> Iterator[types.CodeAction]:
    for found in findings_of(snapshot, document):
        if not (found.start <= end and start <= found.end):
            continue
        shown = diagnostic(snapshot, document, found)
        for fix in fixes(document, found):
            yield types.CodeAction(
                title=fix.title,
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[shown],
                is_preferred=True if fix.is_preferred else None,
                edit=_workspace_edit(snapshot, document, fix.edits),
            )


def _workspace_edit(snapshot: Snapshot, document: Document, edits: Iterable[Edit]) -> types.WorkspaceEdit:
    """For exactly this version of the document, where the client can be told so."""
    texts = [
        types.TextEdit(range=range_between(snapshot, document, edit.start, edit.end), new_text=edit.new_text)
        for edit in edits
    ]
    if not snapshot.client.document_changes:
        return types.WorkspaceEdit(changes={document.uri: texts})
    target = types.OptionalVersionedTextDocumentIdentifier(uri=document.uri, version=document.version)
    changes = [types.TextDocumentEdit(text_document=target, edits=list(texts))]
    return types.WorkspaceEdit(document_changes=list(changes))
