"""The official golden flows: copies run, simulated and for real, judged by the official schemas and rules."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from referencing import Registry, Resource

import mplp_schemas
from mplp_runtime.orchestrator.manager import StartRequest
from mplp_runtime.rules.facts import document_facts
from mplp_runtime.rules.invariants import can_check, evaluate
from mplp_runtime.rules.map_events import unanswered_turns, unheard_broadcasts
from mplp_runtime.runtime import Runtime
from mplp_schemas.invariant import Condition
from tests.runtime.orchestrator.projects import FactsWorld

OFFICIAL = Path(__file__).resolve().parents[3] / "../shared/mplp-v1.0.0"
FLOWS = (
    "flow-01-single-agent-plan",
    "flow-03-single-agent-with-tools",
    "flow-04-single-agent-llm-enrichment",
    "map-flow-01-turn-taking",
    "sa-flow-01-basic",
)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not OFFICIAL.is_dir(), reason="the official data files are not at ../shared"),
]


@dataclass(frozen=True)
class FlowRule:
    """A rule of a golden flow; it holds always."""

    id: str
    scope: str
    path: str | None
    rule: str | None
    when: Condition = field(default_factory=Condition)


TURNS = [
    "MAPSessionStarted",
    "MAPRolesAssigned",
    "MAPTurnDispatched agent-a-planner 650e8400-e29b-41d4-a716-446655443010",
    "MAPTurnCompleted agent-a-planner 650e8400-e29b-41d4-a716-446655443010",
    "MAPTurnDispatched agent-b-reviewer 650e8400-e29b-41d4-a716-446655443011",
    "MAPTurnCompleted agent-b-reviewer 650e8400-e29b-41d4-a716-446655443011",
    "MAPTurnDispatched agent-a-planner 650e8400-e29b-41d4-a716-446655443012",
    "MAPTurnCompleted agent-a-planner 650e8400-e29b-41d4-a716-446655443012",
    "MAPSessionCompleted",
]
"""Two agents take turns at three steps."""


def turns_told(events: list[dict[str, Any]]) -> list[str]:
    """The events of a session, with whose turn at which step it was."""
    found = []
    for event in events:
        if event["event_type"].startswith("MAP"):
            payload = event["payload"]
            words = (event["event_type"], payload.get("participant_id"), payload.get("step_id"))
            found.append(" ".join(word for word in words if word))
    return found


@cache
def registry() -> Registry[Any]:
    found = [json.loads(path.read_text()) for path in (OFFICIAL / "schemas").rglob("*.json")]
    return Registry().with_resources((each["$id"], Resource.from_contents(each)) for each in found)


def official_errors(path: str, value: object) -> list[str]:
    """What the official schema has against a value, formats included."""
    schema = json.loads((OFFICIAL / "schemas" / path).read_text())
    validator = jsonschema.Draft7Validator(
        schema, registry=registry(), format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER
    )
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def event_schema(event: Mapping[str, Any]) -> str:
    if "sa_id" in event:
        return "events/mplp-sa-event.schema.json"
    if "event_family" not in event:
        return "events/mplp-map-event.schema.json"
    special = {"pipeline_stage", "graph_update", "runtime_execution"}
    family = str(event["event_family"])
    name = f"{family.replace('_', '-')}-event" if family in special else "event-core"
    return f"events/mplp-{name}.schema.json"


def rules_of(path: Path) -> Iterator[dict[str, Any]]:
    value = yaml.safe_load(path.read_text())
    yield from value["invariants"] if isinstance(value, dict) else value


def broken_rules(rules: Iterator[dict[str, Any]], objects: Mapping[str, Any]) -> list[str]:
    """Ids of the rules of a flow that do not hold. Only rules about objects that are there are judged."""
    found = []
    for rule in rules:
        scope = rule.get("scope") or str(rule["path"]).split(".")[0]
        invariant = FlowRule(rule["id"], scope, rule["path"], rule["rule"])
        if scope in objects and can_check(invariant, objects):
            found += [rule["id"]] * bool(evaluate(invariant, objects))
    return found


ROLE = """
[roles.{role}]
action = "tool_call"
command = ["true"]
"""


@pytest.mark.parametrize("simulated", [True, False], ids=["simulated", "for real"])
@pytest.mark.parametrize("flow", FLOWS)
async def test_a_golden_flow_runs(flow: str, simulated: bool, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(OFFICIAL / "golden" / flow / "input", root)
    if not simulated:
        steps = json.loads((root / "plan.json").read_text())["steps"]
        roles = sorted({step["agent_role"] for step in steps})
        (root / "mplp.toml").write_text("".join(ROLE.format(role=role) for role in roles))
    before = {path.name: path.read_bytes() for path in root.glob("*")}
    documents = {path.stem: json.loads(path.read_text()) for path in root.glob("*.json")}
    facts = [
        document_facts((root / f"{kind}.json").as_uri(), kind, value, {}) for kind, value in documents.items()
    ]
    runtime = Runtime.open(root)
    try:
        plan_path = root / "plan.json"
        request = StartRequest(
            plan_path,
            plan_path.read_text(),
            FactsWorld(facts),
            simulate=simulated,
            trusted=True,
            approve=True,
        )
        view = await runtime.runs.start(request)
        final = await runtime.runs.wait(view.run_id)
    finally:
        await runtime.close()

    assert final.status == "completed"
    assert {step.status for step in final.steps.values()} == {"completed"}
    after = {path.name: path.read_bytes() for path in root.glob("*") if path.is_file()}
    if not simulated:
        assert official_errors("mplp-confirm.schema.json", json.loads(after.pop("plan.confirm.json"))) == []
    assert after == before

    assert final.trace_path is not None
    assert final.timeline_path is not None
    trace = json.loads((root / final.trace_path).read_text())
    assert official_errors("mplp-trace.schema.json", trace) == []
    timelines = [root / final.timeline_path, root / ".mplp/timeline.events.ndjson"]
    events = [
        json.loads(line) for path in timelines if path.exists() for line in path.read_text().splitlines()
    ]
    assert {event["event_type"] for event in events} >= {
        "SAInitialized",
        "SAContextLoaded",
        "SAPlanEvaluated",
        "SAStepStarted",
        "SAStepCompleted",
        "SATraceEmitted",
        "SACompleted",
        "plan_created",
    }
    for event in events:
        assert official_errors(event_schema(event), event) == []
    # The two rules about sessions that no path can state.
    assert (unanswered_turns(events), unheard_broadcasts(events)) == ([], [])
    assert turns_told(events) == (TURNS if "collab" in documents else [])

    objects = {**documents, "trace": trace}
    own = OFFICIAL / "golden" / flow / "invariants.yaml"
    if own.exists():
        assert broken_rules(rules_of(own), objects) == []
    for name in ("context", "plan", "trace"):
        shared = OFFICIAL / "golden/invariants" / f"{name}.yaml"
        rules = ({**rule, "scope": rule.get("scope", name)} for rule in rules_of(shared))
        assert broken_rules(rules, objects) == []
    for invariant in mplp_schemas.invariants():
        if invariant.id.startswith("sa_"):
            assert evaluate(invariant, objects) == [], invariant.id
        if invariant.id.startswith("map_") and "collab" in objects and invariant.path:
            assert evaluate(invariant, objects) == [], invariant.id
        if invariant.id.startswith("obs_"):
            for event in events:
                if "event_family" in event:
                    assert evaluate(invariant, {"event": event}) == [], invariant.id
