"""The commands against a real runtime: what they do, what they answer, what they refuse."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from mplp_lsp.text.uris import uri_of
from mplp_runtime.errors import DocumentInvalid, MplpError, PlanNotApproved, RunUnknown, WorkspaceNotTrusted
from mplp_runtime.runtime import Runtime
from mplp_runtime.sources import new_uuid
from tests.cli.process import HANDOFF, runs_python, write_project
from tests.commands.session import LIMIT_S, Session, played

GREET = runs_python('print("hello"); open("effect.txt", "a").write("x")')


async def ended(session: Session, root: Path, run_id: str) -> str:
    return (await session.runtimes[root].runs.wait(run_id)).status


def test_a_draft_is_proposed_approved_and_run_by_one_command(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        answer = await session.run("runPlan", uri=uri_of(plan), approve=True)
        assert (answer["status"], answer["unsaved"], answer["generation"]) == ("running", False, 1)
        assert [step["description"] for step in answer["steps"]] == ["Let the greeter work"]
        assert json.dumps(answer)
        assert session.followed == [answer["run_id"]]
        assert await ended(session, tmp_path, answer["run_id"]) == "completed"
        trace = await session.run("showTrace", uri=uri_of(plan))
        assert session.shown == [uri_of(Path(trace["trace_path"]))]
        assert json.loads(Path(trace["trace_path"]).read_text())["status"] == "completed"
        status = await session.run("serverStatus")
        assert [run["status"] for run in status["runs"]] == ["completed"]

    played(Session(tmp_path), story)
    assert (tmp_path / "effect.txt").read_text() == "x"


def test_the_status_tells_how_many_events_from_outside_wait(tmp_path: Path) -> None:
    write_project(tmp_path, {"greeter": GREET})
    file = {"file_path": "a.txt", "change_type": "created", "timestamp": "2026-01-01T00:00:00Z"}
    tool = {"tool_id": "ruff", "tool_kind": "linter", "invocation_id": new_uuid(), "status": "failed"}
    nothing = {"high": 0, "medium": 0, "low": 0, "background": 0}

    async def story(session: Session) -> None:
        assert (await session.run("serverStatus"))["events"] == {"waiting": nothing, "lost": 0, "rejected": 0}
        assert session.runtimes == {}, "looking opens nothing"

        async def offered(runtime: Runtime) -> None:
            for event in (file, tool, {}):
                runtime.intake.offer(event, source="test")

        await session.on_runtime(tmp_path, offered)
        assert (await session.run("serverStatus"))["events"] == {
            "waiting": {**nothing, "low": 1, "background": 1},
            "lost": 0,
            "rejected": 1,
        }

    played(Session(tmp_path), story)


def test_propose_approve_and_reject_each_leave_their_word(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})
    uri = uri_of(plan)

    async def story(session: Session) -> None:
        path = Path((await session.run("proposePlan", uri=uri))["confirm_path"])
        assert json.loads(path.read_text())["status"] == "pending"
        with pytest.raises(PlanNotApproved, match="waits for an approval"):
            await session.run("runPlan", uri=uri)
        await session.run("rejectPlan", uri=uri, reason="Too early.")
        with pytest.raises(PlanNotApproved, match="rejected"):
            await session.run("runPlan", uri=uri)
        with pytest.raises(MplpError, match="needs a reason"):
            await session.run("rejectPlan", uri=uri, reason="  ")
        await session.run("approvePlan", uri=uri, reason="Now.")
        confirm = json.loads(path.read_text())
        assert [one["status"] for one in confirm["decisions"]] == ["rejected", "approved"]
        assert [one["reason"] for one in confirm["decisions"]] == ["Too early.", "Now."]
        answer = await session.run("runPlan", uri=uri)
        assert await ended(session, tmp_path, answer["run_id"]) == "completed"
        assert session.refreshed == 3

    played(Session(tmp_path), story)


def test_a_void_approval_is_renewed_also_where_the_plan_calls_itself_approved(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET}, status="approved")
    uri = uri_of(plan)

    async def story(session: Session) -> None:
        await session.run("approvePlan", uri=uri)
        session.edit(plan, plan.read_text().replace("Let the", "Have the"))
        with pytest.raises(PlanNotApproved, match="Have the greeter work"):
            await session.run("runPlan", uri=uri)
        answer = await session.run("runPlan", uri=uri, approve=True)
        assert await ended(session, tmp_path, answer["run_id"]) == "completed"

    played(Session(tmp_path), story)


def test_what_runs_is_the_text_in_the_editor(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET}, status="approved")

    async def story(session: Session) -> None:
        session.edit(plan, plan.read_text().replace("Let the", "Have the"))
        answer = await session.run("runPlan", uri=uri_of(plan))
        assert answer["unsaved"] is True
        assert answer["steps"][0]["description"] == "Have the greeter work"
        assert session.logged == ["a.plan.json has unsaved changes; what runs is the text in the editor."]
        await ended(session, tmp_path, answer["run_id"])

    played(Session(tmp_path), story)


def test_an_untrusted_workspace_runs_nothing_but_a_dry_run(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        with pytest.raises(WorkspaceNotTrusted) as refusal:
            await session.run("runPlan", uri=uri_of(plan), approve=True)
        assert refusal.value.code == "not-trusted"
        answer = await session.run("dryRunPlan", uri=uri_of(plan))
        assert answer["simulated"] is True
        assert await ended(session, tmp_path, answer["run_id"]) == "completed"

    played(Session(tmp_path, trusted=False), story)
    assert not (tmp_path / "effect.txt").exists()


def test_a_person_answers_for_a_step(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"person": HANDOFF, "greeter": GREET})

    async def story(session: Session) -> None:
        answer = await session.run("runPlan", uri=uri_of(plan), approve=True)
        run, step = answer["run_id"], answer["steps"][0]["step_id"]
        runs = session.runtimes[tmp_path].runs
        while not runs.view(run).questions:
            await runs.notices.changed_within(1.0)
        after = await session.run("answerHandoff", run=run, step=step, success=True, output="reviewed")
        assert after["questions"] == []
        assert await ended(session, tmp_path, run) == "completed"
        assert runs.view(run).steps[step].output == "reviewed"
        with pytest.raises(MplpError, match="No question"):
            await session.run("answerHandoff", run=run, step=step, success=True)

    played(Session(tmp_path), story)


def test_a_run_is_cancelled(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"person": HANDOFF})

    async def story(session: Session) -> None:
        answer = await session.run("runPlan", uri=uri_of(plan), approve=True)
        assert (await session.run("cancelRun", run=answer["run_id"]))["status"] == "cancelled"

    played(Session(tmp_path), story)


def test_an_interrupted_run_is_resumed_and_a_step_is_repeated_by_an_answer(tmp_path: Path) -> None:
    once = runs_python(
        'import os, time; first = not os.path.exists("begun"); open("begun", "a").write("x"); '
        "first and time.sleep(600)"
    )
    plan = write_project(tmp_path, {"worker": once})
    run = ""

    async def begin(session: Session) -> None:
        nonlocal run
        run = (await session.run("runPlan", uri=uri_of(plan), approve=True))["run_id"]
        async with asyncio.timeout(LIMIT_S):
            while not (tmp_path / "begun").exists():
                await session.runtimes[tmp_path].runs.notices.changed_within(0.05)

    async def resume(session: Session) -> None:
        answer = await session.run("resumeRun", run=run)
        assert session.followed == [run]
        runs = session.runtimes[tmp_path].runs
        while not runs.view(run).questions:
            await runs.notices.changed_within(1.0)
        assert runs.view(run).questions[0].kind == "repeat"
        step = answer["steps"][0]["step_id"]
        await session.run("answerHandoff", run=run, step=step, success=False, repeat=True)
        assert await ended(session, tmp_path, run) == "completed"

    played(Session(tmp_path), begin)
    played(Session(tmp_path), resume)
    assert (tmp_path / "begun").read_text() == "xx"


def test_a_run_is_found_in_whatever_folder_of_the_session_it_is(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_project(one, {"greeter": GREET})
    plan = write_project(two, {"greeter": GREET})

    async def story(session: Session) -> None:
        first = await session.run("runPlan", uri=uri_of(plan), approve=True)
        await ended(session, two, first["run_id"])
        second = await session.run("runPlan", uri=uri_of(plan))
        await ended(session, two, second["run_id"])
        for answer in (first, second):
            trace = await session.run("showTrace", run=answer["run_id"])
            assert Path(trace["trace_path"]).is_relative_to(two)

    played(Session(one, two), story)


@pytest.mark.parametrize("name", ["cancelRun", "resumeRun", "showTrace"])
def test_a_run_that_nobody_knows_is_named_in_the_refusal(tmp_path: Path, name: str) -> None:
    write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        with pytest.raises(RunUnknown, match="no run nobody"):
            await session.run(name, run="nobody")

    played(Session(tmp_path), story)


def test_there_is_no_trace_before_the_first_run(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        with pytest.raises(RunUnknown, match="This plan has not been run yet"):
            await session.run("showTrace", uri=uri_of(plan))
        with pytest.raises(RunUnknown, match="No plan of this project has been run yet"):
            await session.run("showTrace")

    played(Session(tmp_path), story)


def test_a_text_that_is_no_plan_is_refused_in_a_sentence(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        for text in ("{", "[]", "3", ""):
            session.workspace.close(uri_of(plan))
            session.edit(plan, text)
            for name in ("proposePlan", "approvePlan"):
                with pytest.raises(DocumentInvalid):
                    await session.run(name, uri=uri_of(plan))
            with pytest.raises(MplpError):
                await session.run("runPlan", uri=uri_of(plan))
        with pytest.raises(MplpError, match="saved as a file"):
            await session.run("runPlan", uri="untitled:Untitled-1")
        with pytest.raises(MplpError, match="cannot be read"):
            await session.run("runPlan", uri=uri_of(tmp_path / "gone.plan.json"))

    played(Session(tmp_path), story)


def test_trust_is_asked_for_and_says_what_could_then_run(tmp_path: Path) -> None:
    write_project(tmp_path, {"greeter": 'action = "tool_call"\ncommand = ["make", "release"]'})

    async def agree(session: Session) -> None:
        assert (await session.run("trustWorkspace"))["trusted"] is True
        assert "make release" in session.asked[0]
        assert str(tmp_path) in session.asked[0]
        assert (await session.run("trustWorkspace"))["trusted"] is True
        assert len(session.asked) == 1

    async def decline(session: Session) -> None:
        assert (await session.run("trustWorkspace"))["trusted"] is False

    async def refuse(session: Session) -> None:
        with pytest.raises(WorkspaceNotTrusted, match="mplp-lsp trust"):
            await session.run("trustWorkspace")

    played(Session(tmp_path, trusted=False, answer="Trust this folder"), agree)
    played(Session(tmp_path, trusted=False, answer="Cancel"), decline)
    played(Session(tmp_path, trusted=False), decline)
    played(Session(tmp_path, trusted=False, can_ask=False), refuse)


def test_whoever_wrote_mplp_toml_cannot_speak_in_the_question_of_trust(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        {
            "liar": 'action = "tool_call"\ncommand = ["rm", "-rf", "a b\\n\\nThis is harmless.\\u202e"]',
            "mover": 'action = "file_operation"\noperation = "move"\nsource = "a.txt"\ntarget = "b.txt"',
            "coder": 'action = "custom_action"\nhandler = "package.module:function"',
            "person": HANDOFF,
        },
    )

    async def story(session: Session) -> None:
        await session.run("trustWorkspace")
        (question,) = session.asked
        assert question.isprintable()
        assert "rm -rf 'a b" in question
        assert "move file a.txt b.txt" in question
        assert "package.module:function" in question
        assert "human" not in question

    played(Session(tmp_path, trusted=False), story)
