"""The official examples, golden flows and rule files, read where they are at hand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

import mplp_schemas
from mplp_runtime.rules.check import check, own_findings
from mplp_runtime.rules.findings import Finding, Severity
from mplp_runtime.rules.invariants import evaluate
from mplp_runtime.rules.schema import schema_findings
from tests.runtime.rules.documents import OFFICIAL, SmallWorld, facts

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not OFFICIAL.exists(), reason="the official files (../shared) are not at hand"),
]

# Both hold event references that are no UUIDs, against their own schema.
INVALID_SAMPLES = frozenset({"flow-01-intent-sample.json", "flow-05-confirm-sample.json"})
KINDS_OF_FILES = {
    "ci-build-finished.json": "ci",
    "git-push.json": "git",
    "ide-file-save.json": "file-update",
    "tool-execution.json": "tool",
    "event.valid.json": "event",
} | dict.fromkeys(INVALID_SAMPLES, "sample")


@dataclass(frozen=True)
class Rule:
    id: str
    scope: str
    path: str
    rule: str
    when: Any = field(default_factory=mplp_schemas.Condition)


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def kind_of(path: Path) -> str:
    return KINDS_OF_FILES.get(path.name) or path.name.split(".")[0]


def examples() -> list[Path]:
    return sorted((OFFICIAL / "examples").rglob("*.json")) if OFFICIAL.exists() else []


def flows() -> list[Path]:
    found = (OFFICIAL / "golden").glob("*/*/plan.json") if OFFICIAL.exists() else ()
    return sorted(path.parent for path in found)


def loud(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity <= Severity.WARNING]


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.name)
def test_an_official_example_alone_opens_clean(path: Path):
    kind, value = kind_of(path), read(path)
    own = facts(kind, value)
    findings = loud(check(kind, value, own, SmallWorld(own)))
    if path.name in INVALID_SAMPLES:
        assert {finding.code for finding in findings} == {"format-uuid"}
    else:
        assert findings == []


def test_all_official_examples_in_one_workspace_open_clean():
    paths = [path for path in examples() if path.name not in INVALID_SAMPLES]
    values = [(kind_of(path), read(path)) for path in paths]
    all_facts = [facts(kind, value, path.as_uri()) for path, (kind, value) in zip(paths, values, strict=True)]
    world = SmallWorld(*all_facts)
    for path, (kind, value), own in zip(paths, values, all_facts, strict=True):
        found = {finding.code for finding in loud(check(kind, value, own, world))}
        # One of them really names a context that none of the others is.
        assert found == ({"plan-context-unknown"} if path.name == "plan.with-events.json" else set())


@pytest.mark.parametrize("folder", flows(), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_golden_flow_opens_clean(folder: Path):
    documents = [(path.stem, read(path), path.as_uri()) for path in sorted(folder.glob("*.json"))]
    all_facts = [facts(kind, value, uri) for kind, value, uri in documents]
    world = SmallWorld(*all_facts)
    for (kind, value, _), own in zip(documents, all_facts, strict=True):
        assert loud(check(kind, value, own, world)) == []


def test_both_sides_of_all_golden_flows_in_one_workspace_open_clean():
    paths = sorted((OFFICIAL / "golden").glob("*/*/*.json"))
    documents = [(path.stem, read(path), path.as_uri()) for path in paths]
    all_facts = [facts(kind, value, uri) for kind, value, uri in documents]
    world = SmallWorld(*all_facts)
    for (kind, value, _), own in zip(documents, all_facts, strict=True):
        assert loud(check(kind, value, own, world)) == []


def rules_for(folder: Path) -> list[Rule]:
    """The global rules of each loaded document and the rules of the flow."""
    rules = []
    for path in (OFFICIAL / "golden" / "invariants").glob("*.yaml"):
        entries = yaml.safe_load(path.read_text("utf-8"))
        rules += [Rule(entry["id"], path.stem, entry["path"], entry["rule"]) for entry in entries]
    own = folder.parent / "invariants.yaml"
    if own.exists():
        entries = yaml.safe_load(own.read_text("utf-8"))["invariants"]
        rules += [Rule(entry["id"], entry["scope"], entry["path"], entry["rule"]) for entry in entries]
    return rules


@pytest.mark.parametrize("folder", flows(), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_golden_flow_keeps_the_global_rules_its_own_and_both_profiles(folder: Path):
    objects = {path.stem: read(path) for path in folder.glob("*.json")}
    rules = [*rules_for(folder), *mplp_schemas.invariants()]
    assert len(rules) >= 16 + 61
    assert [violation for rule in rules for violation in evaluate(rule, objects)] == []


def test_the_rules_of_a_golden_flow_can_be_broken():
    folder = OFFICIAL / "golden" / "sa-flow-01-basic" / "input"
    objects = {path.stem: read(path) for path in folder.glob("*.json")}
    objects["plan"]["context_id"] = objects["plan"]["plan_id"]
    objects["context"]["status"] = "draft"
    objects["plan"]["steps"][0].pop("agent_role")
    broken = {violation.invariant_id for rule in rules_for(folder) for violation in evaluate(rule, objects)}
    assert broken == {
        "flow01_context_active",
        "flow01_plan_context_matches",
        "plan_context_id_match",
        "sa01_step_has_agent_role",
    }


def test_the_global_rules_about_a_confirm_have_their_full_meaning():
    folder = OFFICIAL / "golden" / "sa-flow-01-basic" / "input"
    objects = {path.stem: read(path) for path in folder.glob("*.json")}
    confirm = {"confirm_id": objects["plan"]["plan_id"], "target_id": objects["plan"]["plan_id"]}

    def broken(**members: str) -> set[str]:
        loaded = objects | {"confirm": confirm | members}
        return {violation.invariant_id for rule in rules_for(folder) for violation in evaluate(rule, loaded)}

    assert broken(status="approved") == set()
    assert broken(status="pending") == {"status_must_be_valid_enum"}
    assert broken(status="rejected") == {"rejected_must_have_reason"}
    assert broken(status="rejected", reason="no") == set()


@pytest.mark.parametrize("name", ["sa", "map", "observability", "integration", "learning"])
def test_the_official_rules_are_those_of_the_project(name: str):
    text = (OFFICIAL / "schemas" / "invariants" / f"{name}-invariants.yaml").read_text("utf-8")
    official = yaml.safe_load(text)["invariants"]
    ours = {invariant.id: invariant for invariant in mplp_schemas.invariants() if invariant.group == name}
    assert [entry["id"] for entry in official] == list(ours)
    for entry in official:
        own = ours[entry["id"]]
        assert (entry["scope"], entry.get("path"), entry.get("rule")) == (own.scope, own.path, own.rule)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("confirm_invalid_enum", {"value-not-allowed", "id-malformed"}),
        ("context_extra_forbidden", {"property-unknown", "id-malformed"}),
        ("context_invalid_datetime", {"format-datetime", "id-malformed"}),
        ("context_invalid_uuid", {"id-malformed"}),
        ("context_missing_required", {"property-missing"}),
        ("plan_step_missing_id", {"property-missing", "id-malformed"}),
    ],
)
def test_the_official_invalid_documents_are_invalid_for_their_reasons(name: str, expected: set[str]):
    value = read(OFFICIAL / "invalid" / f"{name}.json")
    kind = name.split("_", maxsplit=1)[0]
    assert {finding.code for finding in schema_findings(kind, value)} == expected
    assert loud(own_findings(kind, value))
