"""Each observability and integration invariant, broken on its own, keeps an event out of the log."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

import mplp_schemas
from mplp_runtime.events.families import (
    event_core,
    external_integration,
    graph_update,
    pipeline_stage,
    runtime_execution,
)
from mplp_runtime.events.validate import event_errors
from tests.runtime.samples import stamper, uuid

NOON = "2025-12-06T12:00:00Z"
PAYLOADS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "file_update_event": ("file_update", {"file_path": "a", "change_type": "created", "timestamp": NOON}),
    "git_event": (
        "git_operation",
        {"repo_url": "r", "commit_id": "c", "ref_name": "main", "event_kind": "tag", "timestamp": NOON},
    ),
    "ci_event": (
        "ci_pipeline",
        {
            "ci_provider": "p",
            "pipeline_id": "b",
            "run_id": "1",
            "status": "failed",
            "started_at": NOON,
            "completed_at": NOON,
        },
    ),
    "tool_event": (
        "tool_execution",
        {
            "tool_id": "t",
            "tool_kind": "linter",
            "invocation_id": uuid(1),
            "status": "failed",
            "started_at": NOON,
        },
    ),
}
EVENTS = [
    event_core(stamper(), "x", "intent"),
    pipeline_stage(stamper(), "x", pipeline_id=uuid(2), stage_id="plan", status="draft"),
    graph_update(stamper(), "x", graph_id=uuid(2), update_kind="bulk"),
    runtime_execution(stamper(), "x", execution_id=uuid(2), executor_kind="tool", status="running"),
]
RULES = [rule for rule in mplp_schemas.invariants() if rule.scope == "event" or rule.scope in PAYLOADS]


def broken(rule: str) -> Any:
    """A value that breaks a rule and, where that is possible, no schema."""
    if rule == "uuid-v4":
        return "00000000-0000-5000-8000-000000000001"
    if rule == "non-empty-string":
        return "  "
    if rule == "iso-datetime":
        return "2025-12-06T12:00:00"
    assert rule.startswith("enum(")
    return "no such word"


def test_there_are_twelve_and_nineteen_rules() -> None:
    assert sum(rule.scope == "event" for rule in RULES) == 12
    assert len(RULES) == 31


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_an_event_that_breaks_the_rule_is_refused(rule: Any) -> None:
    if rule.scope in PAYLOADS:
        kind, payload = PAYLOADS[rule.scope]
        sound = external_integration(stamper(), kind, payload, source="test")  # type: ignore[arg-type]
        faulty = copy.deepcopy(sound)
        faulty["payload"][rule.path] = broken(rule.rule)
    else:
        sound = next(event for event in EVENTS if rule.path in event)
        faulty = {**sound, rule.path: broken(rule.rule)}
    assert event_errors(sound) == []
    assert event_errors(faulty) != []
