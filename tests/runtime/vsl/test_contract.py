"""What every back end promises; each test runs against all of them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest

from mplp_runtime.errors import NodeConflict, NodeExists, NodeMissing, StoreError
from mplp_runtime.vsl.interface import Edge, Reading, Transaction, ValueStateLayer

CORE = {"event_id": "e", "event_type": "t", "event_family": "intent"}


async def test_a_value_that_was_set_comes_back_equal(store: ValueStateLayer) -> None:
    value = {"text": "ä\U0001f600", "list": [1, 2.5, True, None], "nested": {"": 0}}
    await store.set("key", value)
    assert await store.get("key") == value


async def test_a_key_that_was_never_set_is_none(store: ValueStateLayer) -> None:
    assert await store.get("nothing") is None


async def test_null_and_absent_read_alike_but_only_one_is_listed(store: ValueStateLayer) -> None:
    await store.set("null", None)
    assert await store.get("null") is None
    assert store.read(lambda reading: reading.keys()) == ["null"]


async def test_half_a_character_pair_survives(store: ValueStateLayer) -> None:
    await store.set("output", "cut \ud83d here")
    assert await store.get("output") == "cut \ud83d here"


@pytest.mark.parametrize(
    "work",
    [
        lambda tx: tx.set("a\ud800", 1),
        lambda tx: tx.write_node("Step", "a\ud800", {}),
        lambda tx: tx.create_node("Ste\ud800", "a", {}),
        lambda tx: tx.append_event("a\ud800", {"event_family": "intent"}),
        lambda tx: tx.create_snapshot("s", "a\ud800"),
    ],
    ids=["key", "node", "type", "stream", "label"],
)
async def test_a_name_that_no_disk_keeps_is_refused_everywhere(
    store: ValueStateLayer, work: Callable[[Transaction], object]
) -> None:
    with pytest.raises(StoreError, match="half of a surrogate pair"):
        await store.transact(work)
    assert store.read(lambda reading: (list(reading.keys()), reading.lamport(), reading.snapshots())) == (
        [],
        0,
        [],
    )
    assert store.read(lambda reading: list(reading.nodes("Step"))) == []


async def test_keys_with_a_prefix_are_listed_in_order(store: ValueStateLayer) -> None:
    for key in ("runs/b", "runs/a", "run", "runs%", "RUNS/c"):
        await store.set(key, 1)
    assert store.read(lambda reading: reading.keys("runs/")) == ["runs/a", "runs/b"]
    assert len(store.read(lambda reading: reading.keys())) == 5


async def test_a_deleted_key_is_gone(store: ValueStateLayer) -> None:
    await store.set("key", 1)
    await store.transact(lambda transaction: transaction.delete("key"))
    assert await store.get("key") is None
    await store.transact(lambda transaction: transaction.delete("key"))


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
async def test_what_is_no_json_value_is_refused_and_nothing_changes(
    store: ValueStateLayer, value: object
) -> None:
    await store.set("key", "before")
    with pytest.raises(StoreError, match="cannot be stored"):
        await store.set("key", value)
    assert await store.get("key") == "before"


async def test_changing_a_value_after_storing_it_changes_nothing_in_the_store(store: ValueStateLayer) -> None:
    value = {"list": [1]}
    await store.set("key", value)
    value["list"].append(2)
    read = await store.get("key")
    read["list"].append(3)
    assert await store.get("key") == {"list": [1]}


async def test_a_failing_unit_of_work_leaves_no_trace(store: ValueStateLayer) -> None:
    edge = Edge("dependency", "Step", "a", "Step", "b")
    await store.transact(lambda transaction: transaction.write_node("Step", "a", {"status": "pending"}))

    def work(transaction: Transaction) -> None:
        transaction.set("key", 1)
        transaction.write_node("Step", "a", {"status": "completed"})
        transaction.create_node("Step", "b", {})
        transaction.add_edge(edge)
        transaction.append_event("run", CORE)
        transaction.delete_node("Step", "b")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.transact(work)
    assert store.read(
        lambda reading: (reading.keys(), reading.edges(), reading.events(), reading.lamport())
    ) == (
        [],
        [],
        [],
        0,
    )
    node = store.read(lambda reading: reading.read_node("Step", "a"))
    assert node is not None
    assert (node.data, node.version) == ({"status": "pending"}, 1)
    assert store.read(lambda reading: reading.read_node("Step", "b", deleted=True)) is None


async def test_a_failing_unit_of_work_is_undone_alone(store: ValueStateLayer) -> None:
    def failing(transaction: Transaction) -> None:
        transaction.set("failing", 1)
        transaction.append_event("run", CORE)
        raise ZeroDivisionError

    def working(number: int) -> int:
        return store_number(store, number)

    results = await asyncio.gather(
        *[
            store.transact(failing) if number % 3 == 0 else asyncio.to_thread(working, number)
            for number in range(30)
        ],
        return_exceptions=True,
    )
    failed = [result for result in results if isinstance(result, ZeroDivisionError)]
    lamports = sorted(result for result in results if isinstance(result, int))
    assert len(failed) == 10
    assert await store.get("failing") is None
    assert lamports == list(range(1, 21)), "the clock has no gaps where work was undone"


def store_number(store: ValueStateLayer, number: int) -> int:
    return store.transact_sync(
        lambda transaction: transaction.append_event("run", {**CORE, "number": number})
    )


async def test_work_sees_its_own_changes(store: ValueStateLayer) -> None:
    def work(transaction: Transaction) -> tuple[object, object, int]:
        transaction.set("key", 1)
        transaction.write_node("Step", "a", {"n": 1})
        transaction.append_event("run", CORE)
        return transaction.get("key"), transaction.read_node("Step", "a"), len(transaction.events("run"))

    value, node, events = await store.transact(work)
    assert (value, node is not None, events) == (1, True, 1)


async def test_versions_rise_with_each_write(store: ValueStateLayer) -> None:
    def write(transaction: Transaction) -> int:
        return transaction.write_node("Step", "a", {}).version

    assert [await store.transact(write) for _ in range(3)] == [1, 2, 3]


async def test_creating_a_node_twice_is_refused_also_after_its_deletion(store: ValueStateLayer) -> None:
    await store.transact(lambda transaction: transaction.create_node("Step", "a", {}))
    with pytest.raises(NodeExists):
        await store.transact(lambda transaction: transaction.create_node("Step", "a", {}))
    await store.transact(lambda transaction: transaction.delete_node("Step", "a"))
    with pytest.raises(NodeExists):
        await store.transact(lambda transaction: transaction.create_node("Step", "a", {}))


async def test_a_write_that_expects_another_version_is_refused(store: ValueStateLayer) -> None:
    await store.transact(lambda transaction: transaction.write_node("Step", "a", {"n": 1}))
    await store.transact(
        lambda transaction: transaction.write_node("Step", "a", {"n": 2}, expected_version=1)
    )
    with pytest.raises(NodeConflict, match="version 2"):
        await store.transact(lambda tx: tx.write_node("Step", "a", {"n": 3}, expected_version=1))
    with pytest.raises(NodeConflict):
        await store.transact(lambda tx: tx.write_node("Step", "new", {}, expected_version=1))
    await store.transact(lambda tx: tx.write_node("Step", "new", {}, expected_version=0))


async def test_a_deleted_node_leaves_a_tombstone_and_no_edges(store: ValueStateLayer) -> None:
    def work(transaction: Transaction) -> None:
        for id_ in "abc":
            transaction.create_node("Step", id_, {"id": id_})
        transaction.add_edge(Edge("dependency", "Step", "a", "Step", "b"))
        transaction.add_edge(Edge("dependency", "Step", "b", "Step", "c"))
        transaction.add_edge(Edge("dependency", "Step", "a", "Step", "c"))

    await store.transact(work)
    assert await store.transact(lambda transaction: transaction.delete_node("Step", "b"))
    assert not await store.transact(lambda transaction: transaction.delete_node("Step", "b"))
    assert store.read(lambda reading: reading.read_node("Step", "b")) is None
    tombstone = store.read(lambda reading: reading.read_node("Step", "b", deleted=True))
    assert tombstone is not None
    assert (tombstone.deleted, tombstone.version, tombstone.data) == (True, 2, {"id": "b"})
    assert [node.id for node in store.read(lambda reading: reading.nodes("Step"))] == ["a", "c"]
    assert [node.id for node in store.read(lambda reading: reading.nodes("Step", deleted=True))] == [
        "a",
        "b",
        "c",
    ]
    assert len(store.read(lambda reading: reading.edges())) == 1


async def test_writing_over_a_tombstone_brings_the_node_back_at_its_place(store: ValueStateLayer) -> None:
    for id_ in "ab":
        await store.transact(lambda transaction, id_=id_: transaction.create_node("Step", id_, {}))
    await store.transact(lambda transaction: transaction.delete_node("Step", "a"))
    node = await store.transact(lambda transaction: transaction.write_node("Step", "a", {"back": True}))
    assert (node.version, node.deleted) == (3, False)
    assert [node.id for node in store.read(lambda reading: reading.nodes("Step"))] == ["a", "b"]


async def test_edges_are_found_by_kind_source_and_target_in_the_order_they_were_added(
    store: ValueStateLayer,
) -> None:
    edges = [
        Edge("dependency", "Step", "b", "Step", "a"),
        Edge("dependency", "Step", "a", "Step", "c"),
        Edge("plan", "Step", "a", "Plan", "p"),
        Edge("dependency", "Step", "d", "Step", "a"),
    ]
    await store.transact(
        lambda transaction: [
            transaction.create_node(type_, id_, {})
            for type_, id_ in (*(("Step", name) for name in "dcba"), ("Plan", "p"))
        ]
    )
    added = await store.transact(
        lambda transaction: [transaction.add_edge(edge) for edge in [*edges, edges[0]]]
    )
    assert added == [True, True, True, True, False]
    assert store.read(lambda reading: reading.edges()) == edges
    assert store.read(lambda reading: reading.edges(source=("Step", "a"))) == edges[1:3]
    assert store.read(lambda reading: reading.edges(target=("Step", "a"))) == [edges[0], edges[3]]
    assert store.read(lambda reading: reading.edges(kind="dependency", source=("Step", "a"))) == [edges[1]]
    assert store.read(lambda r: r.edges(source=("Step", "a"), target=("Plan", "p"))) == [edges[2]]
    assert await store.transact(lambda transaction: transaction.remove_edge(edges[0]))
    assert not await store.transact(lambda transaction: transaction.remove_edge(edges[0]))
    assert store.read(lambda reading: reading.edges()) == edges[1:]


@pytest.mark.parametrize("gone", [("Step", "nobody"), ("Step", "deleted")])
@pytest.mark.parametrize("is_source", [True, False])
async def test_an_edge_needs_both_its_ends_in_the_graph(
    store: ValueStateLayer, gone: tuple[str, str], is_source: bool
) -> None:
    def work(transaction: Transaction) -> None:
        transaction.create_node("Step", "a", {})
        transaction.create_node("Step", "deleted", {})
        transaction.delete_node("Step", "deleted")
        ends = (*gone, "Step", "a") if is_source else ("Step", "a", *gone)
        with pytest.raises(NodeMissing, match=f"there is no {gone[0]} {gone[1]} in the graph"):
            transaction.add_edge(Edge("dependency", *ends))
        transaction.set("goes on", True)

    await store.transact(work)
    assert store.read(lambda reading: reading.edges()) == []
    assert await store.get("goes on")


async def test_events_get_rising_times_and_are_found_by_stream(store: ValueStateLayer) -> None:
    def append(transaction: Transaction) -> list[int]:
        return [transaction.append_event(stream, CORE) for stream in ("a", "b", "a", "a")]

    assert await store.transact(append) == [1, 2, 3, 4]
    assert [e.lamport for e in store.read(lambda reading: reading.events("a"))] == [1, 3, 4]
    assert [e.lamport for e in store.read(lambda reading: reading.events("a", after=1, limit=1))] == [3]
    assert [e.stream for e in store.read(lambda reading: reading.events(after=1))] == ["b", "a", "a"]
    assert store.read(lambda reading: reading.events("a", limit=0)) == []
    assert store.read(lambda reading: reading.lamport()) == 4


async def test_an_event_core_carries_its_time_at_the_top_and_a_profile_event_in_its_payload(
    store: ValueStateLayer,
) -> None:
    sa = {"event_id": "e", "event_type": "SAInitialized", "sa_id": "s"}
    await store.transact(
        lambda transaction: (transaction.append_event("r", CORE), transaction.append_event("r", sa))
    )
    first, second = store.read(lambda reading: reading.events("r"))
    assert first.event == {**CORE, "lamport_timestamp": 1}
    assert second.event == {**sa, "payload": {"lamport_timestamp": 2}}


async def test_callbacks_run_after_the_commit_in_order_and_before_the_caller_goes_on(
    store: ValueStateLayer,
) -> None:
    seen: list[tuple[int, int]] = []

    def work(transaction: Transaction) -> None:
        lamport = transaction.append_event("r", CORE)
        transaction.after_commit(
            lambda: seen.append((lamport, store.read(lambda reading: len(reading.events(limit=None)))))
        )

    await asyncio.gather(*[store.transact(work) for _ in range(20)])
    assert [lamport for lamport, _ in seen] == list(range(1, 21))
    assert all(stored >= lamport for lamport, stored in seen), "what a callback speaks of is committed"


async def test_works_of_a_series_are_done_in_their_order_each_in_a_commit_of_its_own(
    store: ValueStateLayer,
) -> None:
    seen: list[tuple[int, object]] = []

    def work(number: int) -> Callable[[Transaction], None]:
        def write(transaction: Transaction) -> None:
            before = transaction.get("number")
            transaction.set("number", number)
            transaction.after_commit(
                lambda: seen.append((number, store.read(lambda reading: reading.get("number"))))
            )
            assert before == (number - 1 or None)

        return write

    await store.transact_each([work(number) for number in range(1, 6)])
    assert seen == [(number, number) for number in range(1, 6)]
    await store.transact_each([])


async def test_of_a_series_nothing_is_done_after_a_work_that_raises(store: ValueStateLayer) -> None:
    def fail(transaction: Transaction) -> None:
        transaction.set("failed", 1)
        raise ZeroDivisionError

    works: list[Callable[[Transaction], None]] = [
        lambda transaction: transaction.set("first", 1),
        fail,
        lambda transaction: transaction.set("third", 1),
    ]
    with pytest.raises(ZeroDivisionError):
        await store.transact_each(works)
    assert store.read(lambda reading: list(reading.keys())) == ["first"]


async def test_a_callback_of_undone_work_never_runs(store: ValueStateLayer) -> None:
    seen: list[str] = []

    def work(transaction: Transaction) -> None:
        transaction.after_commit(lambda: seen.append("ran"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.transact(work)
    assert seen == []


async def test_a_failing_callback_is_logged_and_undoes_nothing(
    store: ValueStateLayer, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def work(transaction: Transaction) -> None:
        transaction.set("key", 1)
        transaction.after_commit(lambda: 1 // 0)  # type: ignore[arg-type,return-value]
        transaction.after_commit(lambda: seen.append("second"))

    with caplog.at_level(logging.ERROR):
        await store.transact(work)
    assert await store.get("key") == 1
    assert seen == ["second"]
    assert "callback" in caplog.text


def test_work_inside_work_is_refused_instead_of_waiting_for_ever(store: ValueStateLayer) -> None:
    def work(transaction: Transaction) -> None:
        store.transact_sync(lambda inner: inner.set("key", 1))

    with pytest.raises(RuntimeError, match="inside another"):
        store.transact_sync(work)


def test_reading_the_store_inside_work_is_refused_because_it_would_not_see_the_work(
    store: ValueStateLayer,
) -> None:
    def work(transaction: Transaction) -> None:
        transaction.set("key", 1)
        store.read(lambda reading: reading.get("key"))

    with pytest.raises(RuntimeError, match="read through it"):
        store.transact_sync(work)
    assert store.read(lambda reading: reading.keys()) == []


def test_a_read_may_be_inside_a_read_but_a_transaction_may_not(store: ValueStateLayer) -> None:
    store.transact_sync(lambda transaction: transaction.set("key", 1))

    def read_again(reading: Reading) -> list[object]:
        return [reading.get("key"), store.read(lambda inner: inner.get("key")), reading.get("key")]

    assert store.read(read_again) == [1, 1, 1]
    with pytest.raises(RuntimeError, match="inside a read"):
        store.read(lambda _: store.read(lambda _: store.transact_sync(lambda work: work.set("key", 2))))
    assert store.transact_sync(lambda transaction: transaction.get("key")) == 1, "and then all goes on"


def test_a_callback_may_wait_for_a_reader(store: ValueStateLayer) -> None:
    has_read = threading.Event()
    is_waiting = threading.Event()

    def read_meanwhile() -> None:
        is_waiting.wait(20)
        store.read(lambda reading: reading.keys())
        has_read.set()

    def wait_for_reader() -> None:
        is_waiting.set()
        assert has_read.wait(20)

    reader = threading.Thread(target=read_meanwhile)
    reader.start()
    store.transact_sync(lambda transaction: transaction.after_commit(wait_for_reader))
    reader.join(20)
    assert has_read.is_set()


def test_a_callback_that_writes_is_refused_and_logged(
    store: ValueStateLayer, caplog: pytest.LogCaptureFixture
) -> None:
    def write() -> None:
        store.transact_sync(lambda transaction: transaction.set("key", 1))

    store.transact_sync(lambda transaction: transaction.after_commit(write))
    assert "nor in an after_commit callback" in caplog.text
    assert store.read(lambda reading: reading.keys()) == []


def test_threads_and_loops_may_write_at_the_same_time(store: ValueStateLayer) -> None:
    def count(transaction: Transaction) -> None:
        transaction.set("count", (transaction.get("count") or 0) + 1)

    async def many() -> None:
        await asyncio.gather(*[store.transact(count) for _ in range(50)])

    threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(3)]
    threads += [
        threading.Thread(target=lambda: [store.transact_sync(count) for _ in range(25)]) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert store.read(lambda reading: reading.get("count")) == 200


def test_a_closed_store_says_so(store: ValueStateLayer) -> None:
    store.transact_sync(lambda transaction: transaction.set("key", 1))
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.transact_sync(lambda transaction: transaction.set("key", 2))
    with pytest.raises(StoreError, match="closed"):
        store.read(lambda reading: reading.get("key"))


async def test_own_commits_do_not_count_as_changes_of_others(store: ValueStateLayer) -> None:
    before = store.data_version()
    await store.set("key", 1)
    assert store.data_version() == before
