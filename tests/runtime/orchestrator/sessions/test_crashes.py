"""A session whose process is killed in a turn: nothing acknowledged is lost, nothing done twice unasked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mplp_runtime.orchestrator.views import Question, RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.projects import PLAN_ID, plan, role, step, step_id, table
from tests.runtime.orchestrator.sessions.collabs import (
    SharedProject,
    collab,
    participant,
    session_events,
    session_told,
)
from tests.runtime.orchestrator.waiting import effects

REPOSITORY = Path(__file__).resolve().parents[4]
LIMIT_S = 120

# The effect comes first; then the step holds on until somebody lets it go.
HOLDING = """
import os, time
with open("effects", "a") as file:
    file.write(os.environ["MPLP_STEP_DESCRIPTION"] + "\\n")
while not os.path.exists("go"):
    time.sleep(0.02)
"""
WORKING = """
import os
with open("effects", "a") as file:
    file.write(os.environ["MPLP_STEP_DESCRIPTION"] + "\\n")
"""
pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here"),
    pytest.mark.timeout(400),
]


def killed_when(project: SharedProject, *names: str) -> None:
    """Runs the plan in a process of its own and kills it when these steps have had their effects."""
    root = project.root
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.runtime.orchestrator.sessions.child", str(root)],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
    )
    try:
        deadline = time.monotonic() + LIMIT_S
        while not set(names) <= set(effects(root)):
            assert child.poll() is None, child.stderr.read() if child.stderr else ""
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        child.kill()
        child.communicate()
    (root / "go").touch()


async def question(runtime: Runtime, run_id: str) -> Question:
    while not (view := runtime.runs.view(run_id)).questions:
        assert view.is_live, view.error
        await runtime.runs.notices.changed_within(0.5)
    return view.questions[0]


def interrupted(runtime: Runtime) -> RunView:
    view = runtime.runs.latest(PLAN_ID)
    assert view is not None
    assert view.status == "interrupted"
    return view


async def test_whoever_had_the_turn_is_known_after_a_crash_and_it_is_not_repeated_unasked(
    tmp_path: Path,
) -> None:
    toml = role("worker", WORKING) + role("holder", HOLDING)
    steps = [step("one"), step("two", "one", role="holder"), step("three", "two")]
    project = SharedProject(tmp_path, plan(*steps), toml, collab=collab("round_robin"))
    killed_when(project, "two")

    async with project.runtime() as runtime:
        view = interrupted(runtime)
        assert view.steps[step_id("one")].status == "completed"
        assert view.steps[step_id("two")].interrupted
        assert view.steps[step_id("two")].participant == "Ben (worker)"
        await runtime.runs.resume(view.run_id, trusted=True)
        asked = await question(runtime, view.run_id)
        assert (asked.kind, asked.step_id) == ("repeat", step_id("two"))
        await runtime.runs.answer(view.run_id, asked.step_id, success=True)
        view = await runtime.runs.wait(view.run_id)

    assert view.status == "completed"
    assert effects(tmp_path) == ["one", "two", "three"]
    assert session_told(tmp_path, view) == [
        "MAPSessionStarted",
        "MAPRolesAssigned",
        "MAPTurnDispatched 1 ana one",
        "MAPTurnCompleted 1 ana one completed",
        "MAPTurnDispatched 2 ben two",
        "MAPTurnCompleted 2 ben two completed",
        "MAPTurnDispatched 3 ana three",
        "MAPTurnCompleted 3 ana three completed",
        "MAPSessionCompleted completed",
    ]


async def test_a_wave_goes_on_with_the_steps_it_had(tmp_path: Path) -> None:
    toml = role("worker", WORKING) + role("holder", HOLDING) + table("run", max_parallel=2)
    steps = [step("a"), step("b", role="holder"), step("c", role="holder"), step("d"), step("e", "a")]
    project = SharedProject(tmp_path, plan(*steps), toml, collab=collab("broadcast"))
    killed_when(project, "a", "b", "c")

    async with project.runtime() as runtime:
        view = interrupted(runtime)
        await runtime.runs.resume(view.run_id, repeat=True, trusted=True)
        view = await runtime.runs.wait(view.run_id)

    assert view.status == "completed"
    told = session_told(tmp_path, view)
    # `e` was ready before `d` had run, and waits for the wave all the same.
    assert [each for each in told if each.startswith("MAPBroadcastSent")] == [
        "MAPBroadcastSent to 4",
        "MAPBroadcastSent to 1",
    ]
    second = told.index("MAPBroadcastSent to 1")
    assert {each.split()[3] for each in told[:second] if each.startswith("MAPTurnDispatched")} == set("abcd")
    assert sorted(effects(tmp_path)) == ["a", "b", "b", "c", "c", "d", "e"]


async def test_work_that_was_done_is_not_done_again_because_its_review_was_cut_off(tmp_path: Path) -> None:
    review = HOLDING.replace('os.environ["MPLP_STEP_DESCRIPTION"]', '"review"')
    toml = role("writer", WORKING) + role("editor", review)
    steps = [step("draft", role="writer"), step("skip", role="editor", status="completed")]
    people = (participant("ana", "writer"), participant("ben", "editor"))
    project = SharedProject(tmp_path, plan(*steps), toml, collab=collab("pair", *people))
    killed_when(project, "review")

    async with project.runtime() as runtime:
        view = interrupted(runtime)
        assert view.steps[step_id("draft")].participant == "Ben (editor)"
        await runtime.runs.resume(view.run_id, trusted=True)
        asked = await question(runtime, view.run_id)
        assert asked.text.startswith("The review of this step was under way")
        await runtime.runs.answer(view.run_id, asked.step_id, success=False, repeat=True)
        view = await runtime.runs.wait(view.run_id)

    assert view.status == "completed"
    assert effects(tmp_path) == ["draft", "review", "review"]
    assert session_told(tmp_path, view)[2:-1] == [
        "MAPTurnDispatched 1 ana draft",
        "MAPTurnCompleted 1 ana draft completed",
        "MAPTurnDispatched 2 ben draft review",
        "MAPTurnCompleted 2 ben draft review cancelled",
        "MAPTurnDispatched 3 ben draft review",
        "MAPTurnCompleted 3 ben draft review approved",
    ]


async def test_a_session_that_is_given_up_after_a_crash_has_no_open_turn(tmp_path: Path) -> None:
    toml = role("holder", HOLDING) + table("run", max_parallel=2)
    steps = [step("a", role="holder"), step("b", role="holder")]
    project = SharedProject(tmp_path, plan(*steps), toml, collab=collab("swarm"))
    killed_when(project, "a", "b")

    async with project.runtime() as runtime:
        view = await runtime.runs.cancel(interrupted(runtime).run_id)

    assert view.status == "cancelled"
    told = [each["event_type"] for each in session_events(tmp_path, view)]
    assert told.count("MAPTurnDispatched") == told.count("MAPTurnCompleted") == 2
    assert told[-1] == "MAPSessionCompleted"
