"""A run as it goes on: a block that redraws itself on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from typing import TextIO

from mplp_lsp.cli.style import Style, is_terminal, printable, write
from mplp_runtime.orchestrator.views import RunView, StepView

_SYMBOLS = {
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("–", "grey"),
    "blocked": ("…", "yellow"),
    "in_progress": ("▶", "blue"),
    "pending": ("·", "grey"),
}
_TALLEST_BLOCK = 20
_LAST_LINES = 6


def step_line(step: StepView, style: Style, now: datetime | None = None, *, waiting: bool = False) -> str:
    """One step in one line: a symbol, what it does, how long it took or has been going on."""
    symbol, colour = _SYMBOLS[step.status]
    if step.interrupted:
        symbol, colour = "?", "yellow"
    duration = step.duration_s
    if duration is None and step.started_at is not None and now is not None and step.status == "in_progress":
        duration = (now - step.started_at).total_seconds()
    told = printable(step.description).replace("\n", " ")
    tail = seconds(duration) if duration is not None else ""
    if waiting:
        tail = "waiting for a person"
    elif step.interrupted:
        tail = "interrupted: its outcome is not known"
    return f"  {style.paint(symbol, colour)} {told}  {style.paint(tail, 'grey')}".rstrip()


def seconds(duration_s: float) -> str:
    """`duration_s` as people read it.

    >>> seconds(0.0421), seconds(1.26), seconds(75.0)
    ('42 ms', '1.3 s', '1 min 15 s')
    """
    if duration_s < 1:
        return f"{round(duration_s * 1000)} ms"
    if duration_s < 60:
        return f"{duration_s:.1f} s"
    return f"{int(duration_s // 60)} min {int(duration_s % 60)} s"


def failure_lines(step: StepView, style: Style) -> list[str]:
    """Why a step failed, and the last lines of its output."""
    lines = [f"      {style.paint(printable(step.error), 'red')}"] if step.error else []
    output = [printable(line) for line in step.output.splitlines() if line.strip()]
    lines.extend(f"      {style.paint(line, 'grey')}" for line in output[-_LAST_LINES:])
    return lines


class Live:
    """Shows each new view of one run. On a terminal finished steps scroll up and the rest is redrawn."""

    def __init__(self, stream: TextIO, now: Callable[[], datetime]) -> None:
        self._stream = stream
        self._now = now
        self._style = Style.of(stream)
        self._redraws = is_terminal(stream) and self._style.colour
        self._drawn = 0
        self._told: dict[str, tuple[str, int]] = {}

    def show(self, view: RunView) -> None:
        """Prints what changed since the last view."""
        self._clear()
        for step in view.steps.values():
            mark = (step.status, step.attempt)
            if self._told.get(step.step_id) == mark:
                continue
            if step.status in {"completed", "failed", "skipped"}:
                self._line(step_line(step, self._style))
                if step.status == "failed":
                    for line in failure_lines(step, self._style):
                        self._line(line)
            elif step.status == "in_progress" and not self._redraws:
                self._line(step_line(step, self._style))
            self._told[step.step_id] = mark
        if self._redraws and view.is_live:
            self._draw(view)
        self._stream.flush()

    def line(self, text: str) -> None:
        """A line of its own above the moving block."""
        self._clear()
        self._line(text)
        self._stream.flush()

    def _draw(self, view: RunView) -> None:
        width = shutil.get_terminal_size().columns
        waiting = {question.step_id for question in view.questions}
        rows = [
            step_line(step, Style(colour=False), self._now(), waiting=step.step_id in waiting)
            for step in view.steps.values()
            if step.status in {"in_progress", "blocked"} or step.step_id in waiting
        ][:_TALLEST_BLOCK]
        rows.append(f"  {view.finished_steps}/{len(view.steps)} steps")
        for row in rows:
            self._line(self._style.paint(row[: max(width - 1, 20)], "blue"))
        self._drawn = len(rows)

    def _clear(self) -> None:
        if self._drawn:
            write(self._stream, f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def _line(self, text: str) -> None:
        write(self._stream, text + "\n")
