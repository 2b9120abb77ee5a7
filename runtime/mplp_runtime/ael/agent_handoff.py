"""A step given to somebody else: a person, who is asked, or an agent that is a command."""

from __future__ import annotations

from dataclasses import replace

from mplp_runtime.ael.action import Action, Outcome
from mplp_runtime.ael.tool_call import tool_call
from mplp_runtime.errors import MplpError

SUPPORTED = 'Supported: `to = "human"`, or a command as a list (`to = ["my-agent", "--once"]`).'


class HandoffImpossible(MplpError):
    """A step is handed to somebody this runtime cannot reach."""


async def agent_handoff(action: Action) -> Outcome:
    """Waits for a person's answer, however long that takes, or runs the agent's command.

    Raises HandoffImpossible, and what `tool_call` raises.
    """
    receiver = action.settings.get("to") or "human"
    if isinstance(receiver, list | tuple):
        return await tool_call(replace(action, settings={**action.settings, "command": list(receiver)}))
    if problem := handoff_problem(receiver):
        raise HandoffImpossible(problem)
    if action.ask is None:
        raise HandoffImpossible("Nobody is there to answer: this step is handed to a person.")
    success, output = await action.ask(str(action.step.get("description", "")))
    return Outcome(
        success, output=output, error=None if success else (output or "The person said it did not succeed.")
    )


def handoff_problem(receiver: object) -> str | None:
    """Why a step cannot be handed to `receiver`, None where it can; asked before a run starts.

    >>> handoff_problem("human")
    >>> handoff_problem("reviewer").partition(". ")[0]
    'A handoff to `reviewer` is not supported yet'
    """
    if isinstance(receiver, list | tuple) or receiver == "human":
        return None
    return f"A handoff to `{receiver}` is not supported yet. {SUPPORTED}"
