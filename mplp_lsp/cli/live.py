"""A run as it goes on: a block that redraws itself on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TextIO

from mplp_lsp.cli.style import Style, cut_to_cells, is_terminal, printable, write
from mplp_lsp.features.durations import seconds
from mplp_runtime.orchestrator.views import RunView, StepView

__all__ = ["Live", "failure_lines", "seconds", "step_line"]

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
        duration = max((now - step.started_at).total_seconds(), 0.0)
    told = " ".join(printable(step.description).split())
    tail = seconds(duration) if duration is not None else ""
    if waiting:
        tail = "waiting for a person"
    elif step.interrupted:
        tail = "interrupted: its outcome is not known"
    if step.participant is not None:
        who = printable(step.participant)
        tail = f"{tail}, {who}" if tail else who
    if step.attempt > 1:
        tail = f"{tail}, attempt {step.attempt}" if tail else f"attempt {step.attempt}"
    return f"  {style.paint(symbol, colour)} {told}  {style.paint(tail, 'grey')}".rstrip()


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
        self._last: RunView | None = None
        self._is_held = False
        self._is_unread = False

    @property
    def ticks(self) -> bool:
        """Whether `tick` has anything to do here: durations count on while a step runs."""
        return self._redraws

    def tick(self) -> None:
        """Draws the moving block anew, with the time as it is now."""
        if self._redraws and self._last is not None and not self._is_held:
            self.show(self._last)

    def show(self, view: RunView) -> None:
        """Prints what changed since the last view; while a question is open, only keeps it."""
        self._last = view
        if self._is_held:
            return
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
        self._put("")

    def line(self, text: str) -> None:
        """A line of its own above the moving block."""
        if self._is_held:
            self._line("")
        self._clear()
        self._line(text)
        self._put("")

    @contextlib.contextmanager
    def held(self, prompt: str) -> Iterator[None]:
        """Nothing moves while a person answers behind `prompt`; what changed is shown afterwards."""
        self._clear()
        self._put(prompt)
        self._is_held = True
        is_answered = False
        try:
            yield
            is_answered = True
        finally:
            self._is_held = False
            if not is_answered:
                # The person's own line end is missing.
                self._line("")
            if self._last is not None:
                self.show(self._last)

    def _draw(self, view: RunView) -> None:
        width = shutil.get_terminal_size().columns
        waiting = {question.step_id for question in view.questions}
        moving = [
            step
            for step in view.steps.values()
            if step.status in {"in_progress", "blocked"} or step.step_id in waiting
        ]
        rows = [
            step_line(step, Style(colour=False), self._now(), waiting=step.step_id in waiting)
            for step in moving[:_TALLEST_BLOCK]
        ]
        rows.append(f"  {view.finished_steps}/{len(view.steps)} steps")
        for row in rows:
            self._line(self._style.paint(cut_to_cells(row, max(width - 1, 20)), "blue"))
        self._drawn = len(rows)

    def _clear(self) -> None:
        if self._drawn:
            self._put(f"\x1b[{self._drawn}A\x1b[J", now=False)
            self._drawn = 0

    def _line(self, text: str) -> None:
        self._put(text + "\n", now=False)

    def _put(self, text: str, *, now: bool = True) -> None:
        """The run goes on also when the reader (`head`, a pager) has left, or the disk is full."""
        if self._is_unread:
            return
        try:
            write(self._stream, text)
            if now:
                self._stream.flush()
        except OSError:
            self._is_unread = True
