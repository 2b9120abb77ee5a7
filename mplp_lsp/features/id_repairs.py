"""Repairs of texts that are no ids: the step that was meant, or a fresh id wherever the text stands."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mplp_lsp.features.fresh import fresh_uuid
from mplp_lsp.features.id_spots import id_spots
from mplp_lsp.features.json_edits import value_at
from mplp_lsp.text.edits import Edit
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.facts import OWN_ID
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.words import distance

MOST_SLIPS = 3
_SECTION_IDS = frozenset(
    ("step_id", "decision_id", "segment_id", "event_id", "span_id", "node_id", "sample_id", "invocation_id")
)


def malformed_id_repairs(document: Document, pointer: Pointer) -> Iterator[tuple[str, tuple[Edit, ...]]]:
    """Titles and edits that make an id of the text at `pointer`, the best first; nothing where none is sure.

    A word that is declared here (`"step_id": "step-1"`) becomes a fresh id, everywhere it is mentioned as an
    id. A word that is only mentioned is never made up: it may be the step of nearly that id or that name.
    """
    tree = document.tree
    word = value_at(tree, pointer) if tree is not None else None
    if tree is None or not isinstance(word, str) or not word:
        return
    spots = sorted((*tree.range_of(place), place) for place in id_spots(document, word))
    shown = json.dumps(word, ensure_ascii=False)
    if any(_declares(document, place) for _, _, place in spots):
        text = json.dumps(fresh_uuid(document, spots[0][0]))
        where = "" if len(spots) == 1 else f", at all {len(spots)} places"
        edits = tuple(Edit(start, end, text) for start, end, _ in spots)
        yield f"Replace {_cut(shown)} by a fresh id{where}", edits
    elif "dependencies" in pointer:
        meant = _step_meant(tree, word)
        if meant is not None:
            start, end = tree.range_of(pointer)
            yield f"Change to `{meant}`", (Edit(start, end, json.dumps(meant)),)


def _declares(document: Document, pointer: Pointer) -> bool:
    """Whether the id at `pointer` is the document's own or that of a part of it, no mention of another's."""
    return pointer[-1] in _SECTION_IDS or pointer == (OWN_ID.get(document.kind or ""),)


def _step_meant(tree: Tree, word: str) -> str | None:
    """The id of the one step that is nearly `word`, or that is called `word`; None where none or several."""
    table = tree.tables.get("steps")
    by_id: list[str] = []
    by_name: list[str] = []
    for block in table.blocks if table is not None else ():
        for element in block.elements:
            step = element.value if isinstance(element.value, dict) else {}
            step_id, name = step.get("step_id"), step.get("description")
            if not isinstance(step_id, str) or not is_id(step_id):
                continue
            if distance(step_id, word.strip().lower(), MOST_SLIPS) <= MOST_SLIPS:
                by_id.append(step_id)
            if isinstance(name, str) and name.strip().casefold() == word.strip().casefold():
                by_name.append(step_id)
    for found in (by_id, by_name):
        if len(found) == 1:
            return found[0]
    return None


def _cut(text: str, longest: int = 60) -> str:
    return f"`{text if len(text) <= longest else text[: longest - 1] + '…'}`"
