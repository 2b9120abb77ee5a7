"""A step that is only played: no process, no request, no file, always success."""

from __future__ import annotations

from mplp_runtime.ael.action import Action, Outcome


async def simulated(action: Action) -> Outcome:
    """Success at once; the output says which role would have done the work."""
    role = action.step.get("agent_role") or "a role"
    return Outcome(True, output=f"simulated: {role} would do this step")
