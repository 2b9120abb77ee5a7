"""Code actions: fixes, refactorings, new documents, and what the lenses offer for editors without lenses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from lsprotocol import types

from mplp_lsp.analysis.located import Located
from mplp_lsp.features.diagnostics import codes_in, diagnostic, findings_between
from mplp_lsp.features.doors import TERMINAL, Door, doors
from mplp_lsp.features.drift import drift_actions
from mplp_lsp.features.explanations import EXPLAIN_KIND, explanations
from mplp_lsp.features.fix_all import FIX_ALL_KIND, all_fixed, can_fix_all
from mplp_lsp.features.fixes import Fix, fixes
from mplp_lsp.features.member_offers import QUICK_FIX, gathered_offers
from mplp_lsp.features.merge_conflicts import merge_conflict_offers
from mplp_lsp.features.new_documents import NEW_KIND, new_documents
from mplp_lsp.features.offers import REWRITE, Offer, Wanted, action_of, is_lazy
from mplp_lsp.features.places import STEPS, offsets_of, steps_between
from mplp_lsp.features.plan_state import PlanState, plan_state
from mplp_lsp.features.seed_forms import seed_form_offers
from mplp_lsp.features.step_refactorings import EXTRACT, step_refactorings
from mplp_lsp.features.workspace_edits import Change, workspace_edit
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

RUN_KIND = "mplp.run"
"""A kind of our own, so that running never mixes with fixing in an editor's menus."""

KINDS = (QUICK_FIX, REWRITE, EXTRACT, FIX_ALL_KIND, RUN_KIND, NEW_KIND, EXPLAIN_KIND)
"""All kinds that may be answered, as the server announces them."""

Action = types.CodeAction | types.Command
_Offers = Callable[[Snapshot, Document, int, int], Iterator[Offer]]


def code_actions(
    snapshot: Snapshot, document: Document, params: types.CodeActionParams
) -> list[Action] | None:
    """Fixes at the asked range first, then what can be done with the step there, then with the plan.

    Unasked (a cursor that only moves) there are fixes and the questions of a step: a light bulb on every
    line would only be noise.
    """
    context = params.context
    start, end = offsets_of(snapshot, document, params.range)
    is_asked = context.trigger_kind != types.CodeActionTriggerKind.Automatic
    actions: list[Action] = []
    if snapshot.client.code_action_literals:
        for kinds, offers in _OFFERS:
            if any(_is_wanted(kind, context.only) for kind in kinds) and _is_shown(kinds, context, is_asked):
                for offer in offers(snapshot, document, start, end):
                    if not _is_wanted(offer.kind, context.only):
                        continue
                    action = action_of(snapshot, document, offer, (start, end))
                    if action is not None:
                        actions.append(action)
    if _is_wanted(RUN_KIND, context.only):
        actions.extend(_run_actions(snapshot, document, params.text_document.uri, (start, end), is_asked))
        actions.extend(drift_actions(snapshot, document, params.text_document.uri, (start, end)))
    if is_asked and _is_wanted(EXPLAIN_KIND, context.only):
        here = findings_between(snapshot, document, start, end)
        actions.extend(explanations(snapshot, document, params.text_document.uri, here))
    return actions or None


def code_action_resolve(
    snapshot: Snapshot, document: Document | None, action: types.CodeAction
) -> types.CodeAction:
    """The action with its edit, made anew from the text as it is; as it came where it is offered no more.

    LSP 3.17, codeAction/resolve. Nothing is kept between the list and this (ARCHITECTURE 2.6).
    """
    wanted = Wanted.of(action.data)
    if wanted is None or document is None or action.edit is not None or wanted.version != document.version:
        return action
    for kinds, offers in _OFFERS:
        if action.kind is not None and str(getattr(action.kind, "value", action.kind)) not in kinds:
            continue
        for offer in offers(snapshot, document, wanted.start, wanted.end):
            if offer.title == wanted.title and offer.key == wanted.key and offer.refusal is None:
                change = offer.make()
                if change is not None:
                    action.edit = workspace_edit(snapshot, change)
                return action
    return action


def _is_shown(kinds: Sequence[str], context: types.CodeActionContext, is_asked: bool) -> bool:
    """Repairs of the whole document are made when they are asked for by name, as on save."""
    if kinds == (FIX_ALL_KIND,):
        return context.only is not None
    return is_asked or kinds == (QUICK_FIX,)


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
    if state.status not in TERMINAL or tree is None or not snapshot.client.code_action_literals:
        return
    edits = [Edit(*tree.range_of(("status",)), '"draft"')]
    table = tree.tables.get(STEPS)
    for index in range(0 if table is None else table.count):
        value = tree.tables[STEPS].element(index).value
        if isinstance(value, dict) and value.get("status") not in (None, "pending"):
            edits.append(Edit(*tree.range_of((STEPS, index, "status")), '"pending"'))
    yield types.CodeAction(
        title="MPLP: Set the plan back to draft, to run it again",
        kind=RUN_KIND,
        edit=workspace_edit(snapshot, Change([(document, edits)])),
    )


def _quick_fixes(snapshot: Snapshot, document: Document, start: int, end: int) -> Iterator[Offer]:
    here = findings_between(snapshot, document, start, end)
    for found in here:
        shown = diagnostic(snapshot, document, found)
        for fix in fixes(document, found):
            yield Offer(
                fix.title,
                QUICK_FIX,
                partial(_change_of, document, fix),
                key=_key_of(found),
                is_preferred=fix.is_preferred,
                diagnostic=shown,
            )
    if here:
        yield from gathered_offers(snapshot, document, here, codes_in(snapshot, document))


def _key_of(found: Located) -> str:
    return f"{found.finding.code}@{found.start}"


def _change_of(document: Document, fix: Fix) -> Change:
    return Change([(document, fix.edits)])


def _fix_all(snapshot: Snapshot, document: Document, _start: int, _end: int) -> Iterator[Offer]:
    if is_lazy(snapshot.client):
        if can_fix_all(snapshot, document):
            yield Offer(_FIX_ALL_TITLE, FIX_ALL_KIND, partial(all_fixed, snapshot, document))
        return
    change = all_fixed(snapshot, document)
    if change is not None:
        yield Offer(_FIX_ALL_TITLE, FIX_ALL_KIND, lambda: change)


_FIX_ALL_TITLE = "Repair everything that has one obvious repair"


def _refactorings(snapshot: Snapshot, document: Document, start: int, end: int) -> Iterator[Offer]:
    yield from step_refactorings(snapshot, document, start, end)
    yield from seed_form_offers(snapshot, document)


_OFFERS: tuple[tuple[tuple[str, ...], _Offers], ...] = (
    ((QUICK_FIX,), _quick_fixes),
    ((QUICK_FIX,), merge_conflict_offers),
    ((REWRITE, EXTRACT), _refactorings),
    ((FIX_ALL_KIND,), _fix_all),
    ((NEW_KIND,), new_documents),
)
