"""One project, several runtimes: an editor and a terminal, say (D19)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mplp_runtime.errors import MplpError
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from mplp_runtime.sources import timestamp
from tests.runtime.orchestrator.projects import (
    Project,
    plan,
    role,
    statuses,
    step,
    step_id,
    table,
    timeline_of,
    trace_of,
)
from tests.runtime.orchestrator.waiting import asked

PERSON = table("roles.worker", action="agent_handoff", to="human")


async def sees(runtime: Runtime, run_id: str, status: str) -> RunView:
    def is_so() -> bool:
        try:
            return runtime.runs.view(run_id).status == status
        except MplpError:
            return False

    assert await runtime.runs.notices.until(is_so, 20)
    return runtime.runs.view(run_id)


async def test_a_run_of_one_process_shows_live_in_another(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), step("b", "a")), role("worker", "print('ok')"))
    seen: list[RunView] = []
    async with project.runtime() as editor, project.runtime() as terminal:
        editor.runs.subscribe(seen.append)
        view = await terminal.runs.start(project.request())
        final = await terminal.runs.wait(view.run_id)
        assert (await sees(editor, view.run_id, "completed")).steps == final.steps
        assert await editor.runs.notices.until(lambda: bool(seen) and seen[-1].status == "completed", 20)
    assert {each.run_id for each in seen} == {view.run_id}
    assert statuses(seen[-1]) == {"a": "completed", "b": "completed"}


async def test_an_editor_that_was_opened_before_any_state_sees_the_terminals_run(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), status="draft"))
    seen: list[RunView] = []
    async with project.runtime() as editor:
        editor.runs.subscribe(seen.append)
        assert not (tmp_path / ".mplp").exists()
        async with project.runtime() as terminal:
            view = await terminal.runs.start(project.request(simulate=True))
            await terminal.runs.wait(view.run_id)
        await sees(editor, view.run_id, "completed")


async def test_a_question_is_answered_from_another_process(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), PERSON)
    async with project.runtime() as editor, project.runtime() as terminal:
        editor.runs.subscribe(lambda view: None)
        run_id = (await terminal.runs.start(project.request())).run_id
        has_question = lambda: bool(editor.runs.view(run_id).questions)  # noqa: E731
        assert await editor.runs.notices.until(has_question, 20)
        view = await editor.runs.answer(run_id, step_id("a"), success=True, output="yes")
        assert view.questions == ()
        final = await editor.runs.wait(run_id)
        assert (final.status, final.steps[step_id("a")].output) == ("completed", "yes")
        assert (await terminal.runs.wait(run_id)).status == "completed"


async def test_a_run_is_cancelled_from_another_process(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), PERSON)
    async with project.runtime() as editor, project.runtime() as terminal:
        run_id = (await terminal.runs.start(project.request())).run_id
        assert (await editor.runs.cancel(run_id)).status == "cancelled"
        assert (await terminal.runs.wait(run_id)).status == "cancelled"


async def test_a_run_becomes_interrupted_in_the_others_when_its_process_goes(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), PERSON)
    async with project.runtime() as editor:
        async with project.runtime() as terminal:
            run_id = (await terminal.runs.start(project.request())).run_id
            await sees(editor, run_id, "running")
        view = await sees(editor, run_id, "interrupted")
        await editor.runs.resume(view.run_id, trusted=True)
        has_question = lambda: bool(editor.runs.view(run_id).questions)  # noqa: E731
        assert await editor.runs.notices.until(has_question, 20)
        await editor.runs.answer(run_id, step_id("a"), success=True)
        assert (await editor.runs.wait(run_id)).status == "completed"


def test_an_owner_at_another_place_is_alive_as_long_as_it_gives_signs_of_life() -> None:
    now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    claim = records.own_claim("run", "instance", timestamp(now)) | {"place": "another machine", "pid": 1}
    assert records.is_claim_alive(claim, now + timedelta(seconds=30))
    assert not records.is_claim_alive(claim, now + timedelta(seconds=90))


async def test_an_owner_renews_its_sign_of_life(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    project = Project(tmp_path, plan(step("a")), PERSON)
    async with project.runtime(clock=lambda: now) as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        now += timedelta(seconds=50)
        await runtime.runs.beat()
        claims = runtime.vsl.read(
            lambda reading: [
                reading.get(key)
                for prefix in (records.OWNERS, records.FILES_BEHIND)
                for key in reading.keys(prefix)
            ]
        )
        assert [(claim["run_id"], claim["beat"]) for claim in claims if claim] == [
            (run_id, timestamp(now))
        ] * 2
        await runtime.runs.cancel(run_id)


async def test_files_of_a_run_that_goes_on_at_another_place_are_not_looked_at_again_and_again(
    tmp_path: Path,
) -> None:
    now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    project = Project(tmp_path, plan(step("a")), PERSON)
    async with project.runtime(clock=lambda: now) as runtime, project.runtime(clock=lambda: now) as other:
        run_id = (await runtime.runs.start(project.request())).run_id
        silent = records.own_claim(run_id, "instance", timestamp(now - timedelta(seconds=100)))
        away = silent | {"place": "another machine"}
        await other.vsl.transact(lambda tx: tx.set(records.files_key(run_id), away))
        assert not other.runs.has_lost_runs()
        await runtime.runs.cancel(run_id)


@pytest.mark.parametrize("number", range(3))
async def test_only_one_of_two_starts_at_the_same_moment_wins(tmp_path: Path, number: int) -> None:
    project = Project(tmp_path, plan(step("a")), PERSON)
    async with project.runtime() as first, project.runtime() as second:
        starts = [first.runs.start(project.request()), second.runs.start(project.request())]
        results = await asyncio.gather(*starts, return_exceptions=True)
        views = [result for result in results if isinstance(result, RunView)]
        assert len(views) == 1
        assert [type(result).__name__ for result in results if not isinstance(result, RunView)] == [
            "RunInProgress"
        ]


async def test_the_trace_has_what_another_process_put_into_the_runs_stream(tmp_path: Path) -> None:
    steps = (step("a", role="person"), step("b", "a"))
    project = Project(tmp_path, plan(*steps), PERSON.replace("worker", "person") + role("worker", "pass"))
    file = {"change_type": "created", "timestamp": "2026-01-01T00:00:00Z"}
    async with project.runtime() as editor, project.runtime() as terminal:
        run_id = (await terminal.runs.start(project.request())).run_id
        await asked(terminal, run_id)
        for name in ("a.txt", "b.txt"):
            editor.intake.offer({**file, "file_path": name}, source="test")
            await editor.intake.settle()
        await terminal.runs.answer(run_id, step_id("a"), success=True)
        view = await terminal.runs.wait(run_id)
    timeline, trace = timeline_of(tmp_path, view), trace_of(tmp_path, view)
    assert [event["payload"]["file_path"] for event in timeline if event["event_type"] == "file_update"] == [
        "a.txt",
        "b.txt",
    ]
    assert [event["event_id"] for event in trace["events"]] == [event["event_id"] for event in timeline]
    assert trace["root_span"]["attributes"]["events_total"] == len(timeline)
