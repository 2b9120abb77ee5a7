"""One page of a run's ledger: what a commit holds of steps that begin and end, written together.

Everything that is made for a step costs ten thousand times as much in a large run. So the instant is the same
for a page, its ids are drawn at once, and each table gets its rows with one statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.attempt_texts import record_text
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.plan_in_graph import SIMULATED_STEP, simulated_step_id, simulated_step_text
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.step_events import EVENTS_AFTER, EVENTS_BEFORE
from mplp_runtime.vsl.interface import Transaction
from mplp_runtime.vsl.texts import TextRow, put_texts


class PageWriter:
    """Collects what a page says and writes it into one transaction. `at` is the page's instant, as text.

    `begins` and `plays` say how often `begun` and `played` are going to be called.
    """

    def __init__(self, chronicle: Chronicle, transaction: Transaction, *, begins: int, plays: int) -> None:
        self._chronicle = chronicle
        self._transaction = transaction
        self._steps = chronicle.plan["steps"]
        self._positions = chronicle.positions
        self._next = transaction.lamport() + 1
        self._events: list[str] = []
        self._begun: list[TextRow] = []
        self._ended: list[TextRow] = []
        self._nodes: list[TextRow] = []
        count = begins * EVENTS_BEFORE + plays * EVENTS_AFTER
        self._ids = iter(chronicle.step_events.fresh_ids(count))
        self._moment = chronicle.moment()
        self.at = self._moment.at

    def begun(self, record: Record) -> None:
        """A new attempt, whose action has not begun yet."""
        step_id = record["step_id"]
        position = self._positions[step_id]
        make = self._chronicle.step_events
        if "turns" in record:
            for event in self._chronicle.turns_begun(record, self._moment):
                self._events.append(event.text_at(self._next_lamport))
        self._begun.append((records.attempt_id(record), record_text(record)))
        self._events += make.started(
            islice(self._ids, EVENTS_BEFORE),
            self.at,
            self._steps[position],
            position,
            record,
            self._next_lamport,
        )

    def ended(self, record: Record) -> None:
        """An attempt that has ended, in whatever way."""
        self._ended.append((records.attempt_id(record), record_text(record)))
        lamport = self._next_lamport
        for event in self._chronicle.finished(self._transaction, record, self._moment):
            self._events.append(event.text_at(lamport))
            lamport += 1

    def played(self, record: Record) -> None:
        """The first attempt at a step of a simulated run, which succeeded at once: nothing knows its node."""
        if "turns" in record:
            self.ended(record)
            return
        run, step_id = self._chronicle.run, record["step_id"]
        position = self._positions[step_id]
        step: Mapping[str, Any] = self._steps[position]
        node_id = simulated_step_id(run["run_id"], position)
        make = self._chronicle.step_events
        self._ended.append((records.attempt_id(record), record_text(record)))
        self._nodes.append((node_id, simulated_step_text(step_id, "completed", run["plan_id"], position)))
        self._events += make.completed(
            islice(self._ids, EVENTS_AFTER),
            self.at,
            step,
            position,
            record,
            (SIMULATED_STEP, node_id),
            self._next_lamport,
        )

    def write(self) -> None:
        """Hands everything to the transaction."""
        transaction = self._transaction
        put_texts(transaction, records.STEP_ATTEMPT, self._ended, are_new=False)
        put_texts(transaction, SIMULATED_STEP, self._nodes, are_new=False)
        put_texts(transaction, records.STEP_ATTEMPT, self._begun, are_new=True)
        self._chronicle.bus.record_texts(transaction, self._chronicle.stream, self._events)

    @property
    def _next_lamport(self) -> int:
        return self._next + len(self._events)
