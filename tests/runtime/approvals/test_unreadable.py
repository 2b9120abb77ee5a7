"""A Confirm that is there and cannot be read blocks its plan: nobody knows that it does not say no."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mplp_runtime.confirm_files import ConfirmFiles
from mplp_runtime.disk import MAX_DOCUMENT_BYTES
from mplp_runtime.errors import PlanNotApproved
from tests.runtime.approvals.test_approvals import confirm_value
from tests.runtime.orchestrator.projects import PLAN_ID, Project, plan, role, step

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
    assert [path for path, _ in files.everywhere()] == [vote]
    vote.write_text('{"confirm_id": ')
    assert files.known() == []
    [broken] = files.broken()
    assert (broken.path, broken.about) == (vote, {PLAN_ID})
    vote.write_text(PENDING)
    assert (len(files.known()), files.broken()) == (1, [])
