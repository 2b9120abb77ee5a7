"""mplp.toml: what a step does is decided by its role, and bound here (D8)."""

from __future__ import annotations

from mplp_runtime.settings.load import load_settings, parse_settings, wider_limits
from mplp_runtime.settings.model import (
    AgentExecutionBinding,
    AgentHandoffBinding,
    Binding,
    CustomActionBinding,
    Drift,
    Engine,
    FileOperationBinding,
    Gates,
    Learning,
    Limits,
    LlmCallBinding,
    RunSettings,
    Settings,
    State,
    StepExecutionBinding,
    ToolCallBinding,
)

__all__ = [
    "AgentExecutionBinding",
    "AgentHandoffBinding",
    "Binding",
    "CustomActionBinding",
    "Drift",
    "Engine",
    "FileOperationBinding",
    "Gates",
    "Learning",
    "Limits",
    "LlmCallBinding",
    "RunSettings",
    "Settings",
    "State",
    "StepExecutionBinding",
    "ToolCallBinding",
    "load_settings",
    "parse_settings",
    "wider_limits",
]
