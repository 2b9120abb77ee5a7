"""Retry, skip and roll back from the editor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mplp_lsp.features.doors import Door, doors
from mplp_lsp.features.plan_state import plan_state
from mplp_lsp.text.uris import uri_of
from mplp_runtime.errors import PlanNotApproved, RunBuiltUpon, RunRefused, WorkspaceNotTrusted
from tests.cli.process import runs_python, write_project
from tests.commands.session import Session, played

WRITES = 'action = "file_operation"\noperation = "write"\ntarget = "out.txt"\ncontent = "new"\n'
FAILS_ONCE = runs_python('import pathlib, sys; sys.exit(0 if pathlib.Path("fixed").exists() else 3)')


def step_ids(plan: Path) -> list[str]:
    return [step["step_id"] for step in json.loads(plan.read_text(encoding="utf-8"))["steps"]]


def offered(session: Session, plan: Path) -> list[Door]:
    """What lens and menu offer about a step or about the files of the run."""
    snapshot = session.snapshot(uri_of(plan))
    document = snapshot.document(uri_of(plan))
    state = None if document is None else plan_state(snapshot, document)
    assert state is not None
    words = ("mplp.retryStep", "mplp.skipStep", "mplp.rollbackRun")
    return [door for door in doors(state, uri_of(plan)) if door.command in words]


async def failed(session: Session, root: Path, plan: Path) -> str:
    answer = await session.run("runPlan", uri=uri_of(plan), approve=True)
    view = await session.runtimes[root].runs.wait(answer["run_id"])
    assert view.status == "failed", view.error
    return view.run_id


def test_a_failed_step_offers_retry_and_skip_and_the_retry_goes_on(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"writer": WRITES, "worker": FAILS_ONCE}, status="approved")

    async def story(session: Session) -> None:
        run = await failed(session, tmp_path, plan)
        step = step_ids(plan)[1]
        assert [(door.command, door.step_id) for door in offered(session, plan)] == [
            ("mplp.retryStep", step),
            ("mplp.skipStep", step),
            ("mplp.rollbackRun", None),
        ]
        (tmp_path / "fixed").touch()
        door = offered(session, plan)[0]
        answer = await session.run("retryStep", **door.arguments)
        assert (answer["generation"], answer["run_id"] in session.followed) == (2, True)
        view = await session.runtimes[tmp_path].runs.wait(answer["run_id"])
        assert view.status == "completed", view.error
        with pytest.raises(RunRefused, match="Run 2 of the plan is newer"):
            await session.run("skipStep", run=run, step=step)

    played(Session(tmp_path), story)


def test_a_step_is_tried_again_though_the_document_of_the_plan_is_gone(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"writer": WRITES, "worker": FAILS_ONCE}, status="approved")
    step = step_ids(plan)[1]

    async def story(session: Session) -> None:
        run = await failed(session, tmp_path, plan)
        (tmp_path / "fixed").touch()
        plan.unlink()
        session.workspace.refresh([plan])
        answer = await session.run("retryStep", run=run, step=step)
        view = await session.runtimes[tmp_path].runs.wait(answer["run_id"])
        assert view.status == "completed", view.error

    played(Session(tmp_path), story)


def test_a_failed_step_is_skipped_with_a_reason(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"worker": FAILS_ONCE, "writer": WRITES}, status="approved")

    async def story(session: Session) -> None:
        run = await failed(session, tmp_path, plan)
        first, second = step_ids(plan)
        answer = await session.run("skipStep", run=run, step=first, reason="done by hand")
        view = await session.runtimes[tmp_path].runs.wait(answer["run_id"])
        assert (view.status, view.steps[first].status, view.steps[second].status) == (
            "completed",
            "skipped",
            "completed",
        )
        assert view.steps[first].error == "Skipped: done by hand"

    played(Session(tmp_path), story)


def test_a_retry_in_a_new_run_asks_for_the_approval_that_is_void(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"worker": FAILS_ONCE})

    async def story(session: Session) -> None:
        run = await failed(session, tmp_path, plan)
        settings = tmp_path / "mplp.toml"
        settings.write_text(settings.read_text().replace("else 3", "else 4"))
        (step,) = step_ids(plan)
        with pytest.raises(PlanNotApproved):
            await session.run("retryStep", run=run, step=step)
        (tmp_path / "fixed").touch()
        answer = await session.run("retryStep", run=run, step=step, approve=True)
        view = await session.runtimes[tmp_path].runs.wait(answer["run_id"])
        assert view.status == "completed"

    played(Session(tmp_path), story)


def test_rolling_back_says_what_came_back_and_what_was_left(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"writer": WRITES, "worker": FAILS_ONCE}, status="approved")

    async def story(session: Session) -> None:
        run = await failed(session, tmp_path, plan)
        (tmp_path / "out.txt").write_text("mine")
        answer = await session.run("rollbackRun", run=run)
        assert answer["left"] == [{"path": "out.txt", "why": "changed since"}]
        assert (tmp_path / "out.txt").read_text() == "mine"
        (tmp_path / "out.txt").write_text("new")
        answer = await session.run("rollbackRun", run=run)
        assert (answer["restored"], answer["text"]) == (["out.txt"], "Rolled back: 1 file is as before.")
        assert not (tmp_path / "out.txt").exists()
        assert offered(session, plan) == [], "there is nothing left to go on from, or to take back"

    played(Session(tmp_path), story)


@pytest.mark.parametrize("answer", ["Roll back all the same", None])
def test_rolling_back_under_a_later_run_is_asked_about(tmp_path: Path, answer: str | None) -> None:
    plan = write_project(tmp_path, {"writer": WRITES, "worker": FAILS_ONCE}, status="approved")

    async def story(session: Session) -> None:
        run = await failed(session, tmp_path, plan)
        later = await session.run("skipStep", run=run, step=step_ids(plan)[1])
        await session.runtimes[tmp_path].runs.wait(later["run_id"])
        if answer is None:
            with pytest.raises(RunBuiltUpon):
                await session.run("rollbackRun", run=run)
        else:
            assert (await session.run("rollbackRun", run=run))["restored"] == ["out.txt"]
        assert [each.startswith("Run 2 ") for each in session.asked] == [True]
        assert (tmp_path / "out.txt").exists() == (answer is None)

    played(Session(tmp_path, answer=answer), story)


def test_nothing_of_it_is_offered_or_done_in_a_folder_that_is_not_trusted(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"writer": WRITES, "worker": FAILS_ONCE}, status="approved")

    async def story(session: Session) -> None:
        run = await failed(session, tmp_path, plan)
        session.trusted.clear()
        assert offered(session, plan) == []
        for name in ("retryStep", "skipStep"):
            with pytest.raises(WorkspaceNotTrusted):
                await session.run(name, run=run, step=step_ids(plan)[1])
        with pytest.raises(WorkspaceNotTrusted):
            await session.run("rollbackRun", run=run)

    played(Session(tmp_path), story)
