"""The quick way to a value is the same value, or none."""

from __future__ import annotations

import json
import random

import pytest

from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.sound_json import sound_value
from mplp_lsp.text.tree import Tree
from tests.text import random_edits, reference


def test_a_sound_text_has_its_value_and_white_space_around_it_does_not_matter() -> None:
    assert sound_value(' \r\n\t{"a": [1, 2.5, null, "\\u00e4 \\n"]}\n') == (
        {"a": [1, 2.5, None, "\u00e4 \n"]},
    )
    assert sound_value("null") == (None,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": 1,}',
        '{"a": 1} x',
        '{"a": NaN}',
        '{"a": -Infinity}',
        "\ufeff{}",
        '{"a": "\\ud800"}',
        '{"a": "\ud800"}',
        '{"a": "\t"}',
        "\v{}",
        "[" * 600 + "]" * 600,
        "[" * 100_000 + "]" * 100_000,
        '"' + "x" * (5 * 1024 * 1024) + '"',
    ],
)
def test_where_only_the_tolerant_parser_can_tell_there_is_no_answer(text: str) -> None:
    assert sound_value(text) is None


@pytest.mark.parametrize("seed", range(150))
def test_what_it_tells_the_tree_tells_too(seed: int) -> None:
    chance = random.Random(seed)
    text = random_edits.plan(chance.randint(0, 4), chance)
    for _ in range(6):
        told = sound_value(text)
        tree = Tree.parse(TextSnapshot.of(text))
        if told is not None:
            assert tree.value == told[0], text
        else:
            # Pairs of escaped surrogates are sound, and rare enough to be left to the tree.
            assert tree.problems or "\\ud8" in text, text
        changed = random_edits.change(text, tree, chance, "utf-16")
        text = reference.apply(text, [changed], "utf-16")


@pytest.mark.parametrize("members", ['"steps": [{"a": 1}], "steps": 3', '"steps": 3, "steps": [{"a": 1}]'])
def test_of_two_members_with_one_name_the_last_counts(members: str) -> None:
    text = f"{{{members}}}"
    assert sound_value(text) == (Tree.parse(TextSnapshot.of(text)).value,) == (json.loads(text),)


def test_numbers_beyond_what_python_reads_are_what_the_tree_makes_of_them() -> None:
    text = f'{{"a": {"9" * 5000}, "b": 1e999, "c": -1e999}}'
    assert sound_value(text) == (Tree.parse(TextSnapshot.of(text)).value,)
