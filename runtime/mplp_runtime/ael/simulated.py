"""A step that is only played: no process, no request, no file, always success."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mplp_runtime.ael.action import Action, Outcome


async def simulated(action: Action) -> Outcome:
    """Success at once; the output says which role would have done the work."""
    return Outcome(True, output=simulated_output(action.step))


def simulated_output(step: Mapping[str, Any]) -> str:
    """What a played step returns.

    >>> simulated_output({"step_id": "8d9a4a5e", "agent_role": "writer"})
    'simulated: writer would do this step'
    """
    return _said_of(step.get("agent_role") or "a role")


@lru_cache(maxsize=256)
def _said_of(role: str) -> str:
    # One text for all steps of a role: a run keeps what each of its steps returned.
    return f"simulated: {role} would do this step"
