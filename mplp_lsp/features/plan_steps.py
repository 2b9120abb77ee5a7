"""The steps of a plan by their ids, and who waits for whom; made once per version, without reading names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mplp_lsp.features import checkpoint
from mplp_lsp.features.places import STEPS
from mplp_lsp.workspace.documents import Document

_STEPS_BY_ID = "steps by id"
_Steps = Mapping[str, tuple[int, Mapping[str, Any]]]


def steps_by_id(plan: Document) -> _Steps:
    """Position and value of each step of a plan; of two with the same id, the first. Kept with the text."""
    known = plan.cache.get(_STEPS_BY_ID)
    if isinstance(known, dict):
        return known
    found: dict[str, tuple[int, Mapping[str, Any]]] = {}
    table = plan.tree.tables.get(STEPS) if plan.tree is not None else None
    index = 0
    for block in table.blocks if table is not None else ():
        checkpoint()
        for element in block.elements:
            value = element.value
            if isinstance(value, dict) and isinstance(value.get("step_id"), str):
                found.setdefault(value["step_id"], (index, value))
            index += 1
    plan.cache[_STEPS_BY_ID] = found
    return found


def dependants(plan: Document, step_id: str) -> list[int]:
    """Positions of the steps that wait for this one, in the order of the plan."""
    facts = plan.facts
    if facts is None or facts.kind != "plan":
        return []
    return [index for index, step in enumerate(facts.steps) if step_id in step.dependencies]
