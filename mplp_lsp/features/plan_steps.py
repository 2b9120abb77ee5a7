"""The steps of a plan by their ids, and who waits for whom; kept with blocks, so an edit costs its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mplp_lsp.features import checkpoint
from mplp_lsp.features.places import STEPS
from mplp_lsp.text.elements import Element
from mplp_lsp.text.spans import Block
from mplp_lsp.workspace.documents import Document

_KEPT = "steps by id"
_Inside = Mapping[str, tuple[int, Mapping[str, Any]]]


class StepsById:
    """Looks the steps of one version up by id; what costs anything is kept with the blocks."""

    __slots__ = ("_blocks",)

    def __init__(self, plan: Document) -> None:
        table = plan.tree.tables.get(STEPS) if plan.kind == "plan" and plan.tree is not None else None
        self._blocks: list[tuple[int, _Inside]] = []
        first = 0
        for block in table.blocks if table is not None else ():
            checkpoint()
            self._blocks.append((first, _of_block(block)))
            first += len(block.elements)

    def get(self, step_id: str) -> tuple[int, Mapping[str, Any]] | None:
        """Position and value of the step; of two with the same id, of the first. None where there is none."""
        for first, inside in self._blocks:
            found = inside.get(step_id)
            if found is not None:
                return first + found[0], found[1]
        return None


def steps_by_id(plan: Document) -> StepsById:
    """The steps of a plan, and none of any other document; kept with this version of its text."""
    known = plan.cache.get(_KEPT)
    if not isinstance(known, StepsById):
        known = plan.cache[_KEPT] = StepsById(plan)
    return known


def _of_block(block: Block[Element]) -> _Inside:
    known = block.cache.get(_KEPT)
    if isinstance(known, dict):
        return known
    inside: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for position, element in enumerate(block.elements):
        value = element.value
        if isinstance(value, dict) and isinstance(value.get("step_id"), str):
            inside.setdefault(value["step_id"], (position, value))
    block.cache[_KEPT] = inside
    return inside


def dependants(plan: Document, step_id: str) -> list[int]:
    """Positions of the steps that wait for this one, in the order of the plan."""
    facts = plan.facts
    if facts is None or facts.kind != "plan":
        return []
    return [index for index, step in enumerate(facts.steps) if step_id in step.dependencies]
