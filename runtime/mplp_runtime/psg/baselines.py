"""Statuses at the last save that the graph knows: what a change of status is measured against (D22)."""

from __future__ import annotations

from collections.abc import Mapping

from mplp_runtime.rules.world import Baseline
from mplp_runtime.vsl.interface import Json, Transaction, ValueStateLayer


def record_baseline(transaction: Transaction, plan_value: Mapping[str, Json]) -> None:
    """Keeps the statuses of a saved plan; what is no string is left out, a plan without an id ignored."""
    plan_id = plan_value.get("plan_id")
    if not isinstance(plan_id, str) or not _can_be_kept(plan_id):
        return
    status = plan_value.get("status")
    steps = plan_value.get("steps")
    statuses: dict[str, str] = {}
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, Mapping):
            step_id, word = step.get("step_id"), step.get("status")
            if isinstance(step_id, str) and isinstance(word, str):
                statuses[step_id] = word
    kept = {"status": status if isinstance(status, str) else None, "steps": statuses}
    if transaction.get(_key(plan_id)) != kept:
        transaction.set(_key(plan_id), kept)


def baseline(store: ValueStateLayer, plan_id: str) -> Baseline | None:
    """The statuses kept for a plan; None if no save of it is known."""
    if not _can_be_kept(plan_id):
        return None
    kept = store.read(lambda reading: reading.get(_key(plan_id)))
    return None if kept is None else Baseline(kept["status"], kept["steps"])


def _can_be_kept(plan_id: str) -> bool:
    # The plan is as it was typed: its id may hold half of a surrogate pair, which no store takes as a key.
    return plan_id.encode("utf-8", "ignore").decode() == plan_id


def _key(plan_id: str) -> str:
    return f"baseline/plan/{plan_id}"
