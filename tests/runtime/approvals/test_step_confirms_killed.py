"""A decision about a step whose process is killed is heeded, told once, and signed onto nothing else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.approvals.test_step_confirms import CONFIRM_ID, WORK, confirm_value, decide, told
from tests.runtime.orchestrator.projects import (
    PLAN_ID,
    Project,
    errors,
    plan,
    statuses,
    step,
    step_id,
    table,
    timeline_of,
)
from tests.runtime.orchestrator.waiting import asked

SAYS_YES_AND_IS_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from mplp_runtime import approvals
from mplp_runtime.orchestrator import gates, step_confirms
from mplp_runtime.orchestrator.views import Answer
from tests.runtime.orchestrator.projects import Project

async def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def killed_after(real):
    async def work(*given):
        await real(*given)
        os.kill(os.getpid(), signal.SIGKILL)
    return work

def written_and_killed(path, pieces, write=approvals.write_atomically):
    write(path, pieces)
    os.kill(os.getpid(), signal.SIGKILL)

where = sys.argv[2]
if where == "answer-kept":
    gates.Gates._written = killed
elif where == "decision-in-the-file":
    approvals.write_atomically = written_and_killed
elif where == "decision-in-the-state":
    step_confirms.StepConfirms.answered = killed_after(step_confirms.StepConfirms.answered)
else:
    gates.Gates.opened = killed_after(gates.Gates.opened)

async def main():
    project = Project.existing(Path(sys.argv[1]))
    async with project.runtime() as runtime:
        await runtime.run(project.path, trusted=True, answer=lambda _: Answer(True, "go"))

asyncio.run(main())
"""
EVERYWHERE = pytest.mark.parametrize(
    "where", ["answer-kept", "decision-in-the-file", "decision-in-the-state", "let-in"]
)
LATER = "2099-01-01T08:00:00Z"


def killed(root: Path, where: str, toml: str = WORK) -> Project:
    """A project whose only step, `b`, was let in by a person, right after which the process was killed."""
    project = Project(root, plan(step("b")), toml)
    command = [sys.executable, "-c", SAYS_YES_AND_IS_KILLED, str(root), where]
    done = subprocess.run(command, check=False, capture_output=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    return project


async def resumed(runtime: Runtime) -> RunView:
    run = runtime.runs.latest(PLAN_ID)
    assert run is not None
    return await runtime.runs.resume(run.run_id, trusted=True)


@EVERYWHERE
async def test_a_rejection_that_comes_after_a_yes_and_a_kill_still_counts(tmp_path: Path, where: str) -> None:
    decide(tmp_path, "pending")
    project = killed(tmp_path, where)
    decide(tmp_path, "rejected", "rejected", requested_at=LATER)
    async with project.runtime() as runtime:
        final = await runtime.wait((await resumed(runtime)).run_id)
        assert (final.status, statuses(final)) == ("failed", {"b": "skipped"})
        assert told(tmp_path, final)[-1] == "confirm.rejected"


@EVERYWHERE
async def test_a_yes_before_a_kill_is_not_signed_onto_a_confirm_that_came_after_it(
    tmp_path: Path, where: str
) -> None:
    decide(tmp_path, "pending")
    project = killed(tmp_path, where)
    newer = tmp_path / "newer.confirm.json"
    newer.write_text(json.dumps(confirm_value("pending", confirm_id=step_id("y"), requested_at=LATER)))
    async with project.runtime() as runtime:
        run = await resumed(runtime)
        await asked(runtime, run.run_id, "gate")
        assert json.loads(newer.read_text())["decisions"] == []
        await runtime.runs.answer(run.run_id, step_id("b"), success=True)
        assert (await runtime.wait(run.run_id)).status == "completed"
        assert json.loads(newer.read_text())["status"] == "approved"


@EVERYWHERE
async def test_a_decision_is_told_once_and_reaches_the_graph_wherever_its_process_was_killed(
    tmp_path: Path, where: str
) -> None:
    decide(tmp_path, "pending")
    project = killed(tmp_path, where)
    async with project.runtime() as runtime:
        final = await runtime.wait((await resumed(runtime)).run_id)
        assert (final.status, told(tmp_path, final)) == (
            "completed",
            ["confirm.requested", "confirm.approved"],
        )
        [node] = runtime.vsl.read(lambda reading: reading.nodes("Confirm"))
        assert (node.id, node.data["status"]) == (CONFIRM_ID, "approved")
        [decision] = json.loads((tmp_path / "b.confirm.json").read_text())["decisions"]
        assert decision["reason"] == "go"
        events = [each.event["event_type"] for each in runtime.vsl.read(lambda reading: reading.events())]
        assert (events.count("decision_added"), events.count("confirm_resolved")) == (1, 1)
        assert (events.count("step_blocked"), events.count("step_unblocked")) == (1, 1)


@pytest.mark.parametrize(
    ("status", "word"), [("approved", "confirm.approved"), ("cancelled", "confirm.cancelled")]
)
async def test_what_is_decided_while_no_process_carries_the_run_is_told_when_it_goes_on(
    tmp_path: Path, status: str, word: str
) -> None:
    decide(tmp_path, "pending")
    project = Project(tmp_path, plan(step("b")), WORK)
    for _ in range(2):
        async with project.runtime() as runtime:
            known = runtime.runs.latest(PLAN_ID)
            run = await (runtime.start(project.path, trusted=True) if known is None else resumed(runtime))
            await asked(runtime, run.run_id, "gate")
    decide(tmp_path, status, *(["approved"] if status == "approved" else []))
    async with project.runtime() as runtime:
        final = await runtime.wait((await resumed(runtime)).run_id)
        assert (final.status, told(tmp_path, final)) == ("completed", ["confirm.requested", word])


async def test_what_the_settings_ask_keeps_its_confirm_over_a_restart(tmp_path: Path) -> None:
    toml = WORK + table("gates", confirm_steps=[step_id("b")])
    project = killed(tmp_path, "answer-kept", toml)
    async with project.runtime() as runtime:
        final = await runtime.wait((await resumed(runtime)).run_id)
        [confirm] = runtime.documents.all("confirm")
        timeline = timeline_of(tmp_path, final)
        told_of = [
            (each["event_type"], each["stage_id"]) for each in timeline if "confirm_" in each["event_type"]
        ]
        identity = confirm["confirm_id"]
        assert told_of == [("confirm_requested", identity), ("confirm_approved", identity)]
        assert errors("confirm", confirm) == []
        [requested] = [each for each in timeline if each["event_type"] == "confirm_requested"]
        assert confirm["requested_at"] <= requested["timestamp"]
