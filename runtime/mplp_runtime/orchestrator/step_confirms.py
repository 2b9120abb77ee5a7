"""Confirms about single steps: which steps of a run may not start before somebody has decided (runtime.md 4).

The files are looked at again while the run goes on, so that a decision counts wherever it was made. What is
asked about a step at its start is only a look into memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from mplp_runtime.approval_judgement import StepApproval, step_approvals, target_of
from mplp_runtime.confirm_files import ConfirmFiles, Look
from mplp_runtime.errors import MplpError
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.views import Answer
from mplp_runtime.vsl.interface import ValueStateLayer

HELD_BY = "held_by_confirms"
LOOK_S = 0.5
"""Between two looks at the files of Confirms that are known."""

logger = logging.getLogger(__name__)

Decide = Callable[[Path, Mapping[str, Any], str, bool, str], Awaitable[None]]
"""Appends a decision to a Confirm: its file, the plan, the step, whether that may start, and why."""


class StepConfirms:
    """How the steps of one run stand. A dry run is held up by nothing, and has no `files`.

    What keeps a step from starting is kept with the run, so that it still does after a restart.
    """

    def __init__(
        self, files: ConfirmFiles | None, state: RunState, decide: Decide, store: ValueStateLayer
    ) -> None:
        self._files = files
        self._state = state
        self._decide = decide
        self._store = store
        self._before = {
            step_id: StepApproval(word, confirm_id, reason, decision_id, datetime.fromisoformat(at))
            for step_id, (word, confirm_id, reason, decision_id, at) in state.run.get(HELD_BY, {}).items()
            # Of what nobody could read the file tells alone; it may be mended, or moved away.
            if confirm_id
        }
        # A look that was begun before another must not have the last word.
        self._looking = Lock()
        # By file what it said when it could be read last.
        self._said: dict[Path, Mapping[str, Any]] = {}
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
        """Reads what has changed; from any thread.

        A file that is being saved, or is gone, has decided nothing: what it said last counts.
        """
        if self._files is None:
            return
        with self._looking:
            self._take(self._files.known())

    def _take(self, look: Look) -> None:
        steps = self._state.steps
        broken = {each.path: each for each in look.broken}
        ids = {str(value.get("confirm_id")) for value in look.values}
        readable = {path for path, _ in look.seen}
        said = {
            path: value
            for path, value in self._said.items()
            # One that was moved says it at another place.
            if path not in readable and (path in broken or str(value.get("confirm_id")) not in ids)
        }
        said.update((path, value) for path, value in look.seen if target_of(value) in steps)
        found = step_approvals(steps, [said[path] for path in sorted(said)])
        for path, each in broken.items():
            for step_id in () if path in said else each.about.intersection(steps):
                if (known := found.get(step_id)) is None or known.word == "approved":
                    found[step_id] = StepApproval("pending", "", f"{path.name} cannot be read")
        # Where its file has been read since, that is what it says.
        self._before = {step_id: each for step_id, each in self._before.items() if each.confirm_id not in ids}
        for step_id, before in self._before.items():
            now = found.get(step_id)
            if now is None or not now.confirm_id or now.at <= before.at:
                found[step_id] = before
        self._said = said
        self._known = found
        self._paths = {str(value.get("confirm_id")): path for path, value in said.items()}

    async def keep(self) -> None:
        """Writes into the run what keeps its steps from starting, where that has changed."""
        held = {
            step_id: [each.word, each.confirm_id, each.reason, each.decision_id, each.at.isoformat()]
            for step_id, each in self._known.items()
            if each.word != "approved" and each.confirm_id
        }
        if held == self._state.run.get(HELD_BY, {}):
            return
        run_id = self._state.run_id
        self._state.take_run(
            await self._store.transact(
                lambda transaction: records.change_run(transaction, run_id, **{HELD_BY: held})
            )
        )

    async def watch(self) -> None:
        """Looks again and again, until it is cancelled."""
        while self._files is not None:
            await asyncio.sleep(LOOK_S)
            try:
                await asyncio.to_thread(self.look)
                await self.keep()
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


def why_pending(description: str, confirm: StepApproval) -> str:
    """What a person is asked where a Confirm waits, or cannot be read.

    >>> why_pending("Publish the package", StepApproval("pending", "1"))
    'A Confirm of this step is pending. May it start? Publish the package'
    >>> why_pending("Publish the package", StepApproval("pending", "", "vote.json cannot be read"))
    'vote.json cannot be read, a Confirm of this step. May it start? Publish the package'
    """
    said = "A Confirm of this step is pending"
    if not confirm.confirm_id:
        said = f"{confirm.reason}, a Confirm of this step"
    return f"{said}. May it start? {description}"


def why_rejected(confirm: StepApproval) -> str:
    """Why a step does not start.

    >>> why_rejected(StepApproval("rejected", "1", "too early"))
    'its Confirm is rejected: too early'
    """
    return "its Confirm is rejected" + (f": {confirm.reason}" if confirm.reason else "")
