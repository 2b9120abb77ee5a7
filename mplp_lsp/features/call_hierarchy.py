"""Call hierarchy of steps: who waits for a step (incoming), and what it waits for (outgoing)."""

from __future__ import annotations

from lsprotocol import types

from mplp_lsp.analysis.name_places import places_of, tree_of
from mplp_lsp.analysis.names import declarations_of, name_at, names_called
from mplp_lsp.features import checkpoint
from mplp_lsp.features.places import STEPS, range_between, steps_between
from mplp_lsp.features.symbol_words import detail_of_part, kind_of_symbol, name_of_part
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.names import ANY, STEP, Name

_DEPENDENCIES = "dependencies"


def prepare_call_hierarchy(
    snapshot: Snapshot, document: Document, offset: int, _params: types.CallHierarchyPrepareParams
) -> list[types.CallHierarchyItem] | None:
    """The step whose id is at `offset`, whoever names it; else the step around `offset`; else None."""
    name = name_at(document, offset)
    if name is not None and name.kind in {STEP, ANY}:
        items = [
            item
            for home, declared in declarations_of(snapshot, name, document)
            if (index := _step_of(declared)) is not None
            and (tree := tree_of(home)) is not None
            and (item := _item(snapshot, home, tree, index)) is not None
        ]
        if items:
            return items
    if document.kind != "plan" or document.tree is None:
        return None
    around = next(iter(steps_between(document, offset, offset)), None)
    item = None if around is None else _item(snapshot, document, document.tree, around[0])
    return None if item is None else [item]


def incoming_calls(
    snapshot: Snapshot, document: Document | None, params: types.CallHierarchyIncomingCallsParams
) -> list[types.CallHierarchyIncomingCall] | None:
    """The steps that wait for this one, in the order of the plan, with the places that say so."""
    step_id = _step_id(params.item)
    tree = None if document is None else tree_of(document)
    if document is None or tree is None or step_id is None:
        return None
    waiting: dict[int, list[Name]] = {}
    for name in names_called(document, step_id):
        index = _waiting_step(name)
        if index is not None:
            waiting.setdefault(index, []).append(name)
    calls: list[types.CallHierarchyIncomingCall] = []
    for index, names in waiting.items():
        checkpoint()
        item = _item(snapshot, document, tree, index)
        if item is not None:
            ranges = [range_between(snapshot, document, *place) for place in places_of(document, names)]
            calls.append(types.CallHierarchyIncomingCall(from_=item, from_ranges=ranges))
    return calls


def outgoing_calls(
    snapshot: Snapshot, document: Document | None, params: types.CallHierarchyOutgoingCallsParams
) -> list[types.CallHierarchyOutgoingCall] | None:
    """What this step waits for, in the order it says so; ids that no step has are left out."""
    step_id = _step_id(params.item)
    tree = None if document is None else tree_of(document)
    if document is None or tree is None or step_id is None:
        return None
    own = _declared_at(document, step_id)
    value = None if own is None else tree.tables[STEPS].element(own).value
    dependencies = value.get(_DEPENDENCIES) if isinstance(value, dict) else None
    if own is None or not isinstance(dependencies, list):
        return []
    wanted: dict[int, list[Name]] = {}
    for position, dependency in enumerate(dependencies):
        checkpoint()
        target = _declared_at(document, dependency) if isinstance(dependency, str) else None
        if target is not None:
            pointer = (STEPS, own, _DEPENDENCIES, position)
            wanted.setdefault(target, []).append(Name(STEP, dependency, pointer, is_declaration=False))
    calls: list[types.CallHierarchyOutgoingCall] = []
    for target, names in wanted.items():
        item = _item(snapshot, document, tree, target)
        if item is not None:
            ranges = [range_between(snapshot, document, *place) for place in places_of(document, names)]
            calls.append(types.CallHierarchyOutgoingCall(to=item, from_ranges=ranges))
    return calls


def _item(snapshot: Snapshot, document: Document, tree: Tree, index: int) -> types.CallHierarchyItem | None:
    """One step; `data` has all that a later request needs, whatever happened to the text meanwhile."""
    table = tree.tables[STEPS]
    element = table.element(index)
    value = element.value
    step_id = value.get("step_id") if isinstance(value, dict) else None
    if not isinstance(step_id, str):
        return None
    start = table.start_of(index)
    place = places_of(document, [Name(STEP, step_id, (STEPS, index, "step_id"), is_declaration=True)])[0]
    return types.CallHierarchyItem(
        name=name_of_part(STEP, value) or step_id,
        kind=kind_of_symbol(STEP),
        uri=document.uri,
        range=range_between(snapshot, document, start, max(start + element.size, place[1])),
        selection_range=range_between(snapshot, document, *place),
        detail=detail_of_part(STEP, value),
        data={"uri": document.uri, "step_id": step_id},
    )


def _step_id(item: types.CallHierarchyItem) -> str | None:
    found = item.data.get("step_id") if isinstance(item.data, dict) else None
    return found if isinstance(found, str) else None


def _step_of(name: Name) -> int | None:
    """The index of the step that a name declares."""
    pointer = name.pointer
    if name.is_declaration and len(pointer) == 3 and pointer[0] == STEPS and pointer[2] == "step_id":
        return int(pointer[1])
    return None


def _waiting_step(name: Name) -> int | None:
    """The index of the step whose dependencies hold the name."""
    pointer = name.pointer
    if len(pointer) == 4 and pointer[0] == STEPS and pointer[2] == _DEPENDENCIES:
        return int(pointer[1])
    return None


def _declared_at(document: Document, step_id: str) -> int | None:
    """The first step with this id; a second one is a fault of its own."""
    indexes = (_step_of(name) for name in names_called(document, step_id))
    return next((index for index in indexes if index is not None), None)
