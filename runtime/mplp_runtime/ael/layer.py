"""The Action Execution Layer: one asynchronous operation that carries out any action (seed 1, 3.1)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from mplp_runtime.ael.action import Action, ActionResult, Outcome
from mplp_runtime.ael.agent_handoff import agent_handoff, handoff_problem
from mplp_runtime.ael.bounded_output import bounded
from mplp_runtime.ael.custom_action import HandlerUnknown, custom_action, handler_named
from mplp_runtime.ael.file_operation import file_operation
from mplp_runtime.ael.simulated import simulated
from mplp_runtime.ael.tool_call import tool_call
from mplp_runtime.errors import MplpError
from mplp_runtime.sources import Clock, system_clock

ActionModule = Callable[[Action], Awaitable[Outcome]]

ACTION_MODULES: Mapping[str, ActionModule] = {
    "tool_call": tool_call,
    "file_operation": file_operation,
    "agent_handoff": agent_handoff,
    "custom_action": custom_action,
    "simulated": simulated,
}

_NOTE_CHARACTERS = 100
"""Room for the note in a stream's text, which is bounded before it comes here."""

LLM_CALL_LATER = (
    "llm_call comes with the `llm` extra in a later release; bind the role to a tool_call, "
    "hand it to a person, or simulate the run."
)


class ActionExecutionLayer:
    """Carries out actions; it keeps no state, so one layer serves any number of runs at the same time.

    >>> import asyncio
    >>> from pathlib import Path
    >>> step = {"step_id": "8d9a4a5e", "description": "Greet", "agent_role": "host"}
    >>> action = Action(kind="simulated", run_id="r", plan={}, step=step, attempt=1, root=Path("."))
    >>> result = asyncio.run(ActionExecutionLayer().execute(action))
    >>> result.success, result.status, result.output
    (True, 'completed', 'simulated: host would do this step')
    """

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock

    async def execute(self, action: Action) -> ActionResult:
        """One attempt. A failure is a result, not an exception; only cancellation is raised.

        What the action's module cannot do is told in `error`, as a sentence.
        """
        started_at = self._clock()
        module = ACTION_MODULES.get(action.kind)
        try:
            outcome = (
                Outcome(False, error=unsupported(action.kind)) if module is None else await module(action)
            )
        except MplpError as problem:
            outcome = Outcome(False, error=str(problem))
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
        )

    async def release(self, run_id: str) -> None:
        """Ends what was kept open for the steps of a run."""


def unsupported(kind: str) -> str:
    """The sentence for an action type that is not carried out."""
    if kind == "llm_call":
        return LLM_CALL_LATER
    return f"`{kind}` is no action. Known: {', '.join(sorted(ACTION_MODULES.keys() - {'simulated'}))}."


def action_problem(kind: str, settings: Mapping[str, Any]) -> str | None:
    """Why a binding could never run, known before any step starts; None where nothing is wrong with it."""
    if kind not in ACTION_MODULES:
        return unsupported(kind)
    if kind == "agent_handoff":
        return handoff_problem(settings.get("to") or "human")
    if kind == "tool_call" and settings.get("server"):
        return (
            "Tools of an MCP server come with the `mcp` extra in a later release; bind the role to a command."
        )
    if kind == "custom_action":
        try:
            handler_named(str(settings.get("handler", "")))
        except HandlerUnknown as problem:
            return str(problem)
    return None


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
