"""What a person was asked is asked again after a restart, and nothing of it is told as a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.orchestrator.pausing import NotUnderWay
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.projects import (
    PLAN_ID,
    Project,
    plan,
    role,
    step,
    step_id,
    table,
    timeline_of,
    trace_of,
)
from tests.runtime.orchestrator.sessions.collabs import SharedProject, collab, participant, session_told
from tests.runtime.orchestrator.waiting import asked

REPOSITORY = Path(__file__).resolve().parents[3]
PERSON = table("roles.worker", action="agent_handoff", to="human")
WRITER, EDITOR = participant("ana", "writer"), participant("ben", "editor")


async def killed_while_it_asks(project: Project) -> str:
    """Runs the plan in a process of its own, which is killed as soon as a person is asked; the run's id."""
    async with project.runtime() as runtime:
        # Another process sees the question as soon as it is durable.
        child = _running(project)
        try:
            view = await asked_elsewhere(runtime, child)
        finally:
            child.kill()
            child.wait(60)
    return view.run_id


async def asked_elsewhere(runtime: Runtime, child: subprocess.Popen[bytes]) -> RunView:
    """The run of another process, once it asks something."""
    while (view := runtime.runs.latest(PLAN_ID)) is None or not view.questions:
        assert child.poll() is None
        await runtime.runs.notices.changed_within(0.02)
    return view


def _running(project: Project) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.runtime.orchestrator.sessions.child", str(project.root)]
    return subprocess.Popen(command, cwd=REPOSITORY, env=dict(os.environ), stdout=subprocess.DEVNULL)


async def resumed_and_asked(runtime: Runtime, run_id: str) -> RunView:
    await runtime.runs.resume(run_id, trusted=True)
    return await asked(runtime, run_id, "handoff")


def failures(events: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in events if "ail" in each["event_type"] or each.get("stage_status") == "failed"]


async def test_a_question_to_a_person_survives_restarts_as_the_same_attempt(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), PERSON)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await asked(runtime, run_id)
    for _ in range(2):
        async with project.runtime() as runtime:
            view = await resumed_and_asked(runtime, run_id)
            assert (view.steps[step_id("a")].attempt, view.steps[step_id("a")].interrupted) == (1, False)
    async with project.runtime() as runtime:
        await resumed_and_asked(runtime, run_id)
        await runtime.runs.answer(run_id, step_id("a"), success=True, output="signed")
        view = await runtime.runs.wait(run_id)
    events = timeline_of(tmp_path, view)
    (segment,) = trace_of(tmp_path, view)["segments"]
    assert (view.status, view.steps[step_id("a")].output) == ("completed", "signed")
    assert (segment["status"], segment["attributes"]["answered_by"]) == ("completed", "human")
    assert "interrupted" not in segment["attributes"]
    assert failures(events) == []
    told = [each["event_type"] for each in events]
    assert (told.count("SAStepStarted"), told.count("SAStepCompleted")) == (1, 1)


@pytest.mark.parametrize("repeat", [None, False, True])
async def test_what_a_person_has_in_hand_is_asked_again_also_where_nothing_or_all_is_to_be_repeated(
    tmp_path: Path, repeat: bool | None
) -> None:
    project = Project(tmp_path, plan(step("a")), PERSON)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await asked(runtime, run_id)
    async with project.runtime() as runtime:
        await runtime.runs.resume(run_id, repeat=repeat, trusted=True)
        view = await asked(runtime, run_id, "handoff")
        assert (view.steps[step_id("a")].attempt, view.steps[step_id("a")].status) == (1, "in_progress")
        await runtime.runs.answer(run_id, step_id("a"), success=True, output="signed")
        assert (await runtime.runs.wait(run_id)).status == "completed"


async def test_the_turn_of_a_person_in_a_session_lasts_across_a_restart(tmp_path: Path) -> None:
    toml = table("roles.writer", action="agent_handoff", to="editor")
    toml += table("roles.editor", action="agent_handoff", to="human")
    steps = plan(step("draft", role="writer"))
    project = SharedProject(tmp_path, steps, toml, collab=collab("orchestrated", WRITER, EDITOR))
    run_id = await killed_while_it_asks(project)
    async with project.runtime() as runtime:
        view = await resumed_and_asked(runtime, run_id)
        assert view.steps[step_id("draft")].participant == "Ben (editor)"
        await runtime.runs.answer(run_id, step_id("draft"), success=True, output="fine")
        view = await runtime.runs.wait(run_id)
    assert (view.status, failures(timeline_of(tmp_path, view))) == ("completed", [])
    assert session_told(tmp_path, view) == [
        "MAPSessionStarted",
        "MAPRolesAssigned",
        "MAPTurnDispatched 1 ana draft",
        "MAPTurnDispatched 2 ben draft handoff",
        "MAPTurnCompleted 2 ben draft handoff completed",
        "MAPTurnCompleted 1 ana draft completed",
        "MAPSessionCompleted completed",
    ]


async def test_the_review_of_a_person_lasts_across_a_restart(tmp_path: Path) -> None:
    toml = role("writer", "print('draft')") + table("roles.editor", action="agent_handoff", to="human")
    steps = plan(step("draft", role="writer"), step("skip", role="editor", status="completed"))
    project = SharedProject(tmp_path, steps, toml, collab=collab("pair", WRITER, EDITOR))
    run_id = await killed_while_it_asks(project)
    async with project.runtime() as runtime:
        await resumed_and_asked(runtime, run_id)
        await runtime.runs.answer(run_id, step_id("draft"), success=True)
        view = await runtime.runs.wait(run_id)
    assert view.status == "completed"
    assert session_told(tmp_path, view)[2:-1] == [
        "MAPTurnDispatched 1 ana draft",
        "MAPTurnCompleted 1 ana draft completed",
        "MAPTurnDispatched 2 ben draft review",
        "MAPTurnCompleted 2 ben draft review approved",
    ]


async def test_a_person_who_did_a_step_of_a_pair_across_a_restart_is_still_reviewed(tmp_path: Path) -> None:
    toml = table("roles.writer", action="agent_handoff", to="human") + role("editor", "print('right')")
    steps = plan(step("draft", role="writer"), step("skip", role="editor", status="completed"))
    project = SharedProject(tmp_path, steps, toml, collab=collab("pair", WRITER, EDITOR))
    run_id = await killed_while_it_asks(project)
    async with project.runtime() as runtime:
        await resumed_and_asked(runtime, run_id)
        await runtime.runs.answer(run_id, step_id("draft"), success=True)
        view = await runtime.runs.wait(run_id)
    assert session_told(tmp_path, view)[2:-1] == [
        "MAPTurnDispatched 1 ana draft",
        "MAPTurnCompleted 1 ana draft completed",
        "MAPTurnDispatched 2 ben draft review",
        "MAPTurnCompleted 2 ben draft review approved",
    ]


@pytest.mark.parametrize("word", ["resume", "pause", "skip", "roll back"])
async def test_whoever_had_the_project_open_goes_on_with_the_run_of_a_process_that_was_killed(
    tmp_path: Path, word: str
) -> None:
    project = SharedProject(
        tmp_path, plan(step("draft")), PERSON, collab=collab("orchestrated", WRITER, EDITOR)
    )
    async with project.runtime() as runtime:
        child = _running(project)
        try:
            run_id = (await asked_elsewhere(runtime, child)).run_id
        finally:
            child.kill()
            child.wait(60)
        # Nobody here follows the runs of others: so far it is not known that the process is gone.
        assert runtime.runs.view(run_id).status == "running"
        if word == "resume":
            await resumed_and_asked(runtime, run_id)
            await runtime.runs.answer(run_id, step_id("draft"), success=True)
        elif word == "skip":
            await runtime.skip(run_id, step_id("draft"), trusted=True)
        elif word == "pause":
            with pytest.raises(NotUnderWay, match="The run is interrupted"):
                await runtime.runs.pause(run_id)
            await runtime.runs.cancel(run_id)
        else:
            await runtime.roll_back(run_id, trusted=True)
        view = await runtime.runs.wait(run_id)
    assert view.status == ("completed" if word in {"resume", "skip"} else "cancelled")
