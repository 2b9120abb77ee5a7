"""Small documents for whole-server tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PLAN_ID = "11111111-1111-4111-8111-111111111111"
CONTEXT_ID = "22222222-2222-4222-8222-222222222222"
STEPS = [f"33333333-3333-4333-8333-{number:012d}" for number in range(100)]
META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}


def context(**changes: Any) -> dict[str, Any]:
    return {
        "meta": META,
        "context_id": CONTEXT_ID,
        "root": {"domain": "software", "environment": "test"},
        "title": "A context",
        "status": "active",
        **changes,
    }


def plan(count: int = 2, **changes: Any) -> dict[str, Any]:
    steps = [
        {
            "step_id": STEPS[number],
            "description": f"Step {number}",
            "status": "pending",
            "dependencies": [STEPS[number - 1]] if number else [],
        }
        for number in range(count)
    ]
    return {
        "meta": META,
        "plan_id": PLAN_ID,
        "context_id": CONTEXT_ID,
        "title": "A plan",
        "objective": "To be tested",
        "status": "draft",
        "steps": steps,
        **changes,
    }


def written(folder: Path, name: str, value: object) -> str:
    """The URI of a new file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else text(value), encoding="utf-8")
    return path.as_uri()


def text(value: object) -> str:
    return json.dumps(value, indent=2)


def project(folder: Path) -> tuple[str, str]:
    """A project with a sound plan and its context; their URIs."""
    return written(folder, "a.plan.json", plan()), written(folder, "a.context.json", context())


def codes(diagnostics: list[dict[str, Any]]) -> set[str]:
    return {diagnostic["code"] for diagnostic in diagnostics}


def grave(diagnostics: list[dict[str, Any]]) -> set[str]:
    return {diagnostic["code"] for diagnostic in diagnostics if diagnostic["severity"] <= 2}


def replacing(content: str, old: str, new: str) -> dict[str, Any]:
    """The content change that replaces the only `old` in `content` (ASCII lines)."""
    start = content.index(old)
    return {"range": {"start": _place(content, start), "end": _place(content, start + len(old))}, "text": new}


def _place(content: str, offset: int) -> dict[str, int]:
    before = content[:offset]
    return {"line": before.count("\n"), "character": offset - (before.rfind("\n") + 1)}
