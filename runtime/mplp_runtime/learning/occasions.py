"""What is told only where learning samples are wanted: a plan's intent, its revisions, and what they touch.

No run's own stream gets these events, so that the order of a run is the same with and without them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import Event, Stamper, event_core
from mplp_runtime.psg.impact import Touched
from mplp_runtime.vsl.interface import Transaction
from mplp_runtime.vsl.texts import nodes_by_id

STREAM = "project"
_LONGEST_TEXT = 500
_STEPS_NAMED = 50
_AT_ONCE = 500
_PLAN_MEMBERS = ("title", "objective", "context_id")
_STEP_MEMBERS = ("description", "dependencies", "agent_role", "order_index")
"""What makes a plan and its steps what they are; how far they have come does not."""


@dataclass(frozen=True, slots=True)
class Revision:
    """How a plan differs from the one that the graph knows; steps by their ids.

    `reached` are the steps that are new or changed and those that wait for them, in the plan's order.
    """

    members: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    reached: tuple[str, ...]

    @property
    def summary(self) -> str:
        """What was changed, in words.

        >>> Revision(("objective",), ("a",), (), ("b", "c"), ("a", "b", "c")).summary
        'objective changed; 1 step added; 2 steps changed'
        """
        parts = [f"{' and '.join(self.members)} changed"] if self.members else []
        for ids, word in ((self.added, "added"), (self.removed, "removed"), (self.changed, "changed")):
            if ids:
                parts.append(f"{len(ids)} step{'s' if len(ids) > 1 else ''} {word}")
        return "; ".join(parts)

    @property
    def kind(self) -> str:
        """The word of the delta sample's schema for it."""
        if "objective" in self.members:
            return "pivot"
        if self.changed or self.members or (self.added and self.removed):
            return "refinement"
        return "expansion" if self.added else "reduction"

    @property
    def scope(self) -> str:
        """How far it reaches: `local` where nothing but the steps themselves is concerned."""
        is_local = not self.members and len(self.reached) == len(self.added) + len(self.changed)
        return "local" if is_local else "module"


def tell_of_plan(
    transaction: Transaction, bus: EventBus, plan: Mapping[str, Any], *, is_first_run: bool = False
) -> None:
    """Records what a plan means for whoever learns, before the graph takes it over as it is now.

    `intent_extracted` of its objective at its first run, be it a dry one; `plan_revised` and
    `impact_assessed` where it is not what the graph knows.
    """
    about = {"plan_id": plan["plan_id"], "intent_id": plan["plan_id"]}
    project_id = plan["context_id"]
    if is_first_run:
        said = {**about, "text": _short(plan["objective"]), "resolved": _short(plan["title"])}
        _record(transaction, bus, "intent_extracted", "intent", project_id, said)
    revision = revision_of(transaction, plan)
    if revision is None:
        return
    reached = len(revision.reached)
    delta = {
        **about,
        "delta_type": revision.kind,
        "change_summary": revision.summary,
        "affected": reached,
        "impact_scope": revision.scope,
        "impact_summary": f"{reached} of {len(plan['steps'])} steps are concerned",
    }
    told = _record(transaction, bus, "plan_revised", "delta_intent", project_id, delta)
    named = {"delta_id": told["event_id"], "step_ids": list(revision.reached[:_STEPS_NAMED])}
    _record(transaction, bus, "impact_assessed", "impact_analysis", project_id, {**delta, **named})


def revision_of(transaction: Transaction, plan: Mapping[str, Any]) -> Revision | None:
    """How the plan differs from what the graph knows of it; None where it does not, or is unknown."""
    known = transaction.read_node("Plan", plan["plan_id"])
    if known is None:
        return None
    members = tuple(name for name in _PLAN_MEMBERS if plan.get(name) != known.data.get(name))
    steps: Sequence[Mapping[str, Any]] = plan["steps"]
    ids = {step["step_id"] for step in steps}
    before_ids = set(known.data.get("step_ids", ()))
    removed = tuple(each for each in known.data.get("step_ids", ()) if each not in ids)
    added = tuple(step["step_id"] for step in steps if step["step_id"] not in before_ids)
    changed = tuple(_changed(transaction, [step for step in steps if step["step_id"] in before_ids]))
    if not (members or removed or added or changed):
        return None
    return Revision(members, added, removed, changed, _reached(steps, {*added, *changed}))


def impact_event(
    stamper: Stamper, node: tuple[str, str], touched: Sequence[Touched], *, project_id: str
) -> Event:
    """`impact_assessed`: somebody asked what a change of a node touches, and this is the answer."""
    counts = Counter(each.node.type for each in touched)
    summary = ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing"
    payload = {
        "node_type": node[0],
        "node_id": node[1],
        "change_summary": f"{node[0]} {node[1]}",
        "affected": len(touched),
        "impact_scope": "local" if not counts["Plan"] else "module" if counts["Plan"] == 1 else "system",
        "impact_summary": f"It touches {summary}",
    }
    return event_core(stamper, "impact_assessed", "impact_analysis", project_id=project_id, payload=payload)


def _changed(transaction: Transaction, steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for first in range(0, len(steps), _AT_ONCE):
        some = steps[first : first + _AT_ONCE]
        known = nodes_by_id(transaction, "Step", [step["step_id"] for step in some])
        for step in some:
            node = known.get(step["step_id"])
            if node is None or any(_member(step, name) != _member(node.data, name) for name in _STEP_MEMBERS):
                yield step["step_id"]


def _member(step: Mapping[str, Any], name: str) -> Any:
    # No dependencies and an empty list of them mean the same.
    return step.get(name) or None if name == "dependencies" else step.get(name)


def _reached(steps: Sequence[Mapping[str, Any]], begun: set[str]) -> tuple[str, ...]:
    waiting: dict[str, list[str]] = {}
    for step in steps:
        for needed in step.get("dependencies", ()):
            waiting.setdefault(needed, []).append(step["step_id"])
    found, open_ones = set(begun), list(begun)
    while open_ones:
        for each in waiting.get(open_ones.pop(), ()):
            if each not in found:
                found.add(each)
                open_ones.append(each)
    return tuple(step["step_id"] for step in steps if step["step_id"] in found)


def _record(
    transaction: Transaction,
    bus: EventBus,
    word: str,
    family: Any,
    project_id: str,
    payload: Mapping[str, Any],
) -> Event:
    event = event_core(bus.stamper, word, family, project_id=project_id, payload=payload)
    bus.record(transaction, STREAM, event)
    return event


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
