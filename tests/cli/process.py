"""`mplp-lsp` as a process of its own, in projects on disk, with a user's own list of trusted folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

PROGRAM = (sys.executable, "-m", "mplp_lsp")
LIMIT_S = 60.0
META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}

T = TypeVar("T")


@dataclass(frozen=True)
class Ended:
    """How a call of the program ended."""

    code: int
    out: str
    err: str


def environment(home: Path) -> dict[str, str]:
    """The test's own home: nothing of the user who runs the tests is read or written."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
    return {**kept, "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "PYTHONUTF8": "1"}


def mplp(home: Path, *arguments: str | Path, cwd: Path | None = None) -> Ended:
    """Runs the command line to its end, without a terminal. A traceback is never the right answer."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=cwd or home,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LIMIT_S,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


def started(home: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    """The command line in the background, its output in one pipe."""
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        cwd=home,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )


def until(condition: Callable[[], T | None], what: str) -> T:
    """What `condition` gives once it gives something; fails after a limit."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"never happened: {what}")


def write_project(
    root: Path, roles: Mapping[str, str], *, status: str = "draft", chained: bool = True
) -> Path:
    """A context, `mplp.toml` and a plan with one step for each role (name: TOML body); the plan's path."""
    root.mkdir(parents=True, exist_ok=True)
    context_id = str(uuid.uuid4())
    steps: list[dict[str, Any]] = []
    for role in roles:
        before = [steps[-1]["step_id"]] if steps and chained else []
        steps.append(
            {
                "step_id": str(uuid.uuid4()),
                "description": f"Let the {role} work",
                "status": "pending",
                "dependencies": before,
                "agent_role": role,
            }
        )
    context = {
        "meta": META,
        "context_id": context_id,
        "root": {"domain": "tests", "environment": "test"},
        "title": "Tests",
        "status": "active",
    }
    plan = {
        "meta": META,
        "plan_id": str(uuid.uuid4()),
        "context_id": context_id,
        "title": "Work",
        "objective": "It is done.",
        "status": status,
        "steps": steps,
    }
    (root / "a.context.json").write_text(json.dumps(context, indent=2), encoding="utf-8")
    path = root / "a.plan.json"
    path.write_text(json.dumps(plan, indent=2), encoding="utf-8")
    bound = "".join(f"[roles.{role}]\n{body}\n" for role, body in roles.items())
    (root / "mplp.toml").write_text(bound, encoding="utf-8")
    return path


def runs_python(code: str, *more: str) -> str:
    """The TOML body of a role that runs Python code, which stands in a literal string: no single quotes."""
    assert "'" not in code
    return "\n".join(
        ['action = "tool_call"', f"command = [{json.dumps(sys.executable)}, '-c', '{code}']", *more]
    )


HANDOFF = 'action = "agent_handoff"\nto = "human"'
