"""What is written about an attempt: before its action begins, while it runs, and when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mplp_runtime.ael.action import ActionResult, ProcessIdentity
from mplp_runtime.ael.layer import ActionExecutionLayer
from mplp_runtime.errors import StoreError
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.bindings import Bound
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.sources import Clock, NewId, timestamp
from mplp_runtime.vsl.interface import Transaction, ValueStateLayer

SHOWN_CHARACTERS = 8_000
"""How much of a step's output a view holds at most; it is cut at the front."""


@dataclass(frozen=True, slots=True)
class RunServices:
    """What a run needs from outside."""

    root: Path
    store: ValueStateLayer
    layer: ActionExecutionLayer
    clock: Clock
    new_id: NewId
    changed: Callable[[RunState], None]
    output: Callable[[RunState], None]


class AttemptRecords:
    """Writes first, then changes what is shown: a view never knows more than the disk."""

    def __init__(self, services: RunServices, state: RunState, chronicle: Chronicle) -> None:
        self._services = services
        self._state = state
        self._chronicle = chronicle

    async def start(self, step_id: str, bound: Bound) -> tuple[Record, Mapping[str, Any]]:
        """The new attempt, and what the step's dependencies returned, by their ids."""
        state = self._state
        known = state.attempts.get(step_id)
        new_id = self._services.new_id
        attempt: Record = {
            "run_id": state.run_id,
            "step_id": step_id,
            "attempt": 1 if known is None else known["attempt"] + 1,
            "action": bound.kind,
            "status": "running",
            "step_status": "in_progress",
            "segment_id": new_id(),
            "segment_status": "running",
            "execution_id": new_id(),
            "started_at": timestamp(self._services.clock()),
            "simulated": state.run["simulated"],
        }
        identity = records.attempt_id(state.run_id, step_id, attempt["attempt"])

        dependencies = state.steps[step_id].get("dependencies", ())

        def work(transaction: Transaction) -> Mapping[str, Any]:
            transaction.create_node(records.STEP_ATTEMPT, identity, attempt)
            self._chronicle.step_started(transaction, attempt)
            # Here, because a read of its own would cost the event loop more.
            return {each: transaction.get(records.output_key(state.run_id, each)) for each in dependencies}

        inputs = await self._services.store.transact(work)
        state.take_attempt(attempt)
        self._services.changed(state)
        return attempt, inputs

    async def process(self, attempt: Record, process: ProcessIdentity) -> None:
        changes = {"pid": process.pid, "start_ticks": process.start_ticks}
        attempt.update(changes)
        await self._services.store.transact(lambda transaction: records.change_attempt(transaction, attempt))

    async def result(
        self, attempt: Record, result: ActionResult, *, will_retry: bool, answered_by: str | None
    ) -> Record:
        outcome = "completed" if result.success else "failed"
        return await self.end(
            attempt,
            status=outcome,
            step_status="pending" if will_retry else outcome,
            segment_status=outcome,
            finished_at=timestamp(result.finished_at),
            duration_s=round(result.duration_s, 3),
            exit_code=result.exit_code,
            error=result.error,
            answered_by=answered_by,
            tail=result.tail[-SHOWN_CHARACTERS:],
            output=result.output if result.success else None,
        )

    async def cancelled(self, attempt: Record) -> None:
        with suppress(StoreError):
            await self.end(
                attempt,
                status="cancelled",
                step_status="failed",
                segment_status="cancelled",
                finished_at=timestamp(self._services.clock()),
                error="The run was cancelled.",
                tail=self._state.live_output.get(attempt["step_id"], ""),
                output=None,
            )

    async def end(self, attempt: Record, *, output: Any, **changes: Any) -> Record:
        record = {**attempt, **{name: value for name, value in changes.items() if value is not None}}

        def work(transaction: Transaction) -> None:
            records.change_attempt(transaction, record)
            self._chronicle.step_finished(transaction, record)
            if output not in (None, ""):
                transaction.set(records.output_key(record["run_id"], record["step_id"]), output)

        await self._services.store.transact(work)
        # Only now: what is shown is on disk.
        self._state.take_attempt(record)
        self._services.changed(self._state)
        return record
