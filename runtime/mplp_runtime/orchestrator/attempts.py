"""What is written about an attempt: before its action begins, while it runs, and when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mplp_runtime.ael.action import ActionResult, ProcessIdentity
from mplp_runtime.ael.layer import ActionExecutionLayer
from mplp_runtime.ael.used import used_by
from mplp_runtime.errors import StoreError
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.bindings import Bound
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.ledger import Entry, Ledger
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.step_confirms import StepConfirms
from mplp_runtime.orchestrator.uncancelled import to_the_end
from mplp_runtime.orchestrator.views import Answer
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
    prepare: Callable[[RunState, str], Awaitable[None]]
    """What is done before the first attempt at a step; where it raises StoreError the step does not start."""
    before_end: Callable[[RunState, str], Awaitable[str]]
    """What is done before a run's end is written; a sentence about it, or "". It may raise StoreError."""
    confirms: StepConfirms
    """The Confirms about the steps of the run."""


class AttemptRecords:
    """Writes first, then changes what is shown: a view never knows more than the disk."""

    def __init__(self, services: RunServices, state: RunState, chronicle: Chronicle) -> None:
        self.first_turn: Callable[[str], Record] | None = None
        """In a session: what a new attempt's record says about whose turn it is."""
        self._services = services
        self._state = state
        self.ledger = Ledger(services.store, state, chronicle, services.changed)

    def begun(self, step_id: str, kind: str) -> Record:
        """The record of a new attempt at a step, which nobody has written yet; it begins now."""
        record = self._new(
            step_id,
            kind,
            timestamp(self._services.clock()),
            status="running",
            step_status="in_progress",
            segment_status="running",
        )
        if self.first_turn is not None:
            record |= self.first_turn(step_id)
        return record

    def played(self, step_id: str, kind: str, at: str, output: str) -> Record:
        """The record of an attempt that began and succeeded at one instant, not written yet either."""
        record = self._new(
            step_id,
            kind,
            at,
            status="completed",
            step_status="completed",
            segment_status="completed",
        )
        record["finished_at"] = at
        record["duration_s"] = 0.0
        record["tail"] = output[-SHOWN_CHARACTERS:]
        record["output_in_tail"] = True
        return record

    def _new(
        self, step_id: str, kind: str, at: str, *, status: str, step_status: str, segment_status: str
    ) -> Record:
        state, new_id = self._state, self._services.new_id
        return {
            "run_id": state.run_id,
            "step_id": step_id,
            "position": state.positions[step_id],
            "attempt": state.attempts.number(step_id) + 1,
            "action": kind,
            "status": status,
            "step_status": step_status,
            "segment_id": new_id(),
            "segment_status": segment_status,
            "execution_id": new_id(),
            "started_at": at,
            "simulated": state.run["simulated"],
        }

    def start(self, step_id: str, bound: Bound) -> asyncio.Future[tuple[Record, Mapping[str, Any]]]:
        """The new attempt, and what the step's dependencies returned, by their ids; once it is on disk."""
        record = self.begun(step_id, bound.kind) | used_by(bound.kind, bound.settings)
        waiting: asyncio.Future[tuple[Record, Mapping[str, Any]]] = asyncio.get_running_loop().create_future()
        self.ledger.start(
            Entry(record, lambda inputs: waiting.set_result((record, inputs)), waiting.set_exception)
        )
        return waiting

    async def taken_up(self, attempt: Record) -> tuple[Record, Mapping[str, Any]]:
        """The same for an attempt that was under way when its process ended, and goes on as it stood."""

        def work(transaction: Transaction) -> tuple[Record, Mapping[str, Any]]:
            record = records.change_attempt(transaction, attempt, interrupted=False)
            return record, self.ledger.inputs_of(transaction, attempt["step_id"], {})

        record, inputs = await self._services.store.transact(work)
        self._state.take_attempt(record)
        self._services.changed(self._state)
        return record, inputs

    async def process(self, attempt: Record, process: ProcessIdentity) -> None:
        changes = {"pid": process.pid, "start_ticks": process.start_ticks}
        attempt.update(changes)
        await self._services.store.transact(lambda transaction: records.change_attempt(transaction, attempt))

    def result(
        self, attempt: Record, result: ActionResult, *, will_retry: bool, answered_by: str | None
    ) -> asyncio.Future[Record]:
        return self.end(
            attempt,
            answered_by=answered_by,
            output=result.output if result.success else None,
            opens=not will_retry,
            **changes_by(result, will_retry=will_retry),
        )

    async def cancelled(self, attempt: Record) -> None:
        with suppress(StoreError):
            await self.end(attempt, output=None, **self.changes_by_cancelling(attempt["step_id"]))

    def changes_by_cancelling(self, step_id: str) -> dict[str, Any]:
        """What becomes of an attempt that is under way when its run is cancelled."""
        return {
            "status": "cancelled",
            "step_status": "failed",
            "segment_status": "cancelled",
            "finished_at": timestamp(self._services.clock()),
            "error": "The run was cancelled.",
            "error_type": "cancelled",
            "tail": self._state.live_output.get(step_id, ""),
        }

    async def settle(self, attempt: Record, answer: Answer, *, answered_by: str | None = None) -> Record:
        """An attempt whose outcome nobody knew ends as a person, or the settings, say."""
        outcome = "completed" if answer.success else "failed"
        unknown = answer.output or "Its outcome is unknown: the process ended meanwhile."
        return await to_the_end(
            self.end(
                attempt,
                status=outcome,
                step_status="pending" if answer.repeat and not answer.success else outcome,
                segment_status=outcome,
                error=None if answer.success else unknown,
                error_type=None if answer.success else "interrupted",
                tail=answer.output,
                finished_at=timestamp(self._services.clock()),
                interrupted=True,
                answered_by=answered_by,
                output=answer.output,
            )
        )

    def end(
        self, attempt: Record, *, output: Any, opens: bool = False, **changes: Any
    ) -> asyncio.Future[Record]:
        """The record of the attempt that ended, once it is on disk; `opens` as an `Entry` has it."""
        record = ended(attempt, output, changes)
        waiting: asyncio.Future[Record] = asyncio.get_running_loop().create_future()
        self.ledger.end(
            Entry(record, lambda _nothing: waiting.set_result(record), waiting.set_exception, output, opens)
        )
        return waiting


def changes_by(result: ActionResult, *, will_retry: bool) -> dict[str, Any]:
    """What an attempt's record says once its action has answered."""
    outcome = "completed" if result.success else "failed"
    return {
        "status": outcome,
        "step_status": "pending" if will_retry else outcome,
        "segment_status": outcome,
        "finished_at": timestamp(result.finished_at),
        "duration_s": round(result.duration_s, 3),
        "exit_code": result.exit_code,
        "error": result.error,
        "error_type": result.error_type,
        "tail": result.tail[-SHOWN_CHARACTERS:],
    }


def ended(attempt: Record, output: Any, changes: Mapping[str, Any]) -> Record:
    """The record of an attempt with these changes; what is None in them is not known and left out."""
    record = {**attempt, **{name: value for name, value in changes.items() if value is not None}}
    if output and isinstance(output, str) and output == record.get("tail"):
        record["output_in_tail"] = True
    return record
