"""A Confirm that is there and cannot be read blocks its plan: nobody knows that it does not say no."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mplp_runtime import confirm_files
from mplp_runtime.confirm_files import ConfirmFiles
from mplp_runtime.disk import MAX_DOCUMENT_BYTES
from mplp_runtime.errors import ConfirmUnreadable, DocumentInvalid, PlanNotApproved
from tests.runtime.approvals.test_approvals import confirm_value
from tests.runtime.orchestrator.projects import PLAN_ID, Project, plan, role, statuses, step, step_id, table
from tests.runtime.orchestrator.waiting import seen

WORK = role("worker", "print('ok')")
PENDING = json.dumps(confirm_value("pending"))
REJECTED = json.dumps(confirm_value("rejected", "rejected"))


def half(root: Path) -> None:
    (root / "release.confirm.json").write_text('{"status": "reje')


def empty(root: Path) -> None:
    (root / "release.confirm.json").touch()


def folder(root: Path) -> None:
    (root / "release.confirm.json").mkdir()


def linked_outside(root: Path) -> None:
    (root.parent / "elsewhere.json").write_text(REJECTED)
    (root / "release.confirm.json").symlink_to(root.parent / "elsewhere.json")


def hanging_link(root: Path) -> None:
    (root / "release.confirm.json").symlink_to(root / "nowhere.json")


def slip_elsewhere(root: Path) -> None:
    (root / "board").mkdir()
    (root / "board/vote.confirm.json").write_text(PENDING[:-1] + ",}")


def huge(root: Path) -> None:
    (root / "vote.confirm.json").write_text(PENDING[:-1] + f', "x": "{"y" * MAX_DOCUMENT_BYTES}"}}')


@pytest.mark.parametrize("write", [half, empty, folder, linked_outside, hanging_link, slip_elsewhere, huge])
async def test_a_plan_does_not_run_past_a_confirm_that_cannot_be_read(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    project = Project(tmp_path / "project", plan(step("a")), WORK)
    write(project.root)
    async with project.runtime() as runtime:
        with pytest.raises(PlanNotApproved, match=r"confirm\.json cannot be read. Mend it"):
            await runtime.start(project.path, trusted=True)
        assert runtime.approvals.state(project.path, project.plan).word == "unreadable"


async def test_a_rejection_beside_the_plan_counts_through_a_link_inside_the_project(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), WORK)
    (tmp_path / "votes.json").write_text(REJECTED)
    (tmp_path / "release.confirm.json").symlink_to(tmp_path / "votes.json")
    async with project.runtime() as runtime:
        with pytest.raises(PlanNotApproved, match="was rejected"):
            await runtime.start(project.path, trusted=True)


async def test_a_broken_confirm_of_another_plan_holds_nothing_up(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), WORK)
    (tmp_path / "vote.confirm.json").write_text(PENDING.replace(PLAN_ID, PLAN_ID[::-1])[:-1])
    async with project.runtime() as runtime:
        assert (await runtime.run(project.path, trusted=True)).status == "completed"


def test_a_confirm_by_any_name_is_missed_once_it_can_no_longer_be_read(tmp_path: Path) -> None:
    vote = tmp_path / "vote.json"
    vote.write_text(PENDING)
    files = ConfirmFiles(tmp_path, lambda: ["vote.json"])
    assert [path for path, _ in files.everywhere().seen] == [vote]
    vote.write_text('{"confirm_id": ')
    look = files.known()
    [broken] = look.broken
    assert (look.seen, broken.path, broken.about) == ((), vote, {PLAN_ID})
    vote.write_text(PENDING)
    look = files.known()
    assert (len(look.seen), look.broken) == (1, ())


def test_a_confirm_that_is_saved_during_a_look_is_told_as_it_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vote = tmp_path / "vote.confirm.json"
    vote.write_text(PENDING[:-1])
    files = ConfirmFiles(tmp_path, list)
    read = confirm_files.confirm_in

    def saved_meanwhile(text: str) -> object:
        vote.write_text(PENDING)
        return read(text)

    monkeypatch.setattr(confirm_files, "confirm_in", saved_meanwhile)
    look = files.known(vote)
    assert (look.seen, [each.path for each in look.broken]) == ((), [vote])
    assert look.unreadable(PLAN_ID, ()) == [vote]
    assert files.known().broken == ()


@pytest.mark.parametrize(
    "content",
    [
        PENDING.replace("human", "hümän").encode("latin-1"),
        PENDING.encode("utf-16"),
        (PENDING[:-1] + ', "trace": {"attributes": {"x": NaN}}}').encode(),
        (PENDING[:-1] + ', "trace": {"attributes": {"x": 1e999}}}').encode(),
        PENDING.encode() + b" " * MAX_DOCUMENT_BYTES,
    ],
    ids=["latin-1", "utf-16", "nan", "too-large-a-number", "too-large"],
)
async def test_what_could_not_be_written_back_as_it_is_counts_as_unreadable_and_stays(
    tmp_path: Path, content: bytes
) -> None:
    project = Project(tmp_path, plan(step("a")), WORK)
    beside = tmp_path / "release.confirm.json"
    beside.write_bytes(content)
    async with project.runtime() as runtime:
        for approve in (False, True):
            with pytest.raises(ConfirmUnreadable, match=r"release\.confirm\.json cannot be read"):
                await runtime.start(project.path, trusted=True, approve=approve)
        with pytest.raises(DocumentInvalid, match="Move it away first"):
            await runtime.approvals.approve(project.path, project.plan)
    assert beside.read_bytes() == content


async def test_a_confirm_through_a_link_in_a_circle_blocks_and_is_named(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), WORK)
    (tmp_path / "release.confirm.json").symlink_to("other.json")
    (tmp_path / "other.json").symlink_to("release.confirm.json")
    async with project.runtime() as runtime:
        with pytest.raises(ConfirmUnreadable, match=r"release\.confirm\.json"):
            await runtime.start(project.path, trusted=True)


@pytest.mark.parametrize("decision", ["retry", "skip"])
async def test_a_decision_about_an_interrupted_run_that_is_refused_leaves_nothing_behind(
    tmp_path: Path, decision: str
) -> None:
    toml = role("worker", "raise SystemExit(1)") + table("roles.person", action="agent_handoff", to="human")
    toml += table("run", on_failure="continue-independent")
    project = Project(tmp_path, plan(step("a"), step("p", role="person")), toml)
    async with project.runtime() as runtime:
        run = await runtime.start(project.path, trusted=True)
        await seen(runtime, run.run_id, lambda view: statuses(view)["a"] == "failed")
    half(tmp_path)
    async with project.runtime() as runtime:
        with pytest.raises(ConfirmUnreadable):
            await getattr(runtime, decision)(run.run_id, step_id("a"), trusted=True)
        view = runtime.runs.view(run.run_id)
        assert (view.status, statuses(view)["a"]) == ("interrupted", "failed")
