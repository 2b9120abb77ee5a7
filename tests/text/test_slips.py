"""Common slips of the hand: one problem each, where the slip is."""

from __future__ import annotations

import json

import pytest

from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree

BREAK = "A line break must be written as `\\n` in a string."
DOUBLED = "This quote is one too many."
STRAY = "This does not belong here."
SEMICOLON = "`,` expected here, not `;`."
OPEN = "This `{` is never closed."

PRETTY = json.dumps(
    {
        "meta": {"a": 1, "tags": ["x", "y"]},
        "steps": [
            {"step_id": f"s{n}", "agent": {"role": "r", "data": {"k": [{"x": 1}, {"y": 2}], "l": n}}, "n": n}
            for n in range(3)
        ],
        "trace": {"spans": {"root": "x", "n": 2}},
        "status": "draft",
    },
    indent=2,
)


def problems(text: str) -> list[tuple[int, str, str]]:
    """Line (from 1), what is marked, and message of each problem."""
    found = Tree.parse(TextSnapshot.of(text)).problems
    return [(text.count("\n", 0, p.start) + 1, text[p.start : p.end], p.message) for p in found]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{\n "meta": {"a": 1,\n "plan": 2,\n "steps": []\n}', 2),
        ('{\n  "meta": {\n    "a": 1\n  "plan": 2,\n  "steps": []\n}', 2),
        (
            '{\n  "steps": [\n    {\n      "data": {\n        "x": 1\n    },\n    {\n      "n": 2\n    }\n]}',
            4,
        ),
        ('{\n  "steps": [\n    {\n      "data": {"x": 1\n    },\n    {\n      "n": 2\n    }\n  ]\n}', 4),
        ('{\n  "steps": [\n    {\n      "data": {\n        "x": 1\n    }\n  ]\n}', 4),
    ],
)
def test_the_bracket_that_is_never_closed_is_told_by_the_indentation(text: str, line: int) -> None:
    assert problems(text) == [(line, "{", OPEN)]


def closers() -> list[tuple[int, int]]:
    """Each closing bracket of the pretty text but the last, and its opening one."""
    stack: list[int] = []
    pairs = []
    for offset, char in enumerate(PRETTY):
        if char in "{[":
            stack.append(offset)
        elif char in "}]":
            pairs.append((offset, stack.pop()))
    return pairs[:-1]


@pytest.mark.parametrize(("closer", "opener"), closers())
def test_a_deleted_closing_bracket_of_a_pretty_text_blames_its_opening_one(closer: int, opener: int) -> None:
    text = PRETTY[:closer] + PRETTY[closer + 1 :]
    (problem,) = Tree.parse(TextSnapshot.of(text)).problems
    assert (problem.code, problem.start) == ("json-bracket-unclosed", opener)


def test_brackets_that_are_only_indented_badly_are_no_problem() -> None:
    text = '{\n    "a": {\n        "b": {"c": [\n  1\n]\n  }\n},\n    "s": [{\n  "x": {\n}\n}]\n}'
    assert json.loads(text)
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{\n  "steps": [\n    {\n      "a": 1,\n      {"b": 2\n    }\n  ]\n}',
            (5, "{", "This `{` opens nothing."),
        ),
        (
            '{\n  "steps": [\n    {\n  {    "a": 1,\n      "b": 2\n    },\n    {"a": 2}\n  ]\n}',
            (4, "{", "This `{` opens nothing."),
        ),
        (
            '{\n  "steps": [\n    {\n      "a": 1,\n   {   "b": 2,\n      "c": 2\n    },\n    {"a": 2}\n]}',
            (5, "{", "This `{` opens nothing."),
        ),
        (
            '{\n  "steps": [\n    {\n      "a": 1,\n   [   "b": 2,\n      "c": 2\n    },\n    {"a": 2}\n]}',
            (5, "[", "This `[` opens nothing."),
        ),
        ('{"trace": {"a": 1}], "events": []}', (1, "]", "This `]` closes nothing.")),
        (
            '{\n  "steps": [\n    {\n      "a": {\n        "b": 1\n  ]    },\n      "c": 2\n    }\n  ]\n}',
            (6, "]", "This `]` closes nothing."),
        ),
        ('{\n  "steps":" [\n    {"a": 1}\n  ]\n}', (2, '"', DOUBLED)),
        ('{"steps":[\n{"id": 1, "a": {2},\n{"id": 2, "a": 3}]}', (2, "{", "This `{` opens nothing.")),
    ],
)
def test_a_bracket_or_quote_too_many_is_named_where_it_stands(
    text: str, expected: tuple[int, str, str]
) -> None:
    assert problems(text) == [expected]


@pytest.mark.parametrize(
    ("text", "shown", "message", "value"),
    [
        ('{"a" = "b"}', "=", "`:` expected here, not `=`.", {"a": "b"}),
        ('{"a" => "b", "c": 1}', "=>", "`:` expected here, not `=>`.", {"a": "b", "c": 1}),
        ('{"s": [{"a" = 3, "b": 1}]}', "=", "`:` expected here, not `=`.", {"s": [{"a": 3, "b": 1}]}),
        ('{"a": /"b"}', "/", STRAY, {"a": "b"}),
        ('{"a": /"b", "c": 1}', "/", STRAY, {"a": "b", "c": 1}),
        ('{"a": "b"/, "c": 1}', "/", STRAY, {"a": "b", "c": 1}),
        ('{"a": \\"b", "c": 1}', "\\", STRAY, {"a": "b", "c": 1}),
        ('{"a": "b"; "c": 1}', ";", SEMICOLON, {"a": "b", "c": 1}),
        ('{"a": 1; "c": 1}', ";", SEMICOLON, {"a": 1, "c": 1}),
        ('{"a": true; "c": 1}', ";", SEMICOLON, {"a": True, "c": 1}),
        ('["a"; "b"]', ";", SEMICOLON, ["a", "b"]),
        ('{"s": [{"b": 1}; {"c": 1}]}', ";", SEMICOLON, {"s": [{"b": 1}, {"c": 1}]}),
        ('{"a": 1, "b": 2;}', ";", SEMICOLON, {"a": 1, "b": 2}),
        ('{"a": "foo\nbar", "c": 1}', "\n", BREAK, {"a": "foo\nbar", "c": 1}),
        ('{"a": "foo\r\n", "c": 1}', "\r\n", BREAK, {"a": "foo\r\n", "c": 1}),
        ('{"a": "One.\n\n  Two, three: 3",\n "c": 1}', "\n", BREAK, {"a": "One.\n\n  Two, three: 3", "c": 1}),
        ('["foo\nbar", "c"]', "\n", BREAK, ["foo\nbar", "c"]),
        ('{""key": 1}', '"', DOUBLED, {"key": 1}),
        ('{"key"": 1}', '"', DOUBLED, {"key": 1}),
        ('{"k"ey": 1}', '"', DOUBLED, {"key": 1}),
        ('{"key":, 1}', ",", "Value expected before this comma.", {"key": 1}),
        ('{"key",: {"a": 1}}', ",", "A key and its colon have no comma between them.", {"key": {"a": 1}}),
        ('{"key": 1 :}', ":", "Key expected before this colon.", {"key": 1}),
    ],
)
def test_a_wrong_character_is_one_problem_and_costs_no_value(
    text: str, shown: str, message: str, value: object
) -> None:
    assert [(what, said) for _, what, said in problems(text)] == [(shown, message)]
    assert Tree.parse(TextSnapshot.of(text)).value == value


def test_a_string_without_its_closing_quote_is_not_taken_for_one_over_lines() -> None:
    text = '{\n "a": "foo,\n "b": "bar",\n "c": 1\n}'
    assert problems(text) == [(2, '"foo', "This string has no closing quote.")]
    assert Tree.parse(TextSnapshot.of(text)).value == {"a": "foo", "b": "bar", "c": 1}
