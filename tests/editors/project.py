"""The small project that every editor opens: a context, four plans and bindings that start real processes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
CONTEXT_ID = "3f0c6a54-6f0e-4a8e-9d55-0f6f8c1b2a01"
FORMAT, TEST, PACKAGE, PUBLISH = (f"7b1d2c3e-0000-4000-8000-00000000000{number}" for number in range(1, 5))
UNKNOWN = "7b1d2c3e-0000-4000-8000-0000000000ff"


def write_project(folder: Path) -> Path:
    """Writes the project into `folder`, which must exist; returns it."""
    write(
        folder / "site.context.json",
        {
            "meta": META,
            "context_id": CONTEXT_ID,
            "root": {"domain": "release", "environment": "test"},
            "title": "The greeter",
            "status": "active",
        },
    )
    write(folder / "release.plan.json", plan(1, "Release the greeter", "approved", release_steps()))
    write(folder / "draft.plan.json", plan(2, "Draft of a release", "draft", release_steps()[:1]))
    write(
        folder / "failing.plan.json",
        plan(3, "A release that fails", "approved", [step(FORMAT, "Look for the tag", role="breaker")]),
    )
    write(folder / "broken.plan.json", broken_plan())
    write(
        folder / "review.plan.json",
        plan(5, "Ask a person", "approved", [step(FORMAT, "Read the change log", role="reviewer")]),
    )
    (folder / "mplp.toml").write_text(bindings(hold_file(folder)), encoding="utf-8")
    return folder


def hold_file(project: Path) -> Path:
    """While this file is there the tester goes on: an editor can be looked at while a run goes on."""
    return project.parent / "hold"


def release_steps() -> list[dict[str, Any]]:
    return [
        step(FORMAT, "Format the sources", role="formatter"),
        step(TEST, "Test the greeter", role="tester", after=[FORMAT]),
        step(PACKAGE, "Package the greeter", role="packager", after=[TEST]),
    ]


def broken_plan() -> dict[str, Any]:
    """A status that does not exist, a dependency nobody declares, and a cycle of two steps."""
    steps = [
        {**step(FORMAT, "Format the sources", role="formatter"), "status": "pendng"},
        step(TEST, "Test the greeter", role="tester", after=[PACKAGE]),
        step(PACKAGE, "Package the greeter", role="packager", after=[TEST]),
        step(PUBLISH, "Publish it", role="packager", after=[UNKNOWN]),
    ]
    return plan(4, "A plan with mistakes", "draft", steps)


def plan(number: int, title: str, status: str, steps: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "meta": META,
        "plan_id": f"9e8d7c6b-0000-4000-8000-00000000000{number}",
        "context_id": CONTEXT_ID,
        "title": title,
        "objective": "Show that a plan runs in a real editor.",
        "status": status,
        "steps": list(steps),
    }


def step(step_id: str, description: str, *, role: str, after: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "step_id": step_id,
        "description": description,
        "status": "pending",
        "dependencies": list(after),
        "agent_role": role,
    }


def bindings(hold: Path) -> str:
    """The tester ends once nobody holds it, or after two minutes without anybody who lets it go."""
    wait = (
        "import pathlib, time; "
        f"hold = pathlib.Path({str(hold)!r}); "
        "end = time.monotonic() + 120; "
        "any(time.sleep(0.05) for _ in iter(lambda: hold.exists() and time.monotonic() < end, False)); "
        "print('4 passed')"
    )

    def command(code: str) -> str:
        return f'action = "tool_call"\ncommand = {json.dumps([sys.executable, "-c", code])}\n'

    return (
        "[roles.formatter]\n"
        + command("print('2 files left unchanged')")
        + "\n[roles.tester]\n"
        + command(wait)
        + "\n[roles.packager]\n"
        + command(
            "import pathlib; pathlib.Path('greeter.tar').write_text('greeter'); print('greeter.tar written')"
        )
        + "\n[roles.breaker]\n"
        + command("import sys; print('looking for v1.0'); sys.exit('no tag v1.0 in this repository')")
        + '\n[roles.reviewer]\naction = "agent_handoff"\nto = "human"\n'
    )


def write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def is_duration(hint: str) -> bool:
    """Whether an inlay hint says how long a step of its own took, and not what a step waits for."""
    return re.fullmatch(r"✓ [\d.]+ m?s", hint) is not None
