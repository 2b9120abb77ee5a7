"""Cards of steps: what a step is, how it stands, what it waits for and what waits for it, who does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mplp_lsp.analysis.names import declarations_of
from mplp_lsp.features.hover_markup import Card, Line, Piece, code, line, listing, place, said, strong
from mplp_lsp.features.hover_places import document_name, path_in_project, place_of
from mplp_lsp.features.hover_roles import binding_line
from mplp_lsp.features.hover_runs import run_of_plan, step_run_lines, step_word
from mplp_lsp.features.places import STEPS
from mplp_lsp.features.plan_steps import dependants, steps_by_id
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.facts import step_facts
from mplp_runtime.rules.names import STEP, Name


def plan_of(
    snapshot: Snapshot, here: Document, name: Name, plan_id: object = None
) -> tuple[Document, int] | None:
    """The plan and the place in it of the step that `name` stands for, seen from `here`; None if unknown."""
    candidates: list[Document] = [here]
    if isinstance(plan_id, str):
        plans = snapshot.index.declarations("plan", plan_id)
        candidates += [plan for facts in plans if (plan := snapshot.document(facts.uri)) is not None]
    for document in candidates:
        known = steps_by_id(document).get(name.text) if document.kind == "plan" else None
        if known is not None:
            return document, known[0]
    for document, each in declarations_of(snapshot, name, here):
        if each.kind == STEP and len(each.pointer) == 3:
            return document, int(each.pointer[1])
    return None


def step_value(document: Document, index: int) -> Mapping[str, Any]:
    """One entry of `steps`; empty where it is no object. A closed plan is read and put away again."""
    tree = document.tree
    table = tree.tables.get(STEPS) if tree is not None else None
    value = table.element(index).value if table is not None and 0 <= index < table.count else None
    return value if isinstance(value, Mapping) else {}


def step_card(snapshot: Snapshot, document: Document, index: int, here: Document | None = None) -> Card:
    """A step: what it is, how it stands, what it waits for, what waits for it, who does it, its last run."""
    step = step_value(document, index)
    facts = step_facts(step)
    description = step.get("description")
    header = document.tree.header if document.tree is not None else None
    plan_id = header.get("plan_id") if isinstance(header, Mapping) else None
    count = (
        document.tree.tables[STEPS].count
        if document.tree is not None and STEPS in document.tree.tables
        else 0
    )
    title: list[Piece | str] = [
        strong(
            description if isinstance(description, str) and description.strip() else facts.step_id or "Step"
        )
    ]
    title += [f" · step {index + 1:,} of {count:,}"]
    if facts.status is not None:
        title += [" · ", code(facts.status)]
    rows: list[Line] = []
    known = [one for one in facts.dependencies if one is not None]
    if known:
        rows.append(
            line("Waits for: ", *listing((_step_name(snapshot, document, one) for one in known), len(known)))
        )
    else:
        rows.append(line("Waits for nothing"))
    rows.extend(_dependants(snapshot, document, facts.step_id))
    bound = binding_line(snapshot, facts.step_id, facts.agent_role)
    if facts.agent_role:
        rows.append(line("Role ", code(facts.agent_role)))
    if bound is not None:
        rows.append(bound)
    rows.extend(step_run_lines(snapshot, plan_id, facts.step_id))
    if here is not None and document.uri != here.uri:
        plan = snapshot.index.facts(document.uri)
        rows.append(
            line("In ", place(path_in_project(snapshot, document.uri), document.uri))
            if plan is None
            else line("In plan ", *document_name(plan), ", ", place_of(snapshot, plan))
        )
    return Card(line(*title), (), rows)


def _dependants(snapshot: Snapshot, document: Document, step_id: str | None) -> Iterator[Line]:
    if step_id is None:
        return
    waiting = dependants(document, step_id)
    if waiting:
        names = (_short_step(snapshot, document, index) for index in waiting)
        yield line("Needed by: ", *listing(names, len(waiting)))


def _step_name(snapshot: Snapshot, document: Document, step_id: str) -> Line:
    known = steps_by_id(document).get(step_id)
    return line(code(step_id), " (unknown)") if known is None else _short_step(snapshot, document, known[0])


def _short_step(snapshot: Snapshot, document: Document, index: int) -> Line:
    """A step in a list: its description, and how it stands."""
    step = step_value(document, index)
    description, step_id = step.get("description"), step.get("step_id")
    name = (
        said(description, 50) if isinstance(description, str) and description.strip() else code(str(step_id))
    )
    state = state_of_step(snapshot, document, step)
    return line(name, Piece("text", f" ({state})")) if state else line(name)


def state_of_step(snapshot: Snapshot, document: Document, step: Mapping[str, Any]) -> str | None:
    """How a step stands: in the newest run where it has begun there, else as the text says."""
    header = document.tree.header if document.tree is not None else None
    run = run_of_plan(snapshot, header.get("plan_id") if isinstance(header, Mapping) else None)
    step_id, status = step.get("step_id"), step.get("status")
    view = run.steps.get(step_id) if run is not None and isinstance(step_id, str) else None
    if run is not None and view is not None and not run.simulated and view.status != "pending":
        return step_word(view)
    return status.replace("_", " ") if isinstance(status, str) else None


def step_cards(snapshot: Snapshot, name: Name, here: Document, plan_id: object) -> Iterator[Card]:
    """The card of the step that an id stands for, or one that says that there is none."""
    found = plan_of(snapshot, here, name, plan_id)
    if found is not None:
        document, index = found
        yield step_card(snapshot, document, index, here)
        _put_away(document)
    elif snapshot.is_complete:
        where = "of this plan" if here.kind == "plan" else "of this project's plans"
        yield Card(line(code(name.text), " · unknown step"), (), [line(f"No step {where} has this id")])


def _put_away(document: Document) -> None:
    if not document.is_open:
        document.rest()
