"""Which documents a run has something to say about because they changed; nothing else is imported."""

from __future__ import annotations

from mplp_runtime.orchestrator.views import RunView


def drifted_paths(view: RunView | None) -> frozenset[str]:
    """Documents that a run has something to say about, beside its plan."""
    return frozenset(drift.path for drift in view.drift if drift.step_id is None) if view else frozenset()
