"""One character too many, too few or wrong, anywhere: one problem, and what was meant is read."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from mplp_lsp.text.edits import Edit
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree
from tests.text import reference

SIGNS = '"{}[],:\\'
VALUE = {
    "meta": {"protocol_version": "1.0.0", "tags": ["a", "b"]},
    "plan_id": "550e8400-e29b-41d4-a716-446655440000",
    "title": "Ship it, today",
    "status": "draft",
    "steps": [
        {
            "step_id": f"550e8400-e29b-41d4-a716-44665544000{n}",
            "description": f"Step {n}: test, then pack",
            "status": "pending",
            "agent": {"role": "tester", "limits": [1, 2.5]},
            "order_index": n,
            "dependencies": [f"550e8400-e29b-41d4-a716-44665544000{n - 1}"],
        }
        for n in range(4)
    ],
    "trace": {"trace_id": "t"},
    "events": [{"event_id": n, "at": "2025-01-01T00:00:00.000Z"} for n in range(3)],
    "created_at": "2025-01-01T00:00:00.000Z",
}


def in_lines(value: Mapping[str, object]) -> str:
    """Each member and each entry of a list of objects on a line of its own."""
    parts = []
    for key, inner in value.items():
        if isinstance(inner, list) and isinstance(inner[0], dict):
            text = "[\n    " + ",\n    ".join(map(json.dumps, inner)) + "\n  ]"
        else:
            text = json.dumps(inner)
        parts.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


LAYOUTS = {
    "indented": json.dumps(VALUE, indent=2) + "\n",
    "tabs": json.dumps(VALUE, indent="\t").replace("\n", "\r\n"),
    "lines": in_lines(VALUE),
    "one line": json.dumps(VALUE),
    "no blanks": json.dumps(VALUE, separators=(",", ":")),
}


def parse(text: str) -> Tree:
    return Tree.parse(TextSnapshot.of(text))


def broken(text: str, count: int, seed: int) -> Iterator[tuple[Edit, str]]:
    """Random slips that leave no JSON."""
    chance = random.Random(seed)
    places = [offset for offset, char in enumerate(text) if char in SIGNS]
    while count:
        kind = chance.randrange(3)
        at = chance.choice(places) if kind or chance.random() < 0.5 else chance.randrange(len(text))
        edit = Edit(at, at + (kind > 0), "" if kind == 1 else chance.choice(SIGNS))
        after = text[: edit.start] + edit.new_text + text[edit.end :]
        try:
            json.loads(after)
        except ValueError:
            count -= 1
            yield edit, after


def leaves(value: object) -> dict[object, object]:
    found: dict[object, object] = {}
    for pointer in reference.pointers_of(value):
        inner = value
        for part in pointer:
            inner = inner[part]  # type: ignore[index]
        if not isinstance(inner, dict | list):
            found[pointer] = inner
    return found


SOUND = leaves(VALUE)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_slip_of_one_character_is_one_problem_on_its_line(layout: str) -> None:
    text = LAYOUTS[layout]
    counts: Counter[int] = Counter()
    far = 0
    for edit, after in broken(text, 500, seed=7):
        problems = [problem for problem in parse(after).problems if problem.is_error]
        counts[len(problems)] += 1
        line = after.count("\n", 0, edit.start)
        lines = [after.count("\n", 0, problem.start) for problem in problems]
        # A bracket that is never closed is shown where it opens.
        is_unclosed = any(problem.code == "json-bracket-unclosed" for problem in problems)
        far += not is_unclosed and min(abs(line - one) for one in lines) > 1
    assert counts[1] >= 495, counts
    assert far <= 5


@pytest.mark.parametrize("layout", ["indented", "tabs", "lines"])
def test_a_slip_of_one_character_costs_next_to_nothing_around_it(layout: str) -> None:
    lost = Counter(
        len([pointer for pointer, value in SOUND.items() if kept.get(pointer) != value])
        for kept in (leaves(parse(after).value) for _, after in broken(LAYOUTS[layout], 400, seed=11))
    )
    assert sum(count for number, count in lost.items() if number > 3) <= 6, lost


STEP = '{"step_id": "a", "title": "b", "agent": {"role": "r"}, "n": 1, "tags": ["x", "y"]}'
PLAN = (
    '{\n  "meta": {"v": 1},\n  "title": "t",\n  "steps": [\n    '
    + STEP
    + ",\n    "
    + STEP
    + '\n  ],\n  "z": 1\n}\n'
)


@pytest.mark.parametrize(
    ("old", "new", "shown", "message"),
    [
        ('"title": "b"', '"title": "b" "', '"', "This quote is one too many."),
        ('"title": "b"', '"title": "b"c"', '"', "This quote is one too many."),
        ('{"role": "r"}', '{}"role": "r"}', "}", "This `}` closes nothing."),
        ('"agent": {"role"', '"agent": ["role"', "[", "`{` expected here, not `[`."),
        ('{"role": "r"}', '{"role": "r"]', "]", "`}` expected here, not `]`."),
        ('"tags": ["x"', '"tags": {"x"', "{", "`[` expected here, not `{`."),
        ('"tags": ["x"', '"tags": }"x"', "}", "`[` expected here, not `}`."),
        ('"title": "b"', '"title": "b":', ":", "`,` expected here, not `:`."),
        ('"b", "agent"', '"b"] "agent"', "]", "`,` expected here, not `]`."),
        ('"title": "b"', '"title", "b"', ",", "`:` expected here, not `,`."),
        ('"title": "b"', '"title"{ "b"', "{", "`:` expected here, not `{`."),
        ('["x", "y"]', '["x", {y"]', "{", '`"` expected here, not `{`.'),
        ("]}\n  ],", "]}\n  :,", ":", "`]` expected here, not `:`."),
        ('"steps": [', '"steps": {', "{", "`[` expected here, not `{`."),
        ('"meta": {', '"meta": [', "[", "`{` expected here, not `[`."),
        ('  "title": "t"', '  "title"" "t"', '"', '`:` expected here, not `"`.'),
        ('"t",\n', '"t"]\n', "]", "`,` expected here, not `]`."),
        ('"z": 1\n}', '"z": 1\n[', "[", "`}` expected here, not `[`."),
        ("  ],", "  ],[", "[", "This `[` opens nothing."),
        ('  "z"', '  {"z"', "{", "This `{` opens nothing."),
    ],
)
def test_a_sign_typed_for_another_is_named_with_the_one_that_was_meant(
    old: str, new: str, shown: str, message: str
) -> None:
    assert old in PLAN
    text = PLAN.replace(old, new.removesuffix(",") if old == '"title": "b"' and new.endswith(":") else new, 1)
    if new.endswith('"b":'):
        text = text.replace('"b":,', '"b":')
    tree = parse(text)
    assert [(text[p.start : p.end], p.message) for p in tree.problems] == [(shown, message)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"x": {"a": 1, {"b": 2}}', {"x": {"a": 1, "b": 2}}),
        ('{"steps": [{"a": "b"" , "c": 1}, {"a": 1}]}', {"steps": [{"a": "b", "c": 1}, {"a": 1}]}),
        ('{"a": "x", "b": 2025-01-01", "c": 1}', {"a": "x", "b": "2025-01-01", "c": 1}),
        ('{"s": [{"a": 1}, ,{"a": 2}]}', {"s": [{"a": 1}, {"a": 2}]}),
        ('{"s": [{"a": 1}, "a": 2}], "b": 1}', {"s": [{"a": 1}, {"a": 2}], "b": 1}),
        ('{"s": [{"a": 1}, "b": 2}, {"a": 3}], "c": 1}', {"s": [{"a": 1, "b": 2}, {"a": 3}], "c": 1}),
    ],
)
def test_what_was_meant_is_read(text: str, value: object) -> None:
    tree = parse(text)
    assert len(tree.problems) == 1, tree.problems
    assert tree.value == value


def test_places_behind_a_slip_are_those_of_the_text_as_it_is() -> None:
    for edit, after in broken(LAYOUTS["lines"], 300, seed=5):
        tree = parse(after)
        if len(tree.problems) != 1:
            continue
        for pointer in reference.pointers_of(tree.value):
            start, end = tree.range_of(pointer)
            inner = tree.value
            for part in pointer:
                inner = inner[part]  # type: ignore[index]
            if start <= edit.end + 1 and edit.start - 1 <= end:
                continue
            if isinstance(inner, str | int | float):
                assert json.loads(after[start:end]) == inner, (after, edit, pointer)


def test_two_slips_in_one_step_are_two_problems() -> None:
    text = PLAN.replace('"a", "title"', '"a" "title"', 1).replace('"n": 1', '"n" 1', 1)
    assert [problem.message for problem in parse(text).problems] == [
        "Comma expected before this key.",
        "Colon expected after this key.",
    ]


def test_slips_in_two_steps_and_in_the_header_are_told_each() -> None:
    text = PLAN.replace('"title": "t"', '"title": "t""', 1)
    text = text.replace('"agent": {"role"', '"agent": ["role"')
    tree = parse(text)
    assert len(tree.problems) == 3
    assert [step["n"] for step in tree.value["steps"]] == [1, 1]  # type: ignore[index]


def test_an_edit_elsewhere_keeps_the_steps_of_a_document_with_a_slip() -> None:
    text = PLAN.replace('  "title": "t"', '  "title"" "t"', 1)
    before = parse(text)
    at = text.rindex('"z": 1') + 5
    snapshot = before.text.edited(at, at + 1, "2")
    after = before.edited([Edit(at, at + 1, "2")], snapshot)
    assert reference.observed(after) == reference.observed(parse(snapshot.text))
    assert after.tables["steps"].element(0) is before.tables["steps"].element(0)


@pytest.mark.timeout(60)
def test_looking_for_slips_takes_time_in_proportion_to_the_faults() -> None:
    step = '{"a": 1 "b": 2, "c": [1 2]}'
    few = '{"steps": [' + ",\n".join([step] * 50) + "]}"
    many = '{"steps": [' + ",\n".join([step] * 500) + "]}"
    assert len(parse(few).problems) == 100
    assert len(parse(many).problems) == 1000


def typed_prefixes(before: str, typed: str, after: str) -> Iterator[str]:
    for end in range(1, len(typed)):
        yield before + typed[:end] + after


def test_a_step_that_is_being_typed_is_one_problem_and_leaves_the_next_step_alone() -> None:
    text = LAYOUTS["indented"]
    at = text.index('    {\n      "step_id": "550e8400-e29b-41d4-a716-446655440002"')
    step = "    " + json.dumps(VALUE["steps"][0], indent=2).replace("\n", "\n    ")  # type: ignore[index]
    counts: Counter[int] = Counter()
    for part in typed_prefixes(text[:at], step + ",", "\n" + text[at:]):
        tree = parse(part)
        counts[len(tree.problems)] += 1
        names = [one.get("step_id") for one in tree.value["steps"] if isinstance(one, dict)]  # type: ignore[index]
        assert names[-2:] == [one["step_id"] for one in VALUE["steps"][2:]]  # type: ignore[index]
    # While a number ends with its point, there are two things to say.
    assert counts[2] <= 1
    assert max(counts) == 2


def test_a_member_that_is_being_typed_is_one_problem() -> None:
    text = LAYOUTS["indented"]
    at = text.index('"order_index": 1') + len('"order_index": 1')
    member = ',\n      "notes": [\n        "a",\n        "b"\n      ],\n      "more": {"a": 1}'
    for part in typed_prefixes(text[:at], member, text[at:]):
        assert len(parse(part).problems) <= 1, part
