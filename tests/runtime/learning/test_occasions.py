"""What is told for learning alone: a plan's intent, its revisions, and what a change touches."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.events.validate import event_errors
from mplp_runtime.learning.collector import SAMPLES, Collector
from mplp_runtime.learning.occasions import impact_event, revision_of
from mplp_runtime.learning.samples import POINTS
from mplp_runtime.rules.schema import schema_findings
from mplp_runtime.runtime import Runtime
from mplp_runtime.vsl.memory import MemoryStore
from mplp_runtime.vsl.sqlite import SqliteStore
from tests.runtime.orchestrator.projects import Project, plan, role, step, step_id, table
from tests.runtime.orchestrator.sessions.collabs import SharedProject, collab, participant
from tests.runtime.samples import graph_of, plan_of, uuid

PROJECT_ID = uuid(9)
COLLECT = "[learning]\ncollect = true\n"
OK = role("worker", "print('ok')")
STEPS = step("one"), step("two", "one"), step("three", role="breaker")


def project_told(root: Path, *types: str) -> list[dict[str, Any]]:
    """The project's own events of these types, each found valid."""
    lines = (root / ".mplp/timeline.events.ndjson").read_text().splitlines()
    found = [event for event in map(json.loads, lines) if event["event_type"] in types]
    assert [event_errors(event) for event in found] == [[] for _ in found]
    return found


async def test_a_project_that_learns_meets_all_nine_points_by_what_is_done_in_it(tmp_path: Path) -> None:
    people = participant("ana"), participant("ben"), participant("cleo", "breaker")
    toml = OK + role("breaker", "raise SystemExit(3)") + table("run", on_failure="continue-independent")
    project = SharedProject(tmp_path, plan(*STEPS), toml + COLLECT, collab=collab("swarm", *people))
    async with project.runtime() as runtime:
        await runtime.approvals.propose(project.path, project.plan)
        await runtime.approvals.approve(project.path, project.plan)
        view = await runtime.runs.start(project.request())
        await runtime.runs.wait(view.run_id)
        project.save(plan(step("one", description="one, but better"), *STEPS[1:]))
        await runtime.approvals.propose(project.path, project.plan)
        await runtime.approvals.approve(project.path, project.plan)
        touched = runtime.impact("Step", step_id("one"))
    samples = [json.loads(line) for line in (tmp_path / ".mplp" / SAMPLES).read_text().splitlines()]
    assert [schema_findings("sample", sample) for sample in samples] == [[] for _ in samples]
    assert {sample["meta"]["collection_point"] for sample in samples} == {point.name for point in POINTS}

    [intent] = project_told(tmp_path, "intent_extracted")
    assert (intent["event_family"], intent["payload"]["text"]) == ("intent", "Ship it")
    [revised] = project_told(tmp_path, "plan_revised")
    assert revised["event_family"] == "delta_intent"
    assert revised["payload"]["change_summary"] == "1 step changed"
    assert revised["payload"]["impact_summary"] == "2 of 3 steps are concerned"
    of_revision, of_question = project_told(tmp_path, "impact_assessed")
    assert of_revision["payload"]["delta_id"] == revised["event_id"]
    assert of_revision["payload"]["step_ids"] == [step_id("one"), step_id("two")]
    assert of_question["payload"]["affected"] == len(touched) > 1
    [delta] = [each for each in samples if each["meta"]["collection_point"] == "plan_revision"]
    assert delta["input"]["delta_type"] == "refinement"
    assert delta["output"]["actual_impact_summary"] == "2 of 3 steps are concerned"


async def test_a_changed_plan_that_simply_runs_again_was_revised_and_has_told_its_intent_once(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(step("one")), OK + COLLECT)
    await project.run()
    await project.run()
    assert project_told(tmp_path, "plan_revised", "impact_assessed") == []
    project.save(plan(step("one"), step("two", "one"), objective="Ship more"))
    await project.run()
    [revised] = project_told(tmp_path, "plan_revised")
    assert revised["payload"]["change_summary"] == "objective changed; 1 step added"
    assert revised["payload"]["delta_type"] == "pivot"
    assert len(project_told(tmp_path, "intent_extracted")) == 1


async def test_a_dry_run_tells_what_a_plan_means_and_the_first_real_run_does_not_tell_it_again(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(step("one")), OK + COLLECT)
    async with project.runtime() as runtime:
        for _ in range(2):
            await runtime.run(project.path, simulate=True)
        assert len(project_told(tmp_path, "intent_extracted")) == 1
        await runtime.run(project.path, trusted=True)
        project.save(plan(step("one"), step("two")))
        for _ in range(2):
            await runtime.run(project.path, simulate=True)
        await runtime.run(project.path, trusted=True)
    assert len(project_told(tmp_path, "intent_extracted")) == 1
    assert len(project_told(tmp_path, "plan_revised")) == 1


async def test_nothing_of_this_is_told_where_nobody_wants_to_learn(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("one")), OK)
    await project.run()
    project.save(plan(step("one"), step("two")))
    async with project.runtime() as runtime:
        view = await runtime.runs.start(project.request())
        await runtime.runs.wait(view.run_id)
        runtime.impact("Step", step_id("one"))
        told = {event["event_type"] for event in (*runtime.timeline(), *runtime.timeline(view.run_id))}
    assert told.isdisjoint({"intent_extracted", "plan_revised", "impact_assessed"})


async def test_who_only_looks_asks_what_a_change_touches_and_writes_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("one")), OK + COLLECT)
    await project.run()
    async with project.runtime(read_only=True) as runtime:
        assert runtime.impact("Step", step_id("one"))
    assert project_told(tmp_path, "impact_assessed") == []


async def test_who_asks_what_a_change_touches_does_not_wait_for_a_locked_state_and_the_sample_is_kept(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(step("one")), OK + COLLECT)
    await project.run()
    with closing(sqlite3.connect(tmp_path / ".mplp" / "state.db", isolation_level=None)) as other:
        async with project.runtime() as runtime:
            other.execute("BEGIN IMMEDIATE")
            # Nobody else unlocks it: what waited for that would go without its answer.
            assert runtime.impact("Step", step_id("one"))
            assert project_told(tmp_path, "impact_assessed") == []
            other.execute("ROLLBACK")
    assert len(project_told(tmp_path, "impact_assessed")) == 1
    samples = [json.loads(line) for line in (tmp_path / ".mplp" / SAMPLES).read_text().splitlines()]
    assert "impact_analysis_completion" in {sample["meta"]["collection_point"] for sample in samples}


async def test_a_sample_that_a_locked_state_does_not_take_is_left_out_with_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project = Project(tmp_path, plan(step("one")), OK + COLLECT)
    await project.run()
    path = tmp_path / ".mplp" / "state.db"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        closing(SqliteStore(path, busy_timeout_s=0)) as store,
    ):
        async with project.runtime(store=store) as runtime:
            other.execute("BEGIN IMMEDIATE")
            assert runtime.impact("Step", step_id("one"))
    [said] = [line for line in caplog.messages if "sample" in line]
    assert said.startswith("A learning sample was left out: ")
    assert project_told(tmp_path, "impact_assessed") == []


KNOWN = plan_of((1, ()), (2, (1,)), (3, (2,)), (4, ()))


@pytest.mark.parametrize(
    ("after", "kind", "scope", "reached"),
    [
        (plan_of((1, ()), (2, (1,)), (3, (2,)), (4, ()), (5, ())), "expansion", "local", (5,)),
        (plan_of((1, ()), (2, (1,)), (3, (2,))), "reduction", "local", ()),
        (plan_of((1, ()), (2, (1, 4)), (3, (2,)), (4, ())), "refinement", "module", (2, 3)),
        (plan_of((1, ()), (2, (1,)), (3, (2,)), (4, ()), objective="Else"), "pivot", "module", ()),
    ],
    ids=["a step more", "a step less", "another dependency", "another objective"],
)
def test_a_revision_says_what_kind_it_is_and_how_far_it_reaches(
    after: dict[str, Any], kind: str, scope: str, reached: tuple[int, ...]
) -> None:
    store = MemoryStore()
    graph = graph_of(store)
    store.transact_sync(lambda tx: graph.put_plan(tx, KNOWN))
    found = store.transact_sync(lambda tx: revision_of(tx, after))
    assert found is not None
    assert (found.kind, found.scope, found.reached) == (kind, scope, tuple(map(uuid, reached)))


def test_how_far_a_plan_has_come_is_no_revision_of_it() -> None:
    store = MemoryStore()
    graph = graph_of(store)
    begun = plan_of((1, ()), (2, (1,)), status="in_progress")
    begun["steps"][0]["status"] = "completed"
    store.transact_sync(lambda tx: graph.put_plan(tx, begun))
    after = plan_of((1, ()), (2, (1,)))
    del after["steps"][0]["dependencies"]
    assert store.transact_sync(lambda tx: revision_of(tx, after)) is None
    assert store.transact_sync(lambda tx: revision_of(tx, {**after, "plan_id": uuid(7)})) is None


def told_of_one(runtime: Runtime) -> None:
    assert runtime._collector is not None
    runtime._collector.tell(
        lambda stamper: impact_event(stamper, ("Step", step_id("one")), [], project_id=PROJECT_ID)
    )


async def test_who_turns_learning_off_waits_for_nothing_that_waits_for_a_commit(tmp_path: Path) -> None:
    """Settings are also read inside a commit, behind which what is told for learning waits."""
    project = Project(tmp_path, plan(step("one")), OK + COLLECT)
    async with project.runtime() as runtime:
        await runtime.run(project.path, trusted=True)

        def turned_off(_: object) -> None:
            told_of_one(runtime)
            (tmp_path / "mplp.toml").write_text(OK)
            assert not runtime.settings().learning.collect

        await asyncio.wait_for(runtime.vsl.transact(turned_off), 30)
    assert len(project_told(tmp_path, "impact_assessed")) == 1


async def test_learning_that_is_turned_off_and_on_while_the_state_is_locked_keeps_no_sample_twice(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(step("one")), OK + COLLECT)
    async with project.runtime() as runtime:
        await runtime.run(project.path, trusted=True)
        with closing(sqlite3.connect(tmp_path / ".mplp" / "state.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            told_of_one(runtime)
            for toml in (OK, OK + COLLECT):
                (tmp_path / "mplp.toml").write_text(toml)
                runtime.settings()
            other.execute("ROLLBACK")
    samples = [json.loads(line) for line in (tmp_path / ".mplp" / SAMPLES).read_text().splitlines()]
    points = [sample["meta"]["collection_point"] for sample in samples]
    assert points.count("impact_analysis_completion") == 1


async def test_two_that_read_at_one_moment_that_samples_are_wanted_keep_each_of_them_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path, plan(step("one")), OK)
    others: list[threading.Thread] = []
    begun = threading.Event()
    async with project.runtime() as runtime:
        await runtime.run(project.path, trusted=True)
        (tmp_path / "mplp.toml").write_text(OK + COLLECT)

        def slowly(*of: Any, **more: Any) -> Collector:
            if others:
                begun.set()
            else:
                # The other one gets the time to be here too.
                others.append(threading.Thread(target=runtime.settings))
                others[0].start()
                begun.wait(0.2)
            return Collector(*of, **more)

        with monkeypatch.context() as patch:
            patch.setattr("mplp_runtime.runtime.Collector", slowly)
            runtime.settings()
            others[0].join()
        told_of_one(runtime)
    assert not begun.is_set(), "the other one has made a collector too"
    assert len((tmp_path / ".mplp" / SAMPLES).read_text().splitlines()) == 1


async def test_two_that_tell_something_for_learning_at_first_at_one_moment_leave_no_thread_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[threading.Thread] = []
    begun, thread_of = threading.Event(), threading.Thread

    def slowly(**of: Any) -> threading.Thread:
        if not made:
            # The other one gets the time to be here too.
            made.append(other)
            other.start()
            begun.wait(0.2)
        else:
            begun.set()
        made.append(thread_of(**of))
        return made[-1]

    project = Project(tmp_path, plan(step("one")), OK)
    async with project.runtime() as runtime:
        await runtime.run(project.path, trusted=True)
        (tmp_path / "mplp.toml").write_text(OK + COLLECT)
        runtime.settings()
        other = thread_of(target=told_of_one, args=(runtime,))
        with monkeypatch.context() as patch:
            patch.setattr(threading, "Thread", slowly)
            told_of_one(runtime)
        other.join()
        assert len(made) == 2, "only the other one, and the one that writes"
    assert len(project_told(tmp_path, "impact_assessed")) == 2
