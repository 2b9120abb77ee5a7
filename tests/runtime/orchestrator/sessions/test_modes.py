"""Each mode of a session, by the acceptance scenarios of docs/multi-agent.md, and what all modes share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.errors import RunRefused
from mplp_runtime.rules.map_events import unanswered_turns, unheard_broadcasts
from tests.runtime.orchestrator.projects import (
    context,
    plan,
    role,
    statuses,
    step,
    table,
    timeline_of,
    trace_of,
)
from tests.runtime.orchestrator.sessions.collabs import (
    SharedProject,
    collab,
    participant,
    session_events,
    session_told,
)

DOCUMENT = Path(__file__).resolve().parents[4] / "docs/multi-agent.md"


@dataclass(frozen=True)
class Scenario:
    """Who takes part, the steps, and what the scenario needs of mplp.toml."""

    participants: tuple[Mapping[str, Any], ...]
    steps: tuple[Mapping[str, Any], ...]


WRITER, EDITOR = participant("ana", "writer"), participant("ben", "editor")
SCENARIOS = {
    "broadcast": Scenario(
        (
            participant("ana", "researcher"),
            participant("ben", "researcher"),
            WRITER | {"participant_id": "cleo"},
        ),
        (
            step("papers", role="researcher"),
            step("code", role="researcher"),
            step("write", "papers", "code", role="writer"),
        ),
    ),
    "round_robin": Scenario(
        (WRITER, EDITOR),
        (
            step("draft", role="writer", order_index=0),
            step("review", "draft", role="editor", order_index=1),
            step("revise", "review", role="writer", order_index=2),
        ),
    ),
    "orchestrated": Scenario(
        (participant("olga", "orchestrator", kind="system"), WRITER, EDITOR),
        (
            step("draft", role="writer"),
            step("review", "draft", role="editor"),
            step("announce", "review", role="speaker"),
        ),
    ),
    "swarm": Scenario(
        (participant("ana"), participant("ben")),
        (step("one"), step("two"), step("three", "one", "two"), step("four", "one", "two")),
    ),
    "pair": Scenario((WRITER, EDITOR), (step("draft", role="writer"), step("check", "draft", role="editor"))),
}


def expected(mode: str) -> list[str]:
    """The list of events that the document promises for a mode."""
    text = DOCUMENT.read_text(encoding="utf-8")
    found = re.search(rf"### {mode}\n.*?```text\n(.*?)```", text, re.DOTALL)
    assert found is not None, f"docs/multi-agent.md has no scenario for {mode}"
    return found.group(1).splitlines()


def scenario_project(root: Path, mode: str, toml: str = "") -> SharedProject:
    scenario = SCENARIOS[mode]
    return SharedProject(root, plan(*scenario.steps), toml, collab=collab(mode, *scenario.participants))


@pytest.mark.parametrize("mode", SCENARIOS)
async def test_a_session_tells_what_its_scenario_promises(mode: str, tmp_path: Path) -> None:
    project = scenario_project(tmp_path, mode, table("run", max_parallel=8))
    view = await project.run(simulate=True)

    assert view.status == "completed"
    assert session_told(tmp_path, view) == expected(mode)
    events = timeline_of(tmp_path, view)
    assert (unanswered_turns(events), unheard_broadcasts(events)) == ([], [])
    assert view.session is not None
    assert (view.session.mode, view.session.title) == (mode, "Release team")


@pytest.mark.parametrize("mode", SCENARIOS)
async def test_the_same_documents_give_the_same_turns(mode: str, tmp_path: Path) -> None:
    told = []
    for name in ("once", "again"):
        project = scenario_project(tmp_path / name, mode, table("run", max_parallel=8))
        told.append(session_told(tmp_path / name, await project.run(simulate=True)))
    assert told[0] == told[1]


async def test_an_order_index_may_be_a_whole_number_with_a_point(tmp_path: Path) -> None:
    steps = (step("draft", order_index=0.0), step("review", "draft", order_index=3.0))
    project = SharedProject(tmp_path, plan(*steps), collab=collab("round_robin"))
    view = await project.run(simulate=True)
    assert [each.participant for each in view.steps.values()] == ["Ana (worker)", "Ben (worker)"]
    assert view.status == "completed"


async def test_every_dispatch_has_the_twin_that_the_seed_shows(tmp_path: Path) -> None:
    view = await scenario_project(tmp_path, "round_robin").run(simulate=True)
    events = timeline_of(tmp_path, view)
    twins = [each for each in events if each["event_type"] == "map_turn_dispatched"]
    dispatched = [each for each in events if each["event_type"] == "MAPTurnDispatched"]
    assert [each["turn_id"] for each in twins] == [each["payload"]["turn_id"] for each in dispatched]
    assert {each["event_family"] for each in twins} == {"external_integration"}
    assert {each["session_id"] for each in twins} == {each["session_id"] for each in dispatched}


async def test_the_trace_names_the_participant_of_each_attempt(tmp_path: Path) -> None:
    view = await scenario_project(tmp_path, "round_robin").run(simulate=True)
    told = {each["label"]: each["attributes"]["participant"] for each in trace_of(tmp_path, view)["segments"]}
    assert told == {"draft": "Ana (writer)", "review": "Ben (editor)", "revise": "Ana (writer)"}
    assert [each.participant for each in view.steps.values()] == list(told.values())


async def test_one_token_at_a_time_goes_from_turn_to_turn(tmp_path: Path) -> None:
    view = await scenario_project(tmp_path, "pair").run(simulate=True)
    turns = [each["payload"] for each in session_events(tmp_path, view) if "turn_number" in each["payload"]]
    held: list[str] = []
    tokens = [each["token_id"] for each in turns]
    for token in tokens:
        held = [each for each in held if each != token] if token in held else [*held, token]
        assert len(held) <= 1
    # A review is done with the token of the work that it is about.
    assert tokens[:4] == tokens[:1] * 4
    assert tokens[4:] == tokens[4:5] * 4


async def test_a_session_whose_roles_are_words_or_ids_finds_its_participants(tmp_path: Path) -> None:
    people = [
        {"participant_id": "p1", "role_id": "writer", "kind": "agent"},
        {"participant_id": "editor", "role_id": "11111111-1111-4111-8111-111111111111", "kind": "agent"},
        {"participant_id": "p3", "role_id": "22222222-2222-4222-8222-222222222222", "kind": "agent"},
        participant("p4", "speaker"),
    ]
    speaker = {
        "meta": context()["meta"],
        "role_id": "22222222-2222-4222-8222-222222222222",
        "name": "painter",
    }
    steps = [step(each, role=each) for each in ("speaker", "painter", "editor", "writer")]
    project = SharedProject(
        tmp_path, plan(*steps), collab=collab("orchestrated", *people), others={"painter.role.json": speaker}
    )
    view = await project.run(simulate=True)
    assert view.session is not None
    assert view.session.unmatched_roles == ()
    done = {each.description: each.participant for each in view.steps.values()}
    assert done == {"speaker": "P4 (speaker)", "painter": "p3", "editor": "editor", "writer": "p1"}


async def test_a_role_that_nobody_has_is_given_away_by_order_and_told(tmp_path: Path) -> None:
    view = await scenario_project(tmp_path, "orchestrated").run(simulate=True)
    assert view.session is not None
    assert view.session.unmatched_roles == ("speaker",)
    [assigned] = [each for each in session_events(tmp_path, view) if each["event_type"] == "MAPRolesAssigned"]
    assert assigned["payload"]["unmatched_roles"] == ["speaker"]
    assert assigned["payload"]["roles"]["writer"] == ["ana"]


async def test_a_wave_begins_only_when_the_one_before_is_over(tmp_path: Path) -> None:
    slow = role("slow", "import time; time.sleep(0.4)")
    steps = [step("quick"), step("slow", role="slow"), step("after quick", "quick")]
    project = SharedProject(
        tmp_path, plan(*steps), role("worker", "print(1)") + slow, collab=collab("broadcast")
    )
    view = await project.run()
    assert view.status == "completed"
    by_name = {each.description: each for each in view.steps.values()}
    ended, began = by_name["slow"].finished_at, by_name["after quick"].started_at
    assert ended is not None
    assert began is not None
    assert ended <= began


async def test_a_swarm_gives_nobody_two_turns_at_once(tmp_path: Path) -> None:
    steps = [step(f"step {number}") for number in range(8)]
    toml = role("worker", "print(1)") + table("run", max_parallel=8)
    view = await SharedProject(tmp_path, plan(*steps), toml, collab=collab("swarm")).run()
    busy: set[str] = set()
    most = 0
    for event in session_events(tmp_path, view):
        who = event["payload"].get("participant_id")
        if event["event_type"] == "MAPTurnDispatched":
            assert who not in busy
            busy.add(who)
        elif event["event_type"] == "MAPTurnCompleted":
            busy.remove(who)
        most = max(most, len(busy))
    assert most == 2


async def test_a_failed_step_ends_its_turn_and_the_session(tmp_path: Path) -> None:
    toml = role("worker", "raise SystemExit(1)", retries=1)
    project = SharedProject(tmp_path, plan(step("a"), step("b", "a")), toml, collab=collab("round_robin"))
    view = await project.run()
    assert view.status == "failed"
    assert session_told(tmp_path, view) == [
        "MAPSessionStarted",
        "MAPRolesAssigned",
        "MAPTurnDispatched 1 ana a",
        "MAPTurnCompleted 1 ana a failed",
        "MAPTurnDispatched 2 ana a",
        "MAPTurnCompleted 2 ana a failed",
        "MAPSessionCompleted failed",
    ]


async def test_an_independent_step_goes_on_after_a_failure_where_the_settings_say_so(tmp_path: Path) -> None:
    toml = role("worker", "print(1)") + role("bad", "raise SystemExit(1)")
    toml += table("run", on_failure="continue-independent")
    steps = [step("bad", role="bad"), step("good"), step("x bad", "bad"), step("y good", "good")]
    for mode in ("broadcast", "round_robin", "swarm"):
        project = SharedProject(tmp_path / mode, plan(*steps), toml, collab=collab(mode))
        view = await project.run()
        assert view.status == "failed"
        assert statuses(view) == {
            "bad": "failed",
            "good": "completed",
            "x bad": "blocked",
            "y good": "completed",
        }
        session_events(tmp_path / mode, view)


ONE = [participant("ana")]
REFUSED = {
    "one in a broadcast": (collab("broadcast", *ONE), "", "needs at least two"),
    "one in a round": (collab("round_robin", *ONE), "", "needs at least two"),
    "one in a pair": (collab("pair", *ONE), "", "a pair is two"),
    "three in a pair": (collab("pair", *(participant(each) for each in "abc")), "", "a pair is two"),
    "suspended": (collab("swarm", status="suspended"), "", "is suspended"),
    "no such collab": (
        collab("swarm"),
        table("collab", session="99999999-9999-4999-8999-999999999999"),
        "in no document",
    ),
    "named, and over": (
        collab("swarm", status="completed"),
        table("collab", session="b0000000-0000-4000-8000-000000000000"),
        "is completed",
    ),
    "without roles": (
        collab("swarm", {"participant_id": "ana", "kind": "agent"}),
        "",
        "Participant 1 of the collaboration",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_session_that_cannot_begin_is_refused_with_a_sentence(case: str, tmp_path: Path) -> None:
    value, toml, sentence = REFUSED[case]
    project = SharedProject(tmp_path, plan(step("a")), toml, collab=value)
    with pytest.raises(RunRefused, match=sentence) as refused:
        await project.run(simulate=True)
    assert refused.value.code == "collab"


async def test_two_active_collabs_of_a_context_are_refused_until_one_is_named(tmp_path: Path) -> None:
    other = collab("swarm", collab_id="b1111111-1111-4111-8111-111111111111", title="Night shift")
    project = SharedProject(tmp_path, plan(step("a")), others={"night.collab.json": other})
    with pytest.raises(RunRefused, match="2 active collaborations: “Release team”, “Night shift”"):
        await project.run(simulate=True)
    (tmp_path / "mplp.toml").write_text(table("collab", session=other["collab_id"]))
    view = await project.run(simulate=True)
    assert view.session is not None
    assert view.session.title == "Night shift"


@pytest.mark.parametrize("status", ["draft", "completed", "cancelled"])
async def test_a_collab_that_is_not_active_leaves_the_plan_to_a_single_agent(
    status: str, tmp_path: Path
) -> None:
    project = SharedProject(tmp_path, plan(step("a")), collab=collab("swarm", status=status))
    view = await project.run(simulate=True)
    assert (view.status, view.session) == ("completed", None)
    assert not any("session_id" in each for each in timeline_of(tmp_path, view))


async def test_a_plan_runs_without_its_collab_where_the_settings_say_so(tmp_path: Path) -> None:
    project = SharedProject(tmp_path, plan(step("a")), table("collab", session="none"))
    assert (await project.run(simulate=True)).session is None


async def test_a_collab_of_another_context_is_not_for_this_plan(tmp_path: Path) -> None:
    elsewhere = collab("swarm", context_id="c1111111-1111-4111-8111-111111111111")
    project = SharedProject(tmp_path, plan(step("a")), collab=elsewhere)
    assert (await project.run(simulate=True)).session is None
