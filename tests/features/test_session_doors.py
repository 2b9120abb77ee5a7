"""What a session asks and offers in the editor: whose writing holds, and to pause and go on."""

from __future__ import annotations

from mplp_lsp.features.doors import Door, doors
from mplp_lsp.features.plan_state import PlanState, plan_state
from mplp_runtime.orchestrator.views import Question
from tests.features.plans import STEP, plan_text, run_view
from tests.project import Project, project


def offered(seen: Project) -> list[Door]:
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    state = plan_state(seen.snapshot, document)
    assert isinstance(state, PlanState)
    return list(doors(state, seen.uri))


def test_whose_writing_holds_is_chosen_by_name() -> None:
    question = Question("r1", STEP, "conflict", "Whose holds?", ("Ana", "Ben"))
    seen = project(plan_text(), runs=run_view("running", questions=(question,)))
    answers = [(door.title, door.arguments) for door in offered(seen) if door.command == "mplp.answerHandoff"]
    at = {"run": "r1", "step": STEP}
    assert answers == [
        ("What Ana wrote holds", {**at, "success": True, "output": "Ana"}),
        ("What Ben wrote holds", {**at, "success": True, "output": "Ben"}),
        ("Nobody's holds: the run fails", {**at, "success": False}),
    ]


def test_a_run_under_way_can_be_paused_and_a_paused_one_goes_on() -> None:
    going = [door.command for door in offered(project(plan_text(), runs=run_view("running")))]
    assert "mplp.pauseRun" in going
    assert "mplp.resumeRun" not in going
    paused = [
        door.command for door in offered(project(plan_text(), runs=run_view("running", is_paused=True)))
    ]
    assert paused[0] == "mplp.resumeRun"
    assert "mplp.pauseRun" not in paused
