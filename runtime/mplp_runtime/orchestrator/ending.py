"""How a run ends: completed, failed or cancelled, with all that belongs to it in one commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.attempts import RunServices
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.state import RunState, why_not_completed
from mplp_runtime.sources import timestamp
from mplp_runtime.vsl.interface import Transaction


async def end_run(services: RunServices, state: RunState, chronicle: Chronicle, word: str | None) -> None:
    """Writes that a run is over; nobody owns it any more. `word` is a status that was asked for.

    Raises StoreError; then the run is still under way.
    """
    blocked = state.blocked_steps()
    counts: Mapping[str, int] = Counter(state.status_of(step_id) for step_id in state.steps)
    succeeded = state.is_done and not state.run.get("not_completed_because")
    status = word or ("completed" if succeeded else "failed")
    error = None if status == "completed" else why_not_completed(state, status)
    if more := await services.before_end(state, status):
        error = f"{error} {more}"
    finished_at = timestamp(services.clock())

    def work(transaction: Transaction) -> Record:
        chronicle.run_finished(transaction, status, counts, error, blocked)
        transaction.delete(state.run["owner_key"])
        return records.change_run(
            transaction, state.run_id, status=status, finished_at=finished_at, error=error, questions={}
        )

    state.take_run(await services.store.transact(work))
    services.changed(state)
