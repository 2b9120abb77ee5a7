"""What a progress bar, the lenses and the hints of a run show, and when they look different."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mplp_lsp.server.run_changes import at_steps, in_lenses, progress_message
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


def test_a_question_is_what_the_bar_shows_while_nothing_else_goes_on() -> None:
    question = Question("r", "s0", "gate", "May it start?")
    assert progress_message(run("pending", "pending", questions=(question,))) == "May it start?"


def test_a_plan_without_steps_has_its_title_for_a_message() -> None:
    assert progress_message(run()) == "A plan"


def test_output_of_a_working_step_changes_nothing_that_is_shown() -> None:
    before = run("in_progress")
    after = replace(before, steps={"s0": replace(before.steps["s0"], output="a line")})
    assert at_steps(before) == at_steps(after)
    assert in_lenses(before) == in_lenses(after)


def test_a_second_attempt_changes_the_hints_and_not_the_lenses() -> None:
    before = run("in_progress")
    after = replace(before, steps={"s0": replace(before.steps["s0"], attempt=2)})
    assert at_steps(before) != at_steps(after)
    assert in_lenses(before) == in_lenses(after)


def test_the_end_changes_both() -> None:
    before, after = run("completed"), run("completed", status="completed")
    assert at_steps(before) != at_steps(after)
    assert in_lenses(before) != in_lenses(after)
