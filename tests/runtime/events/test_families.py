"""Whatever a builder returns is valid against the official schema of its family, and against ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from mplp_runtime.events.embedded import embedded_event, embedded_type
from mplp_runtime.events.families import (
    EXECUTION_STATUS,
    EXECUTOR_KIND,
    STAGE_STATUS,
    Family,
    UpdateKind,
    event_core,
    external_integration,
    graph_update,
    map_event,
    pipeline_stage,
    runtime_execution,
    sa_event,
)
from mplp_runtime.events.validate import event_errors, schema_of
from mplp_runtime.model import BaseEvent, EventCore, GraphUpdateEvent, MAPEvent, SAEvent
from mplp_runtime.model.plan import PlanStatus, StepStatus
from tests.runtime.official import needs_official, official_errors
from tests.runtime.samples import stamper, uuid

FILE = {"file_path": "a.py", "change_type": "modified", "timestamp": "2025-12-06T12:00:00Z"}


def one_of_each() -> list[tuple[str, dict[str, Any]]]:
    s = stamper()
    ids = {"pipeline_id": uuid(7), "stage_id": "plan"}
    return [
        ("mplp-event-core", event_core(s, "plan_drafted", "intent", project_id=uuid(1), payload={"a": 1})),
        *[("mplp-event-core", event_core(s, "x", family)) for family in get_args(Family)[:7]],
        *[("mplp-pipeline-stage-event", pipeline_stage(s, "x", status=word, **ids)) for word in STAGE_STATUS],
        (
            "mplp-pipeline-stage-event",
            pipeline_stage(
                s, "x", status="failed", stage_name="n", stage_order=0, payload={"error": "e"}, **ids
            ),
        ),
        *[
            (
                "mplp-graph-update-event",
                graph_update(s, "x", graph_id=uuid(8), update_kind=kind, node_delta=-1),
            )
            for kind in get_args(UpdateKind)
        ],
        *[
            (
                "mplp-runtime-execution-event",
                runtime_execution(
                    s, "x", execution_id=uuid(9), executor_kind=kind, status=word, executor_role="r"
                ),
            )
            for kind in EXECUTOR_KIND.values()
            for word in EXECUTION_STATUS
        ],
        ("mplp-sa-event", sa_event(s, "SAInitialized", sa_id=uuid(3))),
        (
            "mplp-sa-event",
            sa_event(s, "SAStepStarted", sa_id=uuid(3), plan_id=uuid(4), payload={"step_id": uuid(5)}),
        ),
        ("mplp-map-event", map_event(s, "MAPSessionStarted", session_id=uuid(3), target_roles=["a"])),
        (
            "mplp-event-core",
            external_integration(
                s, "file_update", FILE, source="lsp", extensions={"content_hash": "sha256:0"}
            ),
        ),
    ]


@needs_official
@pytest.mark.parametrize(("name", "event"), one_of_each())
def test_the_official_schema_accepts_what_is_built(name: str, event: Mapping[str, Any]) -> None:
    assert official_errors(f"events/{name}.schema.json", event) == []
    assert official_errors("common/events.schema.json", embedded_event(event, trace_id=uuid(1))) == []


@pytest.mark.parametrize(("name", "event"), one_of_each())
def test_our_schema_accepts_what_is_built(name: str, event: Mapping[str, Any]) -> None:
    assert schema_of(event).endswith(f"/{name}.schema.json")
    assert event_errors(event) == []
    assert BaseEvent.model_validate(embedded_event(event)).event_id == event["event_id"]


def test_every_status_of_plans_and_steps_has_a_word_for_stages() -> None:
    assert {*get_args(PlanStatus), *get_args(StepStatus)} <= STAGE_STATUS.keys()
    assert set(STAGE_STATUS.values()) == {"pending", "running", "completed", "failed", "skipped"}


def test_the_exact_word_of_a_cancelled_plan_is_kept_in_the_payload() -> None:
    event = pipeline_stage(
        stamper(), "plan_cancelled", pipeline_id=uuid(1), stage_id="plan", status="cancelled"
    )
    assert (event["stage_status"], event["payload"]["status"]) == ("skipped", "cancelled")


def test_an_extension_never_replaces_a_member_of_the_envelope() -> None:
    event = external_integration(
        stamper(),
        "file_update",
        FILE,
        source="lsp",
        extensions={"event_id": "forged", "source": "x", "size": None},
    )
    assert event["event_id"] == uuid(1)
    assert event["source"] == "lsp"
    assert "size" not in event


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (
            {"event_id": uuid(1).replace("-4000-", "-1000-")},
            "`event_id` is not a lower-case UUID of version 4",
        ),
        (
            {"event_id": "ABCDEF00-0000-4000-8000-000000000000"},
            "`event_id` is not a lower-case UUID of version 4",
        ),
        ({"event_type": " "}, "`event_type` is missing or blank"),
        ({"pipeline_id": uuid(1).replace("-4000-", "-5000-")}, "`pipeline_id` is not a lower-case UUID"),
        ({"stage_id": "\t"}, "`stage_id` is missing or blank"),
        ({"stage_status": "in_progress"}, "`stage_status` must be one of pending, running"),
        ({"timestamp": "2025-12-06T12:00:00"}, "`timestamp` must be a valid date-time"),
        ({"event_family": "ExternalIntegrationEvent"}, "`event_family` must be one of"),
    ],
)
def test_what_the_rules_forbid_is_named(change: dict[str, Any], error: str) -> None:
    event = pipeline_stage(stamper(), "x", pipeline_id=uuid(2), stage_id="plan", status="pending")
    assert error in "; ".join(event_errors({**event, **change}))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"source": " "}, "`source` is missing or blank"),
        ({"payload": {**FILE, "source": "lsp"}}, "`payload` has members it may not have: source"),
        ({"payload": {**FILE, "file_path": " "}}, "`payload.file_path` is missing or blank"),
        ({"payload": {"file_path": "a"}}, "`payload.change_type` is missing"),
        ({"payload": None}, "`payload` must be of type object"),
    ],
)
def test_an_integration_event_needs_a_source_and_a_sound_payload(change: dict[str, Any], error: str) -> None:
    event = external_integration(stamper(), "file_update", FILE, source="lsp")
    assert error in "; ".join(event_errors({**event, **change}))
    without_payload = {name: value for name, value in event.items() if name != "payload"}
    assert event_errors(without_payload)


def test_a_closed_profile_event_takes_no_further_member() -> None:
    event = sa_event(stamper(), "SACompleted", sa_id=uuid(1))
    assert event_errors({**event, "lamport_timestamp": 1}) == [
        "the event has members it may not have: lamport_timestamp"
    ]


@pytest.mark.parametrize(
    ("event_type", "expected"),
    [
        ("plan_status_changed", "plan.status.changed"),
        ("SAStepStarted", "sa.step.started"),
        ("MAPTurnDispatched", "map.turn.dispatched"),
        ("step_2_started", "step2.started"),
        ("already.dotted", "already.dotted"),
        ("---", "event"),
        ("42", "event"),
    ],
)
def test_embedded_types_are_words_between_dots(event_type: str, expected: str) -> None:
    assert embedded_type(event_type) == expected


def test_an_embedded_event_keeps_id_time_and_logical_time_and_says_the_rest_in_data() -> None:
    event = sa_event(
        stamper(), "SAStepStarted", sa_id=uuid(3), trace_id=uuid(4), payload={"step_id": uuid(5)}
    )
    stored = {**event, "payload": {**event["payload"], "lamport_timestamp": 9}}
    assert embedded_event(stored) == {
        "event_id": uuid(1),
        "event_type": "sa.step.started",
        "source": "runtime.orchestrator",
        "timestamp": "2025-12-06T12:00:00.000Z",
        "trace_id": uuid(4),
        "data": {
            "event_type": "SAStepStarted",
            "sa_id": uuid(3),
            "lamport": 9,
            "payload": {"step_id": uuid(5)},
        },
    }


def test_models_read_the_events_and_keep_what_an_open_schema_lets_in() -> None:
    update = graph_update(stamper(), "x", graph_id=uuid(1), update_kind="bulk", node_delta=2, edge_delta=-1)
    update["lamport_timestamp"] = 4
    assert GraphUpdateEvent.model_validate(update).document() == update
    assert EventCore.model_validate(update).document() == update
    sa = sa_event(stamper(), "SACompleted", sa_id=uuid(1), payload={"status": "failed"})
    assert SAEvent.model_validate(sa).document() == sa
    session = map_event(stamper(), "MAPRolesAssigned", session_id=uuid(1))
    assert MAPEvent.model_validate(session).document() == session
