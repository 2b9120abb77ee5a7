"""Ids by the human name of what they stand for, the nearest first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from mplp_lsp.features import checkpoint
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.facts import OWN_ID
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.names import ANY, STEP, element_names, header_names
from mplp_runtime.rules.world import DocumentFacts

if TYPE_CHECKING:
    from mplp_lsp.features.completion_place import Place

LONGEST_TITLE = 80
_MOST_PLANS_READ = 20


class IdChoice(NamedTuple):
    """An id that may be meant: what it is called, what else tells it apart, and where to read more."""

    id: str
    title: str
    detail: str
    about: tuple[str, str]
    """Kind and id, for the documentation of the item."""


def id_choices(place: Place, kind: str, pointer: Pointer) -> Iterator[IdChoice]:
    """Things of a kind that the id at `pointer` may stand for."""
    if kind in OWN_ID:
        return _documents(place, kind, pointer)
    if kind == ANY:
        return (choice for each in OWN_ID for choice in _documents(place, each, pointer, with_kind=True))
    if kind == STEP:
        return _steps(place)
    return _segments(place, pointer) if kind == "segment" else _declared_here(place, kind)


def matches(choice: IdChoice, typed: str) -> bool:
    """Whether letters that are typed stand in the title or the id; for lists too long to be sent whole."""
    return typed.casefold() in f"{choice.title} {choice.id}".casefold()


def _documents(place: Place, kind: str, pointer: Pointer, *, with_kind: bool = False) -> Iterator[IdChoice]:
    own = place.document.facts
    if own is not None and own.kind == kind and own.id is not None:
        # Inside a document of the very kind, its own id is mostly meant.
        yield _document(own, with_kind=with_kind)
    if pointer[:1] == ("root_span",) or (place.kind == "plan" and pointer[:1] == ("trace",)):
        # Whatever the span says of trace and context, the document says it already.
        if kind == "context":
            yield from _same_as(place, "context_id", kind)
        if kind == "context" or pointer[0] == "root_span":
            return
    known = {own.id} if own is not None else set()
    for facts in nearest_first(place.document.uri, list(place.snapshot.index.documents(kind))):
        if facts.id is not None and facts.id not in known:
            known.add(facts.id)
            yield _document(facts, with_kind=with_kind)


def _same_as(place: Place, member: str, kind: str) -> Iterator[IdChoice]:
    """The id this document has at another place already: another one would contradict it."""
    text = place.text_at(member)
    for facts in place.snapshot.index.declarations(kind, text) if text else ():
        yield _document(facts, with_kind=False)


def _document(facts: DocumentFacts, *, with_kind: bool) -> IdChoice:
    name = facts.uri.rpartition("/")[2]
    known = str(facts.id)
    parts = [facts.kind if with_kind else "", known[:8], facts.status or "", name]
    return IdChoice(known, titled(facts.title, name), " · ".join(filter(None, parts)), (facts.kind, known))


def nearest_first(uri: str, documents: list[DocumentFacts]) -> list[DocumentFacts]:
    """Documents in the order of how much of their path they share with `uri`, then by title."""
    here = uri.split("/")[:-1]

    def strangeness(facts: DocumentFacts) -> tuple[int, str, str]:
        there = facts.uri.split("/")[:-1]
        shared = 0
        for own, other in zip(here, there, strict=False):
            if own != other:
                break
            shared += 1
        return len(here) + len(there) - 2 * shared, facts.title or "", facts.uri

    return sorted(documents, key=strangeness)


def titled(title: object, fallback: str) -> str:
    """A title on one line, not too long."""
    words = " ".join(title.split()) if isinstance(title, str) else ""
    if not words:
        return fallback
    return words if len(words) <= LONGEST_TITLE else words[: LONGEST_TITLE - 1] + "…"


def step_choice(value: object, index: int) -> IdChoice | None:
    """The choice for one entry of `steps`; None where it has no id."""
    step_id = value.get("step_id") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(step_id, str):
        return None
    parts = [step_id[:8], value.get("status"), value.get("agent_role")]
    detail = " · ".join(part for part in parts if isinstance(part, str) and part)
    return IdChoice(step_id, titled(value.get("description"), f"Step {index + 1}"), detail, (STEP, step_id))


def _steps(place: Place) -> Iterator[IdChoice]:
    """Steps of the plan this document names; of all plans where it names none."""
    for plan in islice(_plans(place), _MOST_PLANS_READ):
        document = place.snapshot.document(plan.uri)
        if document is None:
            continue
        yield from steps_of(document)
        if not document.is_open and document.uri != place.document.uri:
            document.rest()


def _plans(place: Place) -> Iterator[DocumentFacts]:
    index = place.snapshot.index
    for member in (("plan_id",), ("pipeline_id",), ("payload", "plan_id")):
        named = place.text_at(*member)
        if named is not None and (declared := index.declarations("plan", named)):
            yield from declared
            return
    yield from nearest_first(place.document.uri, list(index.documents("plan")))


def steps_of(document: Document) -> Iterator[IdChoice]:
    """The steps of a plan in the order of the text."""
    table = None if document.tree is None else document.tree.tables.get("steps")
    index = 0
    for block in table.blocks if table is not None else ():
        checkpoint()
        for element in block.elements:
            choice = step_choice(element.value, index)
            if choice is not None:
                yield choice
            index += 1


def steps_of_all(snapshot: Snapshot, uri: str) -> Iterator[IdChoice]:
    """The steps of the plans of a project, those near `uri` first."""
    for plan in nearest_first(uri, list(snapshot.index.documents("plan")))[:_MOST_PLANS_READ]:
        document = snapshot.document(plan.uri)
        if document is not None:
            yield from steps_of(document)
            if not document.is_open:
                document.rest()


def _segments(place: Place, pointer: Pointer) -> Iterator[IdChoice]:
    """Segments of this trace that are neither the one at `pointer` nor inside it."""
    segments = place.value(("segments",)) if "segments" not in place.tree.tables else None
    table = place.tree.tables.get("segments")
    values = table.values() if table is not None else segments if isinstance(segments, list) else []
    parents: dict[str, object] = {}
    for value in values:
        if isinstance(value, dict) and isinstance(value.get("segment_id"), str):
            parents.setdefault(value["segment_id"], value)
    own = place.text_at(*pointer[:2], "segment_id") if len(pointer) > 2 else None
    for segment_id, value in parents.items():
        if isinstance(value, dict) and not _is_inside(segment_id, own, parents):
            parts = [segment_id[:8], value.get("status")]
            detail = " · ".join(part for part in parts if isinstance(part, str))
            yield IdChoice(
                segment_id, titled(value.get("label"), segment_id), detail, ("segment", segment_id)
            )


def _is_inside(segment_id: str, own: str | None, parents: dict[str, object]) -> bool:
    seen: set[str] = set()
    current: object = segment_id
    while isinstance(current, str) and current not in seen:
        if current == own:
            return True
        seen.add(current)
        value = parents.get(current)
        current = value.get("parent_segment_id") if isinstance(value, dict) else None
    return False


def _declared_here(place: Place, kind: str) -> Iterator[IdChoice]:
    """What this document itself declares of a kind: participants, nodes, spans, threads."""
    found = list(header_names(place.kind, place.tree.header))
    table = place.tree.tables.get(f"{kind}s")
    for index, value in enumerate(table.values() if table is not None else ()):
        found += [name.below((f"{kind}s", index)) for name in element_names(place.kind, f"{kind}s", value)]
    for name in found:
        if name.kind == kind and name.is_declaration and name.pointer != place.cursor.pointer:
            yield IdChoice(name.text, name.text, f"{kind} of this document", (kind, name.text))
