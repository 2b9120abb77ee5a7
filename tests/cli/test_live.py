"""What a run looks like in a terminal and in a log."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mplp_lsp.cli.live import Live
from mplp_lsp.cli.style import cells
from mplp_runtime.orchestrator.views import RunView, StepView

START = datetime(2026, 1, 1, tzinfo=UTC)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def view(*steps: StepView, status: str = "running") -> RunView:
    return RunView(
        run_id="r",
        plan_id="p",
        plan_path="a.plan.json",
        title="A plan",
        status=status,  # type: ignore[arg-type]
        trace_id="t",
        simulated=False,
        generation=1,
        started_at=START,
        steps={step.step_id: step for step in steps},
    )


def step(name: str, status: str, **changes: object) -> StepView:
    made = StepView(name, f"Do {name}", status, attempt=1, started_at=START)  # type: ignore[arg-type]
    return replace(made, **changes)  # type: ignore[arg-type]


def test_in_a_log_each_change_is_one_line_and_nothing_is_said_twice() -> None:
    out = io.StringIO()
    live = Live(out, lambda: START)
    running = step("a", "in_progress")
    done = step("a", "completed", finished_at=START + timedelta(seconds=1.23))
    live.show(view(running))
    live.show(view(running))
    live.show(view(done))
    live.show(view(done))
    assert out.getvalue() == "  ▶ Do a\n  ✓ Do a  1.2 s\n"


def test_a_failed_step_shows_its_error_and_the_end_of_its_output() -> None:
    out = io.StringIO()
    failed = step("a", "failed", finished_at=START, error="exit code 1", output="one\ntwo\n")
    Live(out, lambda: START).show(view(failed))
    assert out.getvalue().splitlines() == ["  ✗ Do a  0 ms", "      exit code 1", "      one", "      two"]


def test_on_a_terminal_the_running_block_is_redrawn_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    live = Live(out, lambda: START)
    live.show(view(step("a", "in_progress")))
    before = out.getvalue()
    live.show(view(step("a", "completed", finished_at=START), status="completed"))
    after = out.getvalue()[len(before) :]
    assert "0/1 steps" in before
    assert after.startswith("\x1b[2A\x1b[J")
    assert "steps" not in after


def test_output_of_a_tool_cannot_steer_the_terminal() -> None:
    out = io.StringIO()
    Live(out, lambda: START).show(view(step("a", "failed", finished_at=START, output="\x1b[31mred\x1b[2J")))
    assert "\x1b" not in out.getvalue()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def test_nothing_moves_while_a_person_answers(terminal: Terminal) -> None:
    live = Live(terminal, lambda: START)
    live.show(view(step("a", "in_progress")))
    with live.held("  [y] yes: "):
        before = terminal.getvalue()
        live.show(view(step("a", "completed", finished_at=START), step("b", "in_progress")))
        live.tick()
        assert terminal.getvalue() == before
    after = terminal.getvalue()[len(before) :]
    assert "✓" in after
    assert "Do b" in after


def test_a_question_that_was_answered_elsewhere_leaves_its_line(terminal: Terminal) -> None:
    live = Live(terminal, lambda: START)
    with pytest.raises(KeyError), live.held("  [y] yes: "):
        raise KeyError
    assert terminal.getvalue() == "  [y] yes: \n"


def test_durations_count_on_between_two_changes(terminal: Terminal) -> None:
    now = START
    live = Live(terminal, lambda: now)
    live.show(view(step("a", "in_progress")))
    now = START + timedelta(seconds=61)
    live.tick()
    assert "1 min 1 s" in terminal.getvalue()


def test_a_row_never_wraps(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "30")
    live = Live(terminal, lambda: START)
    live.show(view(StepView("a", "計画" * 40, "in_progress", attempt=1, started_at=START)))
    row = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", terminal.getvalue()).splitlines()[0]
    assert cells(row) <= 39
