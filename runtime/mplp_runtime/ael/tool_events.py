"""What is told of one call of a tool: an event when it starts, another when it ends (seed 2, 4.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import PurePath
from typing import Any

from mplp_runtime.ael.action import Action, Outcome
from mplp_runtime.ael.isolation import unenforced_limits
from mplp_runtime.errors import MplpError
from mplp_runtime.events.families import Event, Stamper, external_integration
from mplp_runtime.sources import timestamp

SOURCE = "mplp-lsp.ael"
_SUMMARY_CHARACTERS = 500
_ARGUMENTS = 50
_ARGUMENT_CHARACTERS = 200


class ToolInvocation:
    """One call of a tool. The events of its start and of its end carry the same invocation id."""

    def __init__(
        self, action: Action, tool_id: str, tool_kind: str, *, arguments: Sequence[str] = (), cwd: str = "."
    ) -> None:
        self._action = action
        self._payload: dict[str, Any] = {"tool_id": tool_id, "tool_kind": tool_kind}
        self._arguments = [each[:_ARGUMENT_CHARACTERS] for each in arguments[:_ARGUMENTS]]
        self._cwd = cwd

    async def started(self) -> None:
        """Tells that the tool is called now, and which limits this system cannot keep it to."""
        await self._action.tell(self._start)

    async def ended(self, outcome: Outcome) -> None:
        """Tells how the call ended."""
        status = "succeeded" if outcome.success else "failed"
        summary = outcome.tail or (outcome.output if isinstance(outcome.output, str) else "")
        await self._end(status, outcome.exit_code, summary or outcome.error or "")

    async def cancelled(self) -> None:
        """Tells that the call was given up; silent where nothing can be recorded any more."""
        with suppress(MplpError):
            await self._end("cancelled", None, "")

    def _start(self, stamper: Stamper) -> Event:
        self._payload["invocation_id"] = stamper.new_id()
        self._payload["started_at"] = timestamp(stamper.clock())
        if self._arguments:
            self._payload["args"] = self._arguments
        self._payload["working_directory"] = self._cwd
        missing = unenforced_limits(self._action.limits)
        return self._event(stamper, {"status": "running"}, {"limits_not_enforced": missing or None})

    async def _end(self, status: str, exit_code: int | None, summary: str) -> None:
        def make(stamper: Stamper) -> Event:
            now: datetime = stamper.clock()
            ending: dict[str, Any] = {"status": status, "completed_at": timestamp(now)}
            if exit_code is not None:
                ending["exit_code"] = exit_code
            if summary:
                ending["output_summary"] = summary[-_SUMMARY_CHARACTERS:]
            return self._event(stamper, ending, {})

        await self._action.tell(make)

    def _event(self, stamper: Stamper, ending: dict[str, Any], extensions: dict[str, Any]) -> Event:
        action = self._action
        return external_integration(
            stamper,
            "tool_execution",
            {**self._payload, **ending},
            source=SOURCE,
            project_id=action.plan.get("context_id"),
            extensions={"step_id": action.step_id, "attempt": action.attempt, **extensions},
        )


async def invoked(invocation: ToolInvocation, work: Any) -> Outcome:
    """Awaits `work` between the two events; also a call that is given up has its second one."""
    try:
        await invocation.started()
    except BaseException:
        work.close()
        raise
    try:
        outcome: Outcome = await work
    except asyncio.CancelledError:
        await asyncio.shield(invocation.cancelled())
        raise
    except MplpError as problem:
        await invocation.ended(Outcome(False, error=str(problem)))
        raise
    await invocation.ended(outcome)
    return outcome


def program_name(command: Sequence[str]) -> str:
    """What a command is called in events: its program, without folders.

    >>> program_name(["/usr/bin/eslint", "."])
    'eslint'
    """
    return (PurePath(command[0]).name if command else "") or "tool"
