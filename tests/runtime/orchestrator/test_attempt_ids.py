"""Where the record of an attempt lies, in this version and in those before it."""

from __future__ import annotations

from typing import Any

from mplp_runtime.orchestrator import records
from mplp_runtime.vsl.interface import Transaction
from mplp_runtime.vsl.memory import MemoryStore

OLD: dict[str, Any] = {"run_id": "r", "step_id": "s", "attempt": 1, "status": "running"}
NEW: dict[str, Any] = {**OLD, "attempt": 2, "position": 7}


def test_ids_of_attempts_sort_as_the_steps_of_the_plan_do() -> None:
    ids = [records.attempt_id({**NEW, "position": position}) for position in (0, 9, 10, 99_999, 100_000)]
    assert ids == sorted(ids)


def test_attempts_of_an_earlier_version_are_found_and_changed_where_they_lie() -> None:
    store = MemoryStore()

    def work(transaction: Transaction) -> list[dict[str, Any]]:
        transaction.create_node(records.STEP_ATTEMPT, "r/s/1", OLD)
        transaction.create_node(records.STEP_ATTEMPT, "r/000007/2", NEW)
        found = records.read_attempts(transaction, "r", "s", 7)
        for record in found:
            records.change_attempt(transaction, record, status="completed")
        return found

    assert store.transact_sync(work) == [OLD, NEW]
    nodes = store.read(lambda reading: reading.nodes(records.STEP_ATTEMPT))
    assert [(node.id, node.data["status"]) for node in nodes] == [
        ("r/s/1", "completed"),
        ("r/000007/2", "completed"),
    ]


def test_the_attempts_of_a_step_are_found_without_its_position_only_where_they_lie_by_its_id() -> None:
    store = MemoryStore()
    store.transact_sync(lambda transaction: transaction.create_node(records.STEP_ATTEMPT, "r/s/1", OLD))
    assert store.read(lambda reading: records.read_attempts(reading, "r", "s", None)) == [OLD]
