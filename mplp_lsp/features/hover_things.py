"""Cards of what ids stand for: documents, steps, and whatever else a document gives an id of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mplp_lsp.analysis.names import declarations_of, names_called, range_of_names
from mplp_lsp.features.hover_markup import Card, Line, Piece, code, line, listing, place, said, strong
from mplp_lsp.features.hover_roles import binding_line
from mplp_lsp.features.hover_runs import run_lines, run_of_plan, step_run_lines, step_word
from mplp_lsp.features.json_edits import value_at
from mplp_lsp.features.places import STEPS
from mplp_lsp.features.plan_steps import dependants, steps_by_id
from mplp_lsp.text.uris import key_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.facts import OWN_ID, step_facts
from mplp_runtime.rules.names import STEP, Name
from mplp_runtime.rules.world import DocumentFacts

_HUMAN_MEMBERS = ("title", "name", "display_name", "label", "description", "objective", "content", "reason")


def place_of(snapshot: Snapshot, facts: DocumentFacts) -> Piece:
    """The file of a document, by its path inside the project; a virtual document by its URI."""
    return place(path_in_project(snapshot, facts.uri), facts.uri)


def path_in_project(snapshot: Snapshot, uri: str) -> str:
    """A file's path below the project root; the last part of the URI where it has none."""
    document = snapshot.document(uri)
    path, root = (document.path if document is not None else None), snapshot.root
    if path is not None and root is not None and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return uri.rpartition("/")[2] or uri


def document_name(facts: DocumentFacts) -> Line:
    """What people call a document: its title or name, else its id."""
    if facts.title and facts.title.strip():
        return line(said(facts.title, 60))
    return line(code(facts.id or facts.uri.rpartition("/")[2]))


def document_cards(snapshot: Snapshot, name: Name, here: Document) -> Iterator[Card]:
    """One card for each document that declares the id; two would be a fault, and both are shown."""
    found = list(snapshot.index.declarations(name.kind, name.text))
    for facts in found[:2]:
        yield document_card(snapshot, facts, here)
    if found or not snapshot.is_complete:
        return
    elsewhere = declarations_of(snapshot, name, here)
    if elsewhere:
        yield from (thing_card(snapshot, document, each, here) for document, each in elsewhere[:1])
        return
    rows = [line("No document of this project has this id")]
    rows.extend(_referring(snapshot, name.text, key_of(here.uri)))
    yield Card(line(code(name.text), f" · unknown {name.kind}"), (), rows)


def document_card(snapshot: Snapshot, facts: DocumentFacts, here: Document | None = None) -> Card:
    """Title, kind and state of a document; what it is about, who refers to it, its last run."""
    title: list[Piece | str] = [strong(facts.title or facts.id or ""), f" · {facts.kind}"]
    if facts.status is not None:
        title += [" · ", code(facts.status)]
    rows: list[Line] = []
    about = _about(snapshot, facts)
    sentences = [line(said(about))] if about is not None else []
    if facts.kind == "plan":
        rows.extend(_steps_of_plan(facts))
    rows.extend(_pointing_at(snapshot, facts))
    if facts.kind == "plan":
        rows.extend(run_lines(snapshot, facts.id))
    if facts.kind == "role":
        bound = binding_line(snapshot, None, facts.title)
        rows.extend([bound] if bound is not None else [])
    if facts.id is not None:
        rows.extend(_referring(snapshot, facts.id, key_of(facts.uri)))
    if here is None or key_of(facts.uri) != key_of(here.uri):
        rows.append(line("In ", place_of(snapshot, facts)))
    return Card(line(*title), sentences, rows)


def _about(snapshot: Snapshot, facts: DocumentFacts) -> str | None:
    """One sentence of the document itself, where its text is in memory and read."""
    document = snapshot.document(facts.uri)
    tree = document.tree if document is not None and document.is_open else None
    header = tree.header if tree is not None else None
    if not isinstance(header, Mapping):
        return None
    for member in ("objective", "description", "summary"):
        text = header.get(member)
        if isinstance(text, str) and text.strip():
            return text
    return None


def _steps_of_plan(facts: DocumentFacts) -> Iterator[Line]:
    if not facts.steps:
        return
    counts = Counter(step.status for step in facts.steps)
    said_counts = ", ".join(
        f"{count:,} {status.replace('_', ' ')}" for status, count in counts.most_common(6) if status
    )
    yield line(
        f"{len(facts.steps):,} {'step' if len(facts.steps) == 1 else 'steps'}: ", Piece("text", said_counts)
    )


def _pointing_at(snapshot: Snapshot, facts: DocumentFacts) -> Iterator[Line]:
    """The documents this one names."""
    seen: set[tuple[str | None, str]] = set()
    for reference in facts.references:
        if (reference.kind, reference.id) in seen or reference.id == facts.id:
            continue
        seen.add((reference.kind, reference.id))
        for target in snapshot.index.declarations(reference.kind or "", reference.id)[:1]:
            state = f" ({target.status})" if target.status else ""
            yield line(f"{target.kind.capitalize()}: ", *document_name(target), Piece("text", state))


def _referring(snapshot: Snapshot, target_id: str, own_key: str) -> Iterator[Line]:
    others = [one for one in snapshot.index.referring(target_id) if key_of(one.uri) != own_key]
    if others:
        names = (line(f"{one.kind} ", *document_name(one)) for one in others)
        yield line("Used by: ", *listing(names, len(others)))


# Steps


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


# Everything else


def thing_card(snapshot: Snapshot, document: Document, name: Name, here: Document) -> Card:
    """Something declared inside a document: a participant, a node, a segment, a thread."""
    if name.kind == STEP and document.kind == "plan" and len(name.pointer) == 3:
        return step_card(snapshot, document, int(name.pointer[1]), here)
    facts = snapshot.index.facts(document.uri)
    if facts is not None and OWN_ID.get(facts.kind) and facts.id == name.text:
        return document_card(snapshot, facts, here)
    around = _around(document, name)
    human = next(
        (around[key] for key in _HUMAN_MEMBERS if isinstance(around.get(key), str) and around[key].strip()),
        None,
    )
    title: list[Piece | str] = [strong(human) if human is not None else code(name.text), f" · {name.kind}"]
    status = around.get("status")
    if isinstance(status, str):
        title += [" · ", code(status)]
    rows = [
        line(f"{key.replace('_', ' ').capitalize()}: ", code(str(around[key]), 60))
        for key in ("kind", "module", "role_id", "event_type", "version")
        if isinstance(around.get(key), str)
    ]
    uses = [each for each in names_called(here, name.text) if not each.is_declaration and each.means(name)]
    if uses:
        rows.append(line(f"Used {len(uses):,} {'time' if len(uses) == 1 else 'times'} in this document"))
    if document.uri != here.uri:
        rows.append(line("In ", place(path_in_project(snapshot, document.uri), document.uri)))
    elif name.pointer:
        start, _ = range_of_names(document, [name])[0]
        rows.append(line(f"Declared in line {document.text.position(start, 'utf-32')[0] + 1:,}"))
    return Card(line(*title), (), rows)


def _around(document: Document, name: Name) -> Mapping[str, Any]:
    value: object = None
    if document.timeline is not None and name.pointer and isinstance(name.pointer[0], int):
        tree = document.timeline.lines[name.pointer[0]].tree
        value = value_at(tree, name.pointer[1:-1])
    elif document.tree is not None:
        value = value_at(document.tree, name.pointer[:-1])
    return value if isinstance(value, Mapping) else {}
