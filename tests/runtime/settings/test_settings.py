"""mplp.toml as values: what is given, what is assumed, and what a step is bound to."""

from __future__ import annotations

from typing import Any

import pytest

from mplp_runtime.errors import SettingsInvalid
from mplp_runtime.rules.findings import Severity
from mplp_runtime.settings import (
    AgentHandoffBinding,
    CustomActionBinding,
    FileOperationBinding,
    LlmCallBinding,
    Settings,
    ToolCallBinding,
    load_settings,
    parse_settings,
)
from tests.runtime.samples import uuid

EVERYTHING = f"""
[roles.tester]
action = "tool_call"
command = ["pytest", "-q"]
timeout_s = 120
retries = 1
idempotent = true

[roles.writer]
action = "llm_call"
base_url = "http://127.0.0.1:8080/v1"
model = "small"
prompt = "Write: {{step.description}}"
api_key_env = "WRITER_KEY"

[roles.reviewer]
action = "agent_handoff"
to = "human"

[roles.delegate]
action = "agent_handoff"
to = ["my-agent", "--once"]

[roles.packager]
action = "file_operation"
operation = "copy"
source = "build/out.tar"
target = "dist/out.tar"

[roles.custom]
action = "custom_action"
handler = "my_package.actions:publish"

[roles.searcher]
action = "tool_call"
server = ["my-mcp-server", "--stdio"]
tool = "search"

[steps."{uuid(1)}"]
action = "tool_call"
command = ["make", "release"]

[run]
max_parallel = 4
require_approval = true
require_confirm = false
on_failure = "stop"

[limits]
timeout_s = 600
cpu_s = 300
memory_mib = 512
open_files = 256
output_kib = 1024
network = true
hardened = false
env_allow = ["PATH", "HOME", "LANG"]

[gates]
confirm_steps = ["{uuid(2)}", "deployer"]
ci_blocks_completion = false
tool_failure_blocks = []
git_merge_reapproval = false

[drift]
active_interval_s = 5
snapshot_before = ["deployer"]

[learning]
collect = false

[engine]
kind = "local"
address = "127.0.0.1:7233"

[state]
url = "sqlite:///.mplp/state.db"
encryption_key_env = "MPLP_STATE_KEY"
"""
TESTER = '[roles.tester]\naction = "tool_call"\ncommand = ["pytest"]\n'


def step(number: int, role: str | None = None) -> dict[str, Any]:
    return {"step_id": uuid(number), "agent_role": role} if role else {"step_id": uuid(number)}


def test_every_table_and_key_of_the_design_is_read() -> None:
    settings = load_settings(EVERYTHING)
    kinds = {name: type(binding) for name, binding in settings.roles.items()}
    assert kinds == {
        "tester": ToolCallBinding,
        "writer": LlmCallBinding,
        "reviewer": AgentHandoffBinding,
        "delegate": AgentHandoffBinding,
        "packager": FileOperationBinding,
        "custom": CustomActionBinding,
        "searcher": ToolCallBinding,
    }
    tester = settings.roles["tester"]
    assert isinstance(tester, ToolCallBinding)
    assert (tester.command, tester.timeout_s, tester.retries, tester.idempotent) == (
        ("pytest", "-q"),
        120,
        1,
        True,
    )
    assert settings.state.encryption_key_env == "MPLP_STATE_KEY"
    assert settings.drift.snapshot_before == ("deployer",)


def test_an_empty_file_means_the_defaults() -> None:
    assert load_settings("") == Settings()
    settings = Settings()
    assert settings.run.require_approval
    assert settings.run.max_parallel >= 1
    assert settings.limits.timeout_s == 600
    assert settings.state.url == "sqlite:///.mplp/state.db"
    assert settings.binding(step(1, "anyone")) is None


def test_a_step_of_its_own_wins_over_its_role() -> None:
    settings = load_settings(EVERYTHING)
    assert settings.binding(step(1, "tester")) == settings.steps[uuid(1)]
    assert settings.binding(step(2, "tester")) == settings.roles["tester"]
    assert settings.binding(step(2)) is None
    assert settings.binding(step(2, "nobody")) is None


def test_a_step_may_be_any_value_with_the_two_names() -> None:
    from mplp_runtime.model import Step
    from mplp_runtime.rules.world import StepFacts

    settings = load_settings(TESTER)
    facts = StepFacts(uuid(1), (), "pending", "tester", None)
    model = Step.model_validate(
        {"step_id": uuid(1), "description": "d", "status": "pending", "agent_role": "tester"}
    )
    assert settings.binding(facts) == settings.binding(model) == settings.roles["tester"]
    assert settings.binding({"step_id": 3, "agent_role": ["tester"]}) is None


def test_a_role_narrows_the_limits_and_never_widens_them() -> None:
    settings = load_settings(
        '[limits]\ntimeout_s = 60\nnetwork = false\nhardened = true\nenv_allow = ["PATH", "HOME"]\n'
        + TESTER
        + "timeout_s = 120\nmemory_mib = 64\nnetwork = true\nhardened = false\n"
        + 'env_allow = ["HOME", "SECRET"]\n'
    )
    limits = settings.limits_for(settings.roles["tester"])
    assert (limits.timeout_s, limits.memory_mib) == (60, 64)
    assert (limits.network, limits.hardened, limits.env_allow) == (False, True, ("HOME",))


def test_gates_name_steps_or_roles() -> None:
    settings = load_settings(EVERYTHING)
    assert settings.asks_before(step(2))
    assert settings.asks_before(step(3, "deployer"))
    assert not settings.asks_before(step(3, "tester"))
    assert not settings.asks_before(step(3))


def test_settings_cannot_be_changed() -> None:
    settings = load_settings(TESTER)
    with pytest.raises(ValueError, match="frozen"):
        settings.run.max_parallel = 3  # type: ignore[misc]


def test_broken_toml_is_said_with_its_line() -> None:
    with pytest.raises(SettingsInvalid, match="line 2"):
        load_settings("[run]\nmax_parallel = = 3\n")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "a = " + "[" * 100_000, "a = " + "1" * 5_000, "a.b = 1\na = 2"]
)
def test_odd_texts_are_refused_in_words(text: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"^mplp\.toml "):
        load_settings(text)


def test_the_first_error_is_named_and_the_others_counted() -> None:
    with pytest.raises(
        SettingsInvalid, match=r"run\.max_paralel: .*Did you mean `max_parallel`\? \(1 more\)"
    ):
        load_settings('[run]\nmax_paralel = 3\non_failure = "halt"\n')


def test_a_warning_does_not_keep_the_settings_from_being_used() -> None:
    data = {"roles": {"a": {"action": "custom_action", "handler": "nobody:knows"}}}
    settings, findings = parse_settings(data)
    assert settings is not None
    assert [(finding.code, finding.severity) for finding in findings] == [
        ("settings-handler-missing", Severity.WARNING)
    ]


@pytest.mark.parametrize(
    "value",
    [None, 3, "text", [], {"roles": 3}, {"roles": {"a": 3}}, {"run": []}, {"steps": {"x": None}}, {"": {}}],
)
def test_nothing_that_can_stand_in_a_file_raises(value: Any) -> None:
    data = (
        value
        if isinstance(value, dict)
        else {"run": {"max_parallel": value}, "roles": {"a": {"action": value}}}
    )
    settings, findings = parse_settings(data)
    assert settings is None
    assert findings
