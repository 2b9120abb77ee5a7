"""A step given to somebody else: a person, who is asked, another role, or an agent process."""

from __future__ import annotations

from mplp_runtime.ael.action import Action, Outcome
from mplp_runtime.ael.agent_process import agent_process
from mplp_runtime.errors import MplpError

NEEDS_PARTICIPANTS = (
    "A step is handed to the role `{}`, and a run of a single agent has nobody else to hand it to: run the "
    "plan with a Collab that has a participant of that role, hand it to a person "
    '(`to = "human"`), or to an agent (`to = ["my-agent", "--once"]`).'
)


class HandoffImpossible(MplpError):
    """A step is handed to somebody this run cannot reach."""


async def agent_handoff(action: Action) -> Outcome:
    """Waits for a person's answer, however long that takes, or for another role, or for an agent's result.

    Raises HandoffImpossible, and what `agent_process` raises.
    """
    receiver = action.settings.get("to") or "human"
    if isinstance(receiver, list | tuple):
        return await agent_process(action, [str(each) for each in receiver])
    if receiver != "human":
        if action.hand_over is None:
            raise HandoffImpossible(NEEDS_PARTICIPANTS.format(receiver))
        return await action.hand_over(str(receiver))
    if action.ask is None:
        raise HandoffImpossible("Nobody is there to answer: this step is handed to a person.")
    success, output = await action.ask(str(action.step.get("description", "")))
    return Outcome(
        success, output=output, error=None if success else (output or "The person said it did not succeed.")
    )


def handoff_problem(receiver: object, *, has_participants: bool = False) -> str | None:
    """Why a step cannot be handed to `receiver`, None where it can; asked before a run starts.

    >>> handoff_problem("human")
    >>> handoff_problem("reviewer").partition(",")[0]
    'A step is handed to the role `reviewer`'
    """
    if has_participants or isinstance(receiver, list | tuple) or receiver == "human":
        return None
    return NEEDS_PARTICIPANTS.format(receiver)
