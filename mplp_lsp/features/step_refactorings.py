"""Refactorings of a plan's steps: order, numbers, a new one between two, some in a plan of their own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from mplp_lsp.features import checkpoint
from mplp_lsp.features.flat_members import value_range
from mplp_lsp.features.fresh import fresh_uuid
from mplp_lsp.features.json_edits import item_inserted, items_removed, member_added, value_at
from mplp_lsp.features.offers import REWRITE, Offer
from mplp_lsp.features.places import STEPS, steps_between
from mplp_lsp.features.plan_steps import dependants
from mplp_lsp.features.step_orders import orders_of
from mplp_lsp.features.workspace_edits import Change, can_create
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.lifecycle import is_terminal
from mplp_runtime.rules.world import StepFacts

EXTRACT = "refactor.extract"
NEW_DESCRIPTION = "New step"
_MOST_NAMES_TRIED = 100
_BEGUN = frozenset({"in_progress", "completed", "failed", "skipped"})


def step_refactorings(snapshot: Snapshot, document: Document, start: int, end: int) -> Iterator[Offer]:
    """What can be done with the steps of a plan as a whole, and with those between these offsets."""
    tree, facts = document.tree, document.facts
    if document.kind != "plan" or tree is None or facts is None or STEPS not in tree.tables:
        return
    steps = facts.steps
    fault = _fault(document, steps)
    if len(steps) > 1:
        yield from _sorted(document, steps, fault)
        yield from _renumbered(document, steps, fault)
    touched = [index for index, _ in steps_between(document, start, end)]
    if touched and start == end:
        yield from _inserted(document, steps, touched[0], fault)
    elif touched:
        yield from _extracted(snapshot, document, steps, touched, fault)


def _fault(document: Document, steps: Sequence[StepFacts]) -> str | None:
    """Why steps cannot be moved about; None where they can."""
    if document.is_broken:
        return "The text has syntax errors. Repair them first."
    ids = [step.step_id for step in steps]
    if None in ids:
        return "A step has no id. Give it one first."
    if len(set(ids)) < len(ids):
        return "Two steps have the same id. Give each its own first."
    return None


# Order


def _sorted(document: Document, steps: Sequence[StepFacts], fault: str | None) -> Iterator[Offer]:
    title = "Sort the steps in the order of their dependencies"
    if fault is not None:
        yield Offer(title, REWRITE, _nothing, refusal=fault)
        return
    order = orders_of(document, steps).by_place
    if order is None:
        yield Offer(title, REWRITE, _nothing, refusal=_CIRCLE)
    elif any(index != place for place, index in enumerate(order)):
        yield Offer(title, REWRITE, partial(_moved, document, order))


_CIRCLE = "The steps wait for each other in a circle. Break it first."


def _nothing() -> None:
    return None


def _moved(document: Document, order: Sequence[int]) -> Change | None:
    """Each step's text goes to its new place; what stands between the places stays."""
    tree = document.tree
    if tree is None:
        return None
    places = [tree.range_of((STEPS, index)) for index in range(len(order))]
    edits = [
        Edit(*places[index], document.text.slice(*places[source]))
        for index, source in enumerate(order)
        if index != source
    ]
    return Change([(document, edits)])


def _renumbered(document: Document, steps: Sequence[StepFacts], fault: str | None) -> Iterator[Offer]:
    title = "Renumber `order_index` in the order the steps can run"
    if fault is not None:
        yield Offer(title, REWRITE, _nothing, refusal=fault)
        return
    order = orders_of(document, steps).by_number
    if order is None:
        yield Offer(title, REWRITE, _nothing, refusal=_CIRCLE)
        return
    numbered = [step.order_index for step in steps if step.order_index is not None]
    # Authors count from 0 or from 1; whoever did keeps it.
    first = 1 if numbered and min(numbered) == 1 else 0
    numbers = {index: number for number, index in enumerate(order, first)}
    if any(step.order_index != numbers[index] for index, step in enumerate(steps)):
        yield Offer(title, REWRITE, partial(_with_numbers, document, steps, numbers))


def _with_numbers(
    document: Document, steps: Sequence[StepFacts], numbers: Mapping[int, int]
) -> Change | None:
    tree = document.tree
    if tree is None:
        return None
    edits: list[Edit] = []
    for index, step in enumerate(steps):
        checkpoint()
        if step.order_index == numbers[index]:
            continue
        added = member_added(document, (STEPS, index), "order_index", numbers[index])
        edits.append(added or Edit(*value_range(tree, (STEPS, index, "order_index")), str(numbers[index])))
    return Change([(document, edits)])


# A new step


def _inserted(
    document: Document, steps: Sequence[StepFacts], index: int, fault: str | None
) -> Iterator[Offer]:
    tree = document.tree
    if tree is None:
        return
    before, after = "Insert a step before this one", "Insert a step after this one"
    status = _plan_status(document)
    if fault is None and is_terminal("plan", status):
        fault = f"The plan is {status}. Set it back to draft first."
    if fault is not None:
        yield Offer(after, REWRITE, _nothing, refusal=fault)
        return
    step_id = steps[index].step_id
    # What has begun does not wait any more.
    waiting = [
        (other, entry)
        for other in (dependants(document, step_id) if step_id is not None else ())
        if other != index and steps[other].status not in _BEGUN
        for entry, dependency in enumerate(steps[other].dependencies)
        if dependency == step_id
    ]
    count = len({other for other, _ in waiting})
    waiters = "the step that waits" if count == 1 else f"the {count} steps that wait"
    whom = f", between it and {waiters} for it"
    yield Offer(
        after + (whom if count else ""), REWRITE, partial(_after, document, steps[index], index, waiting)
    )
    refusal = None
    if steps[index].status in _BEGUN:
        refusal = "This step has begun already."
    elif not isinstance(value_at(tree, (STEPS, index, "dependencies")), list | None):
        refusal = "The `dependencies` of this step are no list. Repair them first."
    yield Offer(before, REWRITE, partial(_before, document, steps[index], index), refusal=refusal)


def _plan_status(document: Document) -> str:
    header = document.tree.header if document.tree is not None else None
    status = header.get("status") if isinstance(header, dict) else None
    return status if isinstance(status, str) else ""


def _new_step(
    document: Document, index: int, beside: StepFacts, dependencies: Sequence[object]
) -> dict[str, Any]:
    tree = document.tree
    offset = 0 if tree is None else tree.range_of((STEPS, index))[0]
    step: dict[str, Any] = {
        "step_id": fresh_uuid(document, offset),
        "description": NEW_DESCRIPTION,
        "status": "pending",
        "dependencies": list(dependencies),
    }
    if beside.agent_role and not beside.agent_role.isspace():
        step["agent_role"] = beside.agent_role
    return step


def _after(
    document: Document, step: StepFacts, index: int, waiting: Iterable[tuple[int, int]]
) -> Change | None:
    tree = document.tree
    fresh = _new_step(document, index, step, [step.step_id])
    written = item_inserted(document, (STEPS, index), fresh, is_before=False)
    if tree is None or written is None:
        return None
    named = json.dumps(fresh["step_id"])
    rewired = [Edit(*tree.range_of((STEPS, other, "dependencies", entry)), named) for other, entry in waiting]
    return Change([(document, [written, *rewired])])


def _before(document: Document, step: StepFacts, index: int) -> Change | None:
    tree = document.tree
    taken = [dependency for dependency in step.dependencies if dependency is not None]
    fresh = _new_step(document, index, step, taken)
    written = item_inserted(document, (STEPS, index), fresh, is_before=True)
    if tree is None or written is None:
        return None
    added = member_added(document, (STEPS, index), "dependencies", [fresh["step_id"]])
    if added is None:
        added = Edit(*tree.range_of((STEPS, index, "dependencies")), json.dumps([fresh["step_id"]]))
    return Change([(document, [written, added])])


# A plan of their own


def _extracted(
    snapshot: Snapshot,
    document: Document,
    steps: Sequence[StepFacts],
    touched: Sequence[int],
    fault: str | None,
) -> Iterator[Offer]:
    if document.path is None or not can_create(snapshot.client):
        return
    inside = set(touched)
    chosen = {steps[index].step_id for index in touched}
    known = {step.step_id for step in steps}
    crossing = sum(
        1
        for index, step in enumerate(steps)
        for dependency in step.dependencies
        if (dependency in chosen) != (index in inside) and dependency in known
    )
    many = "1 step" if len(touched) == 1 else f"{len(touched)} steps"
    title = f"Extract {many} to a new plan"
    if crossing:
        title += f" ({crossing} {'dependency' if crossing == 1 else 'dependencies'} between the two dropped)"
    refusal = fault
    if fault is None and len(touched) == len(steps):
        refusal = "These are all the steps of the plan."
    if refusal is None and _plan_status(document) not in {"draft", "proposed"}:
        refusal = "Only a plan that is a draft or proposed can be split."
    if refusal is None and any(_has_key_twice(document, index) for index in touched):
        refusal = "A step has the same key twice. Repair that first."
    yield Offer(title, EXTRACT, partial(_split, snapshot, document, steps, touched), refusal=refusal)


def _has_key_twice(document: Document, index: int) -> bool:
    """Whether reading the step has lost one of two values, so that a copy would lack it."""
    return document.tree is not None and bool(document.tree.tables[STEPS].element(index).problems)


def _split(
    snapshot: Snapshot, document: Document, steps: Sequence[StepFacts], touched: Sequence[int]
) -> Change | None:
    tree = document.tree
    if tree is None or not isinstance(tree.header, dict):
        return None
    taken = set(touched)
    chosen = {steps[index].step_id for index in touched}
    moved = []
    for index in touched:
        value = value_at(tree, (STEPS, index))
        if not isinstance(value, dict):
            return None
        copy = dict(value)
        if "dependencies" in copy:
            copy["dependencies"] = [each for each in steps[index].dependencies if each in chosen]
        moved.append(copy)
    edits = items_removed(document, (STEPS,), touched)
    for index, step in enumerate(steps):
        gone = [entry for entry, dependency in enumerate(step.dependencies) if dependency in chosen]
        if index not in taken and gone:
            edits += items_removed(document, (STEPS, index, "dependencies"), gone)
    header = tree.header
    part = {
        **{key: header[key] for key in ("meta",) if key in header},
        "plan_id": fresh_uuid(document, tree.range_of((STEPS, touched[0]))[0]),
        **{key: header[key] for key in ("context_id",) if key in header},
        "title": f"{header.get('title', 'Plan')} (part)",
        "objective": header.get("objective", ""),
        "status": header.get("status", "draft"),
        "steps": moved,
    }
    text = json.dumps(part, ensure_ascii=False, indent=2) + "\n"
    return Change([(document, edits)], {free_uri(snapshot, document, "part", "plan"): text})


def free_uri(snapshot: Snapshot, document: Document, suffix: str, kind: str) -> str:
    """A file name beside `document` that no document we know of has: `site-part.plan.json`."""
    folder, _, name = document.uri.rpartition("/")
    for ending in (f".{document.kind}.json", ".json"):
        if name.endswith(ending):
            name = name[: -len(ending)]
            break
    stem = f"{folder}/{name}" + (f"-{suffix}" if suffix else "")
    candidates = [f"{stem}.{kind}.json"]
    candidates += [f"{stem}-{number}.{kind}.json" for number in range(2, _MOST_NAMES_TRIED)]
    return next((uri for uri in candidates if snapshot.document(uri) is None), candidates[-1])
