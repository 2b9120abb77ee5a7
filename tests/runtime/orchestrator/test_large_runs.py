"""Runs of many steps: how often they wait for the disk, how often they are told, and that nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from mplp_runtime.vsl.interface import Transaction
from tests.runtime.orchestrator.projects import Project, plan, statuses, step, table, timeline_of, trace_of

T = TypeVar("T")

ENDS = ("SAStepCompleted", "SAStepFailed")


def chain(count: int) -> dict[str, Any]:
    """Steps that each wait for the one before."""
    return plan(*(step(f"s{number}", *([f"s{number - 1}"] if number else [])) for number in range(count)))


def layers(count: int, width: int) -> dict[str, Any]:
    """Steps in layers; each waits for the one above it."""
    return plan(
        *(step(f"s{number}", *([f"s{number - width}"] if number >= width else [])) for number in range(count))
    )


def parallel(limit: int) -> str:
    return table("run", max_parallel=limit)


def count_commits(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From now on the list has an entry for each unit of work that a run waits for."""
    commits: list[int] = []
    transact = runtime.vsl.transact

    async def counted(work: Callable[[Transaction], T]) -> T:
        commits.append(1)
        return await transact(work)

    monkeypatch.setattr(runtime.vsl, "transact", counted)
    return commits


async def simulated(runtime: Runtime, project: Project) -> RunView:
    view = await runtime.runs.start(project.request(simulate=True))
    return await runtime.runs.wait(view.run_id)


async def test_in_a_chain_the_end_of_a_step_and_the_start_of_the_next_are_one_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path, chain(40), parallel(4))
    async with project.runtime(follow_interval_s=60) as runtime:
        commits = count_commits(runtime, monkeypatch)
        view = await simulated(runtime, project)
    assert set(statuses(view).values()) == {"completed"}
    # The start of the run and of its first step, the end of its last step and its own.
    assert len(commits) <= 40 + 3


async def test_steps_of_one_layer_begin_and_end_in_the_same_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path, layers(200, 20), parallel(20))
    async with project.runtime(follow_interval_s=60) as runtime:
        commits = count_commits(runtime, monkeypatch)
        view = await simulated(runtime, project)
    assert set(statuses(view).values()) == {"completed"}
    assert len(commits) <= 10 + 3


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
