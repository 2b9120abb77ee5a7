"""Who approved what, and whether that still holds (D14, D18)."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime import approval_scope as approval_scope_module
from mplp_runtime.approval_judgement import ApprovalState, approval_of
from mplp_runtime.approval_scope import StepDigests, approval_scope, changes
from mplp_runtime.errors import DocumentInvalid, PlanNotApproved
from mplp_runtime.kinds import confirm_path
from mplp_runtime.runtime import Runtime
from mplp_runtime.settings import Settings
from mplp_runtime.vsl.interface import StoredEvent
from tests.runtime.orchestrator.projects import (
    META,
    PLAN_ID,
    Project,
    errors,
    plan,
    role,
    step,
    step_id,
    table,
)
from tests.runtime.orchestrator.waiting import asked

OK = role("worker", "print('ok')")
DRAFT = plan(step("build"), step("pack", "build"), status="draft")


def confirm_of(project: Project) -> dict[str, Any]:
    confirm: dict[str, Any] = json.loads((project.root / "release.confirm.json").read_text())
    assert errors("confirm", confirm) == []
    return confirm


def confirm_value(status: str, *decisions: str, **members: object) -> dict[str, Any]:
    """A Confirm of the plan whose decisions follow each other by an hour, the first at nine."""
    made = [
        {
            "decision_id": step_id(f"d{place}"),
            "status": word,
            "decided_by_role": "human",
            "decided_at": f"2026-01-01T{9 + place:02}:00:00Z",
        }
        for place, word in enumerate(decisions)
    ]
    return {
        "meta": META,
        "confirm_id": step_id("confirm"),
        "target_type": "plan",
        "target_id": PLAN_ID,
        "status": status,
        "requested_by_role": "human",
        "requested_at": "2026-01-01T08:00:00Z",
        "decisions": made,
    } | members


def state(runtime: Runtime, project: Project) -> ApprovalState:
    return runtime.approvals.state(project.path, project.plan, runtime.settings())


async def approved_and_edited(
    runtime: Runtime, project: Project, edit: Callable[[dict[str, Any]], None]
) -> None:
    await runtime.approvals.approve(project.path, DRAFT)
    edited = copy.deepcopy(DRAFT)
    edit(edited)
    project.save(edited)


async def test_a_proposal_writes_a_pending_confirm_beside_the_plan(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        assert state(runtime, project).word == "none"
        path = await runtime.approvals.propose(project.path, DRAFT)
        assert path == tmp_path / "release.confirm.json"
        confirm = confirm_of(project)
        assert (confirm["status"], confirm["target_type"], confirm["target_id"]) == (
            "pending",
            "plan",
            PLAN_ID,
        )
        assert state(runtime, project).word == "pending"


async def test_an_approval_holds_for_the_plan_as_it_was(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        await runtime.approvals.approve(project.path, DRAFT, reason="fine")
        found = state(runtime, project)
        assert (found.word, found.is_approved, found.changed) == ("approved", True, ())
        decision = confirm_of(project)["decisions"][0]
        assert (decision["status"], decision["decided_by_role"], decision["reason"]) == (
            "approved",
            "human",
            "fine",
        )
        view = await runtime.runs.start(project.request())
        assert (await runtime.runs.wait(view.run_id)).status == "completed"


async def test_starting_with_approve_writes_the_approval_first(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    view = await project.run(approve=True)
    assert view.status == "completed"
    assert confirm_of(project)["status"] == "approved"


async def test_a_simulation_writes_no_approval(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    await project.run(approve=True, simulate=True)
    assert not (tmp_path / "release.confirm.json").exists()


def change(**members: object) -> Callable[[dict[str, Any]], None]:
    return lambda value: value.update(members)


def change_step(**members: object) -> Callable[[dict[str, Any]], None]:
    return lambda value: value["steps"][1].update(members)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (change(title="Other"), "title changed"),
        (change(objective="Other"), "objective changed"),
        (change_step(description="rm -rf"), "step “rm -rf”: description changed"),
        (change_step(agent_role="root"), "step “pack”: agent_role changed"),
        (change_step(dependencies=[]), "step “pack”: dependencies changed"),
        (lambda value: value["steps"].append(step("more")), "step “more” was added"),
        (lambda value: value["steps"].pop(), f"step {step_id('pack')} was removed"),
        (lambda value: value["steps"].reverse(), "the order of the steps changed"),
    ],
)
async def test_an_edit_voids_the_approval_and_says_what_changed(
    tmp_path: Path, edit: Callable[[dict[str, Any]], None], says: str
) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        await approved_and_edited(runtime, project, edit)
        found = state(runtime, project)
        assert found.word == "void"
        assert says in found.changed
        if "agent_role" not in says:
            with pytest.raises(PlanNotApproved) as caught:
                await runtime.runs.start(project.request())
            assert says in str(caught.value)


async def test_an_edit_of_a_plan_whose_own_text_says_approved_does_not_slip_through(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("build")), OK)
    async with project.runtime() as runtime:
        await runtime.approvals.approve(project.path, project.plan)
        project.save(plan(step("build", description="something else")))
        with pytest.raises(PlanNotApproved, match="something else"):
            await runtime.runs.start(project.request())


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (role("worker", "print('other')"), "the binding of role worker changed"),
        (OK + table("limits", timeout_s=5), "the binding of role worker changed"),
        (role("other", "1"), "the binding of role worker changed"),
        (
            OK + table(f'steps."{step_id("build")}"', action="tool_call", command=["true"]),
            f"the binding of step {step_id('build')} was added",
        ),
    ],
)
async def test_a_change_of_what_a_step_does_voids_the_approval(tmp_path: Path, toml: str, says: str) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        await runtime.approvals.approve(project.path, DRAFT)
        (tmp_path / "mplp.toml").write_text(toml)
        assert says in state(runtime, project).changed


@pytest.mark.parametrize(
    "edit",
    [
        change(status="approved"),
        change_step(status="completed"),
        change(events=[]),
        lambda value: value["meta"].update(updated_at="2026-01-01T00:00:00Z"),
        lambda value: value.update({"$comment": "mine"}),
    ],
)
async def test_statuses_and_events_are_not_part_of_what_is_approved(
    tmp_path: Path, edit: Callable[[dict[str, Any]], None]
) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        await approved_and_edited(runtime, project, edit)
        assert state(runtime, project).word == "approved"


async def rejected_until_it_is_approved_anew(runtime: Runtime, project: Project) -> None:
    assert state(runtime, project).word == "rejected"
    with pytest.raises(PlanNotApproved, match="rejected"):
        await runtime.runs.start(project.request())
    await runtime.approvals.propose(project.path, DRAFT)
    assert state(runtime, project).word == "pending"
    await runtime.approvals.approve(project.path, DRAFT)
    assert state(runtime, project).word == "approved"


async def test_decisions_are_appended_and_a_rejection_can_be_followed_by_an_approval(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        await runtime.approvals.propose(project.path, DRAFT)
        await runtime.approvals.reject(project.path, DRAFT, reason="not yet")
        await rejected_until_it_is_approved_anew(runtime, project)
        assert [each["status"] for each in confirm_of(project)["decisions"]] == ["rejected", "approved"]


async def test_a_rejection_needs_a_reason(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        with pytest.raises(DocumentInvalid, match="reason"):
            await runtime.approvals.reject(project.path, DRAFT, reason=" ")


async def test_approvals_are_events_and_nodes_of_the_graph(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        await runtime.approvals.propose(project.path, DRAFT)
        await runtime.approvals.approve(project.path, DRAFT)
        node = runtime.graph.read("Confirm", confirm_of(project)["confirm_id"])
        assert node is not None
        assert node.data["status"] == "approved"
    lines = (tmp_path / ".mplp/timeline.events.ndjson").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert all(errors("event", event) == [] for event in events)
    words = [event["event_type"] for event in events]
    assert words == [
        "plan_created",
        "confirm_created",
        "confirm_pending",
        "plan_status_changed",
        "decision_added",
        "plan_updated",
        "confirm_resolved",
        "plan_status_changed",
    ]


async def test_a_file_that_is_no_approval_of_this_plan_is_not_overwritten(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    path = tmp_path / "release.confirm.json"
    path.write_text('{"mine": true}')
    async with project.runtime() as runtime:
        with pytest.raises(DocumentInvalid, match="Move it away"):
            await runtime.approvals.approve(project.path, DRAFT)
    assert path.read_text() == '{"mine": true}'


async def test_an_invalid_plan_cannot_be_approved(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        with pytest.raises(DocumentInvalid, match="The plan is not valid"):
            await runtime.approvals.approve(project.path, {**DRAFT, "title": ""})
    assert not (tmp_path / "release.confirm.json").exists()


def test_an_approval_that_does_not_say_what_it_covers_is_worth_nothing() -> None:
    confirm = confirm_value("approved", "approved")
    found = approval_of(DRAFT, [confirm], Settings())
    assert (found.word, found.changed) == ("void", ("the approval does not say what it covers",))


def test_confirms_of_other_targets_are_ignored() -> None:
    other = {"target_type": "plan", "target_id": step_id("x"), "status": "approved", "confirm_id": "x"}
    assert approval_of(DRAFT, [other, None, "text", {}], Settings()).word == "none"


@pytest.mark.parametrize("broken", [{}, {"steps": 7}, {"steps": [7]}, {"steps": [{}]}, {"meta": 3}])
def test_a_plan_of_any_shape_gets_an_answer(broken: dict[str, object]) -> None:
    covers = {"attributes": {"plan_hash": "0", "bindings_hash": "0", "parts": {}}}
    confirm = confirm_value("approved", "approved", trace=covers)
    value = {**DRAFT, **broken} if broken else {"plan_id": PLAN_ID}
    assert approval_of(value, [confirm], None).word == "void"


@pytest.mark.parametrize(
    ("plan_name", "confirm_name"),
    [
        ("release.plan.json", "release.confirm.json"),
        ("plan.json", "plan.confirm.json"),
        ("plan", "plan.confirm.json"),
    ],
)
def test_the_confirm_has_the_plans_name(plan_name: str, confirm_name: str) -> None:
    assert confirm_path(Path("x") / plan_name) == Path("x") / confirm_name


async def test_a_plan_that_calls_itself_approved_waits_for_the_approval_that_was_asked_for(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", "print('ok')"))
    async with project.runtime() as runtime:
        await runtime.approvals.propose(project.path, project.plan)
        with pytest.raises(PlanNotApproved, match="proposed and waits"):
            await runtime.runs.start(project.request())
        await runtime.approvals.approve(project.path, project.plan)
        view = await runtime.runs.start(project.request())
        assert (await runtime.runs.wait(view.run_id)).status == "completed"


def test_an_edit_of_one_step_digests_that_step_only(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [step(name) for name in "abc"]
    digests = StepDigests()
    before = approval_scope(plan(*steps), {}, digests)
    edited = plan(steps[0], {**steps[1], "description": "else"}, steps[2])
    digested: list[object] = []
    real = approval_scope_module._digest

    def counting(value: Any) -> str:
        digested.append(value)
        return real(value)

    monkeypatch.setattr(approval_scope_module, "_digest", counting)
    after = approval_scope(edited, {}, digests)
    assert [value["description"] for value in digested if isinstance(value, dict) and "step_id" in value] == [
        "else"
    ]
    assert after.plan_hash == approval_scope(edited, {}).plan_hash != before.plan_hash
    assert changes(before.attributes(), after, edited) == ("step “else”: description changed",)


async def test_a_plan_does_not_run_where_a_newer_decision_rejects_it(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        await runtime.approvals.approve(project.path, DRAFT)
        confirm = confirm_of(project)
        later = confirm_value("approved", "rejected")["decisions"][0] | {"decided_at": "2027-01-01T00:00:00Z"}
        # The order in the list says nothing: the times do.
        confirm["decisions"].insert(0, later)
        confirm_path(project.path).write_text(json.dumps(confirm))
        assert state(runtime, project).word == "rejected"
        with pytest.raises(PlanNotApproved, match="rejected"):
            await runtime.runs.start(project.request())
        # A decision that a clock ahead of ours has dated can be overruled all the same.
        await runtime.approvals.approve(project.path, DRAFT)
        assert state(runtime, project).word == "approved"


async def test_an_approval_that_nobody_decided_does_not_let_a_plan_run(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("build")), OK)
    async with project.runtime() as runtime:
        await runtime.approvals.approve(project.path, project.plan)
        confirm = confirm_of(project) | {"decisions": []}
        confirm_path(project.path).write_text(json.dumps(confirm))
        with pytest.raises(PlanNotApproved, match="has no decision"):
            await runtime.runs.start(project.request())


@pytest.mark.parametrize(
    ("status", "decisions", "word"),
    [
        ("pending", ["approved"], "pending"),
        ("pending", [], "pending"),
        ("rejected", [], "rejected"),
        ("rejected", ["approved"], "rejected"),
        ("approved", ["approved", "cancelled"], "rejected"),
        ("approved", [], "void"),
        ("cancelled", ["approved", "cancelled"], "none"),
        ("typing", [], "pending"),
    ],
)
def test_status_and_newest_decision_must_agree(status: str, decisions: list[str], word: str) -> None:
    assert approval_of(DRAFT, [confirm_value(status, *decisions)], None).word == word


def test_of_several_confirms_the_newest_decides_and_one_that_was_withdrawn_says_nothing() -> None:
    older = confirm_value("rejected", "rejected")
    newer = confirm_value("pending", requested_at="2026-01-01T12:00:00+01:00")
    assert approval_of(DRAFT, [newer, older], None).word == "pending"
    withdrawn = confirm_value("cancelled", "approved", "approved", "cancelled")
    assert approval_of(DRAFT, [older, withdrawn], None).word == "rejected"


@pytest.mark.parametrize("status", ["pending", "rejected"])
async def test_a_confirm_of_the_plan_blocks_wherever_in_the_project_it_lies(
    tmp_path: Path, status: str
) -> None:
    project = Project(tmp_path, plan(step("build")), OK)
    (tmp_path / "board").mkdir()
    elsewhere = tmp_path / "board/vote.json"
    decisions = [] if status == "pending" else [status]
    elsewhere.write_text(json.dumps(confirm_value(status, *decisions)))
    async with project.runtime() as runtime:
        assert state(runtime, project).word == status
        with pytest.raises(PlanNotApproved):
            await runtime.start(project.path, trusted=True)
        view = await runtime.start(project.path, trusted=True, approve=True)
        assert (await runtime.runs.wait(view.run_id)).status == "completed"
        assert state(runtime, project).word == "approved"


async def test_the_graph_says_of_a_plan_what_its_approval_made_of_it(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:

        def status() -> str:
            node = runtime.graph.read("Plan", PLAN_ID)
            assert node is not None
            return str(node.data["status"])

        changes_seen: list[str] = []

        def note(events: Sequence[StoredEvent]) -> None:
            kinds = {event.event.get("event_family") for event in events}
            now = status()
            if "graph_update" in kinds and changes_seen[-1:] != [now]:
                changes_seen.append(now)

        runtime.bus.follow(note)
        await runtime.approvals.propose(project.path, DRAFT)
        await runtime.approvals.reject(project.path, DRAFT, reason="not yet")
        await runtime.approvals.propose(project.path, DRAFT)
        await runtime.approvals.approve(project.path, DRAFT)
        await runtime.run(project.path, simulate=True)
        assert status() == "approved"
        await runtime.run(project.path, trusted=True)
        assert changes_seen == ["proposed", "draft", "proposed", "approved", "in_progress", "completed"]
        # What is over stays so; the next run tells of another generation of the plan.
        await runtime.approvals.propose(project.path, DRAFT)
        assert status() == "completed"


async def test_a_proposal_while_the_plan_runs_does_not_take_it_back_in_the_graph(tmp_path: Path) -> None:
    person = table("roles.worker", action="agent_handoff", to="human")
    project = Project(tmp_path, plan(step("a")), person)
    async with project.runtime() as runtime:
        run = await runtime.start(project.path, trusted=True)
        await asked(runtime, run.run_id, "handoff")
        await runtime.approvals.propose(project.path, project.plan)
        node = runtime.graph.read("Plan", PLAN_ID)
        assert node is not None
        assert node.data["status"] == "in_progress"
        # Nor do the events say so; what was asked is told.
        told = [
            each.event["event_type"] for each in runtime.vsl.read(lambda reading: reading.events("project"))
        ]
        assert (told.count("plan_status_changed"), told.count("confirm_pending")) == (0, 1)
        await runtime.runs.cancel(run.run_id)


async def test_a_rejection_and_a_proposal_count_although_another_confirm_is_dated_ahead(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        await runtime.approvals.approve(project.path, DRAFT)
        ahead = confirm_of(project) | {"confirm_id": step_id("board")}
        ahead["decisions"][0]["decided_at"] = "2099-06-01T00:00:00+02:00"
        (tmp_path / "board.confirm.json").write_text(json.dumps(ahead))
        assert state(runtime, project).word == "approved"
        await runtime.approvals.reject(project.path, DRAFT, reason="no")
        await rejected_until_it_is_approved_anew(runtime, project)
        confirm_of(project)


async def test_a_proposal_is_asked_for_after_a_decision_of_another_file_at_the_same_instant(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, DRAFT, OK)
    (tmp_path / "zoo.confirm.json").write_text(
        json.dumps(confirm_value("rejected", "rejected", requested_at="9999-12-31T23:59:59.998Z"))
    )
    async with project.runtime() as runtime:
        assert state(runtime, project).word == "rejected"
        await runtime.approvals.propose(project.path, DRAFT)
        assert state(runtime, project).word == "pending"


async def test_of_two_decisions_at_the_same_moment_none_is_lost(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    async with project.runtime() as runtime:
        await runtime.approvals.propose(project.path, DRAFT)
        await asyncio.gather(
            runtime.approvals.approve(project.path, DRAFT),
            runtime.approvals.reject(project.path, DRAFT, reason="no"),
        )
        approved, rejected = confirm_of(project)["decisions"]
        assert (approved["status"], rejected["status"]) == ("approved", "rejected")
        assert approved["decided_at"] < rejected["decided_at"]
        node = runtime.graph.read("Confirm", confirm_of(project)["confirm_id"])
        assert node is not None
        assert node.data == confirm_of(project)


async def test_a_decision_is_written_through_a_link_inside_the_project(tmp_path: Path) -> None:
    project = Project(tmp_path, DRAFT, OK)
    votes = tmp_path / "votes.json"
    votes.write_text(json.dumps(confirm_value("pending")))
    confirm_path(project.path).symlink_to(votes.name)
    async with project.runtime() as runtime:
        await runtime.approvals.approve(project.path, DRAFT)
        assert confirm_path(project.path).is_symlink()
        assert json.loads(votes.read_text())["status"] == "approved"
        assert state(runtime, project).word == "approved"


@pytest.mark.parametrize("type_", [None, "pla", "other"])
def test_a_confirm_of_a_plan_waits_whatever_its_target_type_says(type_: str | None) -> None:
    confirm = confirm_value("pending", target_type=type_)
    assert approval_of(DRAFT, [confirm], None).word == "pending"
