"""What participants do together: hand steps over, review them, write the same thing, and are asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import PlanNotApproved, RoleNotBound, StoreError
from mplp_runtime.orchestrator.views import Question, RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.projects import plan, role, statuses, step, step_id, table
from tests.runtime.orchestrator.sessions.collabs import (
    SharedProject,
    collab,
    participant,
    session_events,
    session_told,
)

TO_EDITOR = table("roles.writer", action="agent_handoff", to="editor")
WRITER, EDITOR = participant("ana", "writer"), participant("ben", "editor")


async def question(runtime: Runtime, run_id: str) -> Question:
    """The next question of a run, once it is asked. Fails where the run ends without one."""
    while not (view := runtime.runs.view(run_id)).questions:
        assert view.is_live, view.error
        await runtime.runs.notices.changed_within(0.5)
    return view.questions[0]


@asynccontextmanager
async def started(project: SharedProject) -> AsyncIterator[tuple[Runtime, RunView]]:
    async with project.runtime() as runtime:
        yield runtime, await runtime.runs.start(project.request())


def writes(**values: object) -> str:
    """A program that writes graph keys."""
    return f"print({json.dumps({'writes': values})!r})"


def shared(runtime: Runtime, key: str) -> Any:
    """What the graph knows under a key."""
    node = runtime.vsl.read(lambda reading: reading.read_node("SharedValue", key))
    return None if node is None else node.data["value"]


async def test_a_step_is_handed_to_the_participant_of_another_role(tmp_path: Path) -> None:
    toml = TO_EDITOR + role("editor", "print('edited')")
    project = SharedProject(
        tmp_path, plan(step("draft", role="writer")), toml, collab=collab("orchestrated", WRITER, EDITOR)
    )
    view = await project.run()
    assert view.status == "completed"
    assert view.steps[step_id("draft")].output.strip() == "edited"
    assert session_told(tmp_path, view) == [
        "MAPSessionStarted",
        "MAPRolesAssigned",
        "MAPTurnDispatched 1 ana draft",
        "MAPTurnDispatched 2 ben draft handoff",
        "MAPTurnCompleted 2 ben draft handoff completed",
        "MAPTurnCompleted 1 ana draft completed",
        "MAPSessionCompleted completed",
    ]
    tokens = {
        each["payload"]["token_id"]
        for each in session_events(tmp_path, view)
        if "turn_number" in each["payload"]
    }
    assert len(tokens) == 1


async def test_a_step_that_is_handed_to_a_person_of_the_team_asks_that_person(tmp_path: Path) -> None:
    human = EDITOR | {"kind": "human"}
    project = SharedProject(
        tmp_path, plan(step("draft", role="writer")), TO_EDITOR, collab=collab("swarm", WRITER, human)
    )
    async with started(project) as (runtime, begun):
        asked = await question(runtime, begun.run_id)
        assert asked.kind == "handoff"
        assert runtime.runs.view(begun.run_id).steps[asked.step_id].participant == "Ben (editor)"
        await runtime.runs.answer(begun.run_id, asked.step_id, success=True, output="fine")
        assert (await runtime.runs.wait(begun.run_id)).status == "completed"


async def test_a_person_who_takes_part_does_what_is_bound_nowhere(tmp_path: Path) -> None:
    human = WRITER | {"kind": "human"}
    project = SharedProject(
        tmp_path,
        plan(step("draft", role="writer")),
        table("roles.other", action="agent_handoff", to="human"),
        collab=collab("swarm", human, EDITOR),
    )
    async with started(project) as (runtime, begun):
        asked = await question(runtime, begun.run_id)
        await runtime.runs.answer(begun.run_id, asked.step_id, success=True)
        assert (await runtime.runs.wait(begun.run_id)).status == "completed"


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        (table("roles.writer", action="agent_handoff", to="painter"), "nobody in the collaboration"),
        (TO_EDITOR, "does not say what Ben"),
        (TO_EDITOR + table("roles.editor", action="agent_handoff", to="writer"), "in a circle"),
    ],
)
async def test_a_handover_that_cannot_work_is_refused_before_the_run(
    toml: str, sentence: str, tmp_path: Path
) -> None:
    project = SharedProject(
        tmp_path, plan(step("draft", role="writer")), toml, collab=collab("orchestrated", WRITER, EDITOR)
    )
    with pytest.raises(RoleNotBound, match=sentence):
        await project.run()


async def test_a_review_that_asks_for_changes_has_the_step_done_again_with_what_was_said(
    tmp_path: Path,
) -> None:
    work = (
        "import json, sys; asked = json.load(sys.stdin)['inputs'].get('changes_requested', '');"
        "print('second draft' if 'shorter' in asked else 'first draft')"
    )
    review = (
        "import json, sys; text = ' '.join(map(str, json.load(sys.stdin)['inputs'].values()));"
        "print('shorter, please'); sys.exit('second' not in text)"
    )
    toml = role("writer", work) + role("editor", review)
    steps = [step("draft", role="writer"), step("skip", role="editor", status="completed")]
    project = SharedProject(tmp_path, plan(*steps), toml, collab=collab("pair", WRITER, EDITOR))
    view = await project.run()
    assert view.status == "completed"
    assert view.steps[step_id("draft")].attempt == 2
    assert view.steps[step_id("draft")].output.strip() == "second draft"
    assert session_told(tmp_path, view)[2:-1] == [
        "MAPTurnDispatched 1 ana draft",
        "MAPTurnCompleted 1 ana draft completed",
        "MAPTurnDispatched 2 ben draft review",
        "MAPTurnCompleted 2 ben draft review changes_requested",
        "MAPTurnDispatched 3 ana draft",
        "MAPTurnCompleted 3 ana draft completed",
        "MAPTurnDispatched 4 ben draft review",
        "MAPTurnCompleted 4 ben draft review approved",
    ]


async def test_a_person_reviews_where_no_approval_covers_another_reviewer(tmp_path: Path) -> None:
    toml = role("writer", "print('draft')") + role("editor", "raise SystemExit('nobody approved of this')")
    project = SharedProject(
        tmp_path, plan(step("draft", role="writer")), toml, collab=collab("pair", WRITER, EDITOR)
    )
    async with started(project) as (runtime, begun):
        asked = await question(runtime, begun.run_id)
        assert asked.text == "Ben (editor), is this right? draft"
        await runtime.runs.answer(begun.run_id, asked.step_id, success=True)
        view = await runtime.runs.wait(begun.run_id)
    assert view.status == "completed"


async def test_a_reviewer_may_hand_the_review_to_another_role(tmp_path: Path) -> None:
    toml = role("writer", "print('draft')") + table("roles.editor", action="agent_handoff", to="checker")
    steps = [step("draft", role="writer"), step("skip", role="editor", status="completed")]
    editor = EDITOR | {"display_name": "Ben, editor and checker"}
    project = SharedProject(
        tmp_path,
        plan(*steps),
        toml + role("checker", "print('looked at')"),
        collab=collab("pair", WRITER, editor),
    )
    view = await project.run()
    assert (view.status, view.steps[step_id("draft")].error) == ("completed", None)
    assert session_told(tmp_path, view)[2:-1] == [
        "MAPTurnDispatched 1 ana draft",
        "MAPTurnCompleted 1 ana draft completed",
        "MAPTurnDispatched 2 ben draft review",
        "MAPTurnDispatched 3 ben draft handoff",
        "MAPTurnCompleted 3 ben draft handoff completed",
        "MAPTurnCompleted 2 ben draft review approved",
    ]


async def test_a_review_that_is_handed_to_a_role_nobody_has_is_refused_before_the_run(tmp_path: Path) -> None:
    toml = role("writer", "print('draft')") + table("roles.editor", action="agent_handoff", to="checker")
    steps = [step("draft", role="writer"), step("skip", role="editor", status="completed")]
    project = SharedProject(tmp_path, plan(*steps), toml, collab=collab("pair", WRITER, EDITOR))
    with pytest.raises(RoleNotBound, match="handed to the role `checker`, and nobody in the collaboration"):
        await project.run()


async def test_changes_are_asked_for_a_bounded_number_of_times(tmp_path: Path) -> None:
    toml = role("writer", "print('draft')") + role("editor", "raise SystemExit(1)")
    steps = [step("draft", role="writer"), step("skip", role="editor", status="completed")]
    project = SharedProject(tmp_path, plan(*steps), toml, collab=collab("pair", WRITER, EDITOR))
    view = await project.run()
    assert view.status == "failed"
    assert view.steps[step_id("draft")].attempt == 4
    assert "Ben (editor) asks for changes" in (view.steps[step_id("draft")].error or "")


async def test_what_participants_write_is_in_the_graph_when_the_wave_is_over(tmp_path: Path) -> None:
    toml = role("a", writes(owner="ana")) + role("b", writes(version=2))
    project = SharedProject(
        tmp_path, plan(step("x", role="a"), step("y", role="b")), toml, collab=collab("broadcast")
    )
    async with started(project) as (runtime, begun):
        assert (await runtime.runs.wait(begun.run_id)).status == "completed"
        assert (shared(runtime, "owner"), shared(runtime, "version")) == ("ana", 2)


DISAGREE = role("a", writes(owner="ana")) + role("b", writes(owner="ben")) + role("c", writes(owner="ben"))
THREE = (participant("ana", "a"), participant("ben", "b"), participant("cleo", "c"))
ALL_WRITE = plan(step("x", role="a"), step("y", role="b"), step("z", role="c"))


@pytest.mark.parametrize(("strategy", "holds"), [("hierarchy", "ana"), ("vote", "ben"), ("last-write", None)])
async def test_a_conflict_is_settled_as_the_settings_say(
    strategy: str, holds: str | None, tmp_path: Path
) -> None:
    toml = DISAGREE + table("collab", conflicts=strategy)
    project = SharedProject(tmp_path, ALL_WRITE, toml, collab=collab("broadcast", *THREE))
    async with started(project) as (runtime, begun):
        view = await runtime.runs.wait(begun.run_id)
        value = shared(runtime, "owner")
    assert view.status == "completed"
    told = [each for each in session_events(tmp_path, view) if "Conflict" in each["event_type"]]
    assert [each["event_type"] for each in told] == ["MAPConflictDetected", "MAPConflictResolved"]
    assert told[1]["payload"]["strategy"] == strategy
    assert told[0]["payload"]["conflict_id"] == told[1]["payload"]["conflict_id"]
    winner = {"ana": "ana", "ben": "ben", "cleo": "ben"}[told[1]["payload"]["participant_id"]]
    assert value == winner
    assert holds in (None, value)


async def test_a_conflict_waits_for_a_person_across_a_restart(tmp_path: Path) -> None:
    project = SharedProject(tmp_path, ALL_WRITE, DISAGREE, collab=collab("broadcast", *THREE))
    async with started(project) as (runtime, begun):
        asked = await question(runtime, begun.run_id)
        assert asked.kind == "conflict"
        assert set(asked.choices) == {"Ana (a)", "Ben (b)", "Cleo (c)"}
        assert shared(runtime, "owner") is None
    async with project.runtime() as runtime:
        assert runtime.runs.view(begun.run_id).status == "interrupted"
        await runtime.runs.resume(begun.run_id, trusted=True)
        asked = await question(runtime, begun.run_id)
        await runtime.runs.answer(begun.run_id, asked.step_id, success=True, output="somebody else")
        again = await question(runtime, begun.run_id)
        assert "names none of them" in again.text
        await runtime.runs.answer(begun.run_id, again.step_id, success=True, output="Ana (a)")
        view = await runtime.runs.wait(begun.run_id)
        assert shared(runtime, "owner") == "ana"
    assert view.status == "completed"
    assert set(statuses(view).values()) == {"completed"}
    told = [each["event_type"] for each in session_events(tmp_path, view)]
    assert told.count("MAPConflictDetected") == told.count("MAPConflictResolved") == 1
    assert told.count("MAPTurnDispatched") == 3


async def test_a_conflict_that_nobody_decides_fails_the_run(tmp_path: Path) -> None:
    project = SharedProject(tmp_path, ALL_WRITE, DISAGREE, collab=collab("broadcast", *THREE))
    async with started(project) as (runtime, begun):
        asked = await question(runtime, begun.run_id)
        await runtime.runs.answer(begun.run_id, asked.step_id, success=False)
        view = await runtime.runs.wait(begun.run_id)
        assert shared(runtime, "owner") is None
    assert view.status == "failed"
    assert view.error == "The participants disagree about the graph key `owner`, and nobody decided."


async def test_after_a_conflict_that_nobody_decided_nothing_more_begins_also_when_the_process_ended(
    tmp_path: Path,
) -> None:
    steps = [step("x", role="a"), step("y", role="b"), step("late", "x", role="c")]
    project = SharedProject(tmp_path, plan(*steps), DISAGREE, collab=collab("broadcast", *THREE))
    async with project.runtime() as runtime:

        async def lost(*_: object) -> str:
            raise StoreError("The process ends here.")

        runtime.runs.interventions.before_end = lost  # type: ignore[method-assign]
        begun = await runtime.runs.start(project.request())
        asked = await question(runtime, begun.run_id)
        await runtime.runs.answer(begun.run_id, asked.step_id, success=False)
        assert (await runtime.runs.wait(begun.run_id)).status == "interrupted"
    async with project.runtime() as runtime:
        await runtime.runs.resume(begun.run_id, trusted=True)
        view = await runtime.runs.wait(begun.run_id)
    assert (view.status, statuses(view)["late"]) == ("failed", "pending")
    assert view.error == "The participants disagree about the graph key `owner`, and nobody decided."


async def test_a_step_that_waits_for_another_may_write_over_it(tmp_path: Path) -> None:
    toml = DISAGREE + table("run", max_parallel=8)
    steps = [step("x", role="a"), step("y", "x", role="b"), step("z", "y", role="c")]
    project = SharedProject(tmp_path, plan(*steps), toml, collab=collab("swarm", *THREE))
    async with started(project) as (runtime, begun):
        assert (await runtime.runs.wait(begun.run_id)).status == "completed"
        assert shared(runtime, "owner") == "ben"


async def test_a_file_that_two_wrote_gets_the_content_that_holds(tmp_path: Path) -> None:
    def writing(name: str) -> str:
        target = {"action": "file_operation", "operation": "write", "target": "notes.md"}
        return table(f"roles.{name}", **target, content=f"by {name}\n")

    toml = writing("a") + writing("b") + table("collab", conflicts="hierarchy")
    toml += table("run", max_parallel=1)
    people = (participant("ana", "a"), participant("ben", "b"))
    project = SharedProject(
        tmp_path, plan(step("x", role="a"), step("y", role="b")), toml, collab=collab("broadcast", *people)
    )
    view = await project.run()
    assert view.status == "completed"
    assert (tmp_path / "notes.md").read_text() == "by a\n"
    [resolved] = [
        each for each in session_events(tmp_path, view) if each["event_type"] == "MAPConflictResolved"
    ]
    assert (resolved["payload"]["name"], resolved["payload"]["participant_id"]) == ("notes.md", "ana")


async def test_a_file_that_is_still_as_the_higher_wrote_it_needs_no_person(tmp_path: Path) -> None:
    """Another only says that it wrote the file, so nothing was kept of the first version, which is there."""
    written = {"action": "file_operation", "operation": "write", "target": "notes.md", "content": "by ana\n"}
    toml = table("roles.a", **written) + role("b", """print('{"files": ["notes.md"]}')""")
    toml += table("collab", conflicts="hierarchy") + table("run", max_parallel=1)
    people = (participant("ana", "a"), participant("ben", "b"))
    project = SharedProject(
        tmp_path, plan(step("x", role="a"), step("y", role="b")), toml, collab=collab("broadcast", *people)
    )
    view = await asyncio.wait_for(project.run(), 60)
    assert view.status == "completed"
    assert (tmp_path / "notes.md").read_text() == "by ana\n"
    [resolved] = [
        each for each in session_events(tmp_path, view) if each["event_type"] == "MAPConflictResolved"
    ]
    assert (resolved["payload"]["name"], resolved["payload"]["participant_id"]) == ("notes.md", "ana")


async def test_an_approval_covers_what_a_receiver_of_the_step_does(tmp_path: Path) -> None:
    toml = TO_EDITOR + role("editor", "print('edited')")
    project = SharedProject(
        tmp_path,
        plan(step("draft", role="writer"), status="draft"),
        toml,
        collab=collab("orchestrated", WRITER, EDITOR),
    )
    assert (await project.run(approve=True)).status == "completed"
    (tmp_path / "mplp.toml").write_text(TO_EDITOR + role("editor", "print('something else')"))
    with pytest.raises(PlanNotApproved, match="the binding of role editor changed"):
        await project.run()


@pytest.mark.parametrize("mode", ["broadcast", "swarm"])
async def test_what_others_wrote_is_merged_though_the_last_of_them_is_skipped(
    mode: str, tmp_path: Path
) -> None:
    toml = role("writer", writes(owner="ana")) + table("roles.editor", action="agent_handoff", to="human")
    project = SharedProject(
        tmp_path,
        plan(step("draft", role="writer"), step("look", role="editor")),
        toml,
        collab=collab(mode, WRITER, EDITOR),
    )
    async with started(project) as (runtime, begun):
        asked = await question(runtime, begun.run_id)
        while runtime.runs.view(begun.run_id).steps[step_id("draft")].status != "completed":
            await runtime.runs.notices.changed_within(0.5)
        await runtime.runs.interventions.skip(begun.run_id, asked.step_id, project.request())
        view = await runtime.runs.wait(begun.run_id)
        assert (view.status, statuses(view)) == ("completed", {"draft": "completed", "look": "skipped"})
        assert shared(runtime, "owner") == "ana"


@pytest.mark.parametrize("mode", ["broadcast", "orchestrated", "swarm"])
async def test_a_gated_step_that_is_skipped_in_a_session_is_not_asked_about_again(
    mode: str, tmp_path: Path
) -> None:
    toml = role("writer", "print('done')") + table("gates", confirm_steps=["writer"])
    project = SharedProject(
        tmp_path, plan(step("draft", role="writer")), toml, collab=collab(mode, WRITER, EDITOR)
    )
    async with started(project) as (runtime, begun):
        asked = await question(runtime, begun.run_id)
        await runtime.runs.interventions.skip(begun.run_id, asked.step_id, project.request())
        view = await runtime.runs.wait(begun.run_id)
    assert (view.status, statuses(view), view.questions) == ("completed", {"draft": "skipped"}, ())
