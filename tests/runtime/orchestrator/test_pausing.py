"""A run that is paused: what is under way ends, nothing more begins, and it goes on where it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mplp_runtime.errors import RunRefused
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.projects import Project, plan, role, statuses, step, timeline_of
from tests.runtime.orchestrator.sessions.collabs import SharedProject, collab, session_events

UNTIL_GO = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.02)"
TOML = role("worker", UNTIL_GO)
STEPS = plan(step("a"), step("b", "a"))


async def until(runtime: Runtime, run_id: str, **wanted: str) -> RunView:
    """The run once these steps have these statuses."""
    while True:
        view = runtime.runs.view(run_id)
        if wanted.items() <= statuses(view).items():
            return view
        assert view.is_live, view.error
        await runtime.runs.notices.changed_within(0.5)


async def test_what_is_under_way_ends_and_nothing_more_begins_until_the_run_is_resumed(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, STEPS, TOML)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await until(runtime, run_id, a="in_progress")
        assert (await runtime.runs.pause(run_id)).is_paused
        (tmp_path / "go").touch()
        view = await until(runtime, run_id, a="completed")
        # Whatever could have begun has had its chance.
        for _ in range(20):
            await asyncio.sleep(0)
        view = runtime.runs.view(run_id)
        assert (view.status, view.is_paused, statuses(view)["b"]) == ("running", True, "pending")
        await runtime.runs.resume(run_id)
        view = await runtime.runs.wait(run_id)
    assert (view.status, view.is_paused) == ("completed", False)
    told = [each["event_type"] for each in timeline_of(tmp_path, view)]
    assert told.index("plan_execution_paused") < told.index("plan_execution_unpaused")


async def test_a_session_is_suspended_and_active_again(tmp_path: Path) -> None:
    project = SharedProject(tmp_path, STEPS, TOML, collab=collab("round_robin"))
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await until(runtime, run_id, a="in_progress")
        await runtime.runs.pause(run_id)
        node = runtime.vsl.read(lambda reading: reading.read_node("Session", run_id))
        assert node is not None
        assert node.data["status"] == "suspended"
        (tmp_path / "go").touch()
        await until(runtime, run_id, a="completed")
        await runtime.runs.resume(run_id)
        view = await runtime.runs.wait(run_id)
        node = runtime.vsl.read(lambda reading: reading.read_node("Session", run_id))
    assert node is not None
    assert node.data["status"] == "completed"
    assert view.status == "completed"
    session_events(tmp_path, view)
    stages = [each["event_type"] for each in timeline_of(tmp_path, view) if each.get("stage_id") == "session"]
    assert stages == ["session_started", "session_suspended", "session_resumed", "session_completed"]


async def test_a_paused_run_is_paused_and_resumed_from_another_process_too(tmp_path: Path) -> None:
    project = Project(tmp_path, STEPS, TOML)
    async with project.runtime() as runtime, project.runtime() as other:
        run_id = (await runtime.runs.start(project.request())).run_id
        await until(runtime, run_id, a="in_progress")
        assert (await other.runs.pause(run_id)).is_paused
        assert runtime.runs.view(run_id).is_paused
        (tmp_path / "go").touch()
        await until(runtime, run_id, a="completed")
        assert not (await other.runs.resume(run_id)).is_paused
        assert (await runtime.runs.wait(run_id)).status == "completed"


async def test_a_paused_run_can_be_cancelled(tmp_path: Path) -> None:
    project = Project(tmp_path, STEPS, TOML)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await until(runtime, run_id, a="in_progress")
        await runtime.runs.pause(run_id)
        assert (await runtime.runs.cancel(run_id)).status == "cancelled"


async def test_a_paused_run_whose_process_ended_goes_on_when_it_is_resumed(tmp_path: Path) -> None:
    project = Project(tmp_path, STEPS, TOML)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await until(runtime, run_id, a="in_progress")
        await runtime.runs.pause(run_id)
        (tmp_path / "go").touch()
        await until(runtime, run_id, a="completed")
    async with project.runtime() as runtime:
        assert not runtime.runs.view(run_id).is_paused
        await runtime.runs.resume(run_id, trusted=True)
        assert (await runtime.runs.wait(run_id)).status == "completed"


async def test_a_paused_session_whose_process_ended_is_told_as_active_again(tmp_path: Path) -> None:
    project = SharedProject(tmp_path, STEPS, TOML, collab=collab("round_robin"))
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await until(runtime, run_id, a="in_progress")
        await runtime.runs.pause(run_id)
        (tmp_path / "go").touch()
        await until(runtime, run_id, a="completed")
        (tmp_path / "go").unlink()
    async with project.runtime() as runtime:
        await runtime.runs.resume(run_id, trusted=True)
        await until(runtime, run_id, b="in_progress")
        node = runtime.vsl.read(lambda reading: reading.read_node("Session", run_id))
        (tmp_path / "go").touch()
        view = await runtime.runs.wait(run_id)
    assert node is not None
    assert (node.data["status"], view.status) == ("active", "completed")
    session_events(tmp_path, view)
    events = timeline_of(tmp_path, view)
    stages = [each["event_type"] for each in events if each.get("stage_id") == "session"]
    assert stages == ["session_started", "session_suspended", "session_resumed", "session_completed"]
    told = [each["event_type"] for each in events]
    wanted = ["paused", "interrupted", "resumed", "unpaused"]
    assert [word for word in told if word.removeprefix("plan_execution_") in wanted] == [
        f"plan_execution_{word}" for word in wanted
    ]


async def test_only_a_run_that_is_under_way_is_paused(tmp_path: Path) -> None:
    project = Project(tmp_path)
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request(simulate=True))
        await runtime.runs.wait(view.run_id)
        with pytest.raises(RunRefused, match="The run is completed; only a run that is under way"):
            await runtime.runs.pause(view.run_id)
