"""What copying, cutting short and merging leave in a document: one problem each, the rest as it was meant."""

from __future__ import annotations

import json

import pytest

from mplp_lsp.text.edits import Edit
from mplp_lsp.text.json_gaps import CONFLICT, CONFLICT_REST
from mplp_lsp.text.json_lexer import FENCE
from mplp_lsp.text.json_told import JAVASCRIPT, PYTHON
from mplp_lsp.text.ndjson import Timeline
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree
from tests.text.test_slips import problems

VALUE = {"title": "A", "steps": [{"id": 1}, {"id": 2}], "end": {"x": [1, 2]}}
PLAN = json.dumps(VALUE, indent=2) + "\n"
STARTS = "The document starts behind this: a file holds the JSON alone."
OUT = "`...` stands for nothing in JSON: write what it leaves out, or remove it."


def value(text: str) -> object:
    return Tree.parse(TextSnapshot.of(text)).value


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("```json\n", "```\n", "```json"),
        ("```json\n", "", "```json"),
        ("```json ", " ```", "```json"),
        ("Sure, here is the plan:\n\n", "\nTell me, if it fits: or not.\n", "Sure, here is the plan:"),
        ("Plan:\n```\n", "```\nDone.\n", "Plan:"),
        ("const plan = ", ";\n", "const plan ="),
    ],
)
def test_a_fence_or_a_sentence_around_a_document_is_one_problem(
    before: str, after: str, shown: str, end: str
) -> None:
    text = (before + PLAN + after).replace("\n", end)
    assert problems(text) == [(1, shown, STARTS)]
    assert value(text) == VALUE


def test_a_second_document_is_no_sentence_behind_the_first() -> None:
    (first, second) = problems("Sure:\n" + PLAN + PLAN)
    assert (first[2], second[2]) == (STARTS, "The document ends before this.")


@pytest.mark.parametrize("text", ["null\n", "1\n", '"plan"\n'])
def test_a_document_that_is_no_object_is_not_taken_for_a_sentence(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('    {\n      "id": 2', '    ...\n    {\n      "id": 2', 7),
        ('    {\n      "id": 2', '    ...,\n    {\n      "id": 2', 7),
        ('"id": 2\n    }\n', '"id": 2\n    },\n    ...\n', 10),
        ('"id": 2\n    }\n', '"id": 2\n    }\n    ...\n', 10),
        ('  "steps"', '  ...\n  "steps"', 3),
        ('  "steps"', '  ...,\n  "steps"', 3),
        ("    ]\n  }\n", "    ],\n    ...\n  }\n", 16),
        ('      "id": 2', '      "id": 2,\n      ...', 9),
        ("      2\n", "      2,\n      ...\n", 15),
        ('"A"', "...", 2),
    ],
)
def test_dots_in_place_of_entries_are_one_problem(old: str, new: str, line: int) -> None:
    text = PLAN.replace(old, new, 1)
    assert text != PLAN
    assert problems(text) == [(line, "...", OUT)]


def conflict(ours: str, theirs: str, base: str | None = None) -> str:
    common = "" if base is None else f"||||||| 1a2b\n{base}"
    return f"<<<<<<< HEAD\n{ours}{common}=======\n{theirs}>>>>>>> other\n"


STEP = '    {\n      "id": 2\n    }\n'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('  "title": "A",\n', conflict('  "title": "A",\n', '  "title": "B",\n')),
        ('  "title": "A",\n', conflict('  "title": "A",\n', '  "name": "B",\n', '  "title": "",\n')),
        (STEP, conflict(STEP, '    {\n      "id": 3\n    },\n    {\n      "id": 4\n    }\n')),
        ('      "id": 2\n', conflict('      "id": 2\n', '      "id": 3,\n      "x": [\n')),
        (PLAN, conflict(PLAN, '{"title": "B"}\n')),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_merge_conflict_is_one_problem_and_read_as_the_first_side_has_it(
    old: str, new: str, end: str
) -> None:
    text = PLAN.replace(old, new).replace("\n", end)
    ((_, shown, message),) = problems(text)
    assert (shown, message) == ("<<<<<<< HEAD", CONFLICT)
    assert value(text) == VALUE


def test_each_of_two_merge_conflicts_is_told() -> None:
    text = PLAN.replace('  "title": "A",\n', conflict('  "title": "A",\n', '  "title": "B",\n'))
    text = text.replace(STEP, conflict(STEP, STEP))
    assert [(line, message) for line, _, message in problems(text)] == [(2, CONFLICT), (11, CONFLICT)]


@pytest.mark.parametrize(
    ("line", "message"),
    [("<<<<<<< HEAD", CONFLICT), (">>>>>>> other", CONFLICT_REST), ("=======", CONFLICT_REST)],
)
def test_a_marker_that_was_left_alone_is_told(line: str, message: str) -> None:
    text = PLAN.replace('  "steps"', f'{line}\n  "steps"')
    assert problems(text) == [(3, line, message)]
    assert value(text) == VALUE


@pytest.mark.parametrize(
    "moment", ["2026-05-04T07:00:00Z", "2026-05-04", "2026-05-04T07:00:00.5+02:00", "2026-05-04 07:00"]
)
def test_a_time_without_its_quotes_is_one_problem(moment: str) -> None:
    text = PLAN.replace('"A"', moment)
    assert problems(text) == [(2, moment, "Text stands in double quotes.")]
    assert value(text) == {**VALUE, "title": moment}


@pytest.mark.parametrize(
    ("text", "message", "meant"),
    [
        (
            "{'title': 'it\\'s', 'done': True, 'data': None, 'steps': [{'id': 1}]}",
            PYTHON,
            {"title": "it's", "done": True, "data": None, "steps": [{"id": 1}]},
        ),
        ("{title: 'A', done: false, n: [{x: 1}]}", PYTHON, {"title": "A", "done": False, "n": [{"x": 1}]}),
        (
            "{title: null, done: false, n: [{x: 1}]}",
            JAVASCRIPT,
            {"title": None, "done": False, "n": [{"x": 1}]},
        ),
        (
            "{\"steps\": [{\"id\": 1}, {'id': 'x', 'n': 2}]}",
            PYTHON,
            {"steps": [{"id": 1}, {"id": "x", "n": 2}]},
        ),
    ],
)
def test_a_stretch_in_the_style_of_another_language_is_one_problem(
    text: str, message: str, meant: object
) -> None:
    tree = Tree.parse(TextSnapshot.of(text))
    (problem,) = tree.problems
    start, end, right = (problem.data[f"repair_{part}"] for part in ("start", "end", "text"))
    assert problem.message == message
    assert json.loads(f"{text[:start]}{right}{text[end:]}") == tree.value == meant  # type: ignore[misc]


def test_two_single_quotes_are_two_slips() -> None:
    assert len(problems("{'a': 1, \"b\": 2, 'c': 3}")) == 2


@pytest.mark.parametrize(("left", "right"), [("(", "]"), ("[", ")")])
def test_a_round_bracket_is_the_square_one_that_was_meant(left: str, right: str) -> None:
    text = f'{{"title": "A", "steps": {left}{{"id": 1}}, {{"id": 2}}{right}, "end": {{"x": [1, 2]}}}}'
    wrong = left if left == "(" else right
    assert problems(text) == [(1, wrong, f"`{'[' if left == '(' else ']'}` expected here, not `{wrong}`.")]
    assert value(text) == VALUE


def test_the_fence_around_a_timeline_is_one_problem() -> None:
    timeline = Timeline.parse(TextSnapshot.of('```json\n{"a": 1}\n{"a": 2}\n```\n'))
    assert [(problem.start, problem.message) for problem in timeline.problems] == [(0, FENCE)]


@pytest.mark.parametrize(("at", "cut"), [(24, (19, 20)), (34, (28, 32)), (45, (0, 1)), (45, (1, 5))])
def test_dots_behind_a_stray_colon_have_the_same_repair_however_they_came_there(
    at: int, cut: tuple[int, int]
) -> None:
    before = TextSnapshot.of('{"m": 1, "steps": [{"a": 1}, {"b": 2}x1, "c": 3}], "z": 1}')
    edits = [Edit(at, at, "\n ...,\n"), Edit(*cut, "")]
    after = before.edited(*edits[0]).edited(*edits[1])
    assert list(Tree.parse(before).edited(edits, after).problems) == list(Tree.parse(after).problems)
