"""What a progress bar, the lenses and the hints of a run show, and when they look different."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mplp_lsp.commands.run_json import run_json
from mplp_lsp.server.run_changes import (
    MOST_LOGGED_STEPS,
    in_lenses,
    log_lines,
    looks_different_at_steps,
    progress_message,
)
from mplp_lsp.server.run_messages import RunMessages
from mplp_runtime.orchestrator.views import Question, RunView, StepStatus, StepView

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def run(*statuses: StepStatus, **changes: object) -> RunView:
    steps = {
        f"s{number}": StepView(
            f"s{number}",
            f"Step {number}",
            status,
            finished_at=NOON + timedelta(seconds=number) if status == "completed" else None,
        )
        for number, status in enumerate(statuses)
    }
    view = RunView("r", "p", "a.plan.json", "A plan", "running", "t", False, 1, NOON, steps=steps)
    return replace(view, **changes)  # type: ignore[arg-type]


def test_between_two_steps_the_bar_names_the_next_one() -> None:
    assert progress_message(run("completed", "pending", "pending")) == "Step 1"


def test_before_the_first_step_the_bar_names_it() -> None:
    assert progress_message(run("pending", "pending")) == "Step 0"


def test_when_all_steps_are_done_the_bar_keeps_the_last_one() -> None:
    assert progress_message(run("completed", "completed")) == "Step 1"


def test_parallel_steps_are_named_together() -> None:
    assert progress_message(run("in_progress", "in_progress", "pending")) == "Step 0, Step 1"


def test_in_a_session_the_bar_says_whose_turn_it_is() -> None:
    view = run("in_progress", "pending")
    step = replace(view.steps["s0"], participant="Ana")
    assert progress_message(replace(view, steps={**view.steps, "s0": step})) == "Ana: Step 0"


def test_a_paused_run_says_so_once_nothing_is_under_way() -> None:
    assert progress_message(run("completed", "pending", is_paused=True)) == "paused"
    assert progress_message(run("in_progress", "pending", is_paused=True)) == "Step 0"


def test_a_question_is_what_the_bar_shows_while_nothing_else_goes_on() -> None:
    question = Question("r", "s0", "gate", "May it start?")
    assert progress_message(run("pending", "pending", questions=(question,))) == "May it start?"


def test_a_plan_without_steps_has_its_title_for_a_message() -> None:
    assert progress_message(run()) == "A plan"


def test_output_of_a_working_step_changes_nothing_that_is_shown() -> None:
    before = run("in_progress")
    after = replace(before, steps={"s0": replace(before.steps["s0"], output="a line")})
    assert not looks_different_at_steps(before, after)
    assert in_lenses(before) == in_lenses(after)


def test_a_second_attempt_changes_the_hints_and_not_the_lenses() -> None:
    before = run("in_progress")
    after = replace(before, steps={"s0": replace(before.steps["s0"], attempt=2)})
    assert looks_different_at_steps(before, after)
    assert in_lenses(before) == in_lenses(after)


def test_the_end_changes_both() -> None:
    before, after = run("completed"), run("completed", status="completed")
    assert looks_different_at_steps(before, after)
    assert in_lenses(before) != in_lenses(after)


def test_a_run_that_was_not_shown_before_changes_what_stands_at_its_steps() -> None:
    view = run("pending")
    assert looks_different_at_steps(None, view)
    assert looks_different_at_steps(replace(view, run_id="another"), view)
    assert not looks_different_at_steps(view, view)


def test_what_is_sent_of_a_run_is_its_json_at_every_change() -> None:
    messages = RunMessages()
    first = run("in_progress", "pending", "pending")
    step = replace(first.steps["s0"], status="completed", output="ünd\udc80")
    second = replace(first, steps={**first.steps, "s0": step})
    last = replace(second, status="failed", error="s1 failed", finished_at=NOON)
    for view in (first, second, last, run("completed"), run()):
        assert json.loads(messages.params_of(view).json) == run_json(view)


def test_the_log_tells_the_beginning_each_step_and_the_end_once() -> None:
    first, second = run("pending", "pending"), run("in_progress", "pending")
    last = run("completed", "failed", status="failed", error="Step 1 failed.")
    assert log_lines(None, first) == [("info", "Run r of “A plan” began: 2 steps.")]
    assert log_lines(first, second) == [("info", "r: “Step 0” started")]
    assert log_lines(second, second) == []
    assert log_lines(second, last) == [
        ("info", "r: “Step 0” completed"),
        ("warning", "r: “Step 1” failed"),
        ("warning", "Run r of “A plan” is failed: Step 1 failed."),
    ]


def test_runs_that_ended_before_the_editor_came_are_not_logged() -> None:
    assert log_lines(None, run("completed", status="completed")) == []


def test_of_a_large_run_only_failed_steps_are_logged() -> None:
    many: list[StepStatus] = ["in_progress"] * (MOST_LOGGED_STEPS + 1)
    ended: list[StepStatus] = ["failed", *["completed"] * MOST_LOGGED_STEPS]
    assert [line for _, line in log_lines(run(*many), run(*ended))] == ["r: “Step 0” failed"]
