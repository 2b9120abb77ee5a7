"""Each code of mplp.toml: its failing example shows it, its passing example is clean, the place is exact."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mplp_runtime.ael.layer import action_problem
from mplp_runtime.rules.findings import Finding, Severity
from mplp_runtime.rules.settings import SETTINGS_CODES, installed_handlers, settings_findings
from mplp_runtime.rules.world import Baseline, DocumentFacts, StepFacts
from mplp_runtime.settings import Settings, parse_settings
from mplp_runtime.settings.codes import SettingsCode


class OnePlan:
    """A project with one plan."""

    def __init__(self, *steps: tuple[str, str]) -> None:
        self.facts = DocumentFacts(
            "file:///plan.json",
            "plan",
            steps=tuple(StepFacts(step_id, (), "pending", role, None) for step_id, role in steps),
        )

    def declarations(self, kind: str, id: str) -> Sequence[DocumentFacts]:
        return []

    def documents(self, kind: str | None = None) -> Iterable[DocumentFacts]:
        return [self.facts]

    def settings(self) -> Settings | None:
        return None

    def baseline(self, kind: str, id: str) -> Baseline | None:
        return None


WORLD = OnePlan(("8f14e45f-ceea-467f-9b5b-3f1c2d4e5a60", "tester"), ("b", "writer"))


def found(text: str) -> list[Finding]:
    return settings_findings(tomllib.loads(text), world=WORLD)


@pytest.mark.parametrize("entry", SETTINGS_CODES, ids=lambda entry: entry.code)
def test_each_code_is_shown_by_its_failing_example_and_by_nothing_else(entry: SettingsCode) -> None:
    [finding] = found(entry.failing)
    assert (finding.code, finding.severity) == (entry.code, entry.severity)
    assert finding.message.strip()
    assert entry.meaning
    assert entry.fix


@pytest.mark.parametrize("entry", SETTINGS_CODES, ids=lambda entry: entry.code)
def test_each_passing_example_is_clean_and_can_be_used(entry: SettingsCode) -> None:
    assert found(entry.passing) == []
    assert parse_settings(tomllib.loads(entry.passing))[0] is not None


MODEL = 'action = "llm_call"\nbase_url = "http://127.0.0.1/v1"\nmodel = "m"\n'
SERVER = 'action = "tool_call"\nserver = ["my-server"]\ntool = "search"\n'
TOOL = 'action = "tool_call"\ncommand = ["x"]\n'


@pytest.mark.parametrize(
    ("text", "pointer", "part", "words"),
    [
        ("[runs]\nx = 1", ("runs",), "key", "Did you mean `run`?"),
        ("run = 3", ("run",), "value", "must be a table"),
        ("roles = 3", ("roles",), "value", "[roles.tester]"),
        ("roles.a = 3", ("roles", "a"), "value", "table with an `action`"),
        ("[roles.a]", ("roles", "a"), "open", "`action` is missing"),
        ('[roles.a]\nhandler = "m:f"', ("roles", "a"), "open", 'action = "custom_action"?'),
        ('[roles.a]\naction = "tool_cal"', ("roles", "a", "action"), "value", "Did you mean `tool_call`?"),
        ("[roles.a]\naction = 3", ("roles", "a", "action"), "value", "must be one of tool_call"),
        ('[roles.a]\naction = "tool_call"', ("roles", "a"), "open", "`command` is missing"),
        ('[roles.a]\naction = "tool_call"\nserver = ["s"]', ("roles", "a"), "open", "`tool` is missing"),
        ('[roles.a]\naction = "tool_call"\ntool = "t"', ("roles", "a"), "open", "`server` is missing"),
        (f'[roles.a]\n{TOOL}model = "m"', ("roles", "a", "model"), "key", "belongs to llm_call"),
        (f'[roles.a]\n{TOOL}comand = ["y"]', ("roles", "a", "comand"), "key", "Did you mean `command`?"),
        (
            '[roles.a]\naction = "tool_call"\ncommand = []',
            ("roles", "a", "command"),
            "value",
            "the program first",
        ),
        (
            '[roles.a]\naction = "tool_call"\ncommand = ["x", 3]',
            ("roles", "a", "command", 1),
            "value",
            "a text",
        ),
        ('[roles.a]\naction = "tool_call"\ncommand = [""]', ("roles", "a", "command", 0), "value", "names"),
        (
            '[roles.a]\naction = "file_operation"\noperation = "copy"\nsource = "s"',
            ("roles", "a"),
            "open",
            "`target` is missing: the operation copy",
        ),
        (
            '[roles.a]\naction = "file_operation"\noperation = "link"',
            ("roles", "a", "operation"),
            "value",
            "Possible: read, write",
        ),
        ('[roles.a]\naction = "agent_handoff"\nto = ""', ("roles", "a", "to"), "value", "an empty text"),
        ('[roles.a]\naction = "agent_handoff"\nto = [3]', ("roles", "a", "to", 0), "value", "a text"),
        (f"[roles.a]\n{TOOL}retries = -1", ("roles", "a", "retries"), "value", "of 0 or more"),
        (f"[roles.a]\n{TOOL}retries = 1.5", ("roles", "a", "retries"), "value", "a whole number"),
        (f"[roles.a]\n{TOOL}retries = true", ("roles", "a", "retries"), "value", "a whole number"),
        (f'[roles.a]\n{TOOL}idempotent = "yes"', ("roles", "a", "idempotent"), "value", "true or false"),
        ("[limits]\ntimeout_s = nan", ("limits", "timeout_s"), "value", "above 0"),
        ("[limits]\ntimeout_s = inf", ("limits", "timeout_s"), "value", "above 0"),
        ("[limits]\ntimeout_s = 0", ("limits", "timeout_s"), "value", "above 0"),
        ("[limits]\ntimeout_s = 2025-12-06", ("limits", "timeout_s"), "value", "a date or time"),
        ('[limits]\nenv_allow = "PATH"', ("limits", "env_allow"), "value", "a list of texts"),
        ("[run]\nmax_parallel = 0", ("run", "max_parallel"), "value", "of 1 or more"),
        (f"[run]\nmax_parallel = {10**400}", ("run", "max_parallel"), "value", "too large a number"),
        (f"[limits]\ncpu_s = {10**400}", ("limits", "cpu_s"), "value", "too large a number"),
        ("[limits]\ncpu_s = true", ("limits", "cpu_s"), "value", "this is true"),
        ("[drift]\nactive_interval_s = -1", ("drift", "active_interval_s"), "value", "of 0 or more"),
        ('[engine]\nkind = "ray"', ("engine", "kind"), "value", "Possible: local, temporal"),
    ],
)
def test_the_place_and_the_words_help(
    text: str, pointer: tuple[str | int, ...], part: str, words: str
) -> None:
    [finding] = settings_findings(tomllib.loads(text))
    assert (finding.place.pointer, finding.place.part) == (pointer, part)
    assert words in finding.message
    assert finding.severity == Severity.ERROR


def test_a_shell_text_is_taken_apart_for_the_fix() -> None:
    [finding] = settings_findings(
        {"roles": {"a": {"action": "tool_call", "command": "pytest -k 'a b' > out.txt"}}}
    )
    assert finding.data["replacement"] == ["pytest", "-k", "a b", ">", "out.txt"]
    assert 'command = ["pytest", "-k", "a b", ">", "out.txt"]' in finding.message
    assert '["sh", "-c", "pytest -k \'a b\' > out.txt"]' in finding.message


def test_an_unfinished_quotation_is_still_taken_apart() -> None:
    [finding] = settings_findings({"roles": {"a": {"action": "tool_call", "command": "echo 'a"}}})
    assert finding.data["replacement"] == ["echo", "'a"]


def test_a_secret_is_never_repeated() -> None:
    writer = {
        "action": "llm_call",
        "base_url": "http://x",
        "model": "m",
        "prompt": "p",
        "api_key_env": "sk-1234",
    }
    findings = settings_findings({"roles": {"a": writer}})
    assert "settings-secret-inline" in {finding.code for finding in findings}
    assert "sk-1234" not in repr(findings)


def test_both_a_command_and_a_server_are_one_too_many() -> None:
    both = {"action": "tool_call", "command": ["x"], "server": ["s"], "tool": "t"}
    [finding] = settings_findings({"roles": {"a": both}})
    assert "not both" in finding.message


def test_without_plans_nothing_is_called_unused() -> None:
    class Empty(OnePlan):
        def documents(self, kind: str | None = None) -> Iterable[DocumentFacts]:
            return []

    text = f"[roles.nobody]\n{TOOL}"
    assert settings_findings(tomllib.loads(text), world=Empty()) == []
    assert settings_findings(tomllib.loads(text)) == []
    assert [finding.code for finding in found(text)] == ["settings-role-unused"]


def test_a_misspelt_role_is_suggested_and_a_role_that_is_handed_to_counts_as_used() -> None:
    [finding] = found(f"[roles.tetser]\n{TOOL}")
    assert "Did you mean `tester`?" in finding.message
    assert finding.unnecessary
    handed = found(f'[roles.tester]\naction = "agent_handoff"\nto = "expert"\n[roles.expert]\n{TOOL}')
    assert handed == [], "not settings-role-unused"


def test_a_role_that_asks_for_more_than_the_limits_is_told_what_counts() -> None:
    text = f"""
    limits = {{network = false, hardened = true, cpu_s = 10}}
    [roles.tester]
    {TOOL}
    network = true
    hardened = false
    cpu_s = 20
    memory_mib = 1024
    env_allow = ["HOME", "TOKEN"]
    """
    findings = settings_findings(tomllib.loads(text))
    assert {finding.code for finding in findings} == {"settings-limit-wider"}
    assert [finding.place.pointer[2:] for finding in findings] == [
        ("cpu_s",),
        ("memory_mib",),
        ("network",),
        ("hardened",),
        ("env_allow", 1),
    ]
    assert (
        settings_findings(
            tomllib.loads(f'limits = {{env_allow = ["TOKEN"]}}\n[roles.a]\n{TOOL}env_allow = ["TOKEN"]')
        )
        == []
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('url = "sqlite:///build/state.db"', None),
        ('url = "sqlite:////var/lib/state.db"', "settings-type-invalid"),
        ('url = "sqlite:///../elsewhere/state.db"', "settings-type-invalid"),
        ('url = "redis://localhost"', "settings-type-invalid"),
        ('url = "postgresql://me:hunter2@localhost/x"', "settings-secret-inline"),
        ('url_env = "MPLP_STATE_URL"', None),
        ('url_env = "postgresql://me:hunter2@localhost/x"', "settings-secret-inline"),
        ('schema_name = "mplp_shop"', None),
        ('schema_name = "a; drop"', "settings-type-invalid"),
        ("cache_s = 0", None),
        ("cache_s = -1", "settings-type-invalid"),
        ('files = "redacted"', None),
        ('files = "hidden"', "settings-value-unknown"),
        ('encryption_key_env = "MPLP_STATE_KEY"', None),
    ],
)
def test_where_the_state_is_kept_is_checked_and_no_password_is_repeated(line: str, code: str | None) -> None:
    findings = settings_findings(tomllib.loads(f"[state]\n{line}"))
    assert [finding.code for finding in findings] == ([code] if code else [])
    assert "hunter2" not in "".join(finding.message for finding in findings)


def test_what_is_not_in_effect_is_said_unless_it_asks_for_nothing() -> None:
    asked = """
    engine = {kind = "temporal", address = "10.0.0.1:7233"}
    """
    findings = settings_findings(tomllib.loads(asked))
    assert {finding.code for finding in findings} == {"settings-not-in-effect"}
    assert len(findings) == 2
    idle = """
    engine = {kind = "local"}
    """
    assert settings_findings(tomllib.loads(idle)) == []
    [wrong] = settings_findings({"learning": {"collect": "yes"}})
    assert wrong.code == "settings-type-invalid", "one fault, one finding"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (f'{MODEL}prompt = "Write {{step.descripton}}"', "prompt", "Did you mean `step.description`?"),
        (f'{MODEL}prompt = "p"\nsystem = "{{plan.name}}"', "system", "`{plan.name}` stands for nothing"),
        (f'{SERVER}arguments = {{q = ["{{inputs}} {{step.x}}"]}}', "arguments", "`{step.x}` stands for"),
        (f'{SERVER}arguments = "q"', "arguments", "must be a table"),
        (f'{TOOL}formatter = ["black"]', "formatter", 'tool_kind = "generator"'),
        (f'{TOOL}arguments = {{q = "a"}}', "arguments", "tool of an MCP `server`"),
        (f'{TOOL}tool_kind = "lint"', "tool_kind", "Did you mean `linter`?"),
    ],
)
def test_what_an_action_could_not_mean_is_told_at_its_place(text: str, place: str, words: str) -> None:
    [finding] = settings_findings(tomllib.loads(f"[roles.a]\n{text}\n"))
    assert finding.place.pointer == ("roles", "a", place)
    assert words in finding.message


def test_a_prompt_may_hold_json_and_every_placeholder_there_is() -> None:
    prompt = '{"a": {}} {step} {step.description} {plan.title} {inputs} {inputs.8f14e45f-ceea-467f}'
    binding = {"action": "llm_call", "base_url": "http://127.0.0.1/v1", "model": "m", "prompt": prompt}
    assert settings_findings({"roles": {"a": binding}}) == []


@pytest.mark.parametrize(
    "binding",
    [
        {"action": "tool_call", "command": ["x"]},
        {"action": "agent_handoff", "to": ["my-agent"]},
        {"action": "agent_handoff", "to": "human"},
        {"action": "llm_call", "base_url": "http://127.0.0.1/v1", "model": "m", "prompt": "p"},
        {"action": "tool_call", "server": ["my-server"], "tool": "search"},
    ],
)
def test_an_action_that_runs_is_not_called_without_effect(binding: dict[str, object]) -> None:
    assert action_problem(str(binding["action"]), binding) is None
    assert settings_findings({"roles": {"a": binding}}) == []


@pytest.mark.parametrize(
    ("action", "idle"),
    [
        ('action = "tool_call"\ncommand = ["x"]', []),
        ('action = "agent_handoff"\nto = ["my-agent"]', []),
        ('action = "agent_handoff"\nto = "human"', ["timeout_s", "hardened", "output_kib", "env_allow"]),
        (
            'action = "file_operation"\noperation = "delete"\ntarget = "x"',
            ["timeout_s", "hardened", "env_allow"],
        ),
        ('action = "custom_action"\nhandler = "h"', ["hardened", "env_allow"]),
    ],
)
def test_a_limit_that_an_action_cannot_keep_is_told(action: str, idle: list[str]) -> None:
    limits = 'timeout_s = 1\nhardened = true\noutput_kib = 1\nenv_allow = ["PATH"]'
    findings = settings_findings(tomllib.loads(f"[roles.a]\n{action}\n{limits}"), handlers={"h"})
    told = [(finding.code, finding.place.pointer[-1]) for finding in findings]
    assert told == [("settings-not-in-effect", name) for name in idle]


@pytest.mark.parametrize("path", ["../x", "a/../../x", "..\\x", "a\0b"])
def test_a_file_operation_that_leaves_the_project_is_told_while_it_is_written(path: str) -> None:
    binding = {"action": "file_operation", "operation": "read", "source": path}
    [finding] = settings_findings({"roles": {"a": binding}})
    assert (finding.code, finding.place.pointer) == ("settings-type-invalid", ("roles", "a", "source"))
    for inside in ("x", "./a/../x", "a/b..c", "..."):
        assert settings_findings({"roles": {"a": {**binding, "source": inside}}}) == []


@pytest.mark.parametrize(
    ("command", "words"), [([], "an empty list"), (["a\0"], "with a NUL"), (["  "], "an empty text")]
)
def test_a_command_that_cannot_be_started_is_told_by_what_it_is(command: list[str], words: str) -> None:
    [finding] = settings_findings({"roles": {"a": {"action": "tool_call", "command": command}}})
    assert f"this is {words}" in finding.message.replace("a text with", "with")


def test_handlers_are_those_installed_unless_given() -> None:
    data = {"roles": {"a": {"action": "custom_action", "handler": "publish"}}}
    assert settings_findings(data, handlers={"publish"}) == []
    assert [finding.code for finding in settings_findings(data)] == ["settings-handler-missing"]
    assert "publish" not in installed_handlers()


def test_the_packages_are_listed_once_for_a_file_with_many_custom_actions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listings: list[str] = []
    monkeypatch.setattr(
        "mplp_runtime.rules.settings.entry_points", lambda group: listings.append(group) or []
    )
    roles = {f"role-{number}": {"action": "custom_action", "handler": "publish"} for number in range(20)}
    assert len(settings_findings({"roles": roles})) == 20
    assert len(listings) == 1
    assert settings_findings({"roles": {"a": {"action": "agent_handoff", "to": "human"}}}) == []
    assert len(listings) == 1


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
NAMES = ["roles", "steps", "run", "limits", "gates", "drift", "learning", "engine", "state", "x"]
KEYS = [
    "action",
    "command",
    "to",
    "server",
    "tool",
    "operation",
    "timeout_s",
    "env_allow",
    "retries",
    "handler",
]
ROLE = st.dictionaries(
    st.sampled_from(KEYS), JSONISH | st.sampled_from(["tool_call", "agent_handoff", "read"])
)
TABLE = st.dictionaries(st.sampled_from([*KEYS, "a"]), JSONISH | ROLE)


@given(st.dictionaries(st.sampled_from(NAMES), JSONISH | TABLE))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_value_makes_the_check_fail_and_sound_means_usable(data: dict[str, Any]) -> None:
    made, findings = parse_settings(data)
    has_error = any(finding.severity == Severity.ERROR for finding in findings)
    assert (made is None) == has_error
    assert not any(finding.message.startswith("This cannot be used") for finding in findings), (
        "found by our own rules"
    )
