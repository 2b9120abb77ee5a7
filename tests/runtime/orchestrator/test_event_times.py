"""The times of a run's events never go back (R4), whoever makes them and however late they are written.

The clock here goes on with every look, so that two looks for one event, or a look before its turn, are seen.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.orchestrator.views import RunView
from tests.runtime.orchestrator.file_work import files
from tests.runtime.orchestrator.projects import Project, plan, role, step, step_id, table, timeline_of
from tests.runtime.orchestrator.sessions.collabs import SharedProject, collab, participant
from tests.runtime.orchestrator.waiting import asked

WRITER, EDITOR = participant("ana", "writer"), participant("ben", "editor")
QUICK = role("writer", "print('w')") + role("editor", "print('e')")


class TickingClock:
    """A millisecond later at every look."""

    def __init__(self) -> None:
        self._looks = itertools.count()
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        with self._lock:
            return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=next(self._looks))


def backwards(events: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Pairs of neighbours of which the later one is told to have been earlier."""
    assert events
    return [
        (one["event_type"], other["event_type"])
        for one, other in itertools.pairwise(events)
        if one["timestamp"] > other["timestamp"]
    ]


async def run_of(project: Project) -> RunView:
    async with project.runtime(clock=TickingClock()) as runtime:
        view = await runtime.runs.start(project.request())
        return await runtime.runs.wait(view.run_id)


async def test_an_end_and_the_start_that_follows_it_have_one_time(tmp_path: Path) -> None:
    names = [f"s{number:02}" for number in range(12)]
    steps = [step(name, *names[max(0, at - 2) : at], role="writer") for at, name in enumerate(names)]
    others = [step(f"o{number:02}", role="editor") for number in range(6)]
    project = Project(tmp_path, plan(*steps, *others), QUICK + table("run", max_parallel=4))
    view = await run_of(project)
    assert (view.status, backwards(timeline_of(tmp_path, view))) == ("completed", [])


@pytest.mark.parametrize("mode", ["broadcast", "round_robin", "orchestrated", "swarm", "pair"])
async def test_turns_are_given_and_ended_in_the_order_of_their_times(mode: str, tmp_path: Path) -> None:
    steps = [step("a", role="writer"), step("b", role="editor"), step("c", "a", "b", role="writer")]
    project = SharedProject(tmp_path, plan(*steps), QUICK, collab=collab(mode, WRITER, EDITOR))
    view = await run_of(project)
    assert (view.status, backwards(timeline_of(tmp_path, view))) == ("completed", [])


async def test_tools_files_snapshots_and_a_rollback_stand_in_the_order_of_their_times(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("before")
    toml = QUICK + table("drift", snapshot_before=["risky"]) + role("risky", "print('r')")
    toml += files("files", "write", target="notes.md", content="after")
    steps = [
        step("a", role="writer"),
        step("b", role="risky"),
        step("c", role="files"),
        *(step(f"w{number}", role="editor") for number in range(6)),
    ]
    project = Project(tmp_path, plan(*steps), toml + table("run", max_parallel=4))
    async with project.runtime(clock=TickingClock()) as runtime:
        view = await runtime.runs.start(project.request())
        view = await runtime.runs.wait(view.run_id)
        assert view.status == "completed"
        await runtime.roll_back(view.run_id, trusted=True)
        assert backwards(runtime.timeline(view.run_id)) == []


async def test_what_happened_outside_stands_in_a_run_at_the_time_at_which_it_came_there(
    tmp_path: Path,
) -> None:
    toml = table("roles.worker", action="agent_handoff", to="human")
    project = Project(tmp_path, plan(step("a")), toml)
    async with project.runtime(clock=TickingClock()) as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        change = {"file_path": "n.md", "change_type": "modified", "timestamp": "2025-01-01T00:00:00.000Z"}
        runtime.intake.offer(change, source="watcher")
        await asked(runtime, run_id)
        await runtime.intake.settle()
        await runtime.runs.answer(run_id, step_id("a"), success=True)
        await runtime.runs.wait(run_id)
        events = runtime.timeline(run_id)
    (told,) = [each for each in events if each["event_type"] == "file_update"]
    assert (told["payload"]["timestamp"], backwards(events)) == (change["timestamp"], [])


async def test_what_a_source_tells_late_does_not_turn_the_times_of_the_project_s_timeline_back(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(step("a", role="writer")), QUICK)
    payload = {
        "repo_url": "git@example.com:shop.git",
        "commit_id": "1a2b3c4",
        "ref_name": "refs/heads/main",
        "event_kind": "push",
        "timestamp": "2020-01-01T12:00:00Z",
    }
    late = {
        "event_id": "a0a0a0a0-0000-4000-8000-000000000000",
        "event_type": "git_operation",
        "event_family": "external_integration",
        "source": "hook",
        "timestamp": "2020-01-01T12:00:00Z",
        "payload": payload,
    }
    async with project.runtime(clock=TickingClock()) as runtime:
        for event in ({**payload, "commit_id": "abcdef1"}, late):
            assert runtime.intake.offer(event, source="hook").error is None
            await runtime.intake.settle()
        told = [event for event in runtime.timeline() if event["event_type"] == "git_operation"]
        assert backwards(runtime.timeline()) == []
    assert [event["payload"]["timestamp"] for event in told] == ["2020-01-01T12:00:00Z"] * 2
