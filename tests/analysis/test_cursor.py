"""What stands at an offset of a JSON text, sound or half typed."""

from __future__ import annotations

import json

import pytest

from mplp_lsp.analysis.cursor import Cursor, cursor_at
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree
from tests.features.plans import plan_text


def cursor(text: str) -> Cursor | None:
    """The cursor at `|`."""
    return cursor_at(Tree.parse(TextSnapshot.of(text.replace("|", ""))), text.index("|"))


def found(text: str) -> Cursor:
    at = cursor(text)
    assert at is not None
    return at


def replaced(text: str) -> str:
    at = found(text)
    return text.replace("|", "")[at.start : at.end]


@pytest.mark.parametrize(
    ("text", "role", "pointer"),
    [
        ("|", "value", ()),
        (" pl|", "value", ()),
        ("{|}", "key", ()),
        ('{"a": |}', "value", ("a",)),
        ('{"a": 1,|}', "key", ()),
        ('{"a": {"b": "|"}}', "value", ("a", "b")),
        ('{"a": {"b": 1, |}}', "key", ("a",)),
        ('{"a": ["x", |]}', "value", ("a", 1)),
        ('{"a": [|]}', "value", ("a", 0)),
        ('{"a": [{}, {"b": |', "value", ("a", 1, "b")),
        ('{"a": [[1], [2, |', "value", ("a", 1, 1)),
        ('{"a": [{"b": 1},\n|\n{"b": 2}]}', "value", ("a", 1)),
        ('{"a": [{"b": 1}\n|\n]}', "value", ("a", 1)),
        ('{"a": [{"b": 1}], |}', "key", ()),
        ('{"a": [{"b": 1}], "c": {"d": "|"}}', "value", ("c", "d")),
        ('{"a": [1], "b": [2], "c": [3, |]}', "value", ("c", 1)),
        ('{"a" "b|"}', None, None),
    ],
)
def test_the_cursor_knows_what_is_written_there(
    text: str, role: str | None, pointer: tuple[str | int, ...] | None
) -> None:
    at = cursor(text)
    assert (at and at.role, at and at.pointer) == (role, pointer)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "x"|}',
        '{"a"|: "x"}',
        '{"a": 1 |}',
        '{"a": [1]|}',
        '{"a": |{}}',
        '{"a": 1} |',
        '|{"a": 1}',
        "{// a|\n}",
        '{/* "a": | */}',
    ],
)
def test_nothing_can_be_written_where_something_is_complete(text: str) -> None:
    assert cursor(text) is None


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ('{"a": "dr|aft"}', '"draft"'),
        ('{"a": |"draft"}', '"draft"'),
        ('{"a":| "draft"}', ' "draft"'),
        ('{"a": dr|aft}', "draft"),
        ('{"a": "dr|, "b": 1}', '"dr'),
        ('{"a": "|, "b": 1}', '"'),
        ('{"a": "dr|}\n', '"dr'),
        ('{"a": ["|]}\n', '"'),
        ('{"ti|tle": 1}', '"title"'),
        ("{ti|}", "ti"),
        ('{"a": \n|\n "b": 1}', ""),
        ('{"a": [|"x"]}', ""),
    ],
)
def test_what_is_typed_already_is_what_would_be_replaced(text: str, whole: str) -> None:
    assert replaced(text) == whole


def test_the_other_keys_of_the_object_are_known_on_both_sides() -> None:
    assert found('{"m": {"a": 1, "|": 2, "c": {"x": 1}}, "d": 3}').keys == {"a", "c"}
    assert found('{"m": {"a": 1, "b|": 2}, "d": 3}').keys == {"a"}
    assert found('{"m": 1, |\n "steps": [{"x": 1}, {"x": 2}], "d": 3}').keys == {"m", "steps", "d"}


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ('{"a": 1, |}', False, False),
        ('{"a": 1\n|}', True, False),
        ('{"a": 1\n"|" "b": 2}', True, True),
        ('{| "b": 2}', False, True),
        ('{"a": |\n "b": 2}', False, True),
        ('{"a": [1\n|, 2]}', True, False),
        ('{"a": [|{}]}', False, True),
        ('{"a": [{} "|"]}', True, False),
        ('{"a": [{"b": 1,\n"|\n{"b": 2}]}', False, False),
    ],
)
def test_missing_commas_are_seen(text: str, before: bool, after: bool) -> None:
    at = found(text)
    assert (at.comma_before is not None, at.comma_after) == (before, after)


def test_a_key_in_front_of_its_value_is_told_from_one_without() -> None:
    assert found('{"a|": 1}').has_value
    assert not found('{"a|", "b": 1}').has_value
    assert not found('{"a|"}').has_value


def test_an_empty_list_is_alone_with_the_cursor() -> None:
    assert found('{"a": [ | ]}').is_alone
    assert not found('{"a": [1, | ]}').is_alone
    assert not found('{"a": [|').is_alone


def test_every_offset_of_every_beginning_of_a_plan_has_an_answer_inside_the_text() -> None:
    whole = json.dumps(json.loads(plan_text()), separators=(",", ":"))
    for length in range(0, len(whole), 3):
        tree = Tree.parse(TextSnapshot.of(whole[:length]))
        for offset in range(max(0, length - 40), length + 1):
            at = cursor_at(tree, offset)
            if at is not None:
                assert 0 <= at.start <= offset <= at.end <= length
