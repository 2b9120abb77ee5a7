"""Waiting until a run, or what its steps leave on disk, is as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from mplp_runtime.errors import MplpError
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime

LIMIT_S = 60.0


async def seen(runtime: Runtime, run_id: str, condition: Callable[[RunView], bool]) -> RunView:
    """The run once the condition holds; it may be another process' that nobody here has heard of yet."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                view = runtime.runs.view(run_id)
            except MplpError:
                pass
            else:
                if condition(view):
                    return view
            # A short while, because files that steps write make no noise.
            await runtime.runs.notices.changed_within(0.02)


async def asked(runtime: Runtime, run_id: str, kind: str = "") -> RunView:
    """The run once it asks something; with `kind`, once that is all it asks."""
    return await seen(
        runtime,
        run_id,
        lambda view: bool(view.questions) and (not kind or [each.kind for each in view.questions] == [kind]),
    )


async def under_way(runtime: Runtime, run_id: str, count: int = 1) -> RunView:
    """The run once this many steps of it are being carried out."""
    return await seen(runtime, run_id, lambda view: len(view.current) >= count)


def effects(root: Path) -> list[str]:
    """What steps have noted in the file `effects`, one word each."""
    path = root / "effects"
    return path.read_text().split() if path.exists() else []
