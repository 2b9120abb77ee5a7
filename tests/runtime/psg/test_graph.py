"""The graph says what the documents say, and its events say truly how it changed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mplp_runtime.errors import DocumentInvalid, NodeMissing, TransitionIllegal
from mplp_runtime.psg.acyclic import cycle_in
from mplp_runtime.psg.baselines import baseline, record_baseline
from mplp_runtime.psg.graph import PSG_PATHS
from mplp_runtime.rules.world import Baseline
from mplp_runtime.vsl.graph_queries import matching_nodes
from mplp_runtime.vsl.interface import Edge, GraphQuery, ValueStateLayer
from mplp_runtime.vsl.memory import MemoryStore
from mplp_runtime.vsl.sqlite import SqliteStore
from tests.runtime.official import needs_official, official_errors
from tests.runtime.samples import graph_of, plan_of, uuid


def deltas(store: ValueStateLayer) -> tuple[int, int]:
    events = [stored.event for stored in store.read(lambda reading: reading.events())]
    return sum(event["node_delta"] for event in events), sum(event["edge_delta"] for event in events)


def sizes(store: ValueStateLayer) -> tuple[int, int]:
    return store.read(
        lambda reading: (sum(len(reading.nodes(type_)) for type_ in PSG_PATHS), len(reading.edges()))
    )


async def test_a_new_node_is_an_add_and_a_changed_one_an_update(store: ValueStateLayer) -> None:
    graph = graph_of(store)
    [added] = await store.transact(lambda tx: graph.put(tx, "Context", uuid(1), {"status": "draft"}))
    [updated] = await store.transact(lambda tx: graph.put(tx, "Context", uuid(1), {"status": "active"}))
    again = await store.transact(lambda tx: graph.put(tx, "Context", uuid(1), {"status": "active"}))
    assert (added["event_type"], added["update_kind"], added["node_delta"]) == (
        "context_created",
        "node_add",
        1,
    )
    assert (updated["event_type"], updated["update_kind"], updated["node_delta"]) == (
        "context_updated",
        "node_update",
        0,
    )
    assert again == [], "nothing changed, nothing happened"
    assert added["source_module"] == "context"
    node = graph.read("Context", uuid(1))
    assert node is not None
    assert node.version == 2


async def test_a_plan_becomes_nodes_and_edges_in_one_event(store: ValueStateLayer) -> None:
    graph = graph_of(store)
    await store.transact(lambda tx: graph.put(tx, "Context", uuid(901), {"status": "active"}))
    [event] = await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, ()), (2, (1,)), (3, (1, 2)))))
    assert (event["event_type"], event["update_kind"]) == ("plan_created", "bulk")
    assert (event["node_delta"], event["edge_delta"]) == (4, 1 + 3 + 3)
    assert [node.id for node in graph.neighbours("Step", uuid(3), kind="dependency")] == [uuid(1), uuid(2)]
    assert [n.id for n in graph.neighbours("Step", uuid(1), kind="dependency", direction="in")] == [
        uuid(2),
        uuid(3),
    ]
    assert [node.type for node in graph.neighbours("Plan", uuid(900))] == ["Context"]
    assert graph.dangling() == []
    step = graph.read("Step", uuid(2))
    assert step is not None
    assert (step.data["plan_id"], step.data["position"]) == (uuid(900), 1)
    assert await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, ()), (2, (1,)), (3, (1, 2))))) == []


async def test_a_changed_plan_leaves_tombstones_and_takes_edges_away(store: ValueStateLayer) -> None:
    graph = graph_of(store)
    await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, ()), (2, (1,)), (3, (2,)))))
    [event] = await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, ()), (3, (1,)), (4, ()))))
    assert event["event_type"] == "plan_updated"
    assert (event["node_delta"], event["edge_delta"]) == (0, -1)
    assert graph.read("Step", uuid(2)) is None
    assert graph.read("Step", uuid(2), deleted=True) is not None
    assert deltas(store) == sizes(store)


async def test_a_plan_that_gives_a_step_up_leaves_it_to_the_copy_that_has_it_too(
    store: ValueStateLayer,
) -> None:
    graph = graph_of(store)
    original = plan_of((1, ()), (2, (1,)))
    copy = {**original, "plan_id": uuid(800)}
    await store.transact(lambda tx: graph.put_plan(tx, original))
    await store.transact(lambda tx: graph.put_plan(tx, copy))
    await store.transact(lambda tx: graph.put_plan(tx, {**original, "steps": []}))
    step = graph.read("Step", uuid(2))
    assert step is not None
    assert step.data["plan_id"] == uuid(800)
    assert deltas(store) == sizes(store)
    assert graph.dangling() == []


async def test_a_plan_whose_steps_wait_for_each_other_is_refused_with_the_way_round(
    store: ValueStateLayer,
) -> None:
    graph = graph_of(store)
    with pytest.raises(DocumentInvalid, match=f"{uuid(1)} → {uuid(2)} → {uuid(1)}"):
        await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, (2,)), (2, (1,)))))
    with pytest.raises(DocumentInvalid, match="does not have"):
        await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, (7,)))))
    with pytest.raises(DocumentInvalid, match="two steps"):
        await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, ()), (1, ()))))
    assert sizes(store) == (0, 0)


async def test_a_dependency_that_closes_a_cycle_is_refused(store: ValueStateLayer) -> None:
    graph = graph_of(store)
    await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, ()), (2, (1,)), (3, (2,)))))
    closing = Edge("dependency", "Step", uuid(1), "Step", uuid(3))
    with pytest.raises(DocumentInvalid, match="close a cycle"):
        await store.transact(lambda tx: graph.connect(tx, closing))
    with pytest.raises(DocumentInvalid, match="close a cycle"):
        await store.transact(
            lambda tx: graph.connect(tx, Edge("dependency", "Step", uuid(1), "Step", uuid(1)))
        )
    with pytest.raises(DocumentInvalid):
        await store.transact(lambda tx: graph.put(tx, "Step", uuid(1), {"new": True}, edges=[closing]))
    step = graph.read("Step", uuid(1))
    assert step is not None
    assert "new" not in step.data, "the whole change is undone"


async def test_edges_come_and_go_with_events_of_their_own(store: ValueStateLayer) -> None:
    graph = graph_of(store)
    edge = Edge("plan", "Trace", uuid(1), "Plan", uuid(2))
    await store.transact(lambda tx: [tx.write_node("Trace", uuid(1), {}), tx.write_node("Plan", uuid(2), {})])
    [added] = await store.transact(lambda tx: graph.connect(tx, edge))
    assert await store.transact(lambda tx: graph.connect(tx, edge)) == []
    assert graph.dangling() == []
    [removed] = await store.transact(lambda tx: graph.disconnect(tx, edge))
    assert await store.transact(lambda tx: graph.disconnect(tx, edge)) == []
    assert (added["update_kind"], added["edge_delta"], added["event_type"]) == ("edge_add", 1, "edge_added")
    assert (removed["update_kind"], removed["edge_delta"], removed["event_type"]) == (
        "edge_delete",
        -1,
        "edge_removed",
    )


async def test_an_edge_to_what_is_not_in_the_graph_is_refused_and_undoes_the_whole_change(
    store: ValueStateLayer,
) -> None:
    graph = graph_of(store)
    nowhere = Edge("plan", "Trace", uuid(1), "Plan", uuid(2))
    with pytest.raises(NodeMissing, match=f"there is no Plan {uuid(2)} in the graph"):
        await store.transact(lambda tx: graph.put(tx, "Trace", uuid(1), {}, edges=[nowhere]))
    assert graph.read("Trace", uuid(1)) is None
    assert store.read(lambda reading: reading.events()) == []
    assert graph.dangling() == []


async def test_deleting_a_node_counts_the_edges_that_went_with_it(store: ValueStateLayer) -> None:
    graph = graph_of(store)
    await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, ()), (2, (1,)))))
    [event] = await store.transact(lambda tx: graph.delete(tx, "Step", uuid(2)))
    assert (event["update_kind"], event["node_delta"], event["edge_delta"]) == ("node_delete", -1, -2)
    assert await store.transact(lambda tx: graph.delete(tx, "Step", uuid(2))) == []
    assert deltas(store) == sizes(store)


async def test_a_node_that_others_name_is_not_deleted_from_the_graph(store: ValueStateLayer) -> None:
    graph = graph_of(store)
    await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, ()), (2, (1,)))))
    await store.transact(lambda tx: graph.put(tx, "Context", uuid(901), {}))
    for type_, number, namer in (("Step", 1, "Step"), ("Plan", 900, "Step"), ("Context", 901, "Plan")):
        with pytest.raises(DocumentInvalid, match=rf"^{type_} .* cannot be deleted: {namer} .* names it"):
            await store.transact(lambda tx, key=(type_, number): graph.delete(tx, key[0], uuid(key[1])))
    assert deltas(store) == sizes(store)


async def test_a_trace_that_has_ended_or_was_deleted_is_not_told_differently(store: ValueStateLayer) -> None:
    graph = graph_of(store)

    def put(**data: str) -> Any:
        return store.transact(lambda tx: graph.put(tx, "Trace", uuid(3), data))

    await put(status="running")
    await put(status="completed", label="one")
    with pytest.raises(TransitionIllegal, match="is completed, and what has ended stays as it was"):
        await put(status="completed", label="two")
    assert await put(status="completed", label="one") == []
    await store.transact(lambda tx: graph.delete(tx, "Trace", uuid(3)))
    with pytest.raises(TransitionIllegal, match="was deleted, and history is not told again"):
        await put(status="running")
    assert graph.read("Trace", uuid(3)) is None


async def test_a_node_names_only_what_is_there(store: ValueStateLayer) -> None:
    graph = graph_of(store)

    def put(type_: str, number: int, **data: str) -> Any:
        return store.transact(lambda tx: graph.put(tx, type_, uuid(number), data))

    with pytest.raises(DocumentInvalid, match=f"cannot name Context {uuid(901)}: it is not in the graph"):
        await put("Plan", 900, plan_id=uuid(900), context_id=uuid(901))
    assert graph.read("Plan", uuid(900)) is None
    await put("Context", 901, context_id=uuid(901), status="active")
    await put("Plan", 900, plan_id=uuid(900), context_id=uuid(901))
    with pytest.raises(DocumentInvalid, match="cannot name Plan"):
        await put("Trace", 3, trace_id=uuid(3), plan_id=uuid(902))
    # A file is no document: what stands in it may be anything.
    await store.transact(lambda tx: graph.put(tx, "File", "a.md", {"plan_id": "of another"}))


async def test_the_times_of_a_single_segment_do_not_run_backwards(store: ValueStateLayer) -> None:
    graph = graph_of(store)

    def put(number: int, **data: str) -> Any:
        told = {"segment_id": uuid(number), "status": "running", **data}
        return store.transact(lambda tx: graph.put(tx, "Segment", uuid(number), told))

    await put(1, started_at="2026-01-01T00:00:10Z")
    with pytest.raises(DocumentInvalid, match="cannot end before it begins"):
        await put(2, started_at="2026-01-01T00:00:20Z", finished_at="2026-01-01T00:00:19+00:00")
    with pytest.raises(DocumentInvalid, match="cannot begin before Segment"):
        await put(2, started_at="2026-01-01T00:00:09Z", parent_segment_id=uuid(1))
    with pytest.raises(DocumentInvalid, match="it is not in the graph"):
        await put(2, parent_segment_id=uuid(7))
    assert graph.read("Segment", uuid(2)) is None
    await put(2, started_at="2026-01-01T01:00:10+01:00", parent_segment_id=uuid(1))


async def test_what_has_changed_since_a_moment_is_found(store: ValueStateLayer) -> None:
    graph = graph_of(store)
    await store.transact(lambda tx: graph.put(tx, "File", "a.md", {"n": 1}))
    await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, ()), (2, (1,)))))
    before = store.read(lambda reading: reading.lamport())
    other = {**plan_of((3, ()), plan_id=uuid(910)), "title": "Another"}
    await store.transact(lambda tx: graph.put_plan(tx, other))
    await store.transact(lambda tx: graph.put(tx, "File", "b.md", {"n": 1}))
    await store.transact(lambda tx: graph.put(tx, "Step", uuid(1), {"plan_id": uuid(900)}))
    await store.transact(lambda tx: graph.delete(tx, "File", "a.md"))

    def found(since: int, **query: Any) -> set[tuple[str, str]]:
        meant = GraphQuery(changed_since=since, **query)
        return {(node.type, node.id) for node in store.read(lambda reading: matching_nodes(reading, meant))}

    new = {("Plan", uuid(910)), ("Step", uuid(3)), ("File", "b.md"), ("Step", uuid(1))}
    assert found(before) == new
    assert found(before, type="File") == {("File", "b.md")}
    assert found(before, type="File", deleted=True) == {("File", "a.md"), ("File", "b.md")}
    assert len(found(0)) == 6
    assert found(store.read(lambda reading: reading.lamport())) == set()


async def test_a_plan_whose_status_is_written_anew_says_what_it_was(store: ValueStateLayer) -> None:
    graph = graph_of(store)
    [made] = await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, ()), status="failed")))
    [told] = await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, ()), status="proposed")))
    assert "status" not in made["payload"]
    assert (told["payload"]["status_before"], told["payload"]["status"]) == ("failed", "proposed")


@needs_official
async def test_every_graph_event_is_valid_for_the_official_schema(store: ValueStateLayer) -> None:
    graph = graph_of(store)
    await store.transact(lambda tx: graph.put_plan(tx, plan_of((1, ()), (2, (1,)))))
    await store.transact(lambda tx: graph.put(tx, "Context", uuid(901), {}))
    await store.transact(
        lambda tx: graph.put(
            tx, "Trace", uuid(3), {}, edges=[Edge("plan", "Trace", uuid(3), "Plan", uuid(900))]
        )
    )
    await store.transact(lambda tx: graph.disconnect(tx, Edge("plan", "Trace", uuid(3), "Plan", uuid(900))))
    await store.transact(lambda tx: graph.delete(tx, "Trace", uuid(3)))
    events = store.read(lambda reading: reading.events("project"))
    assert len(events) == 5
    for stored in events:
        assert official_errors("events/mplp-graph-update-event.schema.json", stored.event) == []
        assert stored.event["graph_id"] == graph.graph_id


def test_the_graph_keeps_its_id_over_restarts_and_processes(tmp_path: Any) -> None:
    stores = [SqliteStore(tmp_path / "state.db") for _ in range(2)]
    first, second = graph_of(stores[0]), graph_of(stores[1])
    assert first.graph_id == second.graph_id == uuid(500_000)
    for store in stores:
        store.close()


PLANS = st.lists(st.lists(st.integers(0, 5), max_size=3), min_size=1, max_size=6)


@given(plans=st.lists(PLANS, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_sum_of_all_deltas_is_the_size_of_the_graph(plans: list[list[list[int]]]) -> None:
    store = MemoryStore()
    graph = graph_of(store)
    for rows in plans:
        # Each step depends on earlier ones only, so that every plan is sound.
        steps = [
            (number, tuple(dict.fromkeys(dependency for dependency in row if dependency < number)))
            for number, row in enumerate(rows)
        ]
        store.transact_sync(lambda tx, steps=steps: graph.put_plan(tx, plan_of(*steps)))
        assert deltas(store) == sizes(store)
        assert graph.dangling() == []
        ids = [node.id for node in store.read(lambda reading: reading.nodes("Step"))]
        assert sorted(ids) == sorted(uuid(number) for number, _ in steps)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=4)))
def test_a_cycle_is_found_exactly_when_there_is_one(dependencies: dict[str, list[str]]) -> None:
    from graphlib import CycleError, TopologicalSorter

    cycle = cycle_in(dependencies)
    try:
        TopologicalSorter(dependencies).prepare()
    except CycleError:
        assert len(cycle) >= 2
        assert cycle[0] == cycle[-1]
        assert all(after in dependencies[before] for before, after in pairwise(cycle))
    else:
        assert cycle == []


def test_a_chain_of_100_000_steps_is_no_problem() -> None:
    chain = {str(number): [str(number + 1)] for number in range(100_000)}
    assert cycle_in(chain) == []
    assert len(cycle_in({**chain, "100000": ["0"]})) == 100_002


async def test_the_baseline_is_what_was_saved_last(store: ValueStateLayer) -> None:
    assert baseline(store, "plan", uuid(900)) is None
    first = Baseline("draft", {uuid(1): "pending"})
    last = Baseline("in_progress", {uuid(1): "completed"}, {uuid(2): "running"}, {uuid(3): 7})
    await store.transact(lambda tx: record_baseline(tx, "plan", uuid(900), first))
    assert baseline(store, "plan", uuid(900)) == first
    await store.transact(lambda tx: record_baseline(tx, "plan", uuid(900), last))
    assert baseline(store, "plan", uuid(900)) == last
    assert baseline(store, "trace", uuid(900)) is None


async def test_baselines_of_older_states_are_understood(store: ValueStateLayer) -> None:
    older = {"status": "draft", "steps": {uuid(1): "pending"}}
    await store.transact(lambda tx: tx.set(f"baseline/plan/{uuid(900)}", older))
    assert baseline(store, "plan", uuid(900)) == Baseline("draft", {uuid(1): "pending"})


@pytest.mark.parametrize(
    "strange", [{}, [], {"status": 5, "steps": {}}, {"status": "draft", "steps": []}, {"steps": {"a": None}}]
)
async def test_what_is_no_baseline_counts_as_none_until_the_next_save(
    store: ValueStateLayer, strange: Any
) -> None:
    await store.transact(lambda tx: tx.set(f"baseline/plan/{uuid(900)}", strange))
    assert baseline(store, "plan", uuid(900)) is None
    saved = Baseline("draft", {uuid(1): "pending"})
    await store.transact(lambda tx: record_baseline(tx, "plan", uuid(900), saved))
    assert baseline(store, "plan", uuid(900)) == saved


async def test_a_document_whose_id_cannot_be_stored_leaves_no_baseline(store: ValueStateLayer) -> None:
    await store.transact(lambda tx: record_baseline(tx, "plan", "\ud800", Baseline("draft", {})))
    assert baseline(store, "plan", "\ud800") is None
    assert store.read(lambda reading: reading.keys()) == []
