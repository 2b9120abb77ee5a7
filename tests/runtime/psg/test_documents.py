"""Whole documents in the graph: what may be created, changed and deleted, and what that touches."""

from __future__ import annotations

from typing import Any

import pytest

from mplp_runtime.errors import (
    DocumentInvalid,
    DocumentUnknown,
    MplpError,
    NodeConflict,
    NodeExists,
    TransitionIllegal,
)
from mplp_runtime.psg.bulk import Growth, write_nodes
from mplp_runtime.psg.documents import Documents
from mplp_runtime.psg.graph import PSG_PATHS
from mplp_runtime.psg.impact import impact
from mplp_runtime.psg.requests import answer
from mplp_runtime.vsl.graph_queries import matching_nodes
from mplp_runtime.vsl.interface import Edge, GraphQuery, Transaction, ValueStateLayer
from tests.runtime.samples import graph_of, plan_of, uuid

META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
CONTEXT = {
    "meta": META,
    "context_id": uuid(901),
    "root": {"domain": "shop", "environment": "test"},
    "title": "A shop",
    "status": "active",
}
DRAFT = plan_of((1, ()), (2, (1,)), (3, (2,)), status="draft")


def confirm(**members: Any) -> dict[str, Any]:
    return {
        "meta": META,
        "confirm_id": uuid(902),
        "target_type": "plan",
        "target_id": uuid(900),
        "status": "pending",
        "requested_by_role": "human",
        "requested_at": "2026-01-01T00:00:00Z",
        **members,
    }


def segment(number: int, status: str, started: str, **members: Any) -> dict[str, Any]:
    return {"segment_id": uuid(number), "label": "s", "status": status, "started_at": started, **members}


def trace(*segments: dict[str, Any], status: str = "running") -> dict[str, Any]:
    return {
        "meta": META,
        "trace_id": uuid(903),
        "context_id": uuid(901),
        "plan_id": uuid(900),
        "root_span": {"trace_id": uuid(903), "span_id": uuid(904)},
        "status": status,
        "started_at": "2026-01-01T00:00:00Z",
        "segments": list(segments),
    }


@pytest.fixture
def documents(store: ValueStateLayer) -> Documents:
    return Documents(store, graph_of(store))


@pytest.fixture
async def project(documents: Documents) -> Documents:
    await documents.create("context", CONTEXT)
    await documents.create("plan", DRAFT)
    return documents


def growth(store: ValueStateLayer) -> tuple[tuple[int, int], tuple[int, int]]:
    """What the events say, and what is there."""
    events = [stored.event for stored in store.read(lambda reading: reading.events())]
    nodes = store.read(lambda reading: sum(len(reading.nodes(type_)) for type_ in PSG_PATHS))
    edges = len(store.read(lambda reading: reading.edges()))
    told = (sum(e["node_delta"] for e in events), sum(e["edge_delta"] for e in events))
    return told, (nodes, edges)


def changed_since(store: ValueStateLayer, moment: int, type_: str) -> list[str]:
    """Ids of the nodes of one type that were changed after a Lamport time."""
    query = GraphQuery(type=type_, changed_since=moment)
    return [node.id for node in store.read(lambda reading: matching_nodes(reading, query))]


async def test_what_was_created_is_read_as_it_was_written(project: Documents) -> None:
    recorded = trace(segment(10, "completed", "2026-01-01T00:00:01Z", finished_at="2026-01-01T00:00:02Z"))
    await project.create("confirm", confirm())
    await project.create("trace", recorded)
    assert project.read("plan", uuid(900)) == DRAFT
    assert project.read("trace", uuid(903)) == recorded
    assert project.all("confirm") == [confirm()]


async def test_each_change_is_one_event_and_the_deltas_are_true(
    project: Documents, store: ValueStateLayer
) -> None:
    await project.create("confirm", confirm())
    await project.replace("plan", plan_of((1, ()), (3, (1,)), (4, (3,)), status="draft"))
    await project.change_status("plan", uuid(900), "proposed")
    events = [stored.event for stored in store.read(lambda reading: reading.events())]
    assert [event["event_type"] for event in events] == [
        "context_created",
        "plan_created",
        "confirm_created",
        "plan_updated",
        "plan_updated",
    ]
    told, there = growth(store)
    assert told == there


async def test_a_change_of_a_single_node_is_told_as_such_and_not_as_bulk(
    project: Documents, store: ValueStateLayer
) -> None:
    await project.change_status("plan", uuid(900), "proposed")
    await project.create("confirm", confirm())
    await project.delete("confirm", uuid(902))
    events = [stored.event for stored in store.read(lambda reading: reading.events())]
    assert [(event["event_type"], event["update_kind"]) for event in events] == [
        ("context_created", "node_add"),
        ("plan_created", "bulk"),
        ("plan_updated", "node_update"),
        ("confirm_created", "bulk"),
        ("confirm_deleted", "node_delete"),
    ]
    told, there = growth(store)
    assert told == there


async def test_whoever_asks_what_changed_hears_of_the_only_step_that_did(
    project: Documents, store: ValueStateLayer
) -> None:
    """The one event is about the plan, whose own node is as it was: it told of that node alone."""
    before = store.read(lambda reading: reading.lamport())
    first, second, third = DRAFT["steps"]
    await project.replace("plan", {**DRAFT, "steps": [first, {**second, "description": "Anew"}, third]})
    (event,) = (stored.event for stored in store.read(lambda reading: reading.events(after=before)))
    assert (event["update_kind"], event["node_delta"], event["edge_delta"]) == ("bulk", 0, 0)
    assert uuid(2) in changed_since(store, before, "Step")


async def test_whoever_asks_what_changed_hears_of_the_only_segment_that_did(
    project: Documents, store: ValueStateLayer
) -> None:
    await project.create("trace", trace(segment(10, "running", "2026-01-01T00:00:01Z")))
    before = store.read(lambda reading: reading.lamport())
    ended = segment(10, "completed", "2026-01-01T00:00:01Z", finished_at="2026-01-01T00:00:02Z")
    await project.replace("trace", trace(ended))
    assert changed_since(store, before, "Segment") == [uuid(10)]


async def test_an_edge_of_a_step_alone_is_not_told_as_one_of_the_plan(store: ValueStateLayer) -> None:
    node = ("Plan", uuid(900))

    def work(transaction: Transaction) -> Growth:
        transaction.write_node(*node, {})
        transaction.write_node("Step", uuid(1), {"plan_id": uuid(900)})
        edge = Edge("plan", "Step", uuid(1), *node)
        return write_nodes(transaction, {("Step", uuid(1)): {"plan_id": uuid(900)}}, [edge])

    grown = await store.transact(work)
    assert (grown.kind(("Step", uuid(1))), grown.kind(node)) == ("edge_add", "bulk")


async def test_steps_segments_and_files_have_paths_too(project: Documents, store: ValueStateLayer) -> None:
    done = segment(10, "completed", "2026-01-01T00:00:01Z", finished_at="2026-01-01T00:00:02Z")
    await project.create("trace", trace(done))
    graph = graph_of(store)
    await store.transact(lambda tx: graph.put(tx, "File", "docs/a b.md", {"content_hash": "sha256:a"}))
    steps = await answer(project, "GET", "/psg/steps")
    assert [(each["plan_id"], each["position"], each["description"]) for each in steps] == [
        (uuid(900), 0, "Step 1"),
        (uuid(900), 1, "Step 2"),
        (uuid(900), 2, "Step 3"),
    ]
    assert await answer(project, "GET", f"/psg/steps/{uuid(2)}") == steps[1]
    told = {**done, "trace_id": uuid(903), "position": 0}
    assert await answer(project, "GET", "/psg/segments") == [told]
    assert await answer(project, "GET", f"/psg/segments/{uuid(10)}") == told
    file = {"path": "docs/a b.md", "content_hash": "sha256:a"}
    assert await answer(project, "GET", "/psg/files") == [file]
    assert await answer(project, "GET", "/psg/files/docs/a%20b.md") == file
    for path in ("/psg/segments/nobody", "/psg/files/docs", "/psg/ci-runs/7"):
        with pytest.raises(DocumentUnknown):
            await answer(project, "GET", path)


async def test_a_plan_whose_context_is_not_there_is_refused(documents: Documents) -> None:
    with pytest.raises(DocumentInvalid, match="`context_id`"):
        await documents.create("plan", DRAFT)
    assert documents.all("plan") == []


async def test_a_confirm_about_a_plan_that_is_not_there_is_refused(documents: Documents) -> None:
    await documents.create("context", CONTEXT)
    with pytest.raises(DocumentInvalid, match=f"`target_id` names {uuid(900)}|`target_id`:"):
        await documents.create("confirm", confirm())


async def test_steps_that_depend_on_each_other_in_a_circle_are_refused_with_the_circle(
    project: Documents,
) -> None:
    with pytest.raises(DocumentInvalid, match=r"(circle|cycle|each other)"):
        await project.replace("plan", plan_of((1, (3,)), (2, (1,)), (3, (2,)), status="draft"))
    assert project.read("plan", uuid(900)) == DRAFT


async def test_a_segment_that_ends_before_it_begins_is_refused(project: Documents) -> None:
    with pytest.raises(DocumentInvalid):
        await project.create(
            "trace",
            trace(segment(10, "completed", "2026-01-01T00:00:05Z", finished_at="2026-01-01T00:00:01Z")),
        )


async def test_a_segment_that_has_ended_stays_as_it_was(project: Documents) -> None:
    done = segment(10, "completed", "2026-01-01T00:00:01Z", finished_at="2026-01-01T00:00:02Z")
    await project.create("trace", trace(done))
    with pytest.raises(TransitionIllegal, match=f"trace {uuid(903)}"):
        await project.replace("trace", trace({**done, "label": "another story"}))
    with pytest.raises(TransitionIllegal):
        await project.replace("trace", trace())
    later = segment(11, "running", "2026-01-01T00:00:03Z")
    await project.replace("trace", trace(done, later))
    assert [each["segment_id"] for each in project.read("trace", uuid(903))["segments"]] == [
        uuid(10),
        uuid(11),
    ]


async def test_a_status_changes_only_as_the_lifecycle_allows(project: Documents) -> None:
    with pytest.raises(TransitionIllegal):
        await project.change_status("plan", uuid(900), "completed")
    node = await project.change_status("plan", uuid(900), "proposed")
    assert (node.data["status"], node.version) == ("proposed", 2)


async def test_a_plan_that_has_not_begun_is_cancelled_only_by_who_says_so(project: Documents) -> None:
    with pytest.raises(TransitionIllegal, match="From `draft` a plan goes to `proposed`"):
        await project.change_status("plan", uuid(900), "cancelled")
    with pytest.raises(TransitionIllegal):
        await project.change_status("plan", uuid(900), "cancelled", cause="reapproval")
    node = await project.change_status("plan", uuid(900), "cancelled", cause="cancel-before-start")
    assert node.data["status"] == "cancelled"


async def test_an_approved_plan_is_proposed_again_for_a_new_approval_only(project: Documents) -> None:
    for status in ("proposed", "approved"):
        await project.change_status("plan", uuid(900), status)
    with pytest.raises(TransitionIllegal):
        await project.change_status("plan", uuid(900), "proposed")
    node = await project.change_status("plan", uuid(900), "proposed", cause="reapproval")
    assert node.data["status"] == "proposed"


async def test_whoever_read_an_older_version_is_told_and_changes_nothing(project: Documents) -> None:
    await project.change_status("plan", uuid(900), "proposed", expected_version=1)
    with pytest.raises(NodeConflict, match="of version 2 by now, not 1"):
        await project.change_status("plan", uuid(900), "draft", expected_version=1)


async def test_an_id_is_given_once_even_if_its_document_was_deleted(project: Documents) -> None:
    with pytest.raises(NodeExists):
        await project.create("plan", DRAFT)
    await project.delete("plan", uuid(900))
    with pytest.raises(NodeExists):
        await project.create("plan", DRAFT)


async def test_what_others_name_is_not_deleted(project: Documents, store: ValueStateLayer) -> None:
    with pytest.raises(DocumentInvalid, match=f"Plan {uuid(900)} names Context {uuid(901)}"):
        await project.delete("context", uuid(901))
    await project.delete("plan", uuid(900))
    await project.delete("context", uuid(901))
    told, there = growth(store)
    assert told == there == (0, 0)
    tombstone = store.read(lambda reading: reading.read_node("Plan", uuid(900), deleted=True))
    assert tombstone is not None
    assert tombstone.deleted


async def test_the_operations_have_the_paths_of_the_seed(documents: Documents) -> None:
    assert await answer(documents, "POST", "/psg/contexts", CONTEXT) == CONTEXT
    await answer(documents, "POST", "/psg/plans", DRAFT)
    assert await answer(documents, "GET", f"/psg/plans/{uuid(900)}") == DRAFT
    changed = await answer(documents, "PATCH", f"/psg/plans/{uuid(900)}/status", {"status": "proposed"})
    assert changed["status"] == "proposed"
    assert await answer(documents, "GET", "/psg/plans") == [changed]
    assert await answer(documents, "PUT", f"/psg/plans/{uuid(900)}", {**changed, "title": "B"}) == {
        **changed,
        "title": "B",
    }
    assert await answer(documents, "DELETE", f"/psg/plans/{uuid(900)}") is None
    with pytest.raises(DocumentUnknown):
        await answer(documents, "GET", f"/psg/plans/{uuid(900)}")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/psg/plants/1", None),
        ("GET", f"/psg/plans/{uuid(9)}", None),
        ("POST", "/psg/plans/1", {}),
        ("POST", "/psg/plans", []),
        ("PATCH", f"/psg/plans/{uuid(900)}/status", {}),
        ("PUT", f"/psg/plans/{uuid(900)}", {**DRAFT, "plan_id": uuid(77)}),
    ],
)
async def test_a_wrong_request_is_a_sentence_and_changes_nothing(
    project: Documents, method: Any, path: str, body: Any
) -> None:
    with pytest.raises(MplpError, match=r"\.$"):
        await answer(project, method, path, body)
    assert project.all("plan") == [DRAFT]


async def test_a_change_of_a_step_touches_what_depends_on_it_its_plan_and_who_approved_it(
    project: Documents, store: ValueStateLayer
) -> None:
    await project.create("confirm", confirm())
    found = store.read(lambda reading: impact(reading, "Step", uuid(2)))
    assert {(each.node.type, each.node.id) for each in found} == {
        ("Step", uuid(3)),
        ("Plan", uuid(900)),
        ("Confirm", uuid(902)),
        ("Step", uuid(1)),
    } - {("Step", uuid(1))}
    [approval] = [each for each in found if each.node.type == "Confirm"]
    assert approval.because == (("Step", uuid(2)), ("Plan", uuid(900)))


async def test_a_change_of_a_file_touches_the_steps_that_name_it(
    documents: Documents, store: ValueStateLayer
) -> None:
    await documents.create("context", CONTEXT)
    plan = plan_of((1, ()), (2, (1,)), (3, ()), status="draft")
    plan["steps"][0]["description"] = "Rewrite src/till.py."
    plan["steps"][2]["description"] = "Rewrite src/till.pyi and lib/src/till.py"
    await documents.create("plan", plan)
    found = store.read(lambda reading: impact(reading, "File", "src/till.py"))
    assert [(each.node.type, each.distance) for each in found] == [("Step", 1), ("Step", 2), ("Plan", 2)]


async def test_a_step_that_something_else_names_does_not_vanish_from_its_plan(
    project: Documents, store: ValueStateLayer
) -> None:
    await project.create("confirm", confirm())
    approves = Edge("target", "Confirm", uuid(902), "Step", uuid(3))
    store.transact_sync(lambda transaction: transaction.add_edge(approves))
    with pytest.raises(DocumentInvalid, match=f"Confirm {uuid(902)} names Step {uuid(3)}"):
        await project.replace("plan", plan_of((1, ()), (2, (1,)), status="draft"))
    assert project.read("plan", uuid(900)) == DRAFT


async def test_a_plan_does_not_take_a_step_away_from_another_plan(project: Documents) -> None:
    other = {**plan_of((3, ()), status="draft"), "plan_id": uuid(950)}
    with pytest.raises(DocumentInvalid, match=f"Step {uuid(3)} belongs to the plan {uuid(900)}"):
        await project.create("plan", other)
    assert project.read("plan", uuid(900)) == DRAFT
