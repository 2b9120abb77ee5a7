"""Codes of what no schema says about events, integration events, samples and timelines."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mplp_runtime.rules.catalogue.entry import FIRST, SECOND, Entry, Example, Section, one

_EARLY, _LATE = "2025-12-06T12:00:00Z", "2025-12-06T12:00:05Z"


def _event(**members: object) -> Example:
    return one(json.dumps(members), "event")


def _lines(*events: Mapping[str, object]) -> Example:
    return one("\n".join(json.dumps(event) for event in events), "lines")


def _agent(kind: str, **members: object) -> dict[str, object]:
    return {"event_type": kind, "sa_id": FIRST, **members}


def _step(kind: str, step_id: str = SECOND) -> dict[str, object]:
    return _agent(kind, payload={"step_id": step_id})


def _stage(status: str, order: int = 0) -> dict[str, object]:
    return {
        "event_type": "plan_status_changed",
        "event_family": "pipeline_stage",
        "pipeline_id": FIRST,
        "stage_id": "plan",
        "stage_status": status,
        "stage_order": order,
    }


_BEGIN, _CONTEXT, _PLAN = _agent("SAInitialized"), _agent("SAContextLoaded"), _agent("SAPlanEvaluated")
_TRACE, _END = _agent("SATraceEmitted"), _agent("SACompleted", payload={"status": "completed"})
_RUN = (_BEGIN, _CONTEXT, _PLAN, _step("SAStepStarted"), _step("SAStepCompleted"), _TRACE, _END)
_STRAY = {"event_type": "SATraceEmitted", "sa_id": SECOND}

EVENT_SECTION = Section(
    "Events",
    "What no schema asks of an event, an integration event or a learning sample, though its members show it.",
    (
        Entry(
            "event-payload-incomplete",
            "warning; information for ids that are known by then",
            "The payload lacks what events of this type carry. The schemas describe it without asking for "
            "it, and whoever follows the run needs it.",
            "Add the key that the message names: to `payload`, or to the event where it is an id of the run.",
            _event(event_type="SAStepStarted", sa_id=FIRST, payload={}),
            _event(event_type="SAStepStarted", sa_id=FIRST, payload={"step_id": SECOND}),
        ),
        Entry(
            "event-payload-invalid",
            "warning; error where it is another event altogether",
            "Something in the payload is not what events of this type carry there.",
            "Put the value that the message names in its place, such as the id of the step. Where the whole "
            "payload is that of another type, change `event_type`.",
            _event(event_type="SAStepStarted", sa_id=FIRST, payload={"step_id": "step-1"}),
            _event(event_type="SAStepStarted", sa_id=FIRST, payload={"step_id": SECOND}),
        ),
        Entry(
            "event-family-unlikely",
            "information; warning for events of a profile; error where the members are of another family",
            "The family does not fit the type or the members of the event. Events of the two profiles have "
            "no family at all.",
            "Write the family that the message names (a fix does it). Of an event of a profile remove the "
            "key.",
            _event(event_type="step_started", event_family="graph_update"),
            _event(event_type="step_started", event_family="pipeline_stage"),
        ),
        Entry(
            "event-status-contradicts",
            "warning",
            "The type of the event says one thing and its status another.",
            "Write a status that fits the type, `running` for `…_started` and `completed` for "
            "`…_completed`, or the "
            "type that fits the status.",
            _event(event_type="step_completed", event_family="pipeline_stage", stage_status="running"),
            _event(event_type="step_completed", event_family="pipeline_stage", stage_status="completed"),
        ),
        Entry(
            "event-source-missing",
            "information",
            "An integration event does not say which tool or editor it comes from. `source` stands on the "
            "event, beside the payload.",
            'Add `source`, the name of the tool or editor: `"source": "vscode"`.',
            _event(event_type="ci_pipeline", event_family="external_integration"),
            _event(event_type="ci_pipeline", event_family="external_integration", source="jenkins"),
        ),
        Entry(
            "event-lamport-invalid",
            "warning",
            "A Lamport time is a count of events, and this is none.",
            "Write the count as a whole number of 0 or more, without quotes.",
            _event(event_type="x", event_family="intent", lamport_timestamp="7"),
            _event(event_type="x", event_family="intent", lamport_timestamp=7),
        ),
        Entry(
            "graph-delta-contradicts",
            "warning",
            "The kind of the update and the change in the number of nodes or edges cannot both be true.",
            "What adds counts up, what deletes counts down, an update changes no count. Correct the "
            "number, or the "
            "kind.",
            _event(event_family="graph_update", update_kind="node_add", node_delta=0),
            _event(event_family="graph_update", update_kind="node_add", node_delta=1),
        ),
        Entry(
            "file-rename-incomplete",
            "warning; information where the old name is missing",
            "A renamed file has an old name and another new one.",
            "Write the old name as `previous_path`.",
            one('{"change_type": "renamed", "file_path": "new.py"}', "file-update"),
            one(
                '{"change_type": "renamed", "file_path": "new.py", "previous_path": "old.py"}', "file-update"
            ),
        ),
        Entry(
            "integration-status-contradicts",
            "warning",
            "The tool is said to have succeeded, but its exit code says otherwise.",
            "Write `failed`, or the exit code 0.",
            one('{"status": "succeeded", "exit_code": 1}', "tool"),
            one('{"status": "failed", "exit_code": 1}', "tool"),
        ),
        Entry(
            "sample-family-unlikely",
            "warning",
            "The family of the sample is nearly one that the protocol knows, so the rules of that family are "
            "not applied to it.",
            "Write the family that the message names. A fix does it.",
            one('{"sample_family": "delta_impct"}', "sample"),
            one('{"sample_family": "delta_impact"}', "sample"),
        ),
    ),
)

TIMELINE_SECTION = Section(
    "Timelines",
    "What holds for the events of an NDJSON timeline together.",
    (
        Entry(
            "event-out-of-order",
            "warning",
            "Events are written as they happen, so their times never go back. Told are the fewest events "
            "without which the others are in order. Where all events have Lamport times, clocks of several "
            "processes may differ by a minute.",
            "Correct the time, or move the line.",
            _lines({"timestamp": _EARLY}, {"timestamp": _LATE}, {"timestamp": _EARLY}, {"timestamp": _LATE}),
            _lines({"timestamp": _EARLY}, {"timestamp": _LATE}, {"timestamp": _LATE}),
        ),
        Entry(
            "event-lamport-backwards",
            "warning",
            "Each event has a later Lamport time than the one before.",
            "Correct the number, or move the line.",
            _lines({"lamport_timestamp": 5}, {"lamport_timestamp": 4}),
            _lines({"lamport_timestamp": 4}, {"lamport_timestamp": 5}),
        ),
        Entry(
            "profile-event-out-of-turn",
            "warning",
            "An event of a run or a session comes too early, too late, or a second time.",
            "Move the line to where it belongs, or remove it.",
            _lines(_BEGIN, _PLAN, _CONTEXT),
            _lines(_BEGIN, _CONTEXT, _PLAN),
        ),
        Entry(
            "profile-event-missing",
            "warning",
            "A run or a session has ended, or gone on, without an event that its profile asks for.",
            "Add the event that the message names, in its place between the others.",
            _lines(_BEGIN, _CONTEXT, _PLAN, _END),
            _lines(*_RUN),
        ),
        Entry(
            "profile-run-unlikely",
            "warning",
            "One event names a run or a session of its own, and all others another.",
            "Write the id that the other lines have, or move the line to a timeline of its own.",
            _lines(*_RUN, _STRAY),
            _lines(*_RUN),
        ),
        Entry(
            "step-start-missing",
            "warning",
            "A step ended that no event says was started.",
            "Add the `SAStepStarted` before it, or correct the `step_id`.",
            _lines(_BEGIN, _CONTEXT, _PLAN, _step("SAStepCompleted")),
            _lines(_BEGIN, _CONTEXT, _PLAN, _step("SAStepStarted"), _step("SAStepCompleted")),
        ),
        Entry(
            "step-end-missing",
            "warning",
            "A run is over, and one of its steps was started and never ended.",
            "Add its `SAStepCompleted` or `SAStepFailed`, or remove the start.",
            _lines(_BEGIN, _CONTEXT, _PLAN, _step("SAStepStarted"), _TRACE, _END),
            _lines(*_RUN),
        ),
        Entry(
            "stage-begun-again",
            "warning",
            "A stage or an execution that was over goes on. Only what failed may be tried again.",
            "Remove the event, or correct its status.",
            _lines(_stage("completed"), _stage("running")),
            _lines(_stage("failed"), _stage("running")),
        ),
        Entry(
            "stage-end-missing",
            "warning",
            "A run is completed, and a stage or an execution in it is still running.",
            "Add the event that says how it ended: `completed`, `failed`, `skipped` or `cancelled`.",
            _lines(*_RUN, _stage("running")),
            _lines(*_RUN, _stage("completed")),
        ),
        Entry(
            "stage-order-differs",
            "warning",
            "A stage has another place in the order than it had before.",
            "Take the same number in all events of the stage.",
            _lines(_stage("running", 1), _stage("completed", 2)),
            _lines(_stage("running", 1), _stage("completed", 1)),
        ),
    ),
)
