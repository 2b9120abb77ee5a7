"""Runs of random edits: the text against the reference, the tree against one that was read afresh."""

from __future__ import annotations

import random
from dataclasses import dataclass

from mplp_lsp.text.edits import Change, Edit, apply
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree
from tests.text import random_edits, reference, shape_edits


@dataclass
class Tally:
    """How many edits were made, and on how many of them the text was broken before."""

    edits: int = 0
    while_broken: int = 0
    inside_elements: int = 0


def run(seed: int, tally: Tally, edits: int = 25) -> None:
    """One document through some edits; raises AssertionError with the seed where something differs."""
    rng = random.Random(seed)
    encoding = rng.choice(reference.ENCODINGS)
    text = random_edits.plan(rng.randint(0, 6), rng)
    snapshot = TextSnapshot.of(text)
    tree = Tree.parse(snapshot)
    for _ in range(edits):
        is_broken = bool(tree.problems)
        if is_broken and rng.random() < 0.15:
            changes: list[Change] = [random_edits.repair(text, rng)]
            expected = reference.apply(text, changes, encoding)
        else:
            changes, expected = [], text
            for _ in range(rng.choice([1, 1, 1, 2, 3])):
                change = random_edits.change(expected, tree, rng, encoding)
                changes.append(change)
                expected = reference.apply(expected, [change], encoding)
        after, made = apply(snapshot, changes, encoding)
        where = f"seed {seed}, {encoding}, {made!r} on {text!r}"
        assert after.text == expected, where
        edited = tree.edited(made, after)
        _is_as_fresh(edited, after.text, rng.random(), where)
        tally.edits += len(made)
        tally.while_broken += is_broken * len(made)
        tally.inside_elements += sum(_is_inside(tree, edit.start) for edit in made)
        snapshot, tree, text = after, edited, expected


def run_at_borders(seed: int, tally: Tally, edits: int = 20) -> None:
    """As `run`, with edits where documents tear, several in one change."""
    rng = random.Random(seed)
    text = random_edits.plan(rng.randint(0, 4), rng)
    snapshot = TextSnapshot.of(text)
    tree = Tree.parse(snapshot)
    for _ in range(edits):
        if len(snapshot.text) > 20_000 or (tree.problems and rng.random() < 0.2):
            made = [Edit(0, snapshot.length, random_edits.plan(rng.randint(0, 4), rng))]
        else:
            made = []
        after = snapshot
        for edit in made:
            after = after.edited(*edit)
        for _ in range(rng.choice([1, 1, 2, 3, 6]) - len(made)):
            shaped = shape_edits.edit(Tree.parse(after), rng)
            made.append(Edit(*shaped))
            after = after.edited(*shaped)
        where = f"seed {seed}, {made!r} on {snapshot.text!r}"
        edited = tree.edited(made, after)
        _is_as_fresh(edited, after.text, rng.random(), where)
        tally.edits += len(made)
        tally.while_broken += bool(tree.problems) * len(made)
        snapshot, tree = after, edited


def _is_as_fresh(edited: Tree, text: str, choice: float, where: str) -> None:
    """The law: a tree that came about by edits is the tree of its text."""
    seen = reference.observed(edited, random.Random(choice))
    wanted = reference.observed(Tree.parse(TextSnapshot.of(text)), random.Random(choice))
    for key, value in wanted.items():
        assert seen[key] == value, f"{key}: {seen[key]!r} is not {value!r}; {where}"
    assert reference.ranges_are_inside(edited), where


def _is_inside(tree: Tree, offset: int) -> bool:
    return any(table.start <= offset <= table.end for table in tree.tables.values())
