"""Runs of many steps: how often they wait for the disk, how often they are told, and that nothing is lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.commits import commits_through, full_at
from tests.runtime.orchestrator.projects import (
    Project,
    chain,
    plan,
    statuses,
    step,
    table,
    timeline_of,
    trace_of,
)

ENDS = ("SAStepCompleted", "SAStepFailed")


def layers(count: int, width: int) -> dict[str, Any]:
    """Steps in layers; each waits for the one above it."""
    return plan(
        *(step(f"s{number}", *([f"s{number - width}"] if number >= width else [])) for number in range(count))
    )


def parallel(limit: int) -> str:
    return table("run", max_parallel=limit)


async def simulated(runtime: Runtime, project: Project) -> RunView:
    view = await runtime.runs.start(project.request(simulate=True))
    return await runtime.runs.wait(view.run_id)


async def test_each_step_of_a_chain_is_one_commit(tmp_path: Path) -> None:
    project = Project(tmp_path, chain(40), parallel(4))
    async with project.runtime(follow_interval_s=60) as runtime:
        commits: list[int] = []
        with commits_through(commits.append):
            view = await simulated(runtime, project)
        many = len(commits)
    assert set(statuses(view).values()) == {"completed"}
    # And the start of the run, its end, and what it relied on.
    assert 40 + 2 <= many <= 40 + 4


async def test_steps_of_one_layer_begin_and_end_in_the_same_commits(tmp_path: Path) -> None:
    project = Project(tmp_path, layers(200, 20), parallel(20))
    async with project.runtime(follow_interval_s=60) as runtime:
        commits: list[int] = []
        with commits_through(commits.append):
            view = await simulated(runtime, project)
        many = len(commits)
    assert set(statuses(view).values()) == {"completed"}
    assert 10 + 2 <= many <= 10 + 4


async def test_every_step_of_a_large_run_has_all_its_events_and_its_segment(tmp_path: Path) -> None:
    project = Project(tmp_path, layers(300, 30), parallel(30))
    async with project.runtime() as runtime:
        view = await simulated(runtime, project)
    events = timeline_of(tmp_path, view)
    words = Counter(event["event_type"] for event in events)
    for word in ("SAStepStarted", "step_started", "step_execution_started", "step_execution_completed"):
        assert words[word] == 300
    for word in ("step_updated", "step_completed", "SAStepCompleted"):
        assert words[word] == 300
    times = [event["timestamp"] for event in events]
    assert times == sorted(times)
    assert len({event["event_id"] for event in events}) == len(events)
    assert len(trace_of(tmp_path, view)["segments"]) == 300


async def test_no_step_begins_before_what_it_waits_for_has_ended(tmp_path: Path) -> None:
    project = Project(tmp_path, layers(120, 12), parallel(5))
    async with project.runtime() as runtime:
        view = await simulated(runtime, project)
    needs = {each["step_id"]: set(each.get("dependencies", ())) for each in project.plan["steps"]}
    ended: set[str] = set()
    under_way: set[str] = set()
    for event in timeline_of(tmp_path, view):
        about = event.get("payload", {}).get("step_id", "")
        if event["event_type"] == "SAStepStarted":
            assert needs[about] <= ended
            under_way.add(about)
            assert len(under_way) <= 5
        elif event["event_type"] in ENDS:
            under_way.discard(about)
            ended.add(about)
    assert ended == needs.keys()


async def test_the_same_plan_runs_in_the_same_order_each_time(tmp_path: Path) -> None:
    project = Project(tmp_path, layers(60, 6), parallel(4))
    orders = []
    async with project.runtime() as runtime:
        for _ in range(2):
            view = await simulated(runtime, project)
            orders.append(
                [
                    event["payload"]["step_id"]
                    for event in timeline_of(tmp_path, view)
                    if event["event_type"] == "SAStepStarted"
                ]
            )
    assert orders[0] == orders[1]
    assert len(orders[0]) == 60


async def test_a_large_run_that_is_cancelled_leaves_no_step_under_way(tmp_path: Path) -> None:
    project = Project(tmp_path, chain(600), parallel(4))
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request(simulate=True))
        final = await runtime.runs.cancel(view.run_id)
        attempts = runtime.vsl.read(lambda reading: reading.nodes(records.STEP_ATTEMPT))
    assert final.status == "cancelled"
    assert {node.data["status"] for node in attempts} <= {"completed", "cancelled"}
    assert set(statuses(final).values()) <= {"completed", "failed", "pending", "blocked"}
    assert len(attempts) < 600


async def test_a_large_run_that_is_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    project = Project(tmp_path, chain(300), parallel(4))
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request(simulate=True))).run_id
        assert await runtime.runs.notices.until(lambda: runtime.runs.view(run_id).finished_steps > 3, 20)
    async with project.runtime() as runtime:
        view = await runtime.runs.resume(run_id, trusted=True)
        final = await runtime.runs.wait(view.run_id)
    assert final.status == "completed"
    ends = [event for event in timeline_of(tmp_path, final) if event["event_type"] == "SAStepCompleted"]
    assert len({event["payload"]["step_id"] for event in ends}) == len(ends) == 300


async def test_a_fast_run_tells_its_subscribers_a_few_times_and_not_at_each_step(tmp_path: Path) -> None:
    project = Project(tmp_path, layers(2_000, 50), parallel(50))
    seen: list[int] = []
    async with project.runtime() as runtime:
        runtime.runs.subscribe(lambda view: seen.append(view.finished_steps))
        view = await simulated(runtime, project)
    assert view.status == "completed"
    assert seen[-1] == 2_000
    assert seen == sorted(seen)
    assert len(seen) <= 2_000 / 50 + 5


async def test_no_step_is_said_to_begin_before_the_end_of_what_it_waits_for(tmp_path: Path) -> None:
    project = Project(tmp_path, layers(60, 6), parallel(6))
    async with project.runtime() as runtime:
        view = await simulated(runtime, project)
        attempts = runtime.vsl.read(lambda reading: reading.nodes(records.STEP_ATTEMPT))
    known = {node.data["step_id"]: node.data for node in attempts}
    assert len(known) == len(view.steps) == 60
    for planned in project.plan["steps"]:
        attempt = known[planned["step_id"]]
        assert attempt["started_at"] <= attempt["finished_at"]
        for needed in planned.get("dependencies", ()):
            assert known[needed]["finished_at"] <= attempt["started_at"]


async def test_a_step_that_cannot_be_written_keeps_all_later_ones_from_being_written(tmp_path: Path) -> None:
    project = Project(tmp_path, chain(60), parallel(4))
    async with project.runtime() as runtime:
        with commits_through(full_at(25)):
            run_id = (await runtime.runs.start(project.request(simulate=True))).run_id
            stopped = await runtime.runs.wait(run_id)
        assert stopped.status == "interrupted"
        told = [word for word in statuses(stopped).values() if word == "completed"]
        attempts = runtime.vsl.read(lambda reading: reading.nodes(records.STEP_ATTEMPT))
        assert 0 < len(told) == len(attempts) < 25
        assert [each.status for each in stopped.steps.values()][: len(told)] == told
        await runtime.runs.resume(run_id, trusted=True)
        final = await runtime.runs.wait(run_id)
    assert final.status == "completed"
    begun = [event for event in timeline_of(tmp_path, final) if event["event_type"] == "SAStepStarted"]
    assert len(begun) == 60


async def test_once_a_large_run_is_told_to_be_paused_no_step_begins(tmp_path: Path) -> None:
    project = Project(tmp_path, chain(600), parallel(4))
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request(simulate=True))).run_id
        assert await runtime.runs.notices.until(lambda: runtime.runs.view(run_id).finished_steps > 3, 20)
        paused = await runtime.runs.pause(run_id)
        assert paused.is_paused
        assert 3 < paused.finished_steps < 600
        await runtime.runs.resume(run_id)
        final = await runtime.runs.wait(run_id)
    words = [event["event_type"] for event in timeline_of(tmp_path, final)]
    pause, go_on = words.index("plan_execution_paused"), words.index("plan_execution_unpaused")
    assert set(words[pause + 1 : go_on]) <= {"plan_execution_unpaused"}
    assert words[:pause].count("SAStepStarted") == words[:pause].count("SAStepCompleted")
    assert words[:pause].count("SAStepStarted") == paused.finished_steps
    assert final.status == "completed"
