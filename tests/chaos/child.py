"""The process that is killed: runs (or resumes) the plan of a folder and prints what it acknowledges.

Lines on standard output: `start <step>` when a step's start was shown, `done <step>` when its success was,
`asks <step>` when its outcome is unknown, `end <status>`. The parent keeps them, outside of this process.

With MPLP_CHAOS_FORGET=1 recovery forgets that a step had been started, which is the fault that the harness
must be able to see. The switch exists only here.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from mplp_runtime.orchestrator import carrying, manager, others, records, recovery, state
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from mplp_runtime.vsl.interface import Reading
from tests.runtime.orchestrator.projects import PLAN_ID, Project


def forget_started_steps() -> None:
    """Steps that were under way look as if they had never begun."""
    load = state.load_state

    def forgetful(reading: Reading, run_id: str) -> state.RunState | None:
        found = load(reading, run_id)
        if found is not None:
            for step_id, attempt in list(found.attempts.items()):
                if attempt["step_status"] == "in_progress":
                    found.attempts[step_id] = attempt | {"step_status": "pending"}
        return found

    for module in (carrying, manager, others, recovery):
        module.load_state = forgetful  # type: ignore[attr-defined]


class Teller:
    """Prints each step's change once, as it is shown."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def __call__(self, view: RunView) -> None:
        for step in view.steps.values():
            if step.status == "in_progress" and not step.interrupted:
                self._say("start", f"{step.description}/{step.attempt}")
            if step.status == "completed":
                self._say("done", step.description)

    def _say(self, word: str, what: str) -> None:
        if (word, what) not in self._told:
            self._told.add((word, what))
            print(word, what, flush=True)


async def run(root: Path) -> None:
    project = Project.existing(root)
    runtime = Runtime.open(root)
    tell = Teller()
    runtime.runs.subscribe(tell)
    latest = runtime.runs.latest(PLAN_ID)
    if latest is None:
        view = await runtime.runs.start(project.request())
    elif latest.status == "interrupted":
        view = await runtime.runs.resume(latest.run_id, trusted=True)
    else:
        view = latest
    asked: set[str] = set()
    while (view := runtime.runs.view(view.run_id)).is_live:
        for question in view.questions:
            if question.step_id not in asked:
                asked.add(question.step_id)
                # A person looks at what the step has left behind, and decides by it.
                name = view.steps[question.step_id].description
                print("asks", name, flush=True)
                did = name in effects(root)
                await runtime.runs.answer(view.run_id, question.step_id, success=did, repeat=not did)
        await runtime.runs.notices.changed_within(0.05)
    tell(view)
    print("end", view.status, flush=True)
    await runtime.close()


def effects(root: Path) -> list[str]:
    """Names of the steps whose effect is there, once for each time it happened."""
    path = root / "effects"
    return path.read_text().split() if path.exists() else []


def known_attempts(root: Path) -> Any:
    """All attempts in the state of a folder."""
    runtime = Runtime.open(root)
    try:
        return [node.data for node in runtime.vsl.read(lambda reading: reading.nodes(records.STEP_ATTEMPT))]
    finally:
        asyncio.run(runtime.close())


if __name__ == "__main__":
    if os.environ.get("MPLP_CHAOS_FORGET"):
        forget_started_steps()
    asyncio.run(run(Path(sys.argv[1])))
