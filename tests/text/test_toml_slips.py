"""One slip in mplp.toml: one problem on its line, a repair that gives TOML, the rest as it was meant."""

from __future__ import annotations

import random
import tomllib

import pytest

from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.toml import TomlTree

ROLE = '[roles.tester]\naction = "tool_call"\ncommand = ["pytest", "-q"]\nretries = 1\n'
RUN = "\n[run]\nmax_parallel = 2\n"
VALUE = tomllib.loads(ROLE + RUN)


def parse(text: str) -> TomlTree:
    return TomlTree.parse(TextSnapshot.of(text))


def repaired(text: str, tree: TomlTree) -> str:
    (problem,) = tree.problems
    data = problem.data
    start, end, right = data["repair_start"], data["repair_end"], data["repair_text"]
    assert isinstance(start, int)
    assert isinstance(end, int)
    return f"{text[:start]}{right}{text[end:]}"


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('"tool_call"', "tool_call", "stands in quotes"),
        ('"tool_call"', '"tool_call', "never closed"),
        ('"tool_call"', 'tool_call"', "in front"),
        ('"tool_call"', "“tool_call”", "straight quotes"),
        ("action =", "action", "`=` is missing"),
        ("action =", "action:", "`=` belongs here"),
        ("action =", "action ==", "one too many"),
        ('["pytest", "-q"]', '["pytest" "-q"]', "comma"),
        ('["pytest", "-q"]', '["pytest", "-q"', "never closed"),
        ('["pytest", "-q"]', '"pytest", "-q"]', "never opened"),
        ('["pytest", "-q"]', "[pytest, -q]", "in quotes"),
        ("[roles.tester]", "[roles.tester", "header is never closed"),
        ("[roles.tester]", "roles.tester]", "header is never opened"),
        ("[roles.tester]", "[r#les.tester]", "`roles` is meant"),
        ("[roles.tester]\n", "[roles.tester]", "new line is missing"),
        ("action =", "act\nion =", "ends too early"),
        ("command = [", "command =\n[", "ends too early"),
        ("command = [", "command =\n    [", "ends too early"),
        ('"tool_call"', '""tool_call"', "no partner"),
        ("retries = 1", "retries = 1,", "one too many"),
        ("retries = 1", "retries = 01", "no zeros"),
        ("retries = 1", "retries = 1 // once", "comment"),
    ],
)
def test_a_slip_is_told_once_and_its_repair_gives_what_was_meant(right: str, wrong: str, said: str) -> None:
    text = (ROLE + RUN).replace(right, wrong, 1)
    tree = parse(text)
    assert [said in problem.message for problem in tree.problems] == [True]
    assert tree.value == VALUE
    assert tomllib.loads(repaired(text, tree)) == VALUE


def test_a_list_of_many_lines_that_is_never_closed_is_one_problem() -> None:
    text = "[roles.tester]\ncommand = [\n" + '  "a",\n' * 17 + RUN
    tree = parse(text)
    assert len(tree.problems) == 1
    assert tree.value == {"roles": {"tester": {"command": ["a"] * 17}}, "run": {"max_parallel": 2}}


def test_a_table_that_stands_twice_is_one_problem_and_the_first_counts() -> None:
    tree = parse(ROLE + RUN + '[roles.tester]\naction = "agent_handoff"\nto = "human"\n')
    assert [problem.message for problem in tree.problems] == [
        "The table [roles.tester] is there already, in line 1."
    ]
    assert tree.value == VALUE


def test_a_header_made_a_comment_is_named_and_its_keys_stay_its_own() -> None:
    text = ROLE + '# [roles.writer]\naction = "agent_handoff"\n'
    tree = parse(text)
    assert len(tree.problems) == 1
    assert tree.value["roles"]["writer"] == {"action": "agent_handoff"}  # type: ignore[index]


def test_places_are_those_of_the_text_as_it_is() -> None:
    text = ROLE.replace('"tool_call"', "tool_call") + RUN
    tree = parse(text)
    for pointer, shown in (
        (("roles", "tester", "action"), "tool_call"),
        (("roles", "tester", "command", 1), '"-q"'),
        (("run", "max_parallel"), "2"),
    ):
        start, end = tree.range_of(pointer)
        assert text[start:end] == shown


def test_line_ends_of_windows_change_nothing() -> None:
    text = (ROLE.replace('"-q"]', '"-q"') + RUN).replace("\n", "\r\n")
    assert len(parse(text).problems) == 1
    assert parse(text).value == VALUE


def test_of_random_slips_nearly_all_are_one_problem_and_cost_one_value_at_most() -> None:
    chance, text, single, kept, count = random.Random(7), ROLE + RUN, 0, 0, 0
    while count < 120:
        at, sign = chance.randrange(len(text)), chance.choice('"=[]{},.#\n')
        broken = text[:at] + chance.choice((sign, "")) + text[at + chance.randrange(2) :]
        tree = parse(broken)
        if not tree.problems:
            continue
        assert all(0 <= problem.start <= problem.end <= len(broken) for problem in tree.problems)
        count += 1
        single += len(tree.problems) == 1
        kept += tree.value.get("run") == VALUE["run"] or "roles" in tree.value
    assert single >= 116
    assert kept >= 116


def test_each_beginning_of_a_file_has_one_problem_at_most() -> None:
    for end in range(len(ROLE + RUN)):
        assert len(parse((ROLE + RUN)[:end]).problems) <= 1, (ROLE + RUN)[:end]


@pytest.mark.parametrize("half", ['["', '["pytest", "', '["a, b", 1, "'])
def test_a_list_whose_last_text_is_just_begun_is_one_problem(half: str) -> None:
    tree = parse((ROLE + RUN).replace('["pytest", "-q"]', half))
    assert [problem.message for problem in tree.problems] == ["This list and its last text are never closed."]
    assert tree.value["run"] == VALUE["run"]


@pytest.mark.parametrize("below", ["[run.x]\ny = 1\n", "[run]\nmax_parallel = 2\n", "[run.x]\n[run.y]\n"])
def test_a_value_in_the_place_of_a_table_is_told_once_where_it_stands(below: str) -> None:
    tree = parse(f"run = 1\n{ROLE}{below}")
    ((start, end, message),) = [(problem.start, problem.end, problem.message) for problem in tree.problems]
    assert (start, end, message) == (0, 7, "`run` has a value here, but is a table in line 6.")
    assert tree.value["roles"] == VALUE["roles"]
