"""Steps a step may wait for: by their description, the nearest first, never one that would close a circle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice

from lsprotocol import types

from mplp_lsp.features import checkpoint
from mplp_lsp.features.completion_ids import IdChoice, matches, step_choice
from mplp_lsp.features.completion_items import MOST_ITEMS, Offer
from mplp_lsp.features.completion_place import Place
from mplp_lsp.text.elements import Element
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.world import StepFacts

_CHOICE = "completion choice"
NEAREST = 100
"""How many of a list that is too long to be sent whole: it is asked for again with every letter."""


def is_dependency(kind: str, pointer: Pointer) -> bool:
    """Whether a place of a document is an entry of a step's `dependencies`."""
    return kind == "plan" and len(pointer) == 4 and pointer[0] == "steps" and pointer[2] == "dependencies"


def dependency_offers(place: Place) -> tuple[list[Offer], bool]:
    """The steps that may be named at the cursor, and whether more of them would match other letters.

    Left out: the step itself, what it names already, and every step that waits for it, however indirectly.
    """
    facts, table = place.document.facts, place.tree.tables.get("steps")
    own = place.cursor.pointer[1]
    if facts is None or table is None or not isinstance(own, int):
        return [], False
    own_id = place.text_at("steps", own, "step_id")
    taken = _named_already(place)
    if own_id is not None:
        taken |= waiting_for(facts.steps, own_id, own)
    is_long = table.count > MOST_ITEMS
    limit = NEAREST if is_long else MOST_ITEMS
    typed = place.cursor.typed if is_long else ""
    offers: list[Offer] = []
    for distance, index in enumerate(_from_here(min(own, table.count), table.count)):
        if not distance % 64:
            checkpoint()
        if len(offers) >= limit:
            return offers, True
        if index == own or (index < len(facts.steps) and facts.steps[index].step_id in taken):
            continue
        choice = _choice(table.element(index), index)
        if choice is None or choice.id in taken:
            continue
        if typed and not matches(choice, typed):
            continue
        taken.add(choice.id)
        offers.append(id_offer(choice, len(offers)))
    return offers, bool(typed)


def id_offer(choice: IdChoice, rank: int) -> Offer:
    """An id to choose by its human name."""
    return Offer(
        choice.title,
        choice.id,
        types.CompletionItemKind.Reference,
        detail=choice.detail,
        words=f"{choice.title} {choice.id}" if choice.title != choice.id else choice.id,
        rank=rank,
        about={"id": list(choice.about)},
    )


def waiting_for(steps: Sequence[StepFacts], step_id: str, own: int = 0) -> set[str]:
    """Ids of the steps that depend on a step, directly or not, and its own; `own` is where it stands.

    Plans are mostly written in the order of work, or with the last work first, so one pass from the step on
    finds all in most of them; another must confirm it. Only in others the edges are turned round.
    """
    for onwards in (islice(steps, own, None), reversed(steps[: own + 1])):
        found: set[str] = {step_id}
        for step in onwards:
            if step.step_id is not None and not found.isdisjoint(step.dependencies):
                found.add(step.step_id)
        is_apart = found.isdisjoint
        if found.issuperset([step.step_id for step in steps if not is_apart(step.dependencies)]):
            return found
    dependants: defaultdict[str, list[str]] = defaultdict(list)
    for step in steps:
        for dependency in step.dependencies:
            if dependency is not None and step.step_id is not None:
                dependants[dependency].append(step.step_id)
    pending = [step_id]
    found = {step_id}
    while pending:
        fresh = [each for each in dependants[pending.pop()] if each not in found]
        found.update(fresh)
        pending += fresh
    return found


def _named_already(place: Place) -> set[str]:
    listed = place.value(place.cursor.pointer[:3])
    at = place.cursor.pointer[3]
    entries = listed if isinstance(listed, list) else []
    is_own_there = bool(place.cursor.written) or place.cursor.is_quoted
    return {
        entry
        for number, entry in enumerate(entries)
        if isinstance(entry, str) and not (is_own_there and number == at)
    }


def _from_here(own: int, count: int) -> Iterator[int]:
    """Positions of steps: those before this one backwards, then those behind it."""
    yield from range(own - 1, -1, -1)
    yield from range(own, count)


def _choice(element: Element, index: int) -> IdChoice | None:
    """Kept with the element, unless its title is only its number."""
    known = element.cache.get(_CHOICE)
    if isinstance(known, IdChoice):
        return known
    fresh = step_choice(element.value, index)
    if fresh is not None and fresh.title != f"Step {index + 1}":
        element.cache[_CHOICE] = fresh
    return fresh
