"""What a person decides about one step of a run under way: once more, or on without it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.attempts import AttemptRecords, RunServices
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.state import RunState
from mplp_runtime.orchestrator.uncancelled import to_the_end
from mplp_runtime.orchestrator.views import Answer
from mplp_runtime.sources import timestamp
from mplp_runtime.vsl.interface import Transaction


class Driver(Protocol):
    """What of the control loop a decision needs."""

    @property
    def is_ending(self) -> bool: ...
    def is_played_out(self, step_id: str) -> bool: ...
    def keep_back(self, step_id: str) -> None: ...
    async def withdraw(self, step_id: str) -> None: ...
    def go_on(self, step_id: str, *, is_skipped: bool) -> None: ...
    def answer(self, step_id: str, answer: Answer) -> bool: ...


class StepDecisions:
    """Decisions of one run. `under_way` counts those that are being written: the run does not end before."""

    def __init__(
        self,
        services: RunServices,
        state: RunState,
        chronicle: Chronicle,
        attempts: AttemptRecords,
        driver: Driver,
    ) -> None:
        self._services = services
        self._state = state
        self._chronicle = chronicle
        self._attempts = attempts
        self._driver = driver
        self.under_way = 0
        # Whoever decides second decides about what the first has left.
        self._one_at_a_time = asyncio.Lock()

    def repeat_all(self) -> None:
        """Consent to run every interrupted step again."""
        for step_id, kind in dict(self._state.run.get("questions", {})).items():
            if kind == "repeat":
                self._driver.answer(step_id, Answer(False, repeat=True))

    async def retry(self, step_id: str) -> bool:
        """A failed step is pending again; False where it is not failed, or the run is about to end."""
        async with self._one_at_a_time:
            attempt = self._state.attempts.get(step_id)
            if self._driver.is_ending or attempt is None or self._state.status_of(step_id) != "failed":
                return False
            # From here on, before anything else has its turn: the run does not end before this is decided.
            self.under_way += 1
            return await to_the_end(self._retry(attempt))

    async def skip(self, step_id: str, because: str) -> bool:
        """The run goes on without the step; False where it is under way or over, or the run about to end."""
        async with self._one_at_a_time:
            state = self._state
            status = state.status_of(step_id)
            is_declined = state.is_declined(step_id) and not state.is_skipped(step_id)
            is_over = status in {"completed", "skipped"} and not is_declined
            is_busy = status == "in_progress" and state.question_kind(step_id) is None
            is_busy = is_busy or (status == "pending" and self._driver.is_played_out(step_id))
            if self._driver.is_ending or is_over or is_busy:
                return False
            # Here as well, and nobody begins the step meanwhile.
            self.under_way += 1
            self._driver.keep_back(step_id)
            return await to_the_end(self._skip(step_id, because))

    async def _retry(self, attempt: Record) -> bool:
        try:
            await self._attempts.ledger.written()

            def work(transaction: Transaction) -> Record:
                record = records.change_attempt(transaction, attempt, step_status="pending")
                self._chronicle.step_retried(transaction, record)
                return record

            self._state.take_attempt(await self._services.store.transact(work))
        finally:
            self.under_way -= 1
            self._driver.go_on(attempt["step_id"], is_skipped=False)
        self._services.changed(self._state)
        return True

    async def _skip(self, step_id: str, because: str) -> bool:
        is_written = False
        try:
            await self._driver.withdraw(step_id)
            await self._attempts.ledger.written()
            begun = self._state.attempts.get(step_id)
            if begun is not None and begun["step_status"] == "in_progress":
                ended = end_of_skipped(because, timestamp(self._services.clock()))
                await self._attempts.end(begun, output=None, **ended)

            def work(transaction: Transaction) -> Record:
                return record_skip(transaction, self._chronicle, self._state.run_id, step_id, because)

            self._state.take_run(await self._services.store.transact(work))
            is_written = True
        finally:
            self.under_way -= 1
            self._driver.go_on(step_id, is_skipped=is_written)
        self._services.changed(self._state)
        return True


def end_of_skipped(because: str, at: str) -> Record:
    """What an attempt that is not over becomes when its step is skipped."""
    return {
        "status": "cancelled",
        "step_status": "failed",
        "segment_status": "cancelled",
        "finished_at": at,
        "error": f"Skipped: {because}",
        "answered_by": "human",
    }


def record_skip(
    transaction: Transaction, chronicle: Chronicle, run_id: str, step_id: str, because: str
) -> Record:
    """The step counts as done from now on, and nobody is asked about it any more; the run's new record."""
    run = records.read_run(transaction, run_id) or {}
    chronicle.steps_skipped(transaction, {step_id: because})
    questions = {each: word for each, word in run.get("questions", {}).items() if each != step_id}
    return records.change_run(
        transaction,
        run_id,
        skipped={**run.get("skipped", {}), step_id: because},
        questions=questions,
    )
