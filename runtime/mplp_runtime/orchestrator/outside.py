"""What happened outside and holds a run up: a tool or a CI pipeline that failed (seed 2, 4.3 and 4.4).

`[gates] tool_failure_blocks` names the tools, `ci_blocks_completion` asks for CI. A person may overrule; a
success that is reported, in this process or another, does the same by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mplp_runtime.errors import StoreError
from mplp_runtime.integration.knowledge import Failure, failing_pipelines, failing_tools
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.views import Answer
from mplp_runtime.vsl.interface import ValueStateLayer

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_S = 0.5
"""How often the state is asked whether what failed has succeeded since; another process may have said so."""


class Outside:
    """What a run has to know of the world. Reads only what its settings ask for."""

    def __init__(self, store: ValueStateLayer, state: RunState) -> None:
        self._store = store
        self._state = state

    def failing_tools(self) -> Sequence[Failure]:
        """The tools that keep steps of this run from starting."""
        names = self._state.run.get("tool_failure_blocks") or ()
        return self._store.read(lambda reading: failing_tools(reading, names)) if names else ()

    def failing_pipelines(self) -> Sequence[Failure]:
        """The CI pipelines that keep this run from completing."""
        is_asked_for = self._state.run.get("ci_blocks_completion")
        return self._store.read(failing_pipelines) if is_asked_for else ()

    async def answered(self, waiting: asyncio.Future[Answer], verdict: Callable[[], Answer | None]) -> Answer:
        """A person's answer, or that of `verdict` as soon as it has one."""
        while not waiting.done():
            await asyncio.wait({waiting}, timeout=LOOK_S)
            if not waiting.done() and (answer := _now(verdict)) is not None:
                waiting.set_result(answer)
        return waiting.result()


def _now(verdict: Callable[[], Answer | None]) -> Answer | None:
    try:
        return verdict()
    except StoreError:
        # A run may wait for days; a state that is locked for a moment is asked again, and ends nothing.
        return None


def why_blocked(failures: Sequence[Failure]) -> str:
    """What a person is asked where tools failed.

    >>> why_blocked([Failure("ruff", 7)])
    'The last call of ruff failed. May this step start all the same?'
    """
    names = " and ".join(failure.name for failure in failures)
    return f"The last call of {names} failed. May this step start all the same?"


def why_not_complete(failures: Sequence[Failure]) -> str:
    """What a person is asked where CI failed."""
    names = " and ".join(failure.name for failure in failures)
    return f"CI failed: {names}. Shall the plan complete all the same?"
