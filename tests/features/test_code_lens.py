"""What a person can do with a plan, by how the plan stands; lenses and code actions offer the same."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from lsprotocol import types

from mplp_lsp.commands.table import COMMANDS
from mplp_lsp.features.code_actions import code_actions
from mplp_lsp.features.code_lens import code_lens
from mplp_lsp.text.snapshot import Encoding
from mplp_runtime.orchestrator.views import StepView
from tests.features.plans import PLAN, STEP, confirm_text, plan_text, plan_value, run_view
from tests.project import Project, project, uuid_of

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")


def lenses(seen: Project) -> list[types.CodeLens]:
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    params = types.CodeLensParams(types.TextDocumentIdentifier(seen.uri))
    return code_lens(seen.snapshot, document, params) or []


def titles(seen: Project) -> list[str]:
    return [lens.command.title for lens in lenses(seen) if lens.command is not None]


def actions(seen: Project, line: int = 0) -> list[types.CodeAction]:
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    place = types.Position(line, 0)
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(seen.uri), types.Range(place, place), types.CodeActionContext([])
    )
    found = code_actions(seen.snapshot, document, params) or []
    return [action for action in found if isinstance(action, types.CodeAction) and action.kind == "mplp.run"]


def commands_of(seen: Project, line: int = 0) -> set[str]:
    """Every command that lens or action offers, arguments checked against the command's own table."""
    offered = [lens.command for lens in lenses(seen)] + [action.command for action in actions(seen, line)]
    names = set()
    for command in offered:
        if command is not None:
            assert command.arguments is not None
            (argument,) = command.arguments
            assert COMMANDS[command.command].problem(argument) is None
            names.add(command.command)
    # Looking at the graph is possible at any time.
    assert "mplp.showGraph" in names
    return names - {"mplp.showGraph"}


def with_confirm(status: str, text: str | None = None, **more: object) -> Project:
    return project(
        f"-- a.confirm.json --\n{confirm_text(status)}\n-- a.plan.json --\n{text or plan_text()}",
        **more,  # type: ignore[arg-type]
    )


def test_a_plan_whose_status_is_no_word_has_its_lenses() -> None:
    seen = project(plan_text().replace('"draft"', '["draft"]').replace('"pending"', "{}"))
    assert titles(seen) == ["Not ready to run: 3 errors"]
    assert commands_of(seen) == {"mplp.dryRunPlan"}


def test_a_draft_offers_everything_in_one_step() -> None:
    assert titles(project(plan_text())) == ["Propose, approve and run", "Dry run", "Propose"]
    (run, *_) = lenses(project(plan_text()))
    assert run.command is not None
    assert run.command.command == "mplp.runPlan"
    assert run.command.arguments == [{"uri": project(plan_text()).uri, "approve": True}]


def test_a_plan_with_errors_says_that_it_cannot_run_instead_of_offering_it() -> None:
    """The dry run behind it is refused with the first error, and starts nothing in any case."""
    broken = plan_text().replace('"draft"', '"drafd"')
    seen = with_confirm("approved", broken)
    assert titles(seen) == ["Not ready to run: 1 error"]
    assert commands_of(seen) == {"mplp.dryRunPlan"}
    twice = broken.replace('"title": "Release"', '"title": 3')
    assert titles(project(twice, is_trusted=False)) == [
        "Not ready to run: 2 errors",
        "Trust this workspace to run plans",
    ]


def test_what_an_earlier_run_said_at_its_steps_keeps_nobody_from_running_again() -> None:
    failed = StepView(STEP, "x", "failed", error="exit 1")
    assert titles(project(plan_text(), runs=run_view("failed", failed)))[0] == "Propose, approve and run"


def test_nothing_that_an_approval_decides_about_is_offered_while_documents_are_being_read() -> None:
    seen = project(plan_text(), runs=run_view("interrupted"))
    reading = Project(replace(seen.snapshot, is_complete=False), seen.workspace, seen.cursor)
    assert titles(reading) == ["Resume run (0/1 steps)", "Give up the run", "Show trace"]


def test_a_plan_that_its_author_approved_can_just_be_run() -> None:
    assert titles(project(plan_text("approved"))) == ["Run plan", "Dry run"]


def test_settings_may_ask_for_a_confirm_whatever_the_plan_says_of_itself() -> None:
    strict = "-- mplp.toml --\n[run]\nrequire_confirm = true\n-- a.plan.json --\n"
    assert titles(project(strict + plan_text("approved")))[0] == "Propose, approve and run"


def test_settings_may_let_drafts_run() -> None:
    free = "-- mplp.toml --\n[run]\nrequire_approval = false\n-- a.plan.json --\n"
    assert titles(project(free + plan_text())) == ["Run plan", "Dry run"]


def test_a_proposed_plan_waits_for_a_decision() -> None:
    assert titles(with_confirm("pending")) == ["Approve and run", "Dry run", "Approve", "Reject"]


def test_an_approved_plan_can_be_run_and_the_approval_withdrawn() -> None:
    seen = with_confirm("approved")
    assert titles(seen) == ["Run plan", "Dry run"]
    assert "MPLP: Withdraw the approval" in [action.title for action in actions(seen)]


def test_a_void_approval_says_what_voided_it() -> None:
    changed = json.dumps(plan_value(objective="Something else"))
    assert titles(with_confirm("approved", changed))[0] == (
        "Approve again and run (approval is void: objective changed)"
    )
    twice = json.dumps(plan_value(objective="Something else", title="Other"))
    assert ", and 1 more)" in titles(with_confirm("approved", twice))[0]


def test_a_rejected_plan_says_so() -> None:
    assert titles(with_confirm("rejected"))[0] == "Rejected: approve after all and run"


def test_an_untrusted_workspace_offers_dry_run_and_trust_only() -> None:
    for seen in (
        project(plan_text(), is_trusted=False),
        with_confirm("approved", is_trusted=False),
        project(plan_text("approved"), is_trusted=False),
    ):
        assert commands_of(seen) == {"mplp.dryRunPlan", "mplp.trustWorkspace"}


def test_a_plan_that_is_over_is_not_offered_to_run() -> None:
    assert commands_of(project(plan_text("completed"))) == set()


def test_a_live_run_can_be_cancelled_and_shows_how_far_it_is() -> None:
    done = StepView(uuid_of("s2"), "x", "completed")
    seen = project(plan_text(), runs=run_view("running", StepView(STEP, "x", "in_progress"), done))
    assert titles(seen) == ["Cancel run (1/2 steps)", "Show trace"]


def test_an_ended_run_shows_its_trace_and_may_be_repeated() -> None:
    seen = with_confirm("approved", runs=run_view("failed"))
    assert titles(seen) == ["Run plan again", "Dry run", "Show trace"]


def test_a_dry_run_is_no_run_that_could_be_repeated() -> None:
    seen = with_confirm("approved", runs=run_view("completed", simulated=True, trace_path=None))
    assert titles(seen) == ["Run plan", "Dry run"]


def test_an_interrupted_run_can_be_resumed_or_given_up() -> None:
    view = StepView(STEP, "x", "in_progress", interrupted=True)
    seen = project(plan_text(), runs=run_view("interrupted", view))
    assert titles(seen)[:2] == ["Resume run (0/1 steps)", "Give up the run"]
    again = [action for action in actions(seen) if "run again what was under way" in action.title]
    assert again[0].command is not None
    assert again[0].command.arguments == [{"run": "r1", "repeat": True}]


def test_a_step_that_waited_when_its_process_ended_can_be_skipped_at_once() -> None:
    waited = StepView(STEP, "x", "in_progress", interrupted=True)
    skips = [
        lens.command
        for lens in lenses(project(plan_text(), runs=run_view("interrupted", waited)))
        if lens.command is not None and lens.command.command == "mplp.skipStep"
    ]
    assert [(each.title, each.arguments) for each in skips] == [
        ("Skip this step", [{"run": "r1", "step": STEP}])
    ]


def test_an_interrupted_run_is_not_resumed_where_nothing_may_run() -> None:
    seen = project(plan_text(), runs=run_view("interrupted"), is_trusted=False)
    assert "mplp.resumeRun" not in commands_of(seen)


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        ("handoff", ["Step is done", "Step failed", "Skip the step"]),
        ("gate", ["Let the step start", "Do not start the step", "Skip the step"]),
        ("repeat", ["Run the step again", "It was done", "It failed"]),
    ],
)
def test_a_question_is_answered_at_its_step(kind: str, answers: list[str]) -> None:
    seen = project(plan_text(), runs=run_view("running", asks=[kind]))  # type: ignore[list-item]
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    line = document.text.text[: document.text.text.index('"step_id"')].count("\n") - 1
    at_step = [lens for lens in lenses(seen) if lens.range.start.line == line]
    assert [lens.command.title for lens in at_step if lens.command is not None] == answers
    titles_here = [action.title for action in actions(seen, line + 1)]
    assert titles_here[: len(answers)] == [f"MPLP: {answer}" for answer in answers]
    assert not set(titles_here[: len(answers)]) & {action.title for action in actions(seen, 0)}


def test_a_question_at_a_step_that_was_deleted_can_still_be_answered() -> None:
    seen = project(plan_text(steps=0), runs=run_view("running", asks=["handoff"]))
    (answer, *_) = [lens for lens in lenses(seen) if lens.command and lens.command.title == "Step is done"]
    assert answer.range.start == types.Position(0, 0)


def test_every_command_of_a_plan_is_offered_in_some_state() -> None:
    pending = StepView(STEP, "x", "in_progress", interrupted=True)
    states = [
        project(plan_text()),
        project(plan_text(), is_trusted=False),
        with_confirm("pending"),
        project(plan_text(), runs=run_view("interrupted", pending)),
        project(plan_text(), runs=run_view("running", asks=["handoff"])),
        project(plan_text(), runs=run_view("completed")),
        with_confirm("approved", runs=run_view("failed", StepView(STEP, "x", "failed"), has_undo=True)),
    ]
    of_no_plan = {
        "mplp.serverStatus",
        "mplp.validateWorkspace",
        "mplp.explain",
        "mplp.createSnapshot",
        "mplp.restoreSnapshot",
        "mplp.checkDrift",
        "mplp.reconcileDrift",
    }
    offered = set().union(*map(commands_of, states)) | {"mplp.showGraph"}
    assert offered == set(COMMANDS) - of_no_plan


def test_statuses_are_offered_to_be_written_only_where_they_differ() -> None:
    assert "mplp.writeBackStatus" in commands_of(project(plan_text(), runs=run_view("failed")))
    assert "mplp.writeBackStatus" not in commands_of(project(plan_text("failed"), runs=run_view("failed")))
    dry = run_view("completed", simulated=True)
    assert "mplp.writeBackStatus" not in commands_of(project(plan_text(), runs=dry))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_lenses_stand_at_the_bracket_in_every_encoding(encoding: Encoding) -> None:
    text = '\ufeff  {"title": "😀", "plan_id": "<p1>", "steps": [{"step_id": "<s1>"}]}'
    seen = project(text, encoding=encoding, runs=run_view("running", asks=["gate"]))
    first, *_, last = lenses(seen)
    assert first.range.start.character == (5 if encoding == "utf-8" else 3)
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    offset = document.text.offset(last.range.start.line, last.range.start.character, encoding)
    assert document.text.text[offset : offset + 10] == '{"step_id"'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"plan_id": 3, "steps": {}}',
        '{"plan_id": "<p1>", "steps": [1, null, {}, {"step_id": 4}',
        '"x"',
    ],
)
def test_broken_plans_are_no_reason_to_fail(text: str) -> None:
    seen = project(
        f"-- a.confirm.json --\n{confirm_text('approved')}\n-- a.plan.json --\n{text}",
        runs=run_view("running", asks=["gate"]),
    )
    lenses(seen)
    actions(seen)


def test_other_documents_have_no_lenses() -> None:
    seen = project('-- a.context.json --\n{"context_id": "<c1>"}')
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    assert (
        code_lens(seen.snapshot, document, types.CodeLensParams(types.TextDocumentIdentifier(seen.uri)))
        is None
    )


def test_a_client_without_code_action_literals_gets_commands() -> None:
    from tests.project import ABLE_CLIENT

    seen = project(plan_text(), client=replace(ABLE_CLIENT, code_action_literals=False))
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    place = types.Range(types.Position(0, 0), types.Position(0, 0))
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(seen.uri), place, types.CodeActionContext([])
    )
    found = code_actions(seen.snapshot, document, params)
    assert found
    assert all(isinstance(action, types.Command) for action in found)


def test_lenses_of_ten_thousand_steps_come_at_once() -> None:
    seen = project(plan_text(steps=10_000), runs=run_view("running", asks=["gate"]))
    lenses(seen)
    best = min(_elapsed_s(seen) for _ in range(5))
    assert best < 0.05, "some 5 ms on an idle machine"


def _elapsed_s(seen: Project) -> float:
    began = time.perf_counter()
    lenses(seen)
    return time.perf_counter() - began


def test_an_approval_is_worked_out_once_for_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from mplp_runtime import approval_judgement

    counted: list[object] = []
    real = approval_judgement.approval_of

    def counting(*args: Any, **more: Any) -> approval_judgement.ApprovalState:
        counted.append(args)
        return real(*args, **more)

    monkeypatch.setattr(approval_judgement, "approval_of", counting)
    seen = with_confirm("approved")
    assert titles(seen) == titles(seen)
    assert len(counted) == 1
    seen.write("a.confirm.json", confirm_text("rejected"))
    seen = Project(seen.again(), seen.workspace, seen.cursor)
    assert titles(seen)[0].startswith("Rejected")
    assert len(counted) == 2


def test_the_plan_is_known_by_its_id_and_not_by_its_file() -> None:
    seen = project(plan_text(), runs={PLAN.replace("a", "b"): run_view()[PLAN]})
    assert titles(seen)[0] == "Propose, approve and run"
