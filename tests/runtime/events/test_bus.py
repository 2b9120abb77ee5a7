"""The bus: only valid events, causes before effects, delivery after the commit in order."""

from __future__ import annotations

import asyncio
import logging

import pytest

from mplp_runtime.errors import EventRejected
from mplp_runtime.events.bus import topics_of
from mplp_runtime.events.families import event_core, external_integration, map_event, pipeline_stage, sa_event
from mplp_runtime.vsl.interface import StoredEvent, Transaction, ValueStateLayer
from tests.runtime.samples import bus_of, stamper, uuid

FILE = {"file_path": "a.py", "change_type": "modified", "timestamp": "2025-12-06T12:00:00Z"}


async def test_an_event_that_is_not_valid_is_refused_with_what_else_the_transaction_did(
    store: ValueStateLayer,
) -> None:
    bus = bus_of(store)

    def work(transaction: Transaction) -> None:
        transaction.set("key", 1)
        bus.record(transaction, "run", {"event_type": "x", "event_family": "intent"})

    with pytest.raises(EventRejected, match="`event_id` is missing"):
        await store.transact(work)
    assert await store.get("key") is None
    assert store.read(lambda reading: reading.events()) == []


async def test_an_execution_cannot_start_before_its_plan_was_created(store: ValueStateLayer) -> None:
    bus = bus_of(store)
    started = event_core(
        bus.stamper, "plan_execution_started", "runtime_execution", payload={"plan_id": uuid(9)}
    )
    started |= {"execution_id": uuid(8), "executor_kind": "worker", "status": "running"}
    with pytest.raises(EventRejected, match="before it was created"):
        await bus.emit("run", started)
    other = event_core(bus.stamper, "plan_created", "intent", payload={"plan_id": uuid(7)})
    await bus.emit("run", other)
    with pytest.raises(EventRejected, match="before it was created"):
        await bus.emit("run", started)
    created = event_core(bus.stamper, "plan_created", "intent", plan_id=uuid(9))
    first = await bus.emit("project", created)
    assert await bus.emit("run", started) > first


async def test_cause_and_effect_may_share_a_transaction_in_this_order_only(store: ValueStateLayer) -> None:
    bus = bus_of(store)
    created = event_core(bus.stamper, "plan_created", "intent", plan_id=uuid(9))
    started = event_core(bus.stamper, "plan_execution_started", "intent", plan_id=uuid(9))

    def record(transaction: Transaction, *events: dict[str, object]) -> None:
        for event in events:
            bus.record(transaction, "run", event)

    with pytest.raises(EventRejected):
        await store.transact(lambda transaction: record(transaction, started, created))
    with pytest.raises(EventRejected):
        await bus.emit("run", started)
    await store.transact(lambda transaction: record(transaction, created, started))


async def test_a_creation_must_say_which_plan(store: ValueStateLayer) -> None:
    bus = bus_of(store)
    with pytest.raises(EventRejected, match="plan_id is missing"):
        await bus.emit("run", event_core(bus.stamper, "plan_created", "intent"))


async def test_events_are_delivered_in_lamport_order_as_they_are_stored(store: ValueStateLayer) -> None:
    bus = bus_of(store)
    seen: list[StoredEvent] = []
    bus.subscribe("*", seen.append)

    def work(transaction: Transaction) -> None:
        for _ in range(3):
            bus.record(transaction, "run", event_core(bus.stamper, "x", "intent"))

    await asyncio.gather(*[store.transact(work) for _ in range(40)])
    assert [stored.lamport for stored in seen] == list(range(1, 121))
    assert seen == store.read(lambda reading: reading.events("run"))


async def test_an_undone_event_is_not_delivered(store: ValueStateLayer) -> None:
    bus = bus_of(store)
    seen: list[StoredEvent] = []
    bus.subscribe("*", seen.append)

    def work(transaction: Transaction) -> None:
        bus.record(transaction, "run", event_core(bus.stamper, "x", "intent"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.transact(work)
    assert seen == []


async def test_each_topic_gets_its_events_once(store: ValueStateLayer) -> None:
    bus = bus_of(store)
    counts = dict.fromkeys(
        ["*", "observability.*", "observability.pipeline_stage", "integration.*", "profile.sa"], 0
    )

    def count(topic: str) -> None:
        counts[topic] += 1

    for topic in counts:
        bus.subscribe(topic, lambda _, topic=topic: count(topic))
    await bus.emit(
        "run", pipeline_stage(bus.stamper, "x", pipeline_id=uuid(1), stage_id="plan", status="draft")
    )
    await bus.emit("run", sa_event(bus.stamper, "SAInitialized", sa_id=uuid(1)))
    await bus.emit("run", external_integration(bus.stamper, "file_update", FILE, source="lsp"))
    assert counts == {
        "*": 3,
        "observability.*": 2,
        "observability.pipeline_stage": 1,
        "integration.*": 1,
        "profile.sa": 1,
    }


def test_topics_follow_the_seeds() -> None:
    assert "integration.file_update" in topics_of(
        external_integration(stamper(), "file_update", FILE, source="s")
    )
    assert "integration.git" in topics_of(
        {"event_family": "external_integration", "event_type": "git_operation"}
    )
    assert "integration.tool" in topics_of(
        {"event_family": "external_integration", "event_type": "tool_execution"}
    )
    assert topics_of(map_event(stamper(), "MAPSessionStarted", session_id=uuid(1))) == ("profile.map",)


async def test_a_failing_subscriber_is_logged_and_the_others_are_served(
    store: ValueStateLayer, caplog: pytest.LogCaptureFixture
) -> None:
    bus = bus_of(store)
    seen: list[StoredEvent] = []
    bus.subscribe("*", lambda _: 1 // 0)  # type: ignore[arg-type,return-value]
    bus.subscribe("*", seen.append)
    with caplog.at_level(logging.ERROR):
        await bus.emit("run", event_core(bus.stamper, "x", "intent"))
    assert len(seen) == 1
    assert "subscriber" in caplog.text


async def test_who_unsubscribed_hears_nothing_more(store: ValueStateLayer) -> None:
    bus = bus_of(store)
    seen: list[StoredEvent] = []
    unsubscribe = bus.subscribe("*", seen.append)
    bus.subscribe("*", seen.append)
    unsubscribe()
    unsubscribe()
    bus.emit_sync("run", event_core(bus.stamper, "x", "intent"))
    assert len(seen) == 1
