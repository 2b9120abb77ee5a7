"""Broken text: one fault gives one problem, and the rest of the document still gives its values."""

from __future__ import annotations

import json

import pytest

from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree
from tests.text import reference

PLAN = """{
  "meta": {
    "protocol_version": "1.0.0",
    "tags": ["a", "b"]
  },
  "plan_id": "p1",
  "title": "A plan",
  "steps": [
    {
      "step_id": "s1",
      "description": "First",
      "dependencies": [],
      "agent": {
        "role": "r",
        "level": 3
      },
      "order_index": 0
    },
    {
      "step_id": "s2",
      "dependencies": ["s1"],
      "order_index": 1
    },
    {
      "step_id": "s3",
      "dependencies": ["s1", "s2"]
    }
  ],
  "trace": {
    "trace_id": "t"
  },
  "events": [
    {"event_id": 1},
    {"event_id": 2}
  ],
  "status": "draft"
}
"""


def parse(text: str) -> Tree:
    return Tree.parse(TextSnapshot.of(text))


def changed(before: str, after: str) -> str:
    assert PLAN.count(before) >= 1
    return PLAN.replace(before, after, 1)


def leaves(tree: Tree) -> dict[object, object]:
    found = {}
    for pointer in reference.pointers_of(tree.value):
        value = tree.value
        for part in pointer:
            value = value[part]
        if not isinstance(value, dict | list):
            found[pointer] = value
    return found


SOUND = leaves(parse(PLAN))


@pytest.mark.parametrize("offset", [i for i, c in enumerate(PLAN) if c in '{}[],:"'])
def test_one_missing_character_is_one_problem_and_costs_at_most_one_value(offset: int) -> None:
    tree = parse(PLAN[:offset] + PLAN[offset + 1 :])
    assert len(tree.problems) == 1, tree.problems
    kept = leaves(tree)
    assert len([pointer for pointer, value in SOUND.items() if kept.get(pointer) != value]) <= 1


@pytest.mark.parametrize(("stray", "most"), [("{", 3), ("}", 2), ("[", 3), ("]", 4), (",", 3), (":", 2)])
def test_one_stray_character_is_never_a_flood_of_problems(stray: str, most: int) -> None:
    counts = [len(parse(PLAN[:offset] + stray + PLAN[offset:]).problems) for offset in range(len(PLAN) + 1)]
    assert max(counts) <= most
    assert sum(count > 2 for count in counts) <= 10


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ('"agent": {', '"agent": {]', "]"),
        ('"order_index": 0', '"order_index": {0', "{"),
        ('"order_index": 0', '"order_index": ]0', "]"),
        ('"agent": {', '"agent": ]{', "]"),
        ('"agent": {', '"agent" ]: {', "]"),
        ('["s1", "s2"]', '["s1"}, "s2"]', "}"),
        ('["s1", "s2"]', '["s1", "s2"]}', "}"),
        ('["s1", "s2"]', '["s1":, "s2"]', ":"),
        ('"s2"]\n    }\n  ],', '"s2"]\n    }\n  ],:', ":"),
        ('["a", "b"]', '["a"{, "b"]', "{"),
    ],
)
def test_a_stray_character_is_named_and_costs_nothing_around_it(before: str, after: str, shown: str) -> None:
    text = changed(before, after)
    tree = parse(text)
    assert [text[problem.start : problem.end] for problem in tree.problems] == [shown]
    assert leaves(tree) == SOUND


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["," * 1_000_000, "]" * 1_000_000, '{"steps": [' + ":" * 1_000_000])
def test_a_million_of_the_same_fault_is_told_once_and_soon(text: str) -> None:
    assert len(parse(text).problems) <= 3


@pytest.mark.parametrize(
    ("before", "after", "code", "shown"),
    [
        ('"level": 3', '"level": 3, "level": 4', "json-key-duplicate", '"level"'),
        ('"A plan"', "'A plan'", "json-syntax", "'A plan'"),
        ('"A plan"', "A plan", "json-literal-invalid", "A plan"),
        ('"A plan"', '"A \\plan"', "json-escape-invalid", "\\p"),
        ('"A plan"', '"A \tplan"', "json-string-control", "\t"),
        ('"A plan"', '"A \\ud83d plan"', "json-surrogate-lone", "\\ud83d"),
        ('"A plan"', '"A \ud83d plan"', "json-surrogate-lone", "\ud83d"),
        ('"A plan"', '"A "great" plan"', "json-escape-invalid", '"great"'),
        ('"A plan",', '"A plan,', "json-string-unterminated", '"A plan'),
        ('"A plan"', 'A plan"', "json-string-unterminated", 'A plan"'),
        ('"title":', "title:", "json-syntax", "title"),
        ('"level": 3', '"level": NaN', "json-constant-invalid", "NaN"),
        ('"level": 3', '"level": -Infinity', "json-constant-invalid", "-Infinity"),
        ('"level": 3', '"level": 03', "json-number-invalid", "03"),
        ('"level": 3', '"level": +3', "json-number-invalid", "+3"),
        ('"level": 3', '"level": .3', "json-number-invalid", ".3"),
        ('"level": 3', '"level": 0x3', "json-number-invalid", "0x3"),
        ('"level": 3', '"level": True', "json-literal-invalid", "True"),
        ('"level": 3', '"level": 3 // three', "json-comment", "// three"),
        ('"level": 3', '"level": /* x */ 3', "json-comment", "/* x */"),
        ('"level": 3', '"level": 3,', "json-comma-trailing", ","),
        ('["s1", "s2"]', '["s1", "s2",]', "json-comma-trailing", ","),
        ('["s1", "s2"]', '["s1" "s2"]', "json-comma-missing", '"s2"'),
        ('["s1", "s2"]', '["s1", "s2"}', "json-syntax", "}"),
        ('{"event_id": 1},', '{"event_id": 1}', "json-comma-missing", "{"),
        ('{"event_id": 2}', '{"event_id": 2},', "json-comma-trailing", ","),
        ('"status": "draft"\n}', '"status": "draft"\n}\nmore', "json-content-after-end", "more"),
        ('"status": "draft"\n}', '"status": "draft"\n}}', "json-bracket-extra", "}"),
        ('"order_index": 0\n    },', '"order_index": 0\n    }},', "json-bracket-extra", "}"),
        ('"order_index": 0\n    },', '"order_index": 0\n    }],', "json-bracket-extra", "]"),
        ("{\n  ", "\ufeff{\n  ", "json-bom", "\ufeff"),
    ],
)
def test_a_fault_is_named_where_it_stands(before: str, after: str, code: str, shown: str) -> None:
    text = changed(before, after)
    (problem,) = parse(text).problems
    assert problem.code == code
    assert text[problem.start : problem.end] == shown
    assert problem.message.endswith(".")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"order_index": 0', '"order_index": 0,\n      "sta'),
        ('"order_index": 0', '"order_index": 0,\n      "status"'),
        ('"order_index": 0', '"order_index": 0,\n      "status":'),
        ('      "agent": {', '      "sta\n      "agent": {'),
        ('      "agent": {', '      "status":\n      "agent": {'),
        ('"dependencies": [],', '"dependencies": [\n'),
        ('"dependencies": [],', '"dependencies": ["\n'),
        ('"s2"]\n    }', '"s2"]\n    },\n    {'),
        ('"s2"]\n    }', '"s2"]\n    },\n    {\n      "step_id": '),
        ('    {"event_id": 2}', '    {"event_id": 2},\n    {\n      "'),
    ],
)
def test_what_is_being_typed_is_one_problem_and_costs_nothing_around_it(before: str, after: str) -> None:
    tree = parse(changed(before, after))
    assert len(tree.problems) == 1, tree.problems
    kept = leaves(tree)
    assert [pointer for pointer, value in SOUND.items() if kept.get(pointer) != value] == []


def test_a_new_brace_between_two_steps_is_a_new_step_and_leaves_the_others_whole() -> None:
    tree = parse(changed('    {\n      "step_id": "s2"', '    {\n    {\n      "step_id": "s2"'))
    assert [p.code for p in tree.problems] == ["json-bracket-unclosed"]
    assert [step.get("step_id") for step in tree.value["steps"]] == ["s1", None, "s2", "s3"]


def test_a_duplicate_key_names_both_places() -> None:
    text = changed('"plan_id": "p1"', '"plan_id": "p1",\n  "plan_id": "p2"')
    tree = parse(text)
    (problem,) = tree.problems
    first = text[problem.data["first_start"] : problem.data["first_end"]]
    assert (first, text[problem.start : problem.end]) == ('"plan_id"', '"plan_id"')
    assert problem.data["first_start"] < problem.start
    assert tree.value["plan_id"] == "p2"


def test_the_last_of_two_tables_with_one_key_counts() -> None:
    tree = parse('{"steps": [{"a": 1}, {"a": 2}], "x": 1, "steps": [{"a": 3}]}')
    assert tree.tables["steps"].count == 1
    assert tree.value == {"steps": [{"a": 3}], "x": 1}
    assert parse('{"steps": [1], "steps": 5}').value == {"steps": 5}


def test_only_the_broken_element_is_broken() -> None:
    tree = parse(changed('"order_index": 1', '"order_index": '))
    assert tree.is_broken(("steps", 1))
    assert not tree.is_broken(("steps", 0))
    assert not tree.is_broken(("steps", 2))
    assert not tree.is_broken(("meta",))
    assert not tree.is_broken(())


def test_every_place_of_a_sound_document_is_exact() -> None:
    tree = parse(PLAN)
    for pointer in reference.pointers_of(tree.value):
        start, end = tree.range_of(pointer)
        value = tree.value
        for part in pointer:
            value = value[part]
        assert json.loads(PLAN[start:end]) == value
        if pointer and isinstance(pointer[-1], str):
            start, end = tree.range_of(pointer, "key")
            assert PLAN[start:end] == f'"{pointer[-1]}"'
            assert tree.at(start + 1)[:2] == (pointer, "key")
        if isinstance(value, dict | list):
            start, end = tree.range_of(pointer, "open")
            assert PLAN[start:end] in ("{", "[")


def test_a_pointer_that_is_not_there_is_shown_at_its_nearest_ancestor() -> None:
    tree = parse(PLAN)
    assert tree.range_of(("steps", 1, "status")) == tree.range_of(("steps", 1), "open")
    assert tree.range_of(("steps", 7)) == tree.range_of(("steps",), "open")
    assert tree.range_of(("meta", "owner", "name")) == tree.range_of(("meta",), "open")
    assert tree.range_of(("nothing",)) == (0, 1)


def test_the_hit_at_an_offset_is_the_innermost_value_or_key() -> None:
    tree = parse(PLAN)
    assert tree.at(PLAN.index('"s2"]') + 1)[:2] == (("steps", 2, "dependencies", 1), "value")
    assert tree.at(PLAN.index('"event_id": 2') + 1)[:2] == (("events", 1, "event_id"), "key")
    assert tree.at(PLAN.index('"draft"') + 1)[:2] == (("status",), "value")
    assert tree.at(PLAN.index('    {\n      "step_id": "s2"'))[0] == ("steps",)
    assert parse("").at(5)[:2] == ((), "value")
