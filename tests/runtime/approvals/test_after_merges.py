"""A merge proposes approved plans again, where mplp.toml asks for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import PlanNotApproved
from mplp_runtime.kinds import confirm_path
from mplp_runtime.runtime import Runtime
from tests.runtime.approvals.test_approvals import confirm_value
from tests.runtime.orchestrator.projects import Project, plan, role, step, step_id, table

WORK = role("worker", "print('ok')")
ASKS_AGAIN = WORK + table("gates", git_merge_reapproval=True)
MERGE = {
    "repo_url": "git@host:r.git",
    "commit_id": "1a2b3c4d5e6f7a8b",
    "ref_name": "refs/heads/main",
    "event_kind": "merge",
    "timestamp": "2026-01-01T00:00:00Z",
}


async def told(runtime: Runtime, **changes: str) -> None:
    assert runtime.intake.offer({**MERGE, **changes}, source="post-merge").error is None
    await runtime.intake.settle()


async def test_an_approved_plan_waits_for_a_person_again_and_says_why(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), status="draft"), ASKS_AGAIN)
    async with project.runtime() as runtime:
        await runtime.approvals.approve(project.path, project.plan)
        await told(runtime)
        assert runtime.approvals.state(project.path, project.plan).word == "pending"
        confirm = json.loads(confirm_path(project.path).read_text())
        assert confirm["reason"] == "Merge 1a2b3c4d5e6f into refs/heads/main came after the approval."
        assert (confirm["requested_by_role"], len(confirm["decisions"])) == ("git", 1)
        with pytest.raises(PlanNotApproved, match="waits for an approval"):
            await runtime.runs.start(project.request(approve=False))
        await runtime.approvals.approve(project.path, project.plan)
        assert runtime.approvals.state(project.path, project.plan).word == "approved"


async def test_a_merge_does_not_reach_into_a_project_inside_the_project(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), status="draft"), ASKS_AGAIN)
    inner = Project(tmp_path / "inner", plan(step("a"), status="draft"), WORK)
    async with project.runtime() as runtime, inner.runtime() as inside:
        await inside.approvals.approve(inner.path, inner.plan)
        await told(runtime)
        assert inside.approvals.state(inner.path, inner.plan).word == "approved"


async def test_a_merge_changes_no_approval_unasked(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), status="draft"), WORK)
    async with project.runtime() as runtime:
        await runtime.approvals.approve(project.path, project.plan)
        await told(runtime)
        assert runtime.approvals.state(project.path, project.plan).word == "approved"


async def test_other_git_events_and_plans_that_nobody_approved_are_left_alone(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), status="draft"), ASKS_AGAIN)
    (tmp_path / "broken.plan.json").write_text('{"plan_id": ')
    async with project.runtime() as runtime:
        await told(runtime)
        assert runtime.approvals.state(project.path, project.plan).word == "none"
        await runtime.approvals.approve(project.path, project.plan)
        await told(runtime, event_kind="commit")
        assert runtime.approvals.state(project.path, project.plan).word == "approved"


async def test_a_merge_that_was_stored_before_a_crash_still_asks_again(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), status="draft"), ASKS_AGAIN)

    async def crash(_: Mapping[str, Any]) -> None:
        raise KeyboardInterrupt

    async with project.runtime() as runtime:
        await runtime.approvals.approve(project.path, project.plan)
        runtime.intake._on_merge = crash
        with pytest.raises(KeyboardInterrupt):
            await told(runtime)
        assert runtime.approvals.state(project.path, project.plan).word == "approved"
    async with project.runtime() as runtime:
        await runtime.intake.settle()
        assert runtime.approvals.state(project.path, project.plan).word == "pending"
        await runtime.approvals.approve(project.path, project.plan)
        await runtime.intake.settle()
        assert runtime.approvals.state(project.path, project.plan).word == "approved", "once is enough"


async def test_a_merge_during_a_slip_in_the_settings_asks_again_once_they_are_mended(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), status="draft"), ASKS_AGAIN)
    async with project.runtime() as runtime:
        await runtime.approvals.approve(project.path, project.plan)
        settings = (tmp_path / "mplp.toml").read_text()
        (tmp_path / "mplp.toml").write_text("[gates")
        await told(runtime)
        (tmp_path / "mplp.toml").write_text(settings)
        assert runtime.approvals.state(project.path, project.plan).word == "approved"
        await runtime.intake.settle()
        assert runtime.approvals.state(project.path, project.plan).word == "pending"


@pytest.mark.parametrize("name", ["release.plan.json", "release.json"])
async def test_a_plan_that_is_approved_by_its_own_word_waits_for_a_person_too_whatever_its_name(
    tmp_path: Path, name: str
) -> None:
    project = Project(tmp_path, plan(step("a")), ASKS_AGAIN)
    path = project.path.rename(tmp_path / name)
    async with project.runtime() as runtime:
        await told(runtime)
        assert runtime.approvals.state(path, project.plan).word == "pending"
        with pytest.raises(PlanNotApproved, match="waits for an approval"):
            await runtime.start(path, trusted=True)
        await runtime.approvals.approve(path, project.plan)
        assert (await runtime.run(path, trusted=True)).status == "completed"


@pytest.mark.parametrize(
    ("status", "settings"),
    [
        ("draft", ASKS_AGAIN),
        ("completed", ASKS_AGAIN),
        ("approved", ASKS_AGAIN + table("run", require_confirm=True)),
    ],
)
async def test_a_plan_that_was_not_approved_is_not_proposed_by_a_merge(
    tmp_path: Path, status: str, settings: str
) -> None:
    project = Project(tmp_path, plan(step("a"), status=status), settings)
    async with project.runtime() as runtime:
        await told(runtime)
        assert not confirm_path(project.path).exists()


@pytest.mark.parametrize("beside", ["of-a-step", "half-saved", "hanging-link"])
async def test_a_merge_proposes_a_plan_again_although_the_place_beside_it_is_taken(
    tmp_path: Path, beside: str
) -> None:
    project = Project(tmp_path, plan(step("a")), ASKS_AGAIN)
    taken = confirm_path(project.path)
    if beside == "of-a-step":
        taken.write_text(json.dumps(confirm_value("approved", "approved", target_id=step_id("a"))))
    elif beside == "half-saved":
        taken.write_text(json.dumps(confirm_value("approved", "approved"))[:-1])
    else:
        taken.symlink_to(tmp_path / "nowhere.json")
    async with project.runtime() as runtime:
        await told(runtime)
        proposal = json.loads((tmp_path / "release.2.confirm.json").read_text())
        assert (proposal["status"], proposal["requested_by_role"]) == ("pending", "git")
        if beside == "half-saved":
            taken.write_text(json.dumps(confirm_value("approved", "approved")))
        elif beside == "hanging-link":
            taken.unlink()
        assert runtime.approvals.state(project.path, project.plan).word == "pending"
        with pytest.raises(PlanNotApproved, match="waits for an approval"):
            await runtime.start(project.path, trusted=True)
        await told(runtime, commit_id="2b3c4d5e6f7a8b9c")
        assert not (tmp_path / "release.3.confirm.json").exists()
