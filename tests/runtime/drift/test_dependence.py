"""What a run relied on and left behind: told where it has come apart, and only while it has."""

from __future__ import annotations

import os
from pathlib import Path

from mplp_runtime.drift.dependence import RunDrift
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.projects import Project, plan, role, step, step_id, table
from tests.runtime.orchestrator.waiting import asked

LATER = (4_000_000_000, 4_000_000_000)
WRITER = table("roles.worker", action="file_operation", operation="write", target="out.txt", content="new")


async def ended(runtime: Runtime, project: Project) -> RunView:
    view = await runtime.runs.start(project.request())
    view = await runtime.runs.wait(view.run_id)
    assert view.status == "completed", view.error
    return view


async def looked(runtime: Runtime, run_id: str) -> tuple[RunDrift, ...]:
    """What the run says once all files were looked at."""
    await runtime.drift.look(lambda: runtime.list_files(runtime.root))
    return runtime.runs.view(run_id).drift


def put(path: Path, text: str) -> None:
    path.write_text(text)
    os.utime(path, LATER)


async def test_what_the_run_wrote_is_no_drift_and_what_somebody_else_writes_is(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), WRITER)
    async with project.runtime() as runtime:
        run_id = (await ended(runtime, project)).run_id
        assert await looked(runtime, run_id) == ()
        put(tmp_path / "out.txt", "mine")
        drift = RunDrift("out.txt", "modified", step_id("a"))
        assert await looked(runtime, run_id) == (drift,)
        put(tmp_path / "out.txt", "new")
        assert await looked(runtime, run_id) == (), "it is as it was"
        (tmp_path / "out.txt").unlink()
        assert await looked(runtime, run_id) == (RunDrift("out.txt", "deleted", step_id("a")),)


def told_of_files(runtime: Runtime, run_id: str) -> list[tuple[str, str, str]]:
    """Who says in the run's trace that which file changed, and how."""
    return [
        (event["source"], event["payload"]["file_path"], event["payload"]["change_type"])
        for event in runtime.timeline(run_id)
        if event["event_type"] == "file_update"
    ]


async def test_a_run_tells_in_its_own_trace_what_it_wrote(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), WRITER)
    async with project.runtime() as runtime:
        first = await ended(runtime, project)
        assert told_of_files(runtime, first.run_id) == [("run", "out.txt", "created")]
        put(tmp_path / "out.txt", "mine")
        second = await ended(runtime, project)
        assert told_of_files(runtime, second.run_id) == [("run", "out.txt", "modified")]
        words = [
            event["event_type"] for event in runtime.timeline() if event["event_type"].startswith("file")
        ]
        assert words == ["file_update", "file_created", "files_written"], "to the graph it is no news"
        await runtime.roll_back(second.run_id, trusted=True)
        assert told_of_files(runtime, second.run_id)[1:] == [("rollback", "out.txt", "modified")]


async def test_a_file_that_a_look_found_before_the_run_ended_is_in_the_runs_trace_all_the_same(
    tmp_path: Path,
) -> None:
    person = table("roles.person", action="agent_handoff", to="human")
    project = Project(tmp_path, plan(step("a"), step("b", "a", role="person")), WRITER + person)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await asked(runtime, run_id)
        await looked(runtime, run_id)
        await runtime.runs.answer(run_id, step_id("b"), success=True)
        await runtime.runs.wait(run_id)
        assert told_of_files(runtime, run_id) == [("run", "out.txt", "modified")]


async def test_a_context_that_is_deleted_in_the_editor_is_told_and_the_graph_keeps_its_file(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(step("a")), WRITER)
    async with project.runtime() as runtime:
        run_id = (await ended(runtime, project)).run_id
        await looked(runtime, run_id)
        for name in ("shop.context.json", "out.txt"):
            (tmp_path / name).unlink()
            deleted = {"file_path": name, "change_type": "deleted", "timestamp": "2099-01-01T00:00:00Z"}
            runtime.intake.offer(deleted, source="editor")
        await runtime.intake.settle()
        by_event = runtime.runs.view(run_id).drift
        assert by_event == (
            RunDrift("out.txt", "deleted", step_id("a")),
            RunDrift("shop.context.json", "deleted"),
        )
        count = len(runtime.timeline())
        assert await looked(runtime, run_id) == by_event
        assert len(runtime.timeline()) == count, "a look finds what the event has told"
        again = await ended(runtime, Project(tmp_path, project.plan, WRITER))
        assert again.drift == (), "what is there again is not missing"


async def test_a_tool_that_writes_the_file_again_later_in_the_run_is_no_drift(tmp_path: Path) -> None:
    formatter = role("formatter", "import pathlib; pathlib.Path('out.txt').write_text('formatted')")
    project = Project(tmp_path, plan(step("a"), step("b", "a", role="formatter")), WRITER + formatter)
    async with project.runtime() as runtime:
        run_id = (await ended(runtime, project)).run_id
        assert await looked(runtime, run_id) == ()


async def test_a_context_that_changed_is_told_until_it_is_meant_or_the_plan_runs_again(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(step("a")), WRITER)
    async with project.runtime() as runtime:
        run_id = (await ended(runtime, project)).run_id
        await looked(runtime, run_id)
        context = tmp_path / "shop.context.json"
        put(context, context.read_text() + "\n")
        drift = RunDrift("shop.context.json", "modified")
        assert await looked(runtime, run_id) == (drift,)
        view = await runtime.runs.interventions.accept(run_id, "shop.context.json")
        assert view.drift == ()
        put(context, context.read_text() + "\n")
        os.utime(context, (LATER[0] + 5, LATER[1] + 5))
        assert await looked(runtime, run_id) == (drift,)
        newer = await ended(runtime, project)
        assert newer.drift == ()


async def test_a_change_from_before_the_run_is_none_of_its_drift(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), WRITER)
    async with project.runtime() as runtime:
        await looked(runtime, (await ended(runtime, project)).run_id)
        context = tmp_path / "shop.context.json"
        put(context, context.read_text() + "\n")
        # Nobody has looked since, so the graph still knows the old text.
        view = await ended(runtime, project)
        assert view.drift == ()


async def test_subscribers_hear_of_drift_and_of_its_end(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), WRITER)
    async with project.runtime() as runtime:
        told: list[RunView] = []
        runtime.runs.subscribe(told.append)
        run_id = (await ended(runtime, project)).run_id
        put(tmp_path / "out.txt", "mine")
        await looked(runtime, run_id)
        assert await runtime.runs.notices.until(lambda: bool(told[-1].drift), 60)
        put(tmp_path / "out.txt", "new")
        await looked(runtime, run_id)
        assert await runtime.runs.notices.until(lambda: not told[-1].drift, 60)


async def test_what_a_restored_snapshot_took_back_of_a_run_is_no_drift_until_the_run_stands_again(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(step("a")), WRITER)
    async with project.runtime() as runtime:
        before = await runtime.take_snapshot("before")
        run_id = (await ended(runtime, project)).run_id
        done = await runtime.restore_snapshot(before.snapshot_id)
        assert not (tmp_path / "out.txt").exists()
        assert await looked(runtime, run_id) == ()
        await runtime.restore_snapshot(done.before_id)
        assert await looked(runtime, run_id) == ()
        put(tmp_path / "out.txt", "mine")
        assert await looked(runtime, run_id) == (RunDrift("out.txt", "modified", step_id("a")),)


async def test_what_a_rollback_took_back_is_no_drift_and_what_it_had_to_leave_is(tmp_path: Path) -> None:
    steps = (step("a"), step("b", "a", role="second"))
    second = table("roles.second", action="file_operation", operation="write", target="two.txt", content="2")
    project = Project(tmp_path, plan(*steps), WRITER + second)
    async with project.runtime() as runtime:
        run_id = (await ended(runtime, project)).run_id
        put(tmp_path / "two.txt", "mine")
        done = await runtime.roll_back(run_id, trusted=True)
        assert done.left == (("two.txt", "changed since"),)
        assert await looked(runtime, run_id) == (RunDrift("two.txt", "modified", step_id("b")),)
