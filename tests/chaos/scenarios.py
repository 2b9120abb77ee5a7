"""The projects whose processes are killed: one for each state that a run can be in."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.runtime.orchestrator.projects import Project, plan, step, table

_EFFECT = 'printf "%s %s\\n" "$MPLP_STEP_DESCRIPTION" "${MPLP_ATTEMPT##*/}" >> effects'
KEY_FILE = "chaos.key"

ROLES: Mapping[str, Mapping[str, Any]] = {
    "worker": {"action": "custom_action", "handler": "tests.chaos.steps:leave_effect"},
    "flaky": {"action": "custom_action", "handler": "tests.chaos.steps:fail_once", "retries": 1},
    "tool": {"action": "tool_call", "command": ["/bin/sh", "-c", f"{_EFFECT}; sleep 0.02"]},
    "slow": {"action": "tool_call", "command": ["/bin/sh", "-c", f"sleep 0.03; {_EFFECT}; sleep 0.05"]},
    # Far more than is kept; whatever it puts out must not stay in memory.
    "loud": {
        "action": "tool_call",
        "command": ["/bin/sh", "-c", f"{_EFFECT}; head -c 4000000 /dev/zero | tr '\\0' x"],
        "output_kib": 64,
    },
    "stubborn": {
        "action": "tool_call",
        "command": ["/bin/sh", "-c", f"{_EFFECT}; trap '' TERM; sleep 300 & sleep 300; wait"],
    },
    "person": {"action": "agent_handoff", "to": "human"},
    "gated": {"action": "custom_action", "handler": "tests.chaos.steps:leave_effect"},
    "risky": {"action": "custom_action", "handler": "tests.chaos.steps:leave_effect"},
    "again": {
        "action": "custom_action",
        "handler": "tests.chaos.steps:leave_effect",
        "idempotent": True,
    },
    "writer": {"action": "file_operation", "operation": "write", "target": "written.txt", "content": "x\n"},
}


@dataclass(frozen=True)
class Scenario:
    """`roles` are given to the steps in turn; `ends` is how a run that nothing disturbs is over."""

    name: str
    roles: tuple[str, ...]
    ends: str = "completed"
    words: int = 5
    """After how many of its words, at most, its process is killed."""
    is_draft: bool = False
    is_encrypted: bool = False
    restores: int = 0
    cancels_after: int | None = None
    max_parallel: int = 2
    by_cli: bool = False

    def write(self, root: Path, *, seed: int, chained: bool = False) -> Project:
        """The project in `root`. `chained`: each step waits for the one before, so that runs are alike."""
        chance = random.Random(seed)
        steps: list[dict[str, Any]] = []
        for number, role in enumerate(self.roles):
            before = min(number, 1) if chained else min(number, chance.randint(0, 2))
            needs = [number - 1] if chained and number else chance.sample(range(number), before)
            steps.append(
                step(
                    f"{role}-{number:02d}",
                    role=role,
                    step_id=numbered_id(number),
                    dependencies=[numbered_id(each) for each in needs],
                )
            )
        known = {name: ROLES[name] for name in dict.fromkeys(self.roles)}
        toml = "".join(table(f"roles.{name}", **settings) for name, settings in known.items())
        toml += table("run", max_parallel=1 if chained else self.max_parallel)
        toml += table("gates", confirm_steps=["gated"]) + table("drift", snapshot_before=["risky"])
        if self.is_encrypted:
            key = root.parent / KEY_FILE
            if not key.exists():
                key.touch(0o600)
                key.write_text(f"{chance.getrandbits(256):064x}\n")
            toml += table("state", encryption_key_file=str(key))
        status = "draft" if self.is_draft else "approved"
        project = Project(root, plan(*steps, status=status), toml)
        if self.restores:
            (root / "notes.txt").write_text("first\n" * 2000)
        return project


def numbered_id(number: int) -> str:
    """The id of the step with this position."""
    return f"{number:08x}-0000-4000-8000-000000000000"


_MIXED = ("worker", "worker", "tool", "worker", "flaky", "worker", "again", "worker")

SCENARIOS: Mapping[str, Scenario] = {
    each.name: each
    for each in (
        Scenario("plain steps", ("worker", "tool", "worker", "loud", *("worker",) * 8)),
        Scenario("retries", ("flaky", "worker", "flaky", "flaky", "again", "flaky", "worker", "flaky")),
        Scenario("a waiting handoff", ("worker", "person", "worker", "person", "worker", "person", "worker")),
        Scenario(
            "a pending approval",
            ("worker", "gated", "worker", "gated", "worker", "gated", "worker"),
            is_draft=True,
        ),
        Scenario("a snapshot being taken", ("risky", "worker", "risky", "risky", "worker", "risky")),
        Scenario("a restore", ("worker", "risky", "worker"), restores=4, words=11),
        Scenario("an encrypted store", _MIXED, is_encrypted=True),
        Scenario(
            "a cancel in progress",
            ("worker", "worker", "stubborn", "stubborn", "worker", "worker", "worker"),
            ends="cancelled",
            cancels_after=2,
        ),
        Scenario("the command line and an editor", ("slow",) * 6, by_cli=True),
    )
}

TWENTY_STEPS = Scenario(
    "20 steps of all kinds",
    (
        *("worker", "tool", "worker", "gated", "flaky", "person", "risky", "worker", "writer", "again"),
        *("worker", "worker", "flaky", "worker", "person", "worker", "tool", "gated", "worker", "worker"),
    ),
    is_draft=True,
)
"""The plan that is stopped at every write and at every fsync."""

TWENTY_IN_PROCESS = Scenario(
    "20 steps, disk recorded",
    tuple({"tool": "worker", "writer": "worker"}.get(role, role) for role in TWENTY_STEPS.roles),
    is_draft=True,
)
"""The same without processes of its own, so that every effect stands in the log of its changes."""

PLAN_MAKERS: Callable[[str], Scenario] = {
    **SCENARIOS,
    TWENTY_STEPS.name: TWENTY_STEPS,
    TWENTY_IN_PROCESS.name: TWENTY_IN_PROCESS,
}.__getitem__


def roles_of(root: Path) -> dict[str, str]:
    """Role by step name, as in the project's plan."""
    value = json.loads((root / "release.plan.json").read_text(encoding="utf-8"))
    return {each["description"]: each["agent_role"] for each in value["steps"]}
