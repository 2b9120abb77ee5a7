"""Dry runs go far ahead of whoever watches them, and keep every promise nevertheless."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import RunInProgress
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.live import shown_trace
from mplp_runtime.orchestrator.state import load_state
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.vsl.interface import StoredEvent
from tests.runtime.killing import lines_until_killed
from tests.runtime.orchestrator.commits import commits_through, full_at
from tests.runtime.orchestrator.projects import (
    PLAN_ID,
    Project,
    chain,
    plan,
    statuses,
    step,
    step_id,
    table,
    timeline_of,
    trace_of,
)

REPOSITORY = Path(__file__).resolve().parents[3]
LIMIT_S = 20


def steps_told_until_killed(root: Path, killed_after: int) -> list[str]:
    """Steps that a process said to be on disk before it was killed."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.runtime.orchestrator.dry_run_process", str(root)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
    )
    return lines_until_killed(child, killed_after).decode().split()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.parametrize("killed_after", [1, 40, 133])
async def test_a_dry_run_that_is_killed_has_what_was_told_and_plays_the_rest_once(
    tmp_path: Path, killed_after: int
) -> None:
    project = Project(tmp_path, chain(200), table("run", max_parallel=4))
    told = await asyncio.to_thread(steps_told_until_killed, tmp_path, killed_after)
    async with project.runtime() as runtime:
        left = runtime.runs.latest(PLAN_ID)
        assert left is not None
        done = {step_id for step_id, view in left.steps.items() if view.status == "completed"}
        assert done.issuperset(told)
        assert {view.status for view in left.steps.values()} <= {"completed", "pending"}
        if left.status != "completed":
            left = await runtime.runs.resume(left.run_id)
        final = await runtime.runs.wait(left.run_id)
        stored = runtime.vsl.read(lambda reading: [each.event for each in reading.events(final.run_id)])
    assert final.status == "completed"
    assert timeline_of(tmp_path, final) == stored
    for word in ("SAStepStarted", "SAStepCompleted"):
        about = [event["payload"]["step_id"] for event in stored if event["event_type"] == word]
        assert about == [each["step_id"] for each in project.plan["steps"]]
    assert len(trace_of(tmp_path, final)["segments"]) == 200


async def test_who_resumes_a_run_that_somebody_has_just_resumed_is_told_so_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = table("roles.worker", action="agent_handoff", to="human")
    project = Project(tmp_path, plan(step("one")), people)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        runs = runtime.runs
        assert await runs.notices.until(lambda: bool(runs.view(run_id).questions), LIMIT_S)
    async with project.runtime() as runtime:
        runs, asked, first_is_through = runtime.runs, list[str](), threading.Event()
        look = runs.refuse_if_rejected

        def slow(view: RunView) -> None:
            """The second one's look at the approvals takes until the first has the run."""
            asked.append(view.run_id)
            if len(asked) > 1:
                assert first_is_through.wait(LIMIT_S)
            look(view)

        monkeypatch.setattr(runs, "refuse_if_rejected", slow)
        first = asyncio.create_task(runs.resume(run_id, trusted=True))
        while not asked:
            await asyncio.sleep(0)
        second = asyncio.create_task(runs.resume(run_id, trusted=True))
        await first
        first_is_through.set()
        with pytest.raises(RunInProgress):
            await asyncio.wait_for(second, LIMIT_S)
        assert await runs.notices.until(lambda: bool(runs.view(run_id).questions), LIMIT_S)
        await runs.answer(run_id, step_id("one"), success=True)
        assert (await runs.wait(run_id)).status == "completed"


@pytest.mark.parametrize("ahead", [1, 2, 16, 17])
async def test_a_step_that_is_skipped_during_a_dry_run_is_never_played_as_well(
    tmp_path: Path, ahead: int
) -> None:
    project = Project(tmp_path, chain(80), table("run", max_parallel=4))
    ids = [each["step_id"] for each in project.plan["steps"]]
    at = 16
    said: list[Any] = []
    async with project.runtime(follow_interval_s=60) as runtime:
        loop = asyncio.get_running_loop()
        request = project.request(simulate=True)
        seen: list[str] = []

        def look(events: Sequence[StoredEvent]) -> None:
            """Asks at the very moment at which a step is on disk, from the thread that commits."""
            for stored in events:
                if stored.event["event_type"] == "SAStepCompleted":
                    seen.append(stored.stream)
                    if len(seen) == at:
                        skip = runtime.runs.interventions.skip(stored.stream, ids[at - 1 + ahead], request)
                        said.append(asyncio.run_coroutine_threadsafe(skip, loop))

        runtime.bus.follow(look)
        view = await runtime.runs.start(request)
        final = await runtime.runs.wait(view.run_id)
        [outcome] = await asyncio.gather(*map(asyncio.wrap_future, said), return_exceptions=True)
        attempts = runtime.vsl.read(lambda reading: reading.nodes(records.STEP_ATTEMPT))
    wanted = "completed" if isinstance(outcome, BaseException) else "skipped"
    assert statuses(final)[f"{at - 1 + ahead:04}"] == wanted, outcome
    played = {node.data["step_id"] for node in attempts}
    assert (ids[at - 1 + ahead] in played) == (wanted == "completed")
    assert len(played) == (80 if wanted == "completed" else 79)


async def test_the_segments_of_a_trace_stand_in_the_order_of_the_run_whoever_writes_it(
    tmp_path: Path,
) -> None:
    backwards = plan(*reversed(chain(20)["steps"]))
    project = Project(tmp_path, backwards, table("run", max_parallel=4))
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request(simulate=True))
        final = await runtime.runs.wait(view.run_id)
        state = runtime.vsl.read(lambda reading: load_state(reading, view.run_id))
        assert state is not None
        shown = json.loads(shown_trace(state, runtime.vsl, runtime.clock))
    written = trace_of(tmp_path, final)
    labels = [segment["label"] for segment in written["segments"]]
    assert labels == sorted(labels)
    assert [segment["label"] for segment in shown["segments"]] == labels


async def test_a_step_that_is_skipped_during_a_dry_run_stands_in_the_trace_where_it_was_skipped(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, chain(600), table("run", max_parallel=4))
    ids = [each["step_id"] for each in project.plan["steps"]]
    async with project.runtime(follow_interval_s=60) as runtime:
        loop = asyncio.get_running_loop()
        request = project.request(simulate=True)
        seen: list[str] = []
        said: list[Any] = []

        def look(events: Sequence[StoredEvent]) -> None:
            seen.extend(each.stream for each in events if each.event["event_type"] == "SAStepCompleted")
            if len(seen) >= 300 and not said:
                skip = runtime.runs.interventions.skip(seen[0], ids[400], request)
                said.append(asyncio.run_coroutine_threadsafe(skip, loop))

        runtime.bus.follow(look)
        view = await runtime.runs.start(request)
        final = await runtime.runs.wait(view.run_id)
        await asyncio.wrap_future(said[0])
        state = runtime.vsl.read(lambda reading: load_state(reading, view.run_id))
        assert state is not None
        shown = json.loads(shown_trace(state, runtime.vsl, runtime.clock))
    assert statuses(final)["0400"] == "skipped"
    for document in (trace_of(tmp_path, final), shown):
        began = [segment["started_at"] for segment in document["segments"]]
        assert began == sorted(began)
        assert len(began) == 600


async def test_a_decision_that_could_not_be_written_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    people = table("roles.worker", action="agent_handoff", to="human")
    project = Project(tmp_path, plan(step("one"), step("two")), people + table("run", max_parallel=4))
    ids = [each["step_id"] for each in project.plan["steps"]]

    async with project.runtime(follow_interval_s=60) as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        asked = runtime.runs.notices.until(lambda: len(runtime.runs.view(run_id).questions) == 2, LIMIT_S)
        assert await asked
        with commits_through(full_at(1)), pytest.raises(Exception, match="disk"):
            await runtime.runs.interventions.skip(run_id, ids[0], project.request())
        # It was called back for the decision, and is asked again.
        assert await runtime.runs.notices.until(
            lambda: [each.number for each in runtime.runs.view(run_id).questions] == [2, 1], LIMIT_S
        )
        for step_id in ids:
            await runtime.runs.answer(run_id, step_id, success=True)
        final = await runtime.runs.wait(run_id)
    assert Counter(statuses(final).values()) == {"completed": 2}
    assert final.status == "completed"


async def test_no_step_is_said_to_begin_where_the_end_of_what_it_waits_for_was_not_written(
    tmp_path: Path,
) -> None:
    project = Project(
        tmp_path,
        plan(step("a"), step("d"), step("e", "a", "d")),
        table("roles.worker", action="custom_action", handler="work") + table("run", max_parallel=4),
    )
    both_run, d_may_end = threading.Barrier(2), threading.Event()
    is_full: list[int] = []

    def work(given: Mapping[str, Any]) -> str:
        name = str(given["step"]["description"])
        both_run.wait(LIMIT_S)
        if name == "d":
            assert d_may_end.wait(LIMIT_S)
        else:
            is_full.append(1)
        return name

    def full_once(_number: int) -> None:
        if is_full:
            is_full.clear()
            d_may_end.set()
            # The end of d, and with it the start of e, is handed in before this is known.
            handed_in.wait(0.5)
            raise sqlite3.OperationalError("database or disk is full")

    handed_in = threading.Event()
    async with project.runtime(handlers={"work": work}) as runtime:
        with commits_through(full_once):
            run_id = (await runtime.runs.start(project.request())).run_id
            left = await runtime.runs.wait(run_id)
        stored = runtime.vsl.read(lambda reading: [each.event for each in reading.events(run_id)])
    assert left.status == "interrupted"
    begun = [event["payload"]["step_id"] for event in stored if event["event_type"] == "SAStepStarted"]
    assert sorted(begun) == sorted([step_id("a"), step_id("d")])
    assert statuses(left)["e"] == "pending"


@pytest.mark.parametrize(
    "settings",
    [table("gates", confirm_steps=["checked"]), table("drift", snapshot_before=["checked"])],
)
async def test_nothing_is_prepared_for_a_step_where_the_end_of_what_it_waits_for_was_not_written(
    tmp_path: Path, settings: str
) -> None:
    work = {"action": "custom_action", "handler": "work"}
    toml = table("roles.worker", **work) + table("roles.checked", **work) + settings
    project = Project(tmp_path, plan(step("a"), step("b", "a", role="checked")), toml)
    is_full: list[bool] = []

    def full_once(_number: int) -> None:
        if is_full:
            is_full.clear()
            raise sqlite3.OperationalError("database or disk is full")

    async with project.runtime(handlers={"work": lambda _given: is_full.append(True)}) as runtime:
        with commits_through(full_once):
            run_id = (await runtime.runs.start(project.request())).run_id
            left = await runtime.runs.wait(run_id)
        stored = runtime.vsl.read(lambda reading: [each.event for each in reading.events(run_id)])
    assert left.status == "interrupted"
    assert not left.questions
    assert "step_blocked" not in {event["event_type"] for event in stored}
    assert not [each for each in (tmp_path / ".mplp/snapshots").rglob("*") if each.is_file()]
