"""A lens and the run that it starts judge the same Confirms: those that the user sees."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mplp_lsp.features.doors import doors
from mplp_lsp.features.plan_state import PlanState, plan_state
from mplp_lsp.text.uris import uri_of
from mplp_runtime.disk import MAX_DOCUMENT_BYTES
from mplp_runtime.errors import PlanNotApproved
from tests.commands.session import Session
from tests.runtime.orchestrator.projects import PLAN_ID, Project, errors, plan, role, step, step_id


def confirm_text(status: str) -> str:
    confirm = {
        "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},
        "confirm_id": step_id("confirm"),
        "target_type": "plan",
        "target_id": PLAN_ID,
        "status": status,
        "requested_by_role": "human",
        "requested_at": "2026-01-01T08:00:00Z",
    }
    assert errors("confirm", confirm) == []
    return json.dumps(confirm)


def word_of_the_lens(session: Session, project: Project) -> str:
    state = lens_state(session, project)
    return "none" if state.approval is None else state.approval.word


def lens_state(session: Session, project: Project) -> PlanState:
    uri = uri_of(project.path)
    snapshot = session.snapshot(uri)
    document = snapshot.document(uri)
    assert document is not None
    state = plan_state(snapshot, document)
    assert state is not None
    return state


async def test_a_start_is_refused_by_the_confirm_that_the_lens_shows(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", "print('ok')"))
    vote = tmp_path / "vote.confirm.json"
    vote.write_text(confirm_text("cancelled"))
    session = Session(tmp_path)
    try:
        assert word_of_the_lens(session, project) == "none"
        session.edit(vote, confirm_text("pending"))
        assert word_of_the_lens(session, project) == "pending"
        with pytest.raises(PlanNotApproved, match="proposed and waits"):
            await session.run("runPlan", uri=uri_of(project.path))
        session.edit(vote, confirm_text("cancelled"))
        assert word_of_the_lens(session, project) == "none"
        assert (await session.run("runPlan", uri=uri_of(project.path)))["status"] == "running"
    finally:
        await session.close()


BROKEN = "Nobody can tell whether the plan is approved: vote.confirm.json cannot be read"
WAITS = "The plan is proposed and waits"


@pytest.mark.parametrize(
    ("on_disk", "opened", "word", "says"),
    [
        (confirm_text("pending"), None, "pending", WAITS),
        (confirm_text("pending")[:-1] + ",}", None, "unreadable", BROKEN),
        ("// asked for\n" + confirm_text("pending"), None, "unreadable", BROKEN),
        (confirm_text("rejected")[:-1], None, "unreadable", BROKEN),
        (confirm_text("pending")[:-1] + ', "status": "cancelled"}', None, "unreadable", BROKEN),
        (confirm_text("pending"), confirm_text("pending")[:-1] + ",}", "unreadable", BROKEN),
        (confirm_text("pending"), confirm_text("pending").replace('"pending"', ""), "unreadable", BROKEN),
        (confirm_text("pending"), confirm_text("pending").replace("pending", ""), "pending", WAITS),
        (confirm_text("pending")[:-1], confirm_text("pending"), "pending", WAITS),
        ("\ufeff" + confirm_text("pending"), None, "pending", WAITS),
        (confirm_text("pending").replace('"plan"', '"pla"'), None, "pending", WAITS),
        (confirm_text("pending").replace('"target_type": "plan", ', ""), None, "pending", WAITS),
        (confirm_text("pending")[:-1] + ', "x": NaN}', None, "unreadable", BROKEN),
        (confirm_text("pending").replace("human", "h\udcfcman"), None, "unreadable", BROKEN),
    ],
    ids=[
        "sound",
        "trailing-comma",
        "comment",
        "last-brace-missing",
        "status-twice",
        "open-and-broken",
        "status-deleted-in-the-buffer",
        "status-word-deleted-in-the-buffer",
        "mended-in-the-buffer",
        "byte-order-mark",
        "target-type-half-typed",
        "target-type-missing",
        "no-number",
        "latin-1",
    ],
)
async def test_a_confirm_with_a_slip_keeps_its_plan_from_running_and_the_lens_says_so(
    tmp_path: Path, on_disk: str, opened: str | None, word: str, says: str
) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", "print('ok')"))
    vote = tmp_path / "vote.confirm.json"
    vote.write_bytes(on_disk.encode("utf-8", "surrogateescape"))
    session = Session(tmp_path)
    try:
        if opened is not None:
            session.edit(vote, opened)
        assert word_of_the_lens(session, project) == word
        for approve in (False, True)[: 2 if word == "unreadable" else 1]:
            with pytest.raises(PlanNotApproved, match=says):
                await session.run("runPlan", uri=uri_of(project.path), approve=approve)
        assert not (tmp_path / "release.confirm.json").exists()
    finally:
        await session.close()


@pytest.mark.parametrize("opened", [None, "", "{"])
async def test_the_lens_and_the_run_see_that_the_confirm_beside_the_plan_is_half_saved(
    tmp_path: Path, opened: str | None
) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", "print('ok')"))
    beside = tmp_path / "release.confirm.json"
    beside.write_text('{"status": "reje' if opened is None else confirm_text("cancelled"))
    session = Session(tmp_path)
    try:
        if opened is not None:
            session.edit(beside, opened)
        assert word_of_the_lens(session, project) == "unreadable"
        uri = uri_of(project.path)
        titles = [door.title for door in doors(lens_state(session, project), uri)]
        assert titles[0] == "Not ready to run: release.confirm.json cannot be read"
        assert "Run plan" not in titles
        with pytest.raises(PlanNotApproved, match=r"release\.confirm\.json cannot be read"):
            await session.run("runPlan", uri=uri)
        (beside).unlink()
        session.edit(beside, confirm_text("cancelled"))
        assert (await session.run("runPlan", uri=uri))["status"] == "running"
    finally:
        await session.close()


def is_too_large(path: Path, _elsewhere: Path) -> None:
    path.write_text(confirm_text("approved") + " " * MAX_DOCUMENT_BYTES)


def leads_out(path: Path, elsewhere: Path) -> None:
    (elsewhere / "vote.confirm.json").write_text(confirm_text("approved"))
    path.symlink_to(elsewhere / "vote.confirm.json")


def leads_nowhere(path: Path, elsewhere: Path) -> None:
    path.symlink_to(elsewhere / "nothing")


def is_a_pipe(path: Path, _elsewhere: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("strange", [is_too_large, leads_out, leads_nowhere, is_a_pipe])
async def test_the_lens_says_as_the_run_does_that_the_confirm_beside_the_plan_is_not_read(
    tmp_path: Path, strange: Callable[[Path, Path], None]
) -> None:
    folder, elsewhere = tmp_path / "work", tmp_path / "elsewhere"
    for each in (folder, elsewhere):
        each.mkdir()
    project = Project(folder, plan(step("a")), role("worker", "print('ok')"))
    strange(folder / "release.confirm.json", elsewhere)
    session = Session(folder)
    try:
        uri = uri_of(project.path)
        assert word_of_the_lens(session, project) == "unreadable"
        titles = [door.title for door in doors(lens_state(session, project), uri)]
        assert titles[0] == "Not ready to run: release.confirm.json cannot be read"
        with pytest.raises(PlanNotApproved, match=r"release\.confirm\.json cannot be read"):
            await session.run("runPlan", uri=uri)
        (folder / "release.confirm.json").unlink()
        (folder / "release.confirm.json").write_text(confirm_text("cancelled"))
        session.workspace.refresh([folder / "release.confirm.json"])
        assert word_of_the_lens(session, project) == "none"
        assert (await session.run("runPlan", uri=uri))["status"] == "running"
    finally:
        await session.close()
