"""Runs whose process is gone: their leftovers are ended, and what is known is recorded (D21, D26)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from mplp_runtime.ael.action import ProcessIdentity
from mplp_runtime.ael.process_table import end_process_tree_now, is_alive
from mplp_runtime.ael.tool_call import attempt_mark
from mplp_runtime.errors import StateDamaged
from mplp_runtime.events.bus import EventBus
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.record_shapes import sound_claim
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.state import RunState, load_state
from mplp_runtime.psg.graph import Graph
from mplp_runtime.sources import Clock, timestamp
from mplp_runtime.vsl.interface import Reading, Transaction, ValueStateLayer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Finds and settles runs that nobody carries any more."""

    store: ValueStateLayer
    bus: EventBus
    graph: Graph
    clock: Clock
    damaged: set[str] = field(default_factory=set)
    """Runs that could not be settled; that is told once, not at every look."""

    def ownerless(self) -> list[str]:
        """Ids of runs that say they are live while their owner is gone, without those that are `damaged`."""

        now = self.clock()

        def find(reading: Reading) -> list[str]:
            return [each for each in _abandoned(reading, records.OWNERS, now) if each not in self.damaged]

        return self.store.read(find)

    def files_behind(self) -> list[str]:
        """Ids of runs whose process went before their trace and timeline were finished, ended runs too.

        Not of those under way: they are written by whoever carries them, or else once they are interrupted.
        """
        now = self.clock()

        def find(reading: Reading) -> list[str]:
            behind = _abandoned(reading, records.FILES_BEHIND, now)
            return [
                run_id
                for run_id in behind
                if (records.read_run(reading, run_id) or {}).get("status") not in records.LIVE_STATUSES
            ]

        return self.store.read(find)

    def files_written(self, run_id: str, *, of: Record | None = None) -> bool:
        """Says that the run's files tell all that the store knows. Raises StoreError.

        Not so, and False, where they are `of` an older record of the run than the store has by now. Another
        process that is still about to write them says so itself, and until then they count as behind.
        """
        key, now = records.files_key(run_id), self.clock()

        def work(transaction: Transaction) -> bool:
            if of is not None and records.read_run(transaction, run_id) != of:
                return False
            claim = sound_claim(transaction, key)
            if claim is None or records.is_of_this_process(claim) or not records.is_claim_alive(claim, now):
                transaction.delete(key)
            return True

        return self.store.transact_sync(work)

    def recover_all(self) -> list[str]:
        """Makes every ownerless run `interrupted`; returns their ids. A damaged one is told in the log."""
        found: list[str] = []
        for run_id in self.ownerless():
            try:
                if self.interrupt(run_id):
                    found.append(run_id)
            except StateDamaged as damage:
                self.damaged.add(run_id)
                logger.warning("%s", damage)
        return found

    def interrupt(self, run_id: str, *, instance: str | None = None, error: str | None = None) -> bool:
        """Makes one live run `interrupted`, if its owner is gone or is `instance`; False if it was not."""
        state = self.store.read(lambda reading: load_state(reading, run_id))
        if state is None:
            return False
        under_way = _under_way(state)
        for attempt in under_way:
            end_leftovers(attempt)

        def work(transaction: Transaction) -> bool:
            run = records.read_run(transaction, run_id)
            if run is None or run["status"] not in records.LIVE_STATUSES:
                return False
            claim = transaction.get(run["owner_key"])
            if claim is not None and claim["run_id"] == run_id:
                if claim["instance"] != instance and records.is_claim_alive(claim, self.clock()):
                    return False
                transaction.delete(run["owner_key"])
            chronicle = self.chronicle(state)
            for attempt in under_way:
                record = records.change_attempt(transaction, attempt, interrupted=True)
                chronicle.step_interrupted(transaction, record)
            chronicle.run_interrupted(transaction)
            records.change_run(transaction, run_id, status="interrupted", questions={}, error=error)
            self._files_fall_behind(transaction, run_id)
            return True

        is_done = self.store.transact_sync(work)
        if is_done and any(attempt["status"] == "cancelled" for attempt in state.attempts.values()):
            # Its process went while it carried out a person's word to cancel; that word stands.
            self.abandon(run_id, "The run was cancelled.")
        return is_done

    def abandon(self, run_id: str, why: str, *, is_newest: bool = True) -> bool:
        """An interrupted run that nobody will resume becomes `cancelled`; False if it is not interrupted."""
        state = self.store.read(lambda reading: load_state(reading, run_id))
        if state is None:
            return False
        now = timestamp(self.clock())
        under_way = _under_way(state)

        def work(transaction: Transaction) -> bool:
            run = records.read_run(transaction, run_id)
            if run is None or run["status"] != "interrupted":
                return False
            chronicle = replace(self.chronicle(state), is_newest=is_newest)
            for attempt in under_way:
                ended: dict[str, Any] = {
                    "status": "cancelled",
                    "step_status": "failed",
                    "segment_status": "cancelled",
                    "finished_at": now,
                    "error": f"Its outcome is unknown. {why}",
                    "interrupted": True,
                }
                chronicle.step_finished(transaction, records.change_attempt(transaction, attempt, **ended))
            blocked = state.blocked_steps(attempt["step_id"] for attempt in under_way)
            chronicle.run_finished(transaction, "cancelled", {}, why, blocked)
            records.change_run(transaction, run_id, status="cancelled", finished_at=now, error=why)
            self._files_fall_behind(transaction, run_id)
            return True

        return self.store.transact_sync(work)

    def _files_fall_behind(self, transaction: Transaction, run_id: str) -> None:
        key = records.files_key(run_id)
        if transaction.get(key) is None:
            transaction.set(key, records.own_claim(run_id, "", timestamp(self.clock())))

    def chronicle(self, state: RunState) -> Chronicle:
        """The one who records events of this run."""
        return Chronicle(self.bus, self.graph, state.run, state.plan, state.positions)


def end_leftovers(attempt: Record) -> int:
    """Ends what an attempt started and left behind; never a stranger that got the same process number."""
    mark = attempt_mark(attempt["run_id"], attempt["step_id"], attempt["attempt"])
    pid, ticks = attempt.get("pid"), attempt.get("start_ticks")
    # Without a start time nothing tells our process from a later one with its number.
    is_ours = pid is not None and ticks is not None and is_alive(ProcessIdentity(pid, ticks))
    return end_process_tree_now(pid if is_ours else None, mark)


def _abandoned(reading: Reading, prefix: str, now: datetime) -> Iterator[str]:
    """The ids of runs that are claimed under keys with this prefix by somebody who is gone."""
    for key in reading.keys(prefix):
        claim = sound_claim(reading, key)
        if claim is not None and not records.is_claim_alive(claim, now):
            yield claim["run_id"]


def _under_way(state: RunState) -> list[Record]:
    return state.attempts.under_way()
