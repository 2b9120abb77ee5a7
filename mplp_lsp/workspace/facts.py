"""Facts of a document, taken piece by piece so that an edit costs only the pieces it touched."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from mplp_lsp.text.elements import Element
from mplp_lsp.text.sound_json import sound_value
from mplp_lsp.text.spans import Block
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.blocks import Blocks, by_block, changed_blocks
from mplp_runtime.kinds import SETTINGS
from mplp_runtime.rules.entry_facts import entry_facts, entry_lists
from mplp_runtime.rules.facts import document_facts, many_step_facts, step_facts
from mplp_runtime.rules.graph_changes import Window, remember_window, window_between
from mplp_runtime.rules.world import DocumentFacts, EntryFacts, StepFacts

if TYPE_CHECKING:
    from mplp_lsp.text.toml import TomlTree

_STEP = "step_facts"
_Steps = tuple[StepFacts, ...]


def facts_of_settings(uri: str, toml: TomlTree | None) -> DocumentFacts:
    """mplp.toml as others depend on it: all of its values."""
    return DocumentFacts(uri, SETTINGS, extra={"settings": toml.value if toml is not None else None})


def facts_of_text(uri: str, kind: str, text: str) -> DocumentFacts | None:
    """The same as `facts_of_tree` of that text in a third of the time; None where only the tree can tell."""
    found = sound_value(text)
    return document_facts(uri, kind, found[0], {}) if found is not None else None


def facts_of_tree(uri: str, kind: str, tree: Tree, lineage: dict[str, object]) -> DocumentFacts:
    """The facts of a JSON document; the same object as before where nothing that counts has changed.

    `lineage` carries the last answer together with what it was made from.
    """
    header = tree.header
    steps = _steps(tree, lineage) if kind == "plan" else ()
    entries = {field: found for field in entry_lists(kind) if (found := _entries(tree, field, lineage))}
    parts: tuple[object, ...] = (header, steps, *entries.values())
    known = lineage.get("facts")
    if isinstance(known, tuple) and known[1].uri == uri and _are_same(known[0], parts):
        before = known[1]
        assert isinstance(before, DocumentFacts)  # noqa: S101 (only this function writes it)
        return before
    table = tree.tables.get("steps")
    facts = document_facts(uri, kind, header, {}, steps if table is not None else None, entries)
    if isinstance(known, tuple) and known[1] == facts:
        facts = known[1]
    lineage["facts"] = (parts, facts)
    return facts


def _are_same(before: tuple[object, ...], now: tuple[object, ...]) -> bool:
    return len(before) == len(now) and all(one is other for one, other in zip(before, now, strict=True))


def _entries(tree: Tree, field: str, lineage: dict[str, object]) -> tuple[EntryFacts, ...]:
    """The facts of the entries of one list; the same tuple as before where none of them has changed."""
    table = tree.tables.get(field)
    if table is None:
        return ()
    key = f"{field} facts"

    def of_block(block: Block[Element]) -> tuple[EntryFacts, ...]:
        return tuple([_entry_facts_of(element, field, key) for element in block.elements])

    blocks = by_block(lineage, f"{key} by block", table.blocks, of_block)
    known = lineage.get(key)
    if isinstance(known, tuple) and known[0] is blocks:
        same: tuple[EntryFacts, ...] = known[1]
        return same
    entries = tuple(chain.from_iterable(blocks))
    if isinstance(known, tuple) and known[1] == entries:
        entries = known[1]
    lineage[key] = (blocks, entries)
    return entries


def _entry_facts_of(element: Element, field: str, key: str) -> EntryFacts:
    known = element.facts
    if type(known) is tuple and known[0] == key:
        same: EntryFacts = known[1]
        return same
    fresh = entry_facts(field, element.value)
    element.facts = (key, fresh)
    return fresh


def step_facts_of(element: Element) -> StepFacts:
    """The facts of one step, made once per element."""
    known = element.facts
    if isinstance(known, StepFacts):
        return known
    fresh = element.facts = step_facts(element.value)
    return fresh


class _KnownSteps(NamedTuple):
    blocks: Blocks
    steps: _Steps


def _steps(tree: Tree, lineage: dict[str, object]) -> _Steps:
    """The facts of all steps; the same tuple as before where none of them has changed."""
    table = tree.tables.get("steps")
    if table is None:
        return ()
    blocks = table.blocks
    known = lineage.get("steps")
    if not isinstance(known, _KnownSteps):
        steps = tuple(chain.from_iterable(map(_steps_of_block, blocks)))
        lineage["steps"] = _KnownSteps(blocks, steps)
        return steps
    if known.blocks is blocks:
        return known.steps
    first, old_stop, new_stop = changed_blocks(known.blocks, blocks)
    start = sum(len(block.elements) for block in blocks[:first])
    stop = start + sum(len(block.elements) for block in known.blocks[first:old_stop])
    old = known.steps[start:stop]
    new = tuple(chain.from_iterable(map(_steps_of_block, blocks[first:new_stop])))
    steps = known.steps
    if old != new:
        steps = (*steps[:start], *new, *steps[stop:])
        window = window_between(old, new)
        if window is not None:
            remember_window(lineage, known.steps, steps, Window(*(start + place for place in window)))
    lineage["steps"] = _KnownSteps(blocks, steps)
    return steps


def _steps_of_block(block: Block[Element]) -> _Steps:
    known = block.cache.get(_STEP)
    if isinstance(known, tuple):
        return known
    elements = block.elements
    fresh = [element for element in elements if not isinstance(element.facts, StepFacts)]
    for element, made in zip(fresh, many_step_facts([element.value for element in fresh]), strict=True):
        element.facts = made
    facts = block.cache[_STEP] = tuple([step_facts_of(element) for element in elements])
    return facts
