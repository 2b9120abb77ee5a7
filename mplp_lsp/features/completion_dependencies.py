"""Steps a step may wait for: by their description, the nearest first, never one that would close a circle."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice

from lsprotocol import types

from mplp_lsp.features import checkpoint
from mplp_lsp.features.completion_ids import IdChoice, matches, step_choice
from mplp_lsp.features.completion_items import MOST_ITEMS, Offer
from mplp_lsp.features.completion_place import Place
from mplp_lsp.text.elements import Element, ElementTable
from mplp_lsp.text.tree import Tree
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.world import StepFacts

_CHOICE = "completion choice"
# Letters that stand in the text as they are, but for those of `Step 12`, the title of a step without one.
_IN_PLAIN_SIGHT = re.compile(r"(?!s?t?e?p?\Z|\d+\Z)[0-9A-Za-z-]+\Z", re.IGNORECASE)
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
    for distance, index in enumerate(_from_here(place.tree, table, min(own, table.count), typed)):
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


def _from_here(tree: Tree, table: ElementTable, own: int, typed: str) -> Iterator[int]:
    """Positions of steps that may match: those before this one backwards, then those behind it."""
    spans = table.rows.spans
    here = spans.place(own)[0] if own < table.count else len(spans.blocks) - 1
    for number in range(here, -1, -1):
        first = spans.index_in(number, 0)
        if _may_match(tree, table, number, typed):
            yield from range(min(own, first + spans.blocks[number].count) - 1, first - 1, -1)
    for number in range(here, len(spans.blocks)):
        first = spans.index_in(number, 0)
        if _may_match(tree, table, number, typed):
            yield from range(max(own, first), first + spans.blocks[number].count)


def _may_match(tree: Tree, table: ElementTable, number: int, typed: str) -> bool:
    """Whether a step of a block may have these letters in its title or id; of most blocks the text knows."""
    if _IN_PLAIN_SIGHT.match(typed) is None:
        return True
    spans = table.rows.spans
    block = spans.blocks[number]
    start = table.start + spans.start_of(spans.index_in(number, 0))
    text = tree.text.slice(start, start + block.length)
    # Escapes may spell any letter, and other alphabets have letters that fold into ours.
    return not text.isascii() or "\\u00" in text or typed.casefold() in text.lower()


def _choice(element: Element, index: int) -> IdChoice | None:
    """Kept with the element, unless its title is only its number."""
    known = element.cache.get(_CHOICE)
    if isinstance(known, IdChoice):
        return known
    fresh = step_choice(element.value, index)
    if fresh is not None and fresh.title != f"Step {index + 1}":
        element.cache[_CHOICE] = fresh
    return fresh
