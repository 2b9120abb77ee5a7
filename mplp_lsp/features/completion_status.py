"""The states that may come next, counted from the last known one, each with the reason why."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types

from mplp_lsp.features.completion_items import Offer
from mplp_lsp.features.completion_place import Place
from mplp_lsp.features.status_places import lifecycle_of
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.lifecycle import DONE, TRANSITIONS, is_terminal, legal_targets
from mplp_runtime.rules.references import context_of
from mplp_runtime.rules.statuses import NOT_STARTED

_DOUBTFUL = 100
_REFUSED = 1_000


def status_offers(place: Place) -> list[Offer] | None:
    """States for the `status` at the cursor; None where the word there tells no life."""
    pointer = place.cursor.pointer
    lifecycle = lifecycle_of(place.kind, pointer)
    if lifecycle is None:
        return None
    states = TRANSITIONS[lifecycle]
    now = place.cursor.written if place.cursor.written in states else None
    saved = _saved(place, pointer)
    if saved not in states:
        saved = None
    offers: dict[str, Offer] = {}
    for state, rank, why in _next(lifecycle, saved, now):
        doubt, weight = _doubt(place, lifecycle, state) if state != now else ("", 0)
        if weight < _REFUSED and state not in offers:
            offers[state] = Offer(
                state,
                state,
                types.CompletionItemKind.EnumMember,
                detail="; ".join(filter(None, (why, doubt))),
                rank=rank + weight,
                about={"pointer": list(pointer), "state": [lifecycle, state]},
            )
    return list(offers.values())


def _next(lifecycle: str, saved: str | None, now: str | None) -> Iterator[tuple[str, int, str]]:
    """State, rank and reason of everything that may be written here."""
    states = TRANSITIONS[lifecycle]
    last = saved or now
    if last is None:
        for rank, state in enumerate(states):
            yield state, rank, "the first state" if not rank else ""
        return
    told = f"`{last}`, the last saved state" if saved else f"`{last}`"
    targets = legal_targets(lifecycle, last)
    for rank, state in enumerate(targets):
        yield state, rank, f"may follow {told}"
    if is_terminal(lifecycle, last):
        yield last, len(targets), "as it is; final" if last == now else "the last saved state; final"
    else:
        yield last, len(targets), "as it is" if last == now else "the last saved state"
    if now is not None and now != last and now in targets:
        return
    if now is not None and now != last:
        yield now, len(targets) + _DOUBTFUL, f"as it is; does not follow {told}"


def _saved(place: Place, pointer: Pointer) -> str | None:
    """The state at the last save the graph knows (D22)."""
    facts = place.document.facts
    baseline = None
    if facts is not None and facts.id is not None:
        baseline = place.snapshot.index.baseline(place.kind, facts.id)
    if baseline is None:
        return None
    if len(pointer) == 1:
        return baseline.status
    step_id = place.text_at(*pointer[:2], "step_id")
    return baseline.steps.get(step_id) if step_id is not None and pointer[0] == "steps" else None


def _doubt(place: Place, lifecycle: str, state: str) -> tuple[str, int]:
    """What speaks against a state here, and how much."""
    facts = place.document.facts
    if lifecycle == "trace" and is_terminal("trace", state) and not _has_events(place):
        return "it holds no event", _REFUSED
    if facts is None or facts.kind != "plan":
        return "", 0
    if lifecycle == "plan":
        if state == "in_progress":
            context = context_of(facts, place.snapshot.index)
            if (
                context is not None
                and context.status in TRANSITIONS["context"]
                and context.status != "active"
            ):
                return f"the context is {context.status}", _REFUSED
        if state == "completed" and any(step.status not in DONE for step in facts.steps):
            return "not every step is done", _DOUBTFUL
        return "", 0
    if lifecycle != "step" or state not in ("in_progress", "completed"):
        return "", 0
    if state == "in_progress" and facts.status in NOT_STARTED:
        return f"the plan is still {facts.status}", _DOUBTFUL
    dependencies = place.value((*place.cursor.pointer[:2], "dependencies"))
    wanted = (
        {each for each in dependencies if isinstance(each, str)} if isinstance(dependencies, list) else set()
    )
    if wanted and any(step.step_id in wanted and step.status not in DONE for step in facts.steps):
        return "not all it waits for is done", _DOUBTFUL
    return "", 0


def _has_events(place: Place) -> bool:
    """Whether a trace holds anything; one that is over must."""
    table = place.tree.tables.get("events")
    return table is not None and table.count > 0
