"""The Action Execution Layer: one asynchronous operation that carries out any action (seed 1, 3.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mplp_runtime.ael.action import Action, ActionResult, Outcome
from mplp_runtime.ael.agent_handoff import agent_handoff, handoff_problem
from mplp_runtime.ael.bounded_output import bounded
from mplp_runtime.ael.custom_action import custom_action, handler_of
from mplp_runtime.ael.file_operation import file_operation
from mplp_runtime.ael.handlers import Handlers, HandlerUnknown
from mplp_runtime.ael.llm_call import llm_call, llm_problem
from mplp_runtime.ael.mcp_servers import McpServers, mcp_problem
from mplp_runtime.ael.mcp_tool import mcp_tool
from mplp_runtime.ael.parallel import in_parallel
from mplp_runtime.ael.simulated import simulated
from mplp_runtime.ael.tool_call import tool_call
from mplp_runtime.errors import MplpError
from mplp_runtime.sources import Clock, system_clock

ACTION_TYPES = (
    "llm_call",
    "tool_call",
    "agent_handoff",
    "file_operation",
    "custom_action",
    "step_execution",
    "agent_execution",
)
"""The five of seed 1, 3.1, and the two that its orchestrators pass."""

_NOTE_CHARACTERS = 100
"""Room for the note in a stream's text, which is bounded before it comes here."""


class ActionExecutionLayer:
    """Carries out actions; what is kept open between the steps of a run is told apart by the run's id.

    >>> import asyncio
    >>> from pathlib import Path
    >>> step = {"step_id": "8d9a4a5e", "description": "Greet", "agent_role": "host"}
    >>> action = Action(kind="simulated", run_id="r", plan={}, step=step, attempt=1, root=Path("."))
    >>> result = asyncio.run(ActionExecutionLayer().execute(action))
    >>> result.success, result.status, result.output
    (True, 'completed', 'simulated: host would do this step')
    """

    def __init__(self, clock: Clock = system_clock, *, handlers: Handlers | None = None) -> None:
        self._clock = clock
        self._handlers = handlers or Handlers()
        self._servers = McpServers()

    async def execute(self, action: Action) -> ActionResult:
        """One attempt. A failure is a result, not an exception; only cancellation is raised.

        What the action's module cannot do is told in `error`, as a sentence.
        """
        started_at = self._clock()
        try:
            outcome = await self._carried_out(action)
        except MplpError as problem:
            outcome = Outcome(False, error=str(problem), error_type=type(problem).__name__)
        outcome = replace(outcome, output=_as_json(outcome.output, action.limits.output_kib))
        return ActionResult(
            success=outcome.success,
            status="completed" if outcome.success else "failed",
            started_at=started_at,
            finished_at=self._clock(),
            output=outcome.output,
            error=outcome.error,
            exit_code=outcome.exit_code,
            attempts=action.attempt,
            tail=outcome.tail or (outcome.output if isinstance(outcome.output, str) else ""),
            timed_out=outcome.timed_out,
            error_type=outcome.type_of_error(),
        )

    async def execute_all(
        self, actions: Sequence[Action], *, max_parallel: int | None = None
    ) -> list[ActionResult]:
        """Results of several actions in the order of the actions; independent ones run at once (seed 1, 9.2).

        An action waits for those of the others that its step depends on, and gets what they returned as its
        `inputs`; if one of them fails, or they wait for each other, it is not carried out and fails as well.
        """
        return await in_parallel(actions, self.execute, self._clock, max_parallel=max_parallel)

    async def release(self, run_id: str) -> None:
        """Ends what was kept open for the steps of a run."""
        await self._servers.close(run_id)

    async def _carried_out(self, action: Action) -> Outcome:
        match action.kind:
            case "tool_call" if action.settings.get("server"):
                return await mcp_tool(action, self._servers)
            case "tool_call":
                return await tool_call(action)
            case "llm_call":
                return await llm_call(action)
            case "agent_handoff":
                return await agent_handoff(action)
            case "file_operation":
                return await file_operation(action)
            case "custom_action" | "step_execution" | "agent_execution":
                return await custom_action(action, self._handlers)
            case "simulated":
                return await simulated(action)
        return Outcome(False, error=unsupported(action.kind))


def unsupported(kind: str) -> str:
    """The sentence for an action type that is not carried out."""
    return f"`{kind}` is no action. Known: {', '.join(ACTION_TYPES)}."


def action_problem(
    kind: str,
    settings: Mapping[str, Any],
    *,
    role: str | None = None,
    handlers: Handlers | None = None,
    has_participants: bool = False,
) -> str | None:
    """Why a binding could never run, known before any step starts; None where nothing is wrong with it."""
    match kind:
        case "agent_handoff":
            return handoff_problem(settings.get("to") or "human", has_participants=has_participants)
        case "tool_call":
            return mcp_problem() if settings.get("server") else None
        case "llm_call":
            return llm_problem(settings)
        case "custom_action" | "step_execution" | "agent_execution":
            try:
                handler_of(kind, settings, role, handlers or Handlers())
            except HandlerUnknown as problem:
                return str(problem)
            return None
    return None if kind in ACTION_TYPES or kind == "simulated" else unsupported(kind)


def _as_json(output: Any, limit_kib: int) -> Any:
    """What can be stored: the value itself if it is JSON of bounded size, else its text, bounded."""
    if isinstance(output, str):
        return bounded(output, limit_kib * 1024 + _NOTE_CHARACTERS)
    try:
        text = json.dumps(output, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        text, output = repr(output), None
    if output is not None and len(text) <= limit_kib * 1024:
        return json.loads(text)
    return bounded(text, limit_kib * 1024)
