"""A Confirm of a step that is being saved, or is gone, has decided nothing; the last word on file counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mplp_runtime.orchestrator import step_confirms
from mplp_runtime.orchestrator.gates import Gates, _which
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.approvals.test_step_confirms import (
    WORK,
    confirm_value,
    decide,
    project_in,
    told,
    waiting,
)
from tests.runtime.orchestrator.projects import Project, plan, role, statuses, step, step_id, table
from tests.runtime.orchestrator.waiting import asked, seen

SLOW = role("slow", "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.02)")
FLAKY = role("flaky", "import pathlib, sys\nsys.exit(0 if pathlib.Path('ok').exists() else 1)")
LOST = pytest.mark.parametrize(
    "lose",
    [
        lambda path: path.write_text('{"confirm_id": '),
        lambda path: path.write_text(""),
        lambda path: path.unlink(),
    ],
    ids=["half-saved", "empty", "gone"],
)
Lose = Callable[[Path], object]


def is_gated(runtime: Runtime, view: RunView) -> bool:
    """Whether `b` is, after a look at the files."""
    confirms = runtime.runs._carrying.live[view.run_id].loop._gates._confirms
    confirms.look()
    return confirms.is_gated(step_id("b"))


def over_now(gates: Gates) -> list[str]:
    confirm = gates._confirms.of(step_id("b"))
    assert confirm is not None
    return _which(confirm)


@LOST
async def test_a_rejected_step_never_starts_while_its_confirm_is_saved_again_or_gone(
    tmp_path: Path, lose: Lose
) -> None:
    decide(tmp_path, "rejected", "rejected")
    project = Project(tmp_path, plan(step("a", role="slow"), step("b", "a")), WORK + SLOW)
    async with project.runtime() as runtime:
        run = await runtime.start(project.path, trusted=True)
        assert is_gated(runtime, run)
        lose(tmp_path / "b.confirm.json")
        assert is_gated(runtime, run)
        (tmp_path / "go").touch()
        final = await runtime.wait(run.run_id)
        assert (final.status, statuses(final)) == ("failed", {"a": "completed", "b": "skipped"})


@LOST
async def test_an_older_approval_does_not_count_while_the_newer_question_is_saved(
    tmp_path: Path, lose: Lose
) -> None:
    older = confirm_value("approved", "approved", confirm_id=step_id("older"))
    (tmp_path / "older.confirm.json").write_text(json.dumps(older))
    decide(tmp_path, "pending", requested_at="2026-02-01T08:00:00Z")
    async with project_in(tmp_path).runtime() as runtime:
        run = await runtime.start("release.plan.json", trusted=True)
        await asked(runtime, run.run_id, "gate")
        lose(tmp_path / "b.confirm.json")
        assert is_gated(runtime, run)
        gates = runtime.runs._carrying.live[run.run_id].loop._gates
        assert gates._decided_elsewhere(step_id("b"), over_now(gates)) is None


@LOST
@pytest.mark.parametrize("word", ["pending", "rejected"])
async def test_a_confirm_that_is_gone_after_a_restart_still_holds_its_step_up(
    tmp_path: Path, lose: Lose, word: str
) -> None:
    decide(tmp_path, word, *(["rejected"] if word == "rejected" else []))
    project = Project(tmp_path, plan(step("a", role="person"), step("b", "a")), WORK + PERSON)
    async with project.runtime() as runtime:
        run = await runtime.start(project.path, trusted=True)
        await asked(runtime, run.run_id, "handoff")
    lose(tmp_path / "b.confirm.json")
    async with Runtime.open(tmp_path) as runtime:
        await runtime.runs.resume(run.run_id, trusted=True)
        await asked(runtime, run.run_id, "handoff")
        await runtime.runs.answer(run.run_id, step_id("a"), success=True)
        if word == "pending":
            await asked(runtime, run.run_id, "gate")
        else:
            final = await runtime.wait(run.run_id)
            assert statuses(final) == {"a": "completed", "b": "skipped"}


PERSON = table("roles.person", action="agent_handoff", to="human")


async def test_a_person_is_asked_where_a_confirm_of_a_step_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "b.confirm.json").write_text(json.dumps(confirm_value("rejected", "rejected"))[:-1])
    async with project_in(tmp_path).runtime() as runtime:
        run = await runtime.start("release.plan.json", trusted=True)
        view = await asked(runtime, run.run_id, "gate")
        assert view.questions[0].text == (
            "b.confirm.json cannot be read, a Confirm of this step. May it start? b"
        )
        await runtime.runs.answer(run.run_id, step_id("b"), success=True)
        final = await runtime.wait(run.run_id)
        assert (final.status, told(tmp_path, final)) == ("completed", [])


@pytest.fixture
def never_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are not looked at by themselves, so that an answer always comes before the next look."""
    monkeypatch.setattr(step_confirms, "LOOK_S", 3600.0)


@pytest.mark.usefixtures("never_looked")
async def test_a_rejection_in_the_file_counts_more_than_a_yes_right_after_it(tmp_path: Path) -> None:
    async with waiting(tmp_path) as (runtime, view):
        decide(tmp_path, "rejected", "rejected")
        await runtime.runs.answer(view.run_id, step_id("b"), success=True)
        final = await runtime.runs.wait(view.run_id)
        assert (final.status, statuses(final)["b"]) == ("failed", "skipped")
        assert told(tmp_path, final) == ["confirm.requested", "confirm.rejected"]


@pytest.mark.usefixtures("never_looked")
async def test_a_no_right_after_an_approval_in_the_file_is_a_no_and_the_trace_says_what_the_document_says(
    tmp_path: Path,
) -> None:
    async with waiting(tmp_path) as (runtime, view):
        decide(tmp_path, "approved", "approved")
        await runtime.runs.answer(view.run_id, step_id("b"), success=False)
        final = await runtime.runs.wait(view.run_id)
        assert told(tmp_path, final) == ["confirm.requested", "confirm.approved"]
        assert (final.status, statuses(final)["b"]) == ("failed", "skipped")


async def test_a_failed_step_is_not_tried_again_past_a_confirm_that_was_rejected_since(
    tmp_path: Path,
) -> None:
    toml = WORK + SLOW + FLAKY + table("run", on_failure="continue-independent")
    decide(tmp_path, "approved", "approved")
    project = Project(tmp_path, plan(step("a", role="slow"), step("b", role="flaky")), toml)
    async with project.runtime() as runtime:
        run = await runtime.start(project.path, trusted=True)
        await seen(runtime, run.run_id, lambda view: statuses(view)["b"] == "failed")
        decide(tmp_path, "rejected", "approved", "rejected")
        assert is_gated(runtime, run)
        (tmp_path / "ok").touch()
        await runtime.retry(run.run_id, step_id("b"), trusted=True)
        await seen(runtime, run.run_id, lambda view: statuses(view)["b"] == "skipped")
        (tmp_path / "go").touch()
        assert (await runtime.wait(run.run_id)).status == "failed"


async def test_nor_is_it_in_an_interrupted_run_but_what_a_person_let_in_is_not_asked_twice(
    tmp_path: Path,
) -> None:
    toml = WORK + FLAKY + PERSON + table("run", on_failure="continue-independent")
    decide(tmp_path, "pending")
    project = Project(tmp_path, plan(step("a", role="person"), step("b", role="flaky")), toml)
    async with project.runtime() as runtime:
        run = await runtime.start(project.path, trusted=True)
        await seen(runtime, run.run_id, lambda view: "gate" in {question.kind for question in view.questions})
        await runtime.runs.answer(run.run_id, step_id("b"), success=True)
        await seen(runtime, run.run_id, lambda view: statuses(view)["b"] == "failed")
        await runtime.retry(run.run_id, step_id("b"), trusted=True)
        await seen(runtime, run.run_id, lambda view: view.steps[step_id("b")].attempt == 2)
        await seen(runtime, run.run_id, lambda view: statuses(view)["b"] == "failed")
    decide(tmp_path, "rejected", "rejected", requested_at="2099-01-01T08:00:00Z")
    (tmp_path / "ok").touch()
    async with Runtime.open(tmp_path) as runtime:
        await runtime.retry(run.run_id, step_id("b"), trusted=True)
        await seen(runtime, run.run_id, lambda view: statuses(view)["b"] == "skipped")


async def test_the_reason_of_an_old_decision_that_is_edited_opens_no_gate_of_the_settings(
    tmp_path: Path,
) -> None:
    decide(tmp_path, "approved", "approved")
    async with project_in(tmp_path, WORK + table("gates", confirm_steps=[step_id("b")])).runtime() as runtime:
        run = await runtime.start("release.plan.json", trusted=True)
        await asked(runtime, run.run_id, "gate")
        gates = runtime.runs._carrying.live[run.run_id].loop._gates
        before = over_now(gates)
        decide(tmp_path, "approved", "approved", reason="a slip mended")
        gates._confirms.look()
        assert gates._confirms.of(step_id("b")).reason == "a slip mended"
        assert gates._decided_elsewhere(step_id("b"), before) is None
        # Nor does an older decision of another Confirm.
        other = confirm_value("approved", "approved", "approved", confirm_id=step_id("other"))
        (tmp_path / "other.confirm.json").write_text(json.dumps(other))
        runtime.confirm_files.known(tmp_path / "other.confirm.json")
        gates._confirms.look()
        assert gates._decided_elsewhere(step_id("b"), before) is None
        decide(tmp_path, "approved", "approved", "approved", requested_at="2099-01-01T08:00:00Z")
        assert (await runtime.wait(run.run_id)).status == "completed"


@pytest.mark.parametrize("is_mended", [True, False])
async def test_a_confirm_that_could_not_be_read_holds_nothing_up_once_it_is_mended_or_moved_away(
    tmp_path: Path, is_mended: bool
) -> None:
    vote = tmp_path / "b.confirm.json"
    vote.write_text(json.dumps(confirm_value("pending"))[:-1])
    project = Project(tmp_path, plan(step("b")), WORK)
    async with project.runtime() as runtime:
        run = await runtime.start(project.path, trusted=True)
        await asked(runtime, run.run_id, "gate")
    if is_mended:
        decide(tmp_path, "cancelled")
    else:
        vote.unlink()
    async with Runtime.open(tmp_path) as runtime:
        await runtime.runs.resume(run.run_id, trusted=True)
        assert (await runtime.wait(run.run_id)).status == "completed"
