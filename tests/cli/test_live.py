"""What a run looks like in a terminal and in a log."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mplp_lsp.cli.live import Live
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
