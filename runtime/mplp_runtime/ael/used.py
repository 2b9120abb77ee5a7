"""What an attempt at a step used to do it: the tool, or the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mplp_runtime.ael.tool_events import program_name


def used_by(kind: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """`tool` or `model` by name, as the action's binding has it; nothing where somebody else does the step.

    A simulated step uses nothing, and its record says nothing of it.

    >>> used_by("tool_call", {"command": ["/usr/bin/pytest", "-q"]}), used_by("llm_call", {"model": "small"})
    ({'tool': 'pytest'}, {'model': 'small'})
    """
    match kind:
        case "llm_call":
            return {"model": str(settings["model"])}
        case "tool_call":
            return {"tool": str(settings.get("tool") or program_name(settings.get("command") or ()))}
        case "file_operation":
            return {"tool": f"file_{settings['operation']}"}
        case "custom_action" | "step_execution" | "agent_execution" if settings.get("handler"):
            return {"tool": str(settings["handler"])}
    return {}
