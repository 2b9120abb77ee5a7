"""A project folder whose plan runs with a Collab, and what its session tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.rules.event_facts import event_facts
from mplp_runtime.rules.facts import document_facts
from mplp_runtime.rules.timelines import timeline_findings
from tests.runtime.orchestrator.projects import (
    CONTEXT_ID,
    META,
    FactsWorld,
    Project,
    errors,
    step_id,
    timeline_of,
)

COLLAB_ID = "b0000000-0000-4000-8000-000000000000"


def role_id(name: str) -> str:
    """The id of the role called `name`."""
    return step_id(name)


def participant(name: str, role: str = "worker", **members: object) -> dict[str, Any]:
    """A participant as the protocol's own examples have them: `role_id` is an id, the name tells the role."""
    made = {"participant_id": name, "role_id": role_id(role), "kind": "agent"}
    return made | {"display_name": f"{name.title()} ({role})"} | members


def collab(mode: str, *participants: object, **members: object) -> dict[str, Any]:
    return {
        "meta": META,
        "collab_id": COLLAB_ID,
        "context_id": CONTEXT_ID,
        "title": "Release team",
        "purpose": "Ship it together",
        "mode": mode,
        "status": "active",
        "participants": list(participants) or [participant("ana"), participant("ben")],
        "created_at": "2026-01-01T00:00:00Z",
    } | members


@dataclass
class SharedProject(Project):
    """A project with a Collab, and other documents by kind."""

    collab: Mapping[str, Any] = field(default_factory=lambda: collab("broadcast"))
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in {"team.collab.json": self.collab, **self.others}.items():
            assert errors(name.split(".")[-2], value) == []
            (self.root / name).write_text(json.dumps(value))

    @classmethod
    def existing(cls, root: Path) -> SharedProject:
        value = json.loads((root / "release.plan.json").read_text())
        found = json.loads((root / "shop.context.json").read_text())
        team = json.loads((root / "team.collab.json").read_text())
        return cls(root, value, context=found, collab=team)

    def world(self) -> FactsWorld:
        facts = [*super().world().facts]
        for name, value in {"team.collab.json": self.collab, **self.others}.items():
            facts.append(document_facts((self.root / name).as_uri(), name.split(".")[-2], value, {}))
        return FactsWorld(facts)


def session_events(root: Path, view: RunView) -> list[dict[str, Any]]:
    """The events of the session, once the whole timeline was found to break no rule."""
    events = timeline_of(root, view)
    assert [found.message for found in timeline_findings([event_facts(each) for each in events])] == []
    return [each for each in events if "session_id" in each and each["event_type"].startswith("MAP")]


def told(event: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """An event of a session in a few words: what, whose turn, which step, what came of it."""
    payload = event["payload"]
    words = [event["event_type"]]
    if "turn_number" in payload:
        duty = "" if payload["duty"] == "do" else f" {payload['duty']}"
        words.append(
            f"{payload['turn_number']} {payload['participant_id']} {names[payload['step_id']]}{duty}"
        )
    elif "receiver_role_id" in payload:
        words.append(payload["participant_id"])
    elif "target_count" in payload:
        words.append(f"to {payload['target_count']}")
    elif "name" in payload:
        words.append(payload["name"])
    if "strategy" in payload:
        words.append(f"{payload['strategy']} {payload['participant_id']}")
    return " ".join([*words, str(payload.get("status", ""))]).strip()


def session_told(root: Path, view: RunView) -> list[str]:
    """The events of the session in words, in order."""
    names = {each.step_id: each.description for each in view.steps.values()}
    return [told(event, names) for event in session_events(root, view)]
