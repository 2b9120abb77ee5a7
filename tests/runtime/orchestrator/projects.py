"""A project folder with a plan that runs: documents, mplp.toml, and the world as rules see it."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mplp_runtime.orchestrator.manager import StartRequest
from mplp_runtime.orchestrator.views import RunView, StepStatus
from mplp_runtime.rules.facts import document_facts
from mplp_runtime.rules.findings import Severity
from mplp_runtime.rules.schema import schema_findings
from mplp_runtime.rules.world import Baseline, DocumentFacts
from mplp_runtime.runtime import Runtime
from mplp_runtime.settings import Settings

META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
CONTEXT_ID = "c0000000-0000-4000-8000-000000000000"
PLAN_ID = "a0000000-0000-4000-8000-000000000000"


def step_id(name: str) -> str:
    """The id of the step called `name`."""
    return f"{name.encode().hex():0<8.8}-0000-4000-8000-{name.encode().hex():0<12.12}"


def step(name: str, *dependencies: str, role: str = "worker", **members: object) -> dict[str, Any]:
    made: dict[str, Any] = {
        "step_id": step_id(name),
        "description": name,
        "status": "pending",
        "agent_role": role,
    }
    if dependencies:
        made["dependencies"] = [step_id(each) for each in dependencies]
    return made | members


def plan(*steps: object, **members: object) -> dict[str, Any]:
    return {
        "meta": META,
        "plan_id": PLAN_ID,
        "context_id": CONTEXT_ID,
        "title": "Release",
        "objective": "Ship it",
        "status": "approved",
        "steps": list(steps) or [step("one")],
    } | members


def context(**members: object) -> dict[str, Any]:
    root = {"domain": "shop", "environment": "test"}
    return {
        "meta": META,
        "context_id": CONTEXT_ID,
        "title": "Shop",
        "root": root,
        "status": "active",
    } | members


def role(name: str, code: str, **settings: object) -> str:
    """A role whose steps run Python code."""
    return table(f"roles.{name}", action="tool_call", command=[sys.executable, "-c", code], **settings)


def chain(count: int) -> dict[str, Any]:
    """A plan of steps that each wait for the one before; they are called 0000, 0001 and so on."""
    return plan(*(step(f"{number:04}", *([f"{number - 1:04}"] if number else [])) for number in range(count)))


def table(name: str, **members: object) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in members.items()]
    return "\n".join([f"[{name}]", *lines, ""])


@dataclass(frozen=True)
class FactsWorld:
    """A world made of facts."""

    facts: Sequence[DocumentFacts]

    def declarations(self, kind: str, id: str) -> Sequence[DocumentFacts]:
        return [each for each in self.facts if each.kind == kind and each.id == id]

    def documents(self, kind: str | None = None) -> Iterable[DocumentFacts]:
        return [each for each in self.facts if kind in (None, each.kind)]

    def settings(self) -> Settings | None:
        return None

    def baseline(self, kind: str, id: str) -> Baseline | None:
        return None


@dataclass
class Project:
    """Files in a folder. `toml` is written beside the plan."""

    root: Path
    plan: Mapping[str, Any] = field(default_factory=plan)
    toml: str = ""
    context: Mapping[str, Any] | None = field(default_factory=context)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.save(self.plan)
        if self.context is not None:
            (self.root / "shop.context.json").write_text(json.dumps(self.context))
        if self.toml:
            (self.root / "mplp.toml").write_text(self.toml)

    @classmethod
    def existing(cls, root: Path) -> Project:
        """The project that was written to this folder before."""
        value = json.loads((root / "release.plan.json").read_text())
        found = json.loads((root / "shop.context.json").read_text())
        return cls(root, value, context=found)

    @property
    def path(self) -> Path:
        return self.root / "release.plan.json"

    def names(self) -> list[str]:
        """What lies in the folder."""
        return sorted(path.name for path in self.root.iterdir())

    def save(self, value: Mapping[str, Any]) -> None:
        self.plan = value
        self.path.write_text(json.dumps(value, indent=2))

    def world(self) -> FactsWorld:
        facts = [document_facts(self.path.as_uri(), "plan", self.plan, {})]
        if self.context is not None:
            facts.append(
                document_facts((self.root / "shop.context.json").as_uri(), "context", self.context, {})
            )
        return FactsWorld(facts)

    def request(self, **members: Any) -> StartRequest:
        known: dict[str, Any] = {
            "plan_path": self.path,
            "plan_text": self.path.read_text(),
            "world": self.world(),
            "trusted": True,
        }
        return StartRequest(**(known | members))

    @asynccontextmanager
    async def runtime(self, **members: Any) -> AsyncIterator[Runtime]:
        runtime = Runtime.open(self.root, **({"follow_interval_s": 0.01} | members))
        try:
            yield runtime
        finally:
            await runtime.close()

    async def run(self, **members: Any) -> RunView:
        """Starts the plan and waits for its end, in a runtime of its own."""
        async with self.runtime() as runtime:
            view = await runtime.runs.start(self.request(**members))
            return await runtime.runs.wait(view.run_id)


def statuses(view: RunView) -> dict[str, StepStatus]:
    """Step status by name."""
    return {each.description: each.status for each in view.steps.values()}


def trace_of(root: Path, view: RunView) -> dict[str, Any]:
    """The trace document on disk, checked against its schema."""
    assert view.trace_path is not None
    trace: dict[str, Any] = json.loads((root / view.trace_path).read_text(encoding="utf-8"))
    assert errors("trace", trace) == []
    return trace


def timeline_of(root: Path, view: RunView) -> list[dict[str, Any]]:
    """The events on disk, each checked against its schema."""
    assert view.timeline_path is not None
    events = [
        json.loads(line) for line in (root / view.timeline_path).read_text(encoding="utf-8").splitlines()
    ]
    for event in events:
        assert errors("event", event) == []
    return events


def errors(kind: str, value: object) -> list[str]:
    """What the schema has against a document, as sentences."""
    return [found.message for found in schema_findings(kind, value) if found.severity == Severity.ERROR]
