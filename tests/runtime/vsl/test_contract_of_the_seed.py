"""What every store offers beyond values (seed 1, 3.2): nodes, graph queries, snapshots, open transactions."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from mplp_runtime.errors import NodeConflict, StoreError, TransactionConflict
from mplp_runtime.vsl.interface import Edge, GraphQuery, Reading, Transaction, ValueStateLayer
from mplp_runtime.vsl.operations import StoreOperations

CORE = {"event_id": "e", "event_type": "t", "event_family": "intent"}


@pytest.fixture
def seed(store: ValueStateLayer) -> StoreOperations:
    assert isinstance(store, StoreOperations)
    return store


def observable(reading: Reading) -> dict[str, Any]:
    """What a restore brings back: values, nodes without their versions, edges."""
    return {
        "values": {key: reading.get(key) for key in reading.keys()},  # noqa: SIM118 - no mapping
        "nodes": [
            (node.type, node.id, node.data, node.deleted)
            for type_ in reading.node_types()
            for node in reading.nodes(type_, deleted=True)
        ],
        "edges": reading.edges(),
    }


def versions(reading: Reading) -> dict[tuple[str, str], int]:
    return {
        (node.type, node.id): node.version
        for type_ in reading.node_types()
        for node in reading.nodes(type_, deleted=True)
    }


def fill(transaction: Transaction) -> None:
    for key, value in (("a", 1), ("b", {"x": [1, None]}), ("owner/p", "me")):
        transaction.set(key, value)
    transaction.write_node("Plan", "p", {"status": "draft", "n": 1})
    transaction.write_node("Plan", "q", {"status": "approved"})
    for id_ in ("1", "2", "3"):
        transaction.write_node("Step", id_, {"status": "pending"})
    transaction.delete_node("Step", "3")
    transaction.add_edge(Edge("dependency", "Step", "2", "Step", "1"))
    transaction.add_edge(Edge("plan", "Step", "1", "Plan", "p"))
    transaction.append_event("run", CORE)


def change(transaction: Transaction) -> None:
    transaction.set("a", 2)
    transaction.delete("b")
    transaction.set("c", 3)
    transaction.set("owner/p", "other")
    transaction.write_node("Plan", "p", {"status": "completed"})
    transaction.delete_node("Plan", "q")
    transaction.write_node("Step", "3", {"status": "back"})
    transaction.create_node("Step", "4", {})
    transaction.add_edge(Edge("plan", "Step", "4", "Plan", "p"))
    transaction.remove_edge(Edge("dependency", "Step", "2", "Step", "1"))
    transaction.append_event("run", CORE)


async def test_a_snapshot_brings_back_exactly_what_was(seed: StoreOperations) -> None:
    await seed.transact(fill)
    before = seed.read(observable)
    snapshot = await seed.create_snapshot("before")
    await seed.transact(change)
    await seed.restore_snapshot(snapshot)
    after = seed.read(observable)
    gone = ("Step", "4", {}, True)
    assert gone in after["nodes"], "what is newer becomes a tombstone"
    after["nodes"].remove(gone)
    assert after == before
    [kept] = seed.read(lambda reading: reading.snapshots())
    assert (kept.id, kept.lamport, kept.label) == (snapshot, 1, "before")


async def test_a_restore_never_rewinds_events_nor_versions(seed: StoreOperations) -> None:
    await seed.transact(fill)
    snapshot = await seed.create_snapshot()
    untouched = seed.read(versions)["Step", "1"]
    await seed.transact(change)
    changed = seed.read(versions)
    await seed.restore_snapshot(snapshot)
    after = seed.read(versions)
    assert after["Step", "1"] == untouched, "what nobody touched keeps its version"
    assert all(
        after[node] > changed[node] for node in (("Plan", "p"), ("Plan", "q"), ("Step", "3"), ("Step", "4"))
    )
    assert [row.lamport for row in seed.read(lambda reading: reading.events())] == [1, 2]
    assert await seed.transact(lambda transaction: transaction.append_event("run", CORE)) == 3


async def test_a_snapshot_can_be_restored_again_and_again(seed: StoreOperations) -> None:
    await seed.transact(fill)
    snapshot = await seed.create_snapshot()
    for _ in range(2):
        await seed.transact(lambda transaction: transaction.set("a", "changed"))
        await seed.transact(lambda transaction: transaction.write_node("Plan", "p", {"status": "failed"}))
        await seed.restore_snapshot(snapshot)
        assert await seed.get("a") == 1
        assert (await seed.read_node("Plan", "p")).data == {"status": "draft", "n": 1}  # type: ignore[union-attr]


async def test_what_is_not_to_be_turned_back_stays(seed: StoreOperations) -> None:
    await seed.transact(fill)
    snapshot = await seed.create_snapshot()
    await seed.transact(change)
    await seed.restore_snapshot(snapshot, keep_keys=["owner/"], keep_types=["Plan"])
    assert await seed.get("owner/p") == "other"
    assert await seed.get("a") == 1
    assert (await seed.read_node("Plan", "p")).data == {"status": "completed"}  # type: ignore[union-attr]
    assert await seed.read_node("Plan", "q") is None
    assert (await seed.read_node("Step", "1")).data == {"status": "pending"}  # type: ignore[union-attr]
    assert seed.read(lambda reading: reading.edges()) == [
        Edge("plan", "Step", "1", "Plan", "p"),
        Edge("dependency", "Step", "2", "Step", "1"),
    ], "edges of a kept type stay but for those of a node that is gone; the others are as they were"


async def test_a_restore_that_is_undone_changes_nothing(seed: StoreOperations) -> None:
    await seed.transact(fill)
    snapshot = await seed.create_snapshot()
    await seed.transact(change)
    before = seed.read(lambda reading: (observable(reading), versions(reading), reading.snapshots()))

    def work(transaction: Transaction) -> None:
        transaction.restore_snapshot(snapshot)
        transaction.create_snapshot("another")
        transaction.delete_snapshot(snapshot)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await seed.transact(work)
    assert seed.read(lambda reading: (observable(reading), versions(reading), reading.snapshots())) == before


async def test_snapshots_are_listed_oldest_first_and_forgotten_one_by_one(seed: StoreOperations) -> None:
    ids = iter(["z", "a"])
    for label in ("first", "second"):
        await seed.create_snapshot(label, new_id=lambda: next(ids))
    assert [kept.id for kept in seed.read(lambda reading: reading.snapshots())] == ["z", "a"]
    with pytest.raises(StoreError, match="already"):
        await seed.create_snapshot(new_id=lambda: "a")
    assert await seed.transact(lambda transaction: transaction.delete_snapshot("z"))
    assert not await seed.transact(lambda transaction: transaction.delete_snapshot("z"))
    with pytest.raises(StoreError, match="no snapshot z"):
        await seed.restore_snapshot("z")
    await seed.restore_snapshot("a")


async def test_nodes_are_found_by_type_content_and_edges(seed: StoreOperations) -> None:
    await seed.transact(fill)

    async def found(**query: Any) -> list[str]:
        return [node.id for node in await seed.query_graph(GraphQuery(**query))]

    assert await found(type="Plan") == ["p", "q"]
    assert await found() == ["p", "q", "1", "2"]
    assert await found(type="Step", deleted=True) == ["1", "2", "3"]
    assert await found(where={"status": "approved"}) == ["q"]
    assert await found(where={"n": None}) == [], "a member that is absent is not null"
    assert await found(source=("Step", "2")) == ["1"]
    assert await found(source=("Step", "2"), kind="plan") == []
    assert await found(target=("Plan", "p"), type="Step") == ["1"]
    assert await found(source=("Step", "2"), target=("Plan", "p")) == ["1"]
    assert await found(limit=1) == ["p"]
    assert await found(limit=0) == []
    assert await found(type="Step", ids=["2", "p", "9", "2"]) == ["2"]
    assert await found(ids=("q", "1")) == ["q", "1"]
    assert await found(ids=("3", "1")) == ["1"]
    assert await found(ids=("3", "1"), deleted=True) == ["3", "1"]
    assert await found(source=("Step", "2"), ids=["2"]) == []


async def test_files_are_found_by_their_path_and_by_their_folder(seed: StoreOperations) -> None:
    for path in ("docs/a.md", "docs/old/b.md", "docsx", "n.md"):
        await seed.write_node("File", path, {})
    await seed.write_node("Step", "docs/a.md", {})

    async def found(path: str) -> list[str]:
        return [node.id for node in await seed.query_graph(GraphQuery(path=path))]

    assert await found("n.md") == ["n.md"]
    assert await found("docs") == await found("./docs/") == ["docs/a.md", "docs/old/b.md"]
    assert await found("docs/old") == ["docs/old/b.md"]
    assert await found("o") == []
    assert await found(".") == ["docs/a.md", "docs/old/b.md", "docsx", "n.md"]


async def test_nodes_are_written_read_and_deleted_one_by_one(seed: StoreOperations) -> None:
    await seed.write_node("Plan", "p", {"status": "draft"})
    assert (await seed.read_node("Plan", "p")).data == {"status": "draft"}  # type: ignore[union-attr]
    await seed.delete_node("Plan", "p")
    await seed.delete_node("Plan", "p")
    assert await seed.read_node("Plan", "p") is None
    assert seed.read(lambda reading: reading.node_types()) == ["Plan"], "a tombstone is a node"


async def test_a_plan_transition_of_the_seed_is_atomic(seed: StoreOperations) -> None:
    """Seed 1, 6.1: the plan and what depends on it change together."""
    await seed.write_node("Plan", "p", {"status": "approved"})
    await seed.write_node("Trace", "t", {"plan_status": "approved"})

    async def transition(status: str, *, fails: bool) -> None:
        handle = await seed.begin_transaction()
        try:
            plan = await seed.read_node("Plan", "p", handle)
            assert plan is not None
            await seed.write_node("Plan", "p", {**plan.data, "status": status}, handle)
            trace = await seed.read_node("Trace", "t", handle)
            assert trace is not None
            await seed.write_node("Trace", "t", {**trace.data, "plan_status": status}, handle)
            await asyncio.sleep(0)
            divided = 1 // (not fails)
            assert divided == 1
            await seed.commit_transaction(handle)
        except ZeroDivisionError:
            await seed.rollback_transaction(handle)

    def statuses(reading: Reading) -> list[object]:
        plan, trace = reading.read_node("Plan", "p"), reading.read_node("Trace", "t")
        return [cast("Any", plan).data["status"], cast("Any", trace).data["plan_status"]]

    await transition("in_progress", fails=True)
    assert seed.read(statuses) == ["approved", "approved"]
    await transition("in_progress", fails=False)
    assert seed.read(statuses) == ["in_progress", "in_progress"]


async def test_an_open_transaction_sees_its_own_writes_and_nobody_else_does(seed: StoreOperations) -> None:
    await seed.set("key", "before")
    handle = await seed.begin_transaction()
    await seed.set("key", "after", handle)
    await seed.write_node("Plan", "p", {"n": 1}, handle)
    await seed.write_node("Context", "c", {}, handle)
    handle.add_edge(Edge("context", "Plan", "p", "Context", "c"))
    assert await seed.get("key", handle) == "after"
    assert (await seed.read_node("Plan", "p", handle)).version == 1  # type: ignore[union-attr]
    assert [node.id for node in await seed.query_graph(GraphQuery(type="Plan"), handle)] == ["p"]
    assert len(await handle.edges(kind="context")) == 1
    assert await seed.get("key") == "before"
    assert await seed.read_node("Plan", "p") is None
    await seed.commit_transaction(handle)
    assert await seed.get("key") == "after"


async def test_a_transaction_whose_reading_is_outdated_is_not_committed(seed: StoreOperations) -> None:
    await seed.set("count", 1)
    handle = await seed.begin_transaction()
    count = await seed.get("count", handle)
    await seed.set("count", count + 1, handle)
    await seed.set("count", 10)
    with pytest.raises(TransactionConflict, match="Begin it again"):
        await seed.commit_transaction(handle)
    assert await seed.get("count") == 10
    with pytest.raises(StoreError, match="is over"):
        await seed.set("count", 3, handle)


async def test_two_open_transactions_on_different_things_do_not_hinder_each_other(
    seed: StoreOperations,
) -> None:
    first, second = await seed.begin_transaction(), await seed.begin_transaction()
    assert await seed.get("a", first) is None
    await seed.set("a", 1, first)
    await seed.set("b", 2, second)
    await seed.commit_transaction(second)
    await seed.commit_transaction(first)
    assert (await seed.get("a"), await seed.get("b")) == (1, 2)


async def test_what_a_transaction_cannot_do_is_told_and_leaves_no_trace(seed: StoreOperations) -> None:
    await seed.write_node("Plan", "p", {})
    handle = await seed.begin_transaction()
    handle.set("key", 1)
    handle.append_event("run", CORE)
    handle.write_node("Plan", "p", {"n": 2}, expected_version=7)
    with pytest.raises(NodeConflict):
        await handle.commit()
    with pytest.raises(StoreError, match="cannot be stored"):
        (await seed.begin_transaction()).set("key", object())
    assert await seed.get("key") is None
    assert seed.read(lambda reading: reading.lamport()) == 0
    value = {"list": [1]}
    handle = await seed.begin_transaction()
    handle.set("key", value)
    value["list"].append(2)
    handle.delete_node("Plan", "p")
    handle.delete("nothing")
    handle.append_event("run", CORE)
    await handle.commit()
    assert await seed.get("key") == {"list": [1]}
    assert seed.read(lambda reading: reading.lamport()) == 1


async def test_every_store_says_which_version_it_is(seed: StoreOperations) -> None:
    assert await seed.get("psg_schema_version") == "1.1.0"
    assert seed.read(lambda reading: reading.keys()) == []
    with pytest.raises(StoreError, match="only a migration"):
        await seed.set("psg_schema_version", "2.0.0")
