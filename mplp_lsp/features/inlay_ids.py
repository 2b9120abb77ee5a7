"""Inlay hints after ids: the human name of what an id points to, and a sign for how that stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from lsprotocol import types

from mplp_lsp.analysis.names import declarations_of, names_called, range_of_names
from mplp_lsp.features import checkpoint
from mplp_lsp.features.hover_markup import Card, cut, markdown, plain
from mplp_lsp.features.hover_runs import status_sign
from mplp_lsp.features.hover_steps import plan_of, state_of_step, step_card, step_value
from mplp_lsp.features.hover_things import document_card, thing_card
from mplp_lsp.features.places import STEPS, range_between
from mplp_lsp.features.plan_steps import steps_by_id
from mplp_lsp.text.elements import ElementTable
from mplp_lsp.text.ndjson import Timeline
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.kinds import SETTINGS
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.facts import OWN_ID
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.names import ANY, STEP, Name, element_names, header_names

_KEPT = "ids that are used"
LONGEST_LABEL = 40
MOST_HINTS = 4_000
"""Some editors ask for the whole document at once; ten thousand steps have more ids than they can show."""


def id_hints(snapshot: Snapshot, document: Document, first: int, last: int) -> Iterator[types.InlayHint]:
    """Hints for the ids between two offsets, in the order of the text; ids of nothing known have none."""
    labels: dict[tuple[str, str], str | None] = {}
    made = 0
    for prefix, name, place in _uses_between(snapshot, document, first, last):
        checkpoint()
        known = (name.kind, name.text)
        if known not in labels:
            labels[known] = _label(snapshot, document, name.below(prefix))
        label = labels[known]
        if label is not None:
            made += 1
            if made > MOST_HINTS:
                return
            yield _hint(snapshot, document, name, prefix, label, place)


def _hint(
    snapshot: Snapshot, document: Document, name: Name, prefix: Pointer, label: str, place: _Place
) -> types.InlayHint:
    line, character = place
    can_resolve = snapshot.client.inlay_hint_resolve
    shown: str | list[types.InlayHintLabelPart] = label
    if "label.location" in can_resolve:
        # A place can only be given to a part of a label.
        shown = [types.InlayHintLabelPart(value=label)]
    data = None
    if can_resolve & {"tooltip", "label.location"}:
        pointer = [*prefix, *name.pointer]
        data = {"uri": document.uri, "kind": name.kind, "id": name.text, "pointer": pointer}
    return types.InlayHint(
        position=types.Position(line=line, character=character), label=shown, padding_left=True, data=data
    )


def resolve_inlay_hint(
    snapshot: Snapshot, document: Document | None, params: types.InlayHint
) -> types.InlayHint:
    """The hint with its tooltip, and where its label leads; unchanged where the id means nothing any more."""
    data = params.data
    if document is None or not isinstance(data, Mapping):
        return params
    kind, text, pointer = data.get("kind"), data.get("id"), data.get("pointer")
    if not isinstance(kind, str) or not isinstance(text, str) or not isinstance(pointer, list):
        return params
    name = Name(kind, text, tuple(pointer), is_declaration=False)
    target = _target(snapshot, document, name)
    if target is None:
        return params
    where, each, card = target
    if "tooltip" in snapshot.client.inlay_hint_resolve:
        params.tooltip = (
            types.MarkupContent(types.MarkupKind.Markdown, markdown([card]))
            if snapshot.client.markdown_hover
            else plain([card])
        )
    if "label.location" in snapshot.client.inlay_hint_resolve and isinstance(params.label, list):
        start, end = range_of_names(where, [each])[0]
        for part in params.label:
            part.location = types.Location(where.uri, range_between(snapshot, where, start, end))
    return params


# Names


_Place = tuple[int, int]
"""Line and character, as the client counts them."""
_Use = tuple[Pointer, Name, _Place]
"""What the pointer begins with, the name as seen from there, and the end of its text."""
_Inside = tuple[tuple[Name, int, int, int], ...]
"""Names used in one element: the end of each from the element's start, in how many lines below that, and the
length of the text before it in its line; -1 for the lines where that has to be looked up."""


def _uses_between(snapshot: Snapshot, document: Document, first: int, last: int) -> Iterator[_Use]:
    """The ids used between two offsets; mplp.toml is for people and has names already."""
    if document.timeline is not None:
        for index, names in _in_lines(document.timeline, first, last):
            yield from _looked_up(snapshot, document, (index,), names, first, last)
    elif document.tree is not None and document.kind not in {None, SETTINGS}:
        # The header is small, and its places are known without reading anything.
        header = _wanted(header_names(str(document.kind), document.tree.header))
        yield from _looked_up(snapshot, document, (), header, first, last)
        for field, table in document.tree.tables.items():
            yield from _in_table(snapshot, document, document.tree, field, table, first, last)


def _looked_up(
    snapshot: Snapshot, document: Document, prefix: Pointer, names: Iterator[Name], first: int, last: int
) -> Iterator[_Use]:
    for name in names:
        end = range_of_names(document, [name.below(prefix)])[0][1]
        if first <= end <= last:
            yield prefix, name, document.text.position(end, snapshot.encoding)


def _in_table(
    snapshot: Snapshot, document: Document, tree: Tree, field: str, table: ElementTable, first: int, last: int
) -> Iterator[_Use]:
    if first > table.end or last < table.start:
        return
    low, high = table.index_at(first), table.index_at(min(last, table.end))
    if low is None or high is None:
        return
    for index in range(low, min(high + 1, table.count)):
        checkpoint()
        inside = _in_element(document, tree, field, table, index)
        if not inside:
            continue
        start = table.start_of(index)
        line, character = document.text.position(start, snapshot.encoding)
        for name, end, lines, before in inside:
            if not first <= start + end <= last:
                continue
            if lines < 0:
                place = document.text.position(start + end, snapshot.encoding)
            else:
                place = line + lines, (before if lines else character + before)
            yield (field, index), name, place


def _in_element(document: Document, tree: Tree, field: str, table: ElementTable, index: int) -> _Inside:
    """Kept with a sound element: some editors ask for the whole document after every key."""
    element = table.element(index)
    cached = element.cache.get(_KEPT) if not element.problems else None
    if isinstance(cached, tuple):
        return cached
    start = table.start_of(index)
    text = tree.text.slice(start, start + element.size)
    is_plain = text.isascii() and "\r" not in text
    found: list[tuple[Name, int, int, int]] = []
    for name in _wanted(element_names(str(document.kind), field, element.value)):
        end = range_of_names(document, [name.below((field, index))])[0][1] - start
        if is_plain and 0 <= end <= len(text):
            found.append((name, end, text.count("\n", 0, end), end - text.rfind("\n", 0, end) - 1))
        else:
            found.append((name, end, -1, 0))
    if not element.problems:
        element.cache[_KEPT] = tuple(found)
    return tuple(found)


def _in_lines(timeline: Timeline, first: int, last: int) -> Iterator[tuple[int, Iterator[Name]]]:
    if not timeline.count:
        return
    low, high = (timeline.lines.locate(min(max(at, 0), timeline.text.length))[0] for at in (first, last))
    for index in range(low, min(high + 1, timeline.count)):
        checkpoint()
        each = timeline.lines[index]
        if not each.is_blank:
            yield index, _wanted(header_names("event", each.tree.value))


def _wanted(found: Iterator[Name]) -> Iterator[Name]:
    return (name for name in found if not name.is_declaration and name.part == "value" and _is_id_like(name))


def _is_id_like(name: Name) -> bool:
    # A word like `step-1` is a name that people can read.
    return is_id(name.text)


# What they stand for


def _label(snapshot: Snapshot, document: Document, name: Name) -> str | None:
    if name.kind in OWN_ID or name.kind == ANY:
        kinds = [name.kind] if name.kind in OWN_ID else list(OWN_ID)
        for facts in chain.from_iterable(snapshot.index.declarations(kind, name.text) for kind in kinds):
            return _named(facts.title, facts.status)
    if name.kind in {STEP, ANY}:
        found = _step(snapshot, document, name)
        if found is not None:
            plan, step = found
            state = state_of_step(snapshot, plan, step)
            return _named(step.get("description"), state.replace(" ", "_") if state else None)
    if name.kind in OWN_ID:
        return None
    return _local_label(document, name)


def _named(human: object, status: str | None) -> str | None:
    if not isinstance(human, str) or not human.strip():
        return None
    sign = status_sign(status)
    text = cut(human, LONGEST_LABEL - (2 if sign else 0))
    return f"{sign} {text}" if sign else text


def _step(snapshot: Snapshot, document: Document, name: Name) -> tuple[Document, Mapping[str, Any]] | None:
    """The step of an id: of the plan itself, or of the plan that the document is about."""
    plan: Document | None = document
    if document.kind != "plan":
        plan = _plan_about(snapshot, document, name)
    if plan is None:
        return None
    found = steps_by_id(plan).get(name.text)
    return None if found is None else (plan, found[1])


def _plan_about(snapshot: Snapshot, document: Document, name: Name) -> Document | None:
    header: object = None
    if document.timeline is not None and name.pointer and isinstance(name.pointer[0], int):
        value = document.timeline.lines[name.pointer[0]].tree.value
        payload = value.get("payload") if isinstance(value, Mapping) else None
        header = (
            {**payload, **value} if isinstance(value, Mapping) and isinstance(payload, Mapping) else value
        )
    elif document.tree is not None:
        header = document.tree.header
    plan_id = None
    if isinstance(header, Mapping):
        plan_id = header.get("plan_id") or header.get("pipeline_id")
    if not isinstance(plan_id, str):
        return None
    for facts in snapshot.index.declarations("plan", plan_id):
        plan = snapshot.document(facts.uri)
        # A closed plan would have to be read for each hint; open ones are.
        if plan is not None and plan.is_open:
            return plan
    return None


def _local_label(document: Document, name: Name) -> str | None:
    """What the document itself declares under an id: a participant, a node, a segment."""
    for each in names_called(document, name.text):
        if each.is_declaration and each.means(name) and document.tree is not None and len(each.pointer) == 3:
            table = document.tree.tables.get(str(each.pointer[0]))
            value = table.element(int(each.pointer[1])).value if table is not None else None
            if isinstance(value, dict):
                human = next((value[key] for key in ("display_name", "label", "name") if key in value), None)
                return _named(human, value.get("status") if isinstance(value.get("status"), str) else None)
    return None


def _target(snapshot: Snapshot, document: Document, name: Name) -> tuple[Document, Name, Card] | None:
    """Where an id leads, and the card of what is there."""
    if name.kind == STEP:
        header = document.tree.header if document.tree is not None else None
        plan_id = header.get("plan_id") if isinstance(header, Mapping) else None
        found = plan_of(snapshot, document, name, plan_id)
        if found is None:
            return None
        plan, index = found
        place = Name(STEP, name.text, (STEPS, index, "step_id"), is_declaration=True)
        if not step_value(plan, index):
            return None
        return plan, place, step_card(snapshot, plan, index, document)
    for where, each in declarations_of(snapshot, name, document)[:1]:
        facts = snapshot.index.facts(where.uri)
        if facts is not None and facts.id == name.text:
            return where, each, document_card(snapshot, facts, document)
        return where, each, thing_card(snapshot, where, each, document)
    return None
