"""Cards of values that say more than their schema does: statuses and moments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mplp_lsp.features.durations import seconds
from mplp_lsp.features.hover_markup import Card, Line, code, line
from mplp_lsp.features.hover_runs import step_run_lines
from mplp_lsp.features.hover_schema import description, facts
from mplp_lsp.features.hover_spot import Spot
from mplp_lsp.features.moments import moment_of
from mplp_lsp.features.status_places import lifecycle_of
from mplp_runtime.rules.lifecycle import TRANSITIONS, is_terminal, targets_sentence
from mplp_runtime.rules.words import listed

_CLAUSE = re.compile(r"((?:`\w+`(?:, | and )?)+): ([^`]*?)(?=[.;](?:\s|$))")
_BEGINNINGS = ("started_at", "requested_at", "created_at", "joined_at")
_ENDS = ("finished_at", "ended_at", "updated_at", "decided_at")


def status_card(spot: Spot) -> Card | None:
    """What a status means, what may follow it, and what the last run made of the step."""
    whose = lifecycle_of(spot.kind, spot.pointer)
    if whose is None or not isinstance(spot.value, str):
        return None
    article = "an" if whose[0] in "aeiou" else "a"
    title = line(code(spot.value), f" · status of {article} {whose}")
    said = description(spot.kind, spot.header, spot.pointer) or {}
    sentences = list(_meaning(spot.value, said))
    if spot.value in TRANSITIONS[whose]:
        rows = [line(targets_sentence(whose, spot.value))]
        if is_terminal(whose, spot.value):
            rows = [line("Final: nothing follows it")]
    else:
        rows = list(facts(said))
    rows.extend(_baseline(spot, whose))
    if whose == "step":
        rows.extend(step_run_lines(spot.snapshot, spot.plan_id, spot.around.get("step_id")))
    return Card(title, sentences, rows)


def status_facts(spot: Spot) -> Iterator[Line]:
    """For the key: which states there are, in the order of life."""
    whose = lifecycle_of(spot.kind, spot.pointer)
    if whose is None:
        return
    for source, targets in TRANSITIONS[whose].items():
        yield line(f"`{source}` → {listed(targets)}" if targets else f"`{source}` is final")


def _meaning(word: str, said: Mapping[str, Any]) -> Iterator[Line]:
    text = said.get("description")
    if not isinstance(text, str):
        return
    for names, meaning in _CLAUSE.findall(text):
        if f"`{word}`" in names:
            yield line(f"{meaning[:1].upper()}{meaning[1:]}.")
            return
    yield line(text)


def _baseline(spot: Spot, whose: str) -> Iterator[Line]:
    """Where it stood at the last save, if somewhere else (D22)."""
    own_id = spot.header_member("plan_id" if whose == "step" else f"{whose}_id")
    if not isinstance(own_id, str):
        return
    known = spot.snapshot.index.baseline("plan" if whose == "step" else whose, own_id)
    if known is None:
        return
    step_id = spot.around.get("step_id")
    before = known.status if whose != "step" else known.steps.get(step_id if isinstance(step_id, str) else "")
    if before is not None and before != spot.value:
        yield line("At the last save it was ", code(before), ". ", targets_sentence(whose, before))


def moment_card(spot: Spot) -> Card | None:
    """A moment in full and in UTC, and how long it was between the two ends of what is around it."""
    moment = moment_of(spot.value)
    if moment is None:
        return None
    name = spot.pointer[-1] if spot.pointer else ""
    title = line(f"{moment:%A} {moment.day} {moment:%B} {moment:%Y}, {moment:%H:%M:%S} UTC")
    said = description(spot.kind, spot.header, spot.pointer) or {}
    meaning = said.get("description")
    sentences = [line(meaning)] if isinstance(meaning, str) else []
    return Card(title, sentences, list(_duration(spot, str(name))))


def _duration(spot: Spot, name: str) -> Iterator[Line]:
    for begin, end in zip(_BEGINNINGS, _ENDS, strict=True):
        if name not in {begin, end}:
            continue
        first, last = moment_of(spot.around.get(begin)), moment_of(spot.around.get(end))
        if first is not None and last is not None and last >= first:
            yield line(f"From `{begin}` to `{end}`: {seconds((last - first).total_seconds())}")
