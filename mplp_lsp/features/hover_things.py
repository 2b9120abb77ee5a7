"""Cards of what ids stand for: documents, and whatever else a document gives an id of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mplp_lsp.analysis.names import declarations_of, names_called, range_of_names
from mplp_lsp.features.durations import seconds
from mplp_lsp.features.hover_markup import Card, Line, Piece, code, line, listing, place, said, strong
from mplp_lsp.features.hover_places import document_name, path_in_project, place_of
from mplp_lsp.features.hover_roles import binding_line
from mplp_lsp.features.hover_runs import run_lines
from mplp_lsp.features.hover_steps import step_card
from mplp_lsp.features.json_edits import value_at
from mplp_lsp.features.moments import moment_of
from mplp_lsp.text.uris import key_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.facts import OWN_ID
from mplp_runtime.rules.names import STEP, Name
from mplp_runtime.rules.world import DocumentFacts

_HUMAN_MEMBERS = ("title", "name", "display_name", "label", "description", "objective", "content", "reason")


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
    name = facts.uri.rpartition("/")[2]
    known = (one for one in (facts.title, facts.id, name) if one is not None and one.strip())
    title: list[Piece | str] = [strong(next(known, name)), f" · {facts.kind}"]
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


def thing_card(
    snapshot: Snapshot, document: Document, name: Name, here: Document, *, is_here: bool = False
) -> Card:
    """Something declared inside a document: a participant, a node, a segment, a thread.

    `is_here` where the cursor is at the declaration itself, so that its place need not be told.
    """
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
    first, last = moment_of(around.get("started_at")), moment_of(around.get("finished_at"))
    if first is not None and last is not None and last >= first:
        rows.append(line(f"Took {seconds((last - first).total_seconds())}"))
    uses = [each for each in names_called(here, name.text) if not each.is_declaration and each.means(name)]
    if uses:
        rows.append(line(f"Used {len(uses):,} {'time' if len(uses) == 1 else 'times'} in this document"))
    if document.uri != here.uri:
        rows.append(line("In ", place(path_in_project(snapshot, document.uri), document.uri)))
    elif name.pointer and not is_here:
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
