"""What the Action Execution Layer is asked to do, and what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from mplp_runtime.events.families import Event, Stamper
from mplp_runtime.settings import Limits

EventMaker = Callable[[Stamper], Event]
"""Makes an event once somebody who may stamp it asks for it: actions know neither ids nor the store."""

SUCCESS_WORDS = frozenset({"executed", "completed", "succeeded", "success"})
"""Statuses that mean success where a result does not say `success` itself (runtime.md 1.1)."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process that cannot be mistaken for a later one with the same number.

    `start_ticks` is the kernel's start time of the process (Linux: field 22 of /proc/PID/stat); None where
    the system does not tell.
    """

    pid: int
    start_ticks: int | None


@dataclass(frozen=True, slots=True)
class Action:
    """One attempt at one step.

    `settings` holds the options of the step's binding in mplp.toml, frozen when the run started. `inputs`
    maps the ids of the step's dependencies to what they returned. What the action has to tell meanwhile goes
    to `on_output` (text, as it comes), `on_process` (a process to end if ours dies) and `on_event` (recorded
    in the run's stream before it returns). `ask` waits for a person; `hand_over` gives the step to another
    role and is there in runs that have several participants (MAP) only.
    """

    kind: str
    run_id: str
    plan: Mapping[str, Any]
    step: Mapping[str, Any]
    attempt: int
    root: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    on_output: Callable[[str], None] | None = None
    on_process: Callable[[ProcessIdentity], Awaitable[None]] | None = None
    on_event: Callable[[EventMaker], Awaitable[object]] | None = None
    ask: Callable[[str], Awaitable[tuple[bool, str]]] | None = None
    hand_over: Callable[[str], Awaitable[Outcome]] | None = None

    @property
    def step_id(self) -> str:
        return str(self.step["step_id"])

    def out_of_time(self) -> str:
        """The sentence for an action that did not end within its time limit."""
        limit_s, wanted_s = self.limits.timeout_s, self.settings.get("timeout_s")
        if not isinstance(wanted_s, int | float) or wanted_s <= limit_s:
            return f"Stopped after {limit_s:g} s, the time limit."
        return (
            f"Stopped after {limit_s:g} s, the time limit: that is what [limits] in mplp.toml gives, and the "
            f"{wanted_s:g} s of the role or step do not widen it."
        )

    async def tell(self, event: EventMaker) -> None:
        """Records an event, if anybody keeps events."""
        if self.on_event is not None:
            await self.on_event(event)

    def show(self, text: str) -> None:
        """Shows a piece of output to whoever follows the run."""
        if self.on_output is not None and text:
            self.on_output(text)


@dataclass(frozen=True, slots=True)
class ActionResult:
    """How an attempt ended. `output` is what dependants get as input; `error` is a sentence for a person.

    `status` is a word of the runtime_execution events: completed, failed or cancelled. `error_type` is one of
    few words for what failed, as OpenTelemetry's `error.type`; None after success.
    """

    success: bool
    status: str
    started_at: datetime
    finished_at: datetime
    output: Any = ""
    error: str | None = None
    exit_code: int | None = None
    attempts: int = 1
    tail: str = ""
    timed_out: bool = False
    error_type: str | None = None

    @property
    def duration_s(self) -> float:
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one action module returns; the layer adds times, and an `error_type` where there is none."""

    success: bool
    output: Any = ""
    error: str | None = None
    exit_code: int | None = None
    tail: str = ""
    timed_out: bool = False
    error_type: str | None = None

    def type_of_error(self) -> str | None:
        """The module's own word, else one by how it ended; None after success.

        >>> [Outcome(False, exit_code=code).type_of_error() for code in (1, -9, 0)]
        ['exit_code', 'signal', 'failed']
        """
        if self.success:
            return None
        if self.timed_out:
            return "timeout"
        by_code = ("signal" if self.exit_code < 0 else "exit_code") if self.exit_code else "failed"
        return self.error_type or by_code


def is_success(result: object) -> bool:
    """Whether a result means success: its own `success` when it has one, else a word in its `status`.

    The seed's reference layer answers `{"status": "executed"}` while its orchestrator reads `success`; taken
    literally every step would fail (conflicts.md 15).

    >>> is_success({"status": "executed"}), is_success({"success": False, "status": "completed"})
    (True, False)
    """
    if isinstance(result, Mapping):
        success, status = result.get("success"), result.get("status")
    else:
        success, status = getattr(result, "success", None), getattr(result, "status", None)
    if success is not None:
        return bool(success)
    return isinstance(status, str) and status in SUCCESS_WORDS
