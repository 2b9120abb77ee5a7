"""The ways to break a circle of steps: one for each of its edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mplp_lsp.analysis.located import Located
from mplp_lsp.features.json_edits import item_removed, value_at
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_runtime.rules.findings import Pointer

_DEPENDENCY_DEPTH = 4
_LONGEST_NAME = 40


def cycle_cuts(document: Document, found: Located) -> Iterator[tuple[str, Edit]]:
    """Title and edit of each; the edge that closes the circle comes first, but none is the obvious one."""
    closing = found.finding.place.pointer
    places = [closing, *(related.place.pointer for related in found.finding.related)]
    for pointer in dict.fromkeys(places):
        removal = item_removed(document, pointer) if len(pointer) == _DEPENDENCY_DEPTH else None
        if removal is None:
            continue
        waiting, target = _step_name(document, pointer), _target_name(document, pointer)
        title = f"Break the circle: {waiting} no longer waits for {target}"
        yield title + (" (this closes it)" if pointer == closing else ""), removal


def _step_name(document: Document, pointer: Pointer) -> str:
    """A step as a person calls it: by its description, else by its place."""
    step = value_at(document.tree, pointer[:2]) if document.tree is not None else None
    description = step.get("description") if isinstance(step, Mapping) else None
    if isinstance(description, str) and (name := " ".join(description.split())):
        return f"`{name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + '…'}`"
    return f"step {int(pointer[1]) + 1}"


def _target_name(document: Document, pointer: Pointer) -> str:
    target = value_at(document.tree, pointer) if document.tree is not None else None
    steps = document.facts.steps if document.facts is not None else ()
    index = next((index for index, step in enumerate(steps) if step.step_id == target), None)
    return _step_name(document, ("steps", index)) if index is not None else "that step"
