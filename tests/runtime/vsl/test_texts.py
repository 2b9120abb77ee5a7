"""Many rows handed over as ready texts leave in every store what the same values one by one would."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest

from mplp_runtime.errors import NodeExists
from mplp_runtime.events.bus import EventBus
from mplp_runtime.sources import new_uuid, system_clock
from mplp_runtime.vsl.interface import Edge, Transaction, ValueStateLayer
from mplp_runtime.vsl.ready import WrittenEvents
from mplp_runtime.vsl.texts import add_edges, append_texts, edges_from, nodes_by_id, put_texts
from mplp_runtime.vsl.values import compact, stamped

CORE: dict[str, Any] = {"event_id": "e", "event_type": "t", "event_family": "intent", "text": "half \ud83d"}
PROFILE: dict[str, Any] = {"event_id": "f", "event_type": "SAStepStarted", "sa_id": "s", "payload": {"n": 1}}
EDGES = [Edge("dependency", "Step", "a", "Step", name) for name in ("b", "c")]
EDGE_ROWS = [astuple(edge) for edge in EDGES]


def test_events_take_the_next_places_in_the_log(store: ValueStateLayer) -> None:
    def work(transaction: Transaction) -> None:
        transaction.append_event("project", CORE)
        first = transaction.lamport() + 1
        texts = [compact(stamped(event, first + place)) for place, event in enumerate((CORE, PROFILE))]
        append_texts(transaction, "run", texts)
        transaction.append_event("project", PROFILE)

    store.transact_sync(work)
    stored = store.read(lambda reading: list(reading.events()))
    assert [(each.lamport, each.stream) for each in stored] == [
        (1, "project"),
        (2, "run"),
        (3, "run"),
        (4, "project"),
    ]
    assert [each.event for each in stored[1:3]] == [stamped(CORE, 2), stamped(PROFILE, 3)]


def test_nodes_and_edges_are_written_and_replaced(store: ValueStateLayer) -> None:
    rows = [("Step", name, compact({"name": name, "text": "half \ud83d"}), False) for name in ("a", "b", "c")]
    anew = [("Step", "b", compact({"n": 2}), True), ("Step", "c", compact({"n": 3}), True)]

    def first(transaction: Transaction) -> int:
        put_texts(transaction, rows)
        return add_edges(transaction, EDGE_ROWS)

    def second(transaction: Transaction) -> int:
        transaction.delete_node("Step", "c")
        put_texts(transaction, anew)
        return add_edges(transaction, EDGE_ROWS)

    assert store.transact_sync(first) == 2
    # The edge to the deleted node went with it.
    assert store.transact_sync(second) == 1
    nodes = store.read(lambda reading: reading.nodes("Step"))
    assert [(node.id, dict(node.data), node.version) for node in nodes] == [
        ("a", {"name": "a", "text": "half \ud83d"}, 1),
        ("b", {"n": 2}, 2),
        ("c", {"n": 3}, 3),
    ]
    assert store.read(lambda reading: list(reading.edges(source=("Step", "a")))) == EDGES


def test_what_leaves_from_many_nodes_is_found_at_once(store: ValueStateLayer) -> None:
    def work(transaction: Transaction) -> list[Edge]:
        for name in ("a", "b", "c"):
            transaction.create_node("Step", name, {})
        transaction.create_node("Plan", "a", {})
        back = Edge("dependency", "Step", "b", "Step", "a")
        for edge in (*EDGES, back, Edge("plan", "Plan", "a", "Step", "a")):
            transaction.add_edge(edge)
        return [edge for edge in edges_from(transaction, "Step", ["b", "nobody", "a"]) if edge != back]

    assert store.transact_sync(work) == EDGES
    assert store.transact_sync(lambda transaction: list(edges_from(transaction, "Step", ["c"]))) == []


def test_nodes_are_found_by_many_ids_unless_they_are_deleted(store: ValueStateLayer) -> None:
    def work(transaction: Transaction) -> dict[str, tuple[Any, int]]:
        for name in ("a", "b", "c"):
            transaction.write_node("Step", name, {"name": name})
        transaction.write_node("Step", "a", {"name": "A"})
        transaction.delete_node("Step", "b")
        transaction.write_node("Plan", "d", {})
        found = nodes_by_id(transaction, "Step", ["a", "b", "c", "d", "nobody"])
        return {name: (dict(node.data), node.version) for name, node in found.items()}

    assert store.transact_sync(work) == {"a": ({"name": "A"}, 2), "c": ({"name": "c"}, 1)}


def test_a_new_node_that_is_there_undoes_the_whole_work(store: ValueStateLayer) -> None:
    store.transact_sync(lambda transaction: transaction.write_node("Step", "b", {"n": 1}))

    def work(transaction: Transaction) -> None:
        append_texts(transaction, "run", [compact(stamped(CORE, transaction.lamport() + 1))])
        put_texts(transaction, [("Step", "a", "{}", True), ("Step", "b", "{}", False)])

    with pytest.raises(NodeExists):
        store.transact_sync(work)
    assert [node.id for node in store.read(lambda reading: reading.nodes("Step"))] == ["b"]
    assert store.read(lambda reading: list(reading.events())) == []


def test_followers_get_the_events_of_a_commit_as_a_sequence(store: ValueStateLayer) -> None:
    bus = EventBus(store, clock=system_clock, new_id=new_uuid)
    told: list[object] = []
    bus.follow(lambda events: told.extend((each.lamport, each.stream, dict(each.event)) for each in events))
    texts = [compact(stamped(CORE, 1)), compact(stamped(PROFILE, 2))]
    store.transact_sync(lambda transaction: bus.record_texts(transaction, "run", texts))
    assert told == [(1, "run", stamped(CORE, 1)), (2, "run", stamped(PROFILE, 2))]


def test_a_part_of_a_sequence_keeps_the_times_of_its_events() -> None:
    events = WrittenEvents(5, "run", [compact(stamped(CORE, number)) for number in range(5, 10)])
    assert [each.lamport for each in events[2:4]] == [7, 8]
    assert [each.lamport for each in events[::2]] == [5, 7, 9]
    assert (events[-1].lamport, events[0].event["lamport_timestamp"], len(events)) == (9, 5, 5)
    with pytest.raises(IndexError):
        events[5]
