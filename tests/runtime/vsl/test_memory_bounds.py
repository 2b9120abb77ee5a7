"""A store in memory lives as long as the process, so what grows with every edit has an end."""

from __future__ import annotations

import pytest

from mplp_runtime.vsl.interface import Json, Transaction
from mplp_runtime.vsl.memory import MemoryStore


def append(store: MemoryStore, stream: str, number: int) -> int:
    event: dict[str, Json] = {"number": number}
    return store.transact_sync(lambda transaction: transaction.append_event(stream, event))


def numbers(store: MemoryStore, stream: str | None = None, after: int = 0) -> list[object]:
    return [stored.event["number"] for stored in store.read(lambda one: one.events(stream, after=after))]


def test_a_day_of_edits_keeps_the_newest_events_of_the_project_and_all_of_a_run() -> None:
    store = MemoryStore(kept_events={"project": 10})
    for number in range(500):
        last = append(store, "project", number)
        if number % 100 == 0:
            append(store, "run-1", number)
    project = numbers(store, "project")
    assert 10 <= len(project) < 15
    assert project == list(range(500 - len(project), 500))
    assert numbers(store, "run-1") == [0, 100, 200, 300, 400]
    assert len(numbers(store)) == len(project) + 5
    assert last == 505
    assert numbers(store, "project", after=last - 1) == [499]


def test_what_is_undone_after_old_events_were_forgotten_leaves_the_rest() -> None:
    store = MemoryStore(kept_events={"project": 2})
    for number in range(5):
        append(store, "project", number)
    before = numbers(store)

    def failing(transaction: Transaction) -> None:
        transaction.append_event("project", {"number": 99})
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - raised above, without a word.
        store.transact_sync(failing)
    assert numbers(store) == before
    assert append(store, "project", 5) == 6
