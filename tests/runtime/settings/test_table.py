"""The table that checks and editing features read, and the values the runtime uses, are one and the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import mplp_runtime
from mplp_runtime.rules.settings import settings_findings
from mplp_runtime.settings import (
    AgentExecutionBinding,
    AgentHandoffBinding,
    CustomActionBinding,
    FileOperationBinding,
    LlmCallBinding,
    Settings,
    StepExecutionBinding,
    ToolCallBinding,
)
from mplp_runtime.settings.table import (
    ACTIONS,
    BINDING_COMMON,
    BINDING_KEYS,
    NOT_IN_EFFECT,
    REQUIRED,
    TABLES,
    binding_keys,
)

BINDINGS = (
    ToolCallBinding,
    LlmCallBinding,
    AgentHandoffBinding,
    FileOperationBinding,
    CustomActionBinding,
    StepExecutionBinding,
    AgentExecutionBinding,
)
RUNTIME = Path(mplp_runtime.__file__).parent
KEYS = [(table, name) for table, keys in TABLES.items() for name in keys]


def value_of(text: str) -> Any:
    return tomllib.loads(f"value = {text}")["value"]


def test_tables_and_values_have_the_same_keys() -> None:
    assert {"roles", "steps", *TABLES} == Settings.model_fields.keys()
    for table, keys in TABLES.items():
        assert keys.keys() == type(getattr(Settings(), table)).model_fields.keys()
    for action, model in zip(ACTIONS, BINDINGS, strict=True):
        assert binding_keys(action).keys() == model.model_fields.keys()
        assert set(REQUIRED[action]) <= BINDING_KEYS[action].keys()


@pytest.mark.parametrize(("table", "name"), KEYS)
def test_the_default_that_is_told_is_the_one_that_counts(table: str, name: str) -> None:
    told = TABLES[table][name].default
    used = getattr(getattr(Settings(), table), name)
    if told is None:
        assert used is None
    elif name == "max_parallel":
        assert "cores" in told
    else:
        assert value_of(told) == (list(used) if isinstance(used, tuple) else used)


@pytest.mark.parametrize(("table", "name"), KEYS)
def test_each_example_is_a_sound_value(table: str, name: str) -> None:
    findings = settings_findings({table: {name: value_of(TABLES[table][name].example)}})
    assert {finding.code for finding in findings} <= {"settings-not-in-effect"}


@pytest.mark.parametrize("action", ACTIONS)
def test_the_examples_of_an_action_make_a_binding(action: str) -> None:
    keys = {**BINDING_COMMON, **BINDING_KEYS[action]}
    binding = {name: value_of(key.example) for name, key in keys.items()}
    binding["action"] = action
    if action == "tool_call":
        del binding["server"], binding["tool"], binding["arguments"]
        binding["tool_kind"] = "generator"
    data = {"limits": {"env_allow": binding["env_allow"]}, "roles": {"a": binding}}
    codes = {finding.code for finding in settings_findings(data)}
    assert codes <= {"settings-handler-missing", "settings-not-in-effect"}
    assert Settings.model_validate(data).binding({"agent_role": "a"}) is not None


def test_every_key_is_read_by_the_runtime_or_told_as_not_in_effect() -> None:
    """A key that nothing reads must not pass silently; `drift.active_interval_s` once did."""
    source = "".join(
        path.read_text(encoding="utf-8")
        for folder in (
            "ael",
            "orchestrator",
            "settings/model.py",
            "approvals.py",
            "state_opening.py",
            "runtime.py",
        )
        for path in ([RUNTIME / folder] if folder.endswith(".py") else (RUNTIME / folder).rglob("*.py"))
    )
    for table, name in KEYS:
        parts = {"limits": "base", "state": r"\bsettings"}
        owner = parts.get(table, f"(settings|self|_settings)[.]{table}")
        is_read = re.search(rf"{owner}[.]{name}\b", source) is not None
        assert is_read != ((table, name) in NOT_IN_EFFECT), (table, name)
