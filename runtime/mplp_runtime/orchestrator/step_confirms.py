"""Confirms about single steps: which steps of a run may not start before somebody has decided (runtime.md 4).

The files are looked at again while the run goes on, so that a decision counts wherever it was made. What is
asked about a step at its start is only a look into memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from mplp_runtime.approval_judgement import StepApproval, step_approvals
from mplp_runtime.confirm_files import ConfirmFiles
from mplp_runtime.errors import MplpError
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.views import Answer

LOOK_S = 0.5
"""Between two looks at the files of Confirms that are known."""

logger = logging.getLogger(__name__)

Decide = Callable[[Path, Mapping[str, Any], str, bool, str], Awaitable[None]]
"""Appends a decision to a Confirm: its file, the plan, the step, whether that may start, and why."""


class StepConfirms:
    """How the steps of one run stand. A dry run is held up by nothing, and has no `files`."""

    def __init__(self, files: ConfirmFiles | None, state: RunState, decide: Decide) -> None:
        self._files = files
        self._state = state
        self._decide = decide
        self._known: dict[str, StepApproval] = {}
        self._paths: dict[str, Path] = {}

    def of(self, step_id: str) -> StepApproval | None:
        """How the step stands by the newest Confirm about it, as of the last look; None without one."""
        return self._known.get(step_id)

    def is_gated(self, step_id: str) -> bool:
        """Whether a Confirm keeps the step from starting."""
        known = self._known.get(step_id)
        return known is not None and known.word != "approved"

    def look(self) -> None:
        """Reads what has changed; from any thread."""
        if self._files is None:
            return
        seen = self._files.known()
        paths = {str(value.get("confirm_id")): path for path, value in seen}
        found = step_approvals(self._state.steps, [value for _, value in seen])
        for step_id, before in self._known.items():
            # A file that is being saved, or is gone, has decided nothing.
            if before.word == "pending" and step_id not in found and before.confirm_id not in paths:
                found[step_id] = before
        self._known, self._paths = found, paths

    async def watch(self) -> None:
        """Looks again and again, until it is cancelled."""
        while self._files is not None:
            await asyncio.sleep(LOOK_S)
            try:
                await asyncio.to_thread(self.look)
            except Exception:
                logger.exception("A look at Confirms failed.")

    async def answered(self, step_id: str, answer: Answer) -> None:
        """It is decided whether the step starts: a Confirm that still waits gets that decision."""
        known = self._known.get(step_id)
        path = None if known is None else self._paths.get(known.confirm_id)
        if path is None:
            return
        try:
            await self._decide(path, self._state.plan, step_id, answer.success, answer.output)
        except (MplpError, OSError) as problem:
            # The answer counts all the same: it is written with the run.
            logger.warning("The decision about a step could not be written into %s: %s", path.name, problem)
        await asyncio.to_thread(self.look)


def why_pending(description: str) -> str:
    """What a person is asked where a Confirm waits.

    >>> why_pending("Publish the package")
    'A Confirm of this step is pending. May it start? Publish the package'
    """
    return f"A Confirm of this step is pending. May it start? {description}"


def why_rejected(confirm: StepApproval) -> str:
    """Why a step does not start.

    >>> why_rejected(StepApproval("rejected", "1", "too early"))
    'its Confirm is rejected: too early'
    """
    return "its Confirm is rejected" + (f": {confirm.reason}" if confirm.reason else "")
