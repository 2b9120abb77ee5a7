"""The MPLP runtime: rules, state, events, actions and the orchestrator. It works with no editor at all."""

from __future__ import annotations

from mplp_runtime.errors import MplpError

__all__ = ["MplpError"]
