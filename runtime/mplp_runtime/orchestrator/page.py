"""One page of a run's ledger: what a commit holds of steps that begin and end, written together.

Everything that is made for a step costs ten thousand times as much in a large run. So the instant is the same
for a page, its ids are drawn at once, and each table gets its rows with one statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.attempt_texts import record_text
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.plan_in_graph import SIMULATED_STEP, simulated_step_id, simulated_step_text
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.step_events import EVENTS_AFTER, EVENTS_BEFORE, SharedTexts
from mplp_runtime.vsl.interface import Transaction
from mplp_runtime.vsl.texts import TextRow, put_texts


class PageWriter:
    """Collects what a page says and writes it into one transaction. `at` is the page's instant, as text.

    `begins` says how many attempts are going to begin on it, `plays` how many of them are played.
    """

    def __init__(self, chronicle: Chronicle, transaction: Transaction, *, begins: int, plays: int) -> None:
        self._chronicle = chronicle
        self._transaction = transaction
        self._steps = chronicle.plan["steps"]
        self._positions = chronicle.positions
        self._next = transaction.lamport() + 1
        self._events: list[str] = []
        self._make = chronicle.step_events
        self._rows: list[TextRow] = []
        count = begins * EVENTS_BEFORE + plays * EVENTS_AFTER
        self._ids = iter(self._make.fresh_ids(count))
        self._moment = chronicle.moment()
        self.at = self._moment.at

    def begun(self, record: Record) -> None:
        """A new attempt, whose action has not begun yet."""
        self._put(record, may_replace=False)
        if "turns" in record:
            for event in self._chronicle.turns_begun(record, self._moment):
                self._events.append(event.text_at(self._next_lamport))
        self._tell_begun(self._shared(record))

    def ended(self, record: Record) -> None:
        """An attempt that has ended, in whatever way."""
        self._put(record, may_replace=True)
        lamport = self._next_lamport
        for event in self._chronicle.finished(self._transaction, record, self._moment):
            self._events.append(event.text_at(lamport))
            lamport += 1

    def played(self, attempts: Sequence[Record]) -> None:
        """First attempts at steps of a simulated run, which began together and succeeded at once."""
        shared = [self._shared(record) for record in attempts]
        for record, each in zip(attempts, shared, strict=True):
            self._put(record, may_replace=False)
            self._tell_begun(each)
        for record, each in zip(attempts, shared, strict=True):
            self._tell_played(record, each)

    def _shared(self, record: Record) -> SharedTexts:
        position = self._positions[record["step_id"]]
        return self._make.shared(self._steps[position], position, record)

    def _put(self, record: Record, *, may_replace: bool) -> None:
        row = (records.STEP_ATTEMPT, records.attempt_id(record), record_text(record), may_replace)
        self._rows.append(row)

    def _tell_begun(self, shared: SharedTexts) -> None:
        ids = islice(self._ids, EVENTS_BEFORE)
        self._events += self._make.started(ids, self.at, shared, self._next_lamport)

    def _tell_played(self, record: Record, shared: SharedTexts) -> None:
        """What `ended` does, for a step of a dry run whose node tells of its end for the first time."""
        run, position = self._chronicle.run, record["position"]
        node_id = simulated_step_id(run["run_id"], position)
        text = simulated_step_text(record["step_id"], "completed", run["plan_id"], position)
        self._rows.append((SIMULATED_STEP, node_id, text, True))
        ids, node = islice(self._ids, EVENTS_AFTER), (SIMULATED_STEP, node_id)
        self._events += self._make.completed(ids, self.at, shared, record, node, self._next_lamport)

    def write(self) -> None:
        """Hands everything to the transaction."""
        transaction = self._transaction
        put_texts(transaction, self._rows)
        self._chronicle.bus.record_texts(transaction, self._chronicle.stream, self._events)

    @property
    def _next_lamport(self) -> int:
        return self._next + len(self._events)
