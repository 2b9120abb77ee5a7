"""Learning samples: kept where asked for, valid, and never in the way of a run."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.events.families import event_core, map_event
from mplp_runtime.learning.collector import SAMPLES
from mplp_runtime.learning.samples import POINTS, samples_of
from mplp_runtime.rules.schema import schema_findings
from mplp_runtime.vsl.memory import MemoryStore
from tests.runtime.orchestrator.projects import Project, plan, role, step
from tests.runtime.samples import graph_of, plan_of, stamper, uuid

COLLECT = "[learning]\ncollect = true\n"


def samples_in(root: Path) -> list[dict[str, Any]]:
    path = root / ".mplp" / SAMPLES
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_a_run_leaves_samples_of_its_plan_and_of_each_step_where_asked_for(tmp_path: Path) -> None:
    toml = role("worker", "print('ok')") + role("breaker", "raise SystemExit(3)") + COLLECT
    project = Project(tmp_path, plan(step("a"), step("b", agent_role="breaker")), toml)
    await project.run()
    found = samples_in(tmp_path)
    points = [sample["meta"]["collection_point"] for sample in found]
    assert points.count("plan_generation") == 1
    assert points.count("execution_completion") == 1
    assert "pipeline_failure" in points
    assert len({sample["sample_id"] for sample in found}) == len(found)
    for sample in found:
        assert schema_findings("sample", sample) == []


async def test_nothing_is_kept_unasked(tmp_path: Path) -> None:
    await Project(tmp_path, plan(step("a")), role("worker", "print('ok')")).run()
    assert not (tmp_path / ".mplp" / "learning").exists()


async def test_a_run_does_not_fail_because_its_samples_cannot_be_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project = Project(tmp_path, plan(step("a")), role("worker", "print('ok')") + COLLECT)
    (tmp_path / ".mplp").mkdir()
    (tmp_path / ".mplp/learning").write_text("not a folder")
    with caplog.at_level(logging.WARNING):
        assert (await project.run()).status == "completed"
    [said] = [record.message for record in caplog.records if "Learning samples" in record.message]
    assert said.startswith("Learning samples cannot be written")


def events_of_all_points() -> list[dict[str, Any]]:
    made = stamper()
    said: dict[str, Any] = {"intent_id": "intent-1", "text": "Sell shoes"}
    return [
        event_core(made, "intent_extracted", "intent", payload=said),
        {**made.head("SAPlanEvaluated"), "sa_id": uuid(1), "plan_id": uuid(900)},
        event_core(made, "modification_requested", "delta_intent", payload={**said, "delta_id": "delta-1"}),
        event_core(made, "impact_assessed", "impact_analysis", payload={**said, "affected": 3}),
        {**made.head("SAStepCompleted"), "sa_id": uuid(1), "payload": {"step_id": uuid(1)}},
        event_core(
            made,
            "step_failed",
            "pipeline_stage",
            pipeline_id=uuid(900),
            stage_id=uuid(1),
            stage_status="failed",
        ),
        event_core(
            made,
            "decision_added",
            "graph_update",
            node_delta=0,
            edge_delta=0,
            payload={"node_type": "Confirm", "node_id": uuid(7)},
        ),
        event_core(made, "plan_created", "graph_update", node_delta=4, edge_delta=5),
        map_event(made, "MAPSessionCompleted", session_id=uuid(8), payload={"status": "completed"}),
    ]


def test_each_of_the_nine_points_gives_a_sample_that_fits_the_frozen_schema() -> None:
    store = MemoryStore()
    graph = graph_of(store)
    store.transact_sync(lambda tx: graph.put_plan(tx, plan_of((1, ()))))
    confirm = {"target_type": "plan", "target_id": uuid(900), "status": "approved", "decisions": []}
    store.transact_sync(lambda tx: graph.put(tx, "Confirm", uuid(7), confirm))
    met: list[str] = []
    for event in events_of_all_points():
        found = store.read(lambda reading: samples_of(event, reading, new_id=lambda: uuid(99)))  # noqa: B023
        for point, sample in found:
            met.append(point)
            assert schema_findings("sample", sample) == []
            assert sample["meta"]["source_event_ids"] == [event["event_id"]]
    assert met == [point.name for point in POINTS]


def test_small_changes_of_the_graph_are_not_worth_a_sample() -> None:
    event = event_core(stamper(), "step_updated", "graph_update", node_delta=0, edge_delta=1)
    assert MemoryStore().read(lambda reading: samples_of(event, reading, new_id=lambda: uuid(99))) == []


async def test_samples_are_not_written_through_a_link_out_of_the_project(tmp_path: Path) -> None:
    root, outside = tmp_path / "project", tmp_path / "outside.txt"
    root.mkdir()
    outside.write_text("mine")
    project = Project(root, plan(step("a")), role("worker", "print('ok')") + COLLECT)
    (root / ".mplp" / SAMPLES).parent.mkdir(parents=True)
    (root / ".mplp" / SAMPLES).symlink_to(outside)
    assert (await project.run()).status == "completed"
    assert outside.read_text() == "mine"
