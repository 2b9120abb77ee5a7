"""Completion in mplp.toml: what is offered where, and the whole file after an item was accepted."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import pytest
from lsprotocol import types

from mplp_lsp.features.completion_resolve import completion_resolve
from mplp_lsp.features.diagnostics import diagnostics
from tests.features.completing import PLAIN_CLIENT, accepted, asked, items, labels
from tests.features.plans import META, plan_value
from tests.project import ABLE_CLIENT, Project, project, uri, uuid_of

TABLES = ["[run]", "[limits]", "[gates]", "[drift]", "[collab]", "[learning]", "[state]"]
IDLE_TABLES = ["[engine]"]


def settings(text: str, *, roles: tuple[str, ...] = ("tester",), client: object = None) -> Project:
    """A project whose plan has one step for each role, and this mplp.toml."""
    value = plan_value(steps=len(roles))
    for step, role in zip(value["steps"], roles, strict=True):
        step["agent_role"] = role
    files = f"-- a.plan.json --\n{json.dumps(value)}\n-- mplp.toml --\n{text}"
    return project(files, client=client or ABLE_CLIENT)  # type: ignore[arg-type]


def written(text: str, label: str, **options: object) -> str:
    seen = settings(text, **options)  # type: ignore[arg-type]
    (item,) = [each for each in items(seen) if each.label == label]
    return accepted(seen, item)


def test_tables_are_offered_the_roles_of_steps_first_and_what_does_nothing_last() -> None:
    step = f'[steps."{uuid_of("s1")}"]'
    assert labels(settings("[$0")) == ["[roles.tester]", *TABLES, *IDLE_TABLES, step]
    assert labels(settings("[$0\n[run]\n[roles.tester]\n")) == [*TABLES[1:], *IDLE_TABLES, step]


@pytest.mark.parametrize("before", ["[$0", "[$0]", "[ro$0]", "[roles.$0", "$0", "ro$0"])
def test_a_table_is_closed_once(before: str) -> None:
    below = 'action = "tool_call"\ncommand = ["pytest"]\n'
    assert written(f"{before}\n{below}", "[roles.tester]") == f"[roles.tester]\n{below}"
    assert written(f"{before}\n[run]\n", "[limits]") == "[limits]\n[run]\n"


@pytest.mark.parametrize("before", ["[$0", "[$0]", "[ro$0]", "[roles.$0", "ro$0", "[$0] "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("below", ["", "\n\n", "\n# later\n\n[run]\n"])
def test_the_table_of_a_role_comes_whole_so_that_nothing_is_missing(
    before: str, below: str, end: str
) -> None:
    text = written((before + below).replace("\n", end), "[roles.tester]")
    assert tomllib.loads(text)["roles"] == {"tester": {"action": "agent_handoff", "to": "human"}}
    found = diagnostics(settings(text).snapshot, uri("mplp.toml"))
    assert [one.message for one in found] == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_many_empty_lines_or_a_comment_below_a_table_do_not_hide_its_keys_nor_stop_the_server(
    end: str,
) -> None:
    for gap in ("\n" * 500, "# how it is tested\n"):
        below = (gap + 'action = "custom_action"\n').replace("\n", end)
        assert written(f"[$0{end}{below}", "[roles.tester]") == f"[roles.tester]{end}{below}"


def test_a_role_with_a_name_of_several_words_is_quoted() -> None:
    assert (
        written("[$0\naction = 1\n", '[roles."the tester"]', roles=("the tester",))
        == '[roles."the tester"]\naction = 1\n'
    )


def test_keys_are_offered_as_long_as_they_are_missing_with_a_value() -> None:
    assert labels(settings("[run]\nmax_parallel = 4\n$0\n"))[:3] == [
        "require_approval",
        "require_confirm",
        "on_failure",
    ]
    assert written("[run]\non$0\n", "on_failure") == '[run]\non_failure = "continue-independent"\n'
    plain = written("[run]\non$0\n", "on_failure", client=PLAIN_CLIENT)
    assert plain == '[run]\non_failure = "continue-independent"\n'


def test_what_an_action_needs_comes_first() -> None:
    assert labels(settings("[roles.tester]\n$0\n"))[0] == "action"
    copying = '[roles.tester]\naction = "file_operation"\noperation = "copy"\n$0\n'
    assert labels(settings(copying))[:2] == ["source", "target"]
    assert [item.detail for item in items(settings(copying))][:2] == ["required", "required"]
    handing = labels(settings('[roles.tester]\naction = "agent_handoff"\n$0\n'))
    assert handing[0] == "to"
    assert "command" not in handing


def test_a_command_and_a_server_exclude_one_another() -> None:
    assert "server" not in labels(settings('[roles.tester]\naction = "tool_call"\ncommand = ["x"]\n$0\n'))
    assert "command" not in labels(settings('[roles.tester]\naction = "tool_call"\nserver = ["x"]\n$0\n'))


@pytest.mark.parametrize(
    ("before", "label", "after"),
    [
        ("on_failure = $0", "stop", 'on_failure = "stop"'),
        ("on_failure =$0", "stop", 'on_failure = "stop"'),
        ('on_failure = "$0"', "stop", 'on_failure = "stop"'),
        ('on_failure = "$0', "stop", 'on_failure = "stop"'),
        ('on_failure = "co$0ntinue"', "stop", 'on_failure = "stop"'),
        ('on_failure =$0 "continue" # why', "stop", 'on_failure = "stop" # why'),
        ("require_confirm = $0", "true", "require_confirm = true"),
        ("require_confirm = f$0", "false", "require_confirm = false"),
        ("max_parallel = $0", "4", "max_parallel = 4"),
    ],
)
def test_values_replace_what_is_typed(before: str, label: str, after: str) -> None:
    assert written(f"[run]\n{before}\n", label) == f"[run]\n{after}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("env_allow = $0", 'env_allow = ["CI"]'),
        ("env_allow = [$0]", 'env_allow = ["CI"]'),
        ('env_allow = ["PATH", "$0"]', 'env_allow = ["PATH", "CI"]'),
        ('env_allow = ["PATH", $0]', 'env_allow = ["PATH", "CI"]'),
        ('env_allow = [$0"PATH"]', 'env_allow = ["CI","PATH"]'),
        ('env_allow = [\n  "PATH",\n  "$0\n]', 'env_allow = [\n  "PATH",\n  "CI"\n]'),
        ('env_allow = [\n  "PATH"\n  "$0"\n]', 'env_allow = [\n  "PATH"\n  , "CI"\n]'),
    ],
)
def test_entries_of_lists_bring_their_commas(before: str, after: str) -> None:
    assert written(f"[limits]\n{before}\n", "CI") == f"[limits]\n{after}\n"


def test_names_that_the_file_knows_are_offered_and_none_twice() -> None:
    role = '[roles.tester]\naction = "llm_call"\napi_key_env = "WRITER_KEY"\n'
    offered = labels(settings(f'{role}[limits]\nenv_allow = ["PATH", "$0"]\n'))
    assert offered[0] == "WRITER_KEY"
    assert "PATH" not in offered


def test_gates_name_roles_and_steps_by_their_description() -> None:
    seen = settings('[gates]\nconfirm_steps = ["$0"]\n')
    assert labels(seen) == ["tester", "Step 1"]
    assert accepted(seen, items(seen)[1]) == f'[gates]\nconfirm_steps = ["{uuid_of("s1")}"]\n'


def test_what_does_nothing_in_this_version_says_so() -> None:
    (engine,) = [item for item in items(settings('[engine]\nkind = "$0"\n')) if item.label == "temporal"]
    assert engine.detail == "not in effect in this version"


def test_a_step_may_be_handed_to_a_person_or_to_another_role() -> None:
    handoff = '[roles.x]\naction = "agent_handoff"\nto = "$0"\n'
    assert [(item.label, item.detail) for item in items(settings(handoff))] == [
        ("human", "a person does it"),
        ("tester", "another role, in a run with several participants"),
    ]


@pytest.mark.parametrize(
    ("text", "typed", "is_answered"),
    [
        ("[$0", "[", True),
        ("[roles.$0", ".", True),
        ("[run]\non_failure = $0", " ", True),
        ('[run]\non_failure = "$0"', '"', True),
        ('[run]\non_failure = "stop"$0', '"', False),
        ("[run]\n $0", " ", False),
        ("[run]\nmax_parallel = 4 $0", " ", False),
        ("[limits]\ntimeout_s = 0.$0", ".", False),
        ("# a $0", " ", False),
        ("# $0", None, False),
        ("$0", " ", False),
        ("[run]\nunknown = $0", None, False),
        ("[run]\nmax_par$0allel = 4", None, False),
    ],
)
def test_nothing_pops_up_where_nothing_is_to_be_completed(
    text: str, typed: str | None, is_answered: bool
) -> None:
    assert (asked(settings(text), typed) is not None) is is_answered


@pytest.mark.parametrize("roles", [(), ("tester", "the writer")])
def test_an_empty_file_becomes_settings_that_check_clean(roles: tuple[str, ...]) -> None:
    seen = settings(" \n$0", roles=roles) if roles else project("-- mplp.toml --\n$0")
    (whole,) = items(seen)
    assert whole.preselect
    text = accepted(seen, whole)
    seen.write("mplp.toml", text)
    found = diagnostics(seen.again(), seen.uri)
    assert [one for one in found if one.severity and one.severity <= 2] == []
    for role in roles:
        assert role in text


def test_documentation_says_what_a_key_is_for_and_its_default() -> None:
    markdown = replace(ABLE_CLIENT, completion_documentation_markdown=True)
    seen = settings("[run]\n$0\n", client=markdown)
    (key,) = [item for item in items(seen) if item.label == "on_failure"]
    told = completion_resolve(seen.snapshot, seen.snapshot.document(seen.uri), key).documentation
    assert isinstance(told, types.MarkupContent)
    meaning, *more = told.value.split("\n\n")
    assert meaning == (
        "What happens to the other steps when one fails; `rollback` stops, and takes back what file "
        "operations of the run did."
    )
    assert more == [
        'By default "stop".',
        'For example `on_failure = "continue-independent"`.',
    ]


def test_roles_are_known_also_while_another_line_cannot_be_read() -> None:
    plan = json.dumps({"meta": META, "steps": [{"agent_role": "HERE"}]}).replace("HERE", "$0")
    seen = project(
        f'-- mplp.toml --\n[roles.bound]\naction = "agent_handoff"\nto =\n-- a.plan.json --\n{plan}'
    )
    assert labels(seen) == ["bound"]
