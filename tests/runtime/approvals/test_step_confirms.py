"""A Confirm about a step keeps that step from starting until somebody has decided (runtime.md 4)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import RunRefused
from mplp_runtime.orchestrator.views import Answer, RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.projects import (
    META,
    Project,
    errors,
    plan,
    role,
    statuses,
    step,
    step_id,
    table,
    timeline_of,
    trace_of,
)
from tests.runtime.orchestrator.waiting import asked, seen

WORK = role("worker", "print('ok')")
CONFIRM_ID = step_id("confirm")


def confirm_value(
    status: str, *decisions: str, reason: str = "too early", **members: object
) -> dict[str, Any]:
    """A Confirm of the step `b`; its decisions are made an hour after each other."""
    made = [
        {
            "decision_id": step_id(f"d{place}"),
            "status": word,
            "decided_by_role": "board",
            "decided_at": f"2026-01-01T{9 + place:02}:00:00Z",
            "reason": reason,
        }
        for place, word in enumerate(decisions)
    ]
    value = {
        "meta": META,
        "confirm_id": CONFIRM_ID,
        "target_type": "other",
        "target_id": step_id("b"),
        "status": status,
        "requested_by_role": "author",
        "requested_at": "2026-01-01T08:00:00Z",
        "decisions": made,
    } | members
    assert errors("confirm", value) == []
    return value


def decide(root: Path, status: str, *decisions: str, **members: Any) -> None:
    """As somebody else writes the file: an editor, or another process."""
    (root / "b.confirm.json").write_text(json.dumps(confirm_value(status, *decisions, **members)))


def project_in(root: Path, toml: str = WORK) -> Project:
    """Two steps of which nobody waits for the other."""
    return Project(root, plan(step("a"), step("b")), toml)


@asynccontextmanager
async def waiting(root: Path, toml: str = WORK) -> AsyncIterator[tuple[Runtime, RunView]]:
    """A run whose other step is done and whose step `b` waits for its Confirm."""
    decide(root, "pending")
    async with project_in(root, toml).runtime() as runtime:
        run = await runtime.start(root / "release.plan.json", trusted=True)
        yield (
            runtime,
            await seen(
                runtime, run.run_id, lambda view: bool(view.questions) and statuses(view)["a"] == "completed"
            ),
        )


def told(root: Path, view: RunView) -> list[str]:
    return [
        event["event_type"] for event in trace_of(root, view)["events"] if "confirm." in event["event_type"]
    ]


async def test_a_step_waits_for_its_confirm_and_starts_by_itself_when_that_is_approved(
    tmp_path: Path,
) -> None:
    async with waiting(tmp_path) as (runtime, view):
        assert statuses(view) == {"a": "completed", "b": "blocked"}
        [question] = view.questions
        assert (question.kind, question.step_id) == ("gate", step_id("b"))
        assert question.text == "A Confirm of this step is pending. May it start? b"
        decide(tmp_path, "approved", "approved")
        final = await runtime.runs.wait(view.run_id)
        assert (final.status, final.questions) == ("completed", ())
        assert told(tmp_path, final) == ["confirm.requested", "confirm.approved"]
        timeline = timeline_of(tmp_path, final)
        [opened] = [event for event in timeline if event["event_type"] == "step_unblocked"]
        assert opened["payload"]["because"] == "its Confirm is approved"
        node = runtime.graph.read("Confirm", CONFIRM_ID)
        assert node is not None
        assert node.data["status"] == "approved"


async def test_a_rejected_confirm_ends_the_wait_as_a_declined_gate_does(tmp_path: Path) -> None:
    async with waiting(tmp_path) as (runtime, view):
        decide(tmp_path, "rejected", "rejected")
        final = await runtime.runs.wait(view.run_id)
        assert (final.status, final.error) == ("failed", "Step “b” was declined.")
        assert statuses(final) == {"a": "completed", "b": "skipped"}
        assert told(tmp_path, final) == ["confirm.requested", "confirm.rejected"]
        [skipped] = [event for event in timeline_of(tmp_path, final) if event["event_type"] == "step_skipped"]
        assert skipped["payload"]["because"] == "its Confirm is rejected: too early"


@pytest.mark.parametrize(
    ("status", "decisions"), [("rejected", ["rejected"]), ("approved", ["approved", "rejected"])]
)
async def test_a_step_whose_confirm_was_rejected_before_never_starts_and_nobody_is_asked(
    tmp_path: Path, status: str, decisions: list[str]
) -> None:
    decide(tmp_path, status, *decisions)
    async with project_in(tmp_path).runtime() as runtime:
        final = await runtime.run("release.plan.json", trusted=True, answer=pytest.fail)
        assert (final.status, statuses(final)) == ("failed", {"a": "completed", "b": "skipped"})
        assert told(tmp_path, final) == ["confirm.rejected"]


async def test_an_approved_confirm_of_a_step_holds_nothing_up(tmp_path: Path) -> None:
    decide(tmp_path, "approved", "rejected", "approved")
    async with project_in(tmp_path).runtime() as runtime:
        final = await runtime.run("release.plan.json", trusted=True, answer=pytest.fail)
        assert final.status == "completed"


async def test_a_confirm_may_lie_anywhere_and_an_approval_that_nobody_decided_still_waits(
    tmp_path: Path,
) -> None:
    (tmp_path / "board").mkdir()
    path = tmp_path / "board/vote.json"
    path.write_text(json.dumps(confirm_value("approved")))
    async with project_in(tmp_path).runtime() as runtime:
        run = await runtime.start("release.plan.json", trusted=True)
        await asked(runtime, run.run_id, "gate")
        path.write_text(json.dumps(confirm_value("approved", "approved")))
        assert (await runtime.wait(run.run_id)).status == "completed"


@pytest.mark.parametrize(
    ("may_start", "word", "sampled"), [(True, "approved", "approve"), (False, "rejected", "reject")]
)
async def test_the_answer_to_the_step_is_the_decision_of_its_confirm(
    tmp_path: Path, may_start: bool, word: str, sampled: str
) -> None:
    collected = WORK + "[learning]\ncollect = true\n"
    async with waiting(tmp_path, collected) as (runtime, view):
        await runtime.runs.answer(view.run_id, step_id("b"), success=may_start, output="as agreed")
        final = await runtime.runs.wait(view.run_id)
        assert final.status == ("completed" if may_start else "failed")
        assert told(tmp_path, final) == ["confirm.requested", f"confirm.{word}"]
    confirm = json.loads((tmp_path / "b.confirm.json").read_text())
    assert errors("confirm", confirm) == []
    assert confirm["status"] == word
    [decision] = confirm["decisions"]
    assert (decision["status"], decision["reason"]) == (word, "as agreed")
    lines = (tmp_path / ".mplp/learning/samples.ndjson").read_text().splitlines()
    samples = [json.loads(line) for line in lines]
    [sample] = [each for each in samples if each["sample_family"] == "confirm_decision"]
    assert sample["output"]["decision"] == sampled


async def test_a_decision_that_is_made_while_no_process_carries_the_run_counts(tmp_path: Path) -> None:
    async with waiting(tmp_path) as (_, view):
        pass  # Here its process goes.
    async with Runtime.open(tmp_path) as runtime:
        await runtime.runs.resume(view.run_id, trusted=True)
        await asked(runtime, view.run_id, "gate")
    decide(tmp_path, "approved", "approved")
    async with Runtime.open(tmp_path) as runtime:
        await runtime.runs.resume(view.run_id, trusted=True)
        assert (await runtime.runs.wait(view.run_id)).status == "completed"


async def test_a_confirm_that_is_half_saved_or_gone_opens_nothing(tmp_path: Path) -> None:
    async with waiting(tmp_path) as (runtime, view):
        path = tmp_path / "b.confirm.json"
        for text in ('{"confirm_id": ', None):
            path.unlink() if text is None else path.write_text(text)
            gates = runtime.runs._carrying.live[view.run_id].loop._gates
            gates._confirms.look()
            assert gates._decided_elsewhere(step_id("b"), None) is None
        decide(tmp_path, "approved", "approved")
        assert (await runtime.runs.wait(view.run_id)).status == "completed"


async def test_a_confirm_that_is_withdrawn_holds_its_step_up_no_longer(tmp_path: Path) -> None:
    async with waiting(tmp_path) as (runtime, view):
        decide(tmp_path, "cancelled")
        assert (await runtime.runs.wait(view.run_id)).status == "completed"


async def test_a_confirm_that_comes_while_the_run_goes_on_still_holds_its_step_up(tmp_path: Path) -> None:
    toml = WORK + role(
        "slow", "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.02)"
    )
    toml += table("drift", active_interval_s=0.1)
    project = Project(tmp_path, plan(step("a", role="slow"), step("b", "a")), toml)
    async with project.runtime() as runtime:
        run = await runtime.start(project.path, trusted=True)
        decide(tmp_path, "pending")
        confirms = runtime.runs._carrying.live[run.run_id].loop._gates._confirms
        await seen(runtime, run.run_id, lambda _: confirms.is_gated(step_id("b")))
        (tmp_path / "go").touch()
        await asked(runtime, run.run_id, "gate")
        decide(tmp_path, "approved", "approved")
        assert (await runtime.wait(run.run_id)).status == "completed"


async def test_what_the_settings_ask_is_asked_although_a_confirm_was_approved_before(tmp_path: Path) -> None:
    decide(tmp_path, "approved", "approved")
    async with project_in(tmp_path, WORK + table("gates", confirm_steps=[step_id("b")])).runtime() as runtime:
        run = await runtime.start("release.plan.json", trusted=True)
        view = await asked(runtime, run.run_id, "gate")
        assert view.questions[0].text == "May this step start? b"
        await runtime.runs.answer(run.run_id, step_id("b"), success=True)
        assert (await runtime.wait(run.run_id)).status == "completed"


async def test_a_dry_run_is_held_up_by_no_confirm(tmp_path: Path) -> None:
    decide(tmp_path, "pending")
    async with project_in(tmp_path).runtime() as runtime:
        final = await runtime.run("release.plan.json", simulate=True, answer=pytest.fail)
        assert final.status == "completed"


async def test_the_answer_to_a_step_that_the_settings_ask_about_is_a_decision_too(tmp_path: Path) -> None:
    toml = WORK + table("gates", confirm_steps=[step_id("b")]) + "[learning]\ncollect = true\n"
    async with project_in(tmp_path, toml).runtime() as runtime:
        final = await runtime.run(
            "release.plan.json", trusted=True, answer=lambda _: Answer(False, "not on a Friday")
        )
        assert statuses(final) == {"a": "completed", "b": "skipped"}
        assert told(tmp_path, final) == ["confirm.requested", "confirm.rejected"]
        [confirm] = runtime.documents.all("confirm")
        assert errors("confirm", confirm) == []
        assert (confirm["target_id"], confirm["status"]) == (step_id("b"), "rejected")
        assert confirm["decisions"][0]["reason"] == "not on a Friday"
        assert runtime.graph.dangling() == []
    lines = (tmp_path / ".mplp/learning/samples.ndjson").read_text().splitlines()
    families = [json.loads(line)["sample_family"] for line in lines]
    assert families.count("confirm_decision") == 1


async def test_a_start_sees_a_confirm_of_a_step_that_came_after_its_caller_had_looked(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    (tmp_path / "board").mkdir()
    async with project.runtime() as runtime:
        loaded = await runtime.load(project.path)
        (tmp_path / "board/vote.json").write_text(json.dumps(confirm_value("pending")))
        run = await runtime.start(loaded, trusted=True)
        view = await asked(runtime, run.run_id, "gate")
        assert [each.step_id for each in view.questions] == [step_id("b")]


async def test_a_step_that_was_declined_by_its_confirm_is_taken_up_by_running_the_plan_again(
    tmp_path: Path,
) -> None:
    decide(tmp_path, "rejected", "rejected")
    async with project_in(tmp_path).runtime() as runtime:
        declined = await runtime.run("release.plan.json", trusted=True)
        decide(tmp_path, "approved", "rejected", "approved")
        with pytest.raises(RunRefused, match="Only a step that failed is tried again"):
            await runtime.retry(declined.run_id, step_id("b"), trusted=True)
        again = await runtime.run("release.plan.json", trusted=True)
        assert (again.status, again.generation) == ("completed", declined.generation + 1)


async def test_a_confirm_that_is_withdrawn_while_a_person_is_asked_is_told_as_cancelled(
    tmp_path: Path,
) -> None:
    async with waiting(tmp_path) as (runtime, view):
        decide(tmp_path, "cancelled")
        final = await runtime.runs.wait(view.run_id)
        assert told(tmp_path, final) == ["confirm.requested", "confirm.cancelled"]


@pytest.mark.parametrize("target", [["b"], {"id": "b"}, 7, None])
async def test_a_plan_runs_beside_a_confirm_whose_target_is_no_text(tmp_path: Path, target: object) -> None:
    odd = {"confirm_id": CONFIRM_ID, "target_id": target, "status": "pending", "requested_at": "now"}
    (tmp_path / "odd.confirm.json").write_text(json.dumps(odd))
    async with project_in(tmp_path).runtime() as runtime:
        final = await runtime.run("release.plan.json", trusted=True, answer=pytest.fail)
        assert final.status == "completed"


async def test_a_step_that_retries_by_itself_heeds_a_confirm_that_was_rejected_since(tmp_path: Path) -> None:
    fails_when_told = (
        "import pathlib, sys, time\npathlib.Path('tried').open('a').write('x')\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.02)\nsys.exit(1)"
    )
    decide(tmp_path, "approved", "approved")
    project = Project(tmp_path, plan(step("b")), role("worker", fails_when_told, retries=3))
    async with project.runtime() as runtime:
        run = await runtime.start(project.path, trusted=True)
        await seen(runtime, run.run_id, lambda _: (tmp_path / "tried").exists())
        decide(tmp_path, "rejected", "approved", "rejected")
        runtime.runs._carrying.live[run.run_id].loop._gates._confirms.look()
        (tmp_path / "go").touch()
        final = await runtime.wait(run.run_id)
        assert (final.status, statuses(final)) == ("failed", {"b": "skipped"})
        assert (tmp_path / "tried").read_text() == "x"


@pytest.mark.parametrize("success", [True, False])
async def test_an_answer_about_one_confirm_is_signed_onto_no_newer_one_that_has_come_meanwhile(
    tmp_path: Path, success: bool
) -> None:
    async with waiting(tmp_path) as (runtime, view):
        [first] = view.questions
        newer = tmp_path / "newer.confirm.json"
        value = confirm_value("pending", confirm_id=step_id("y"), requested_at="2099-01-01T08:00:00Z")
        newer.write_text(json.dumps(value))
        runtime.confirm_files.everywhere()
        runtime.runs._carrying.live[view.run_id].loop._gates._confirms.look()
        await runtime.runs.answer(view.run_id, step_id("b"), success=success)
        again = await seen(
            runtime, view.run_id, lambda now: any(each.number > first.number for each in now.questions)
        )
        assert [each.kind for each in again.questions] == ["gate"]
        assert json.loads(newer.read_text())["decisions"] == []
        await runtime.runs.answer(view.run_id, step_id("b"), success=True)
        final = await runtime.runs.wait(view.run_id)
        assert (final.status, json.loads(newer.read_text())["status"]) == ("completed", "approved")
