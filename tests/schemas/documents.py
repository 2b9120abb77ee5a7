"""Documents of our own with the faults each has: what MPLP means, written down without the official files.

`SMALL` holds a sound document per schema; `CHANGES` alters one place and names the faults this brings.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from tests.schemas.official import Fault

A = "0b9a4c1e-2d3f-4a5b-8c6d-7e8f90a1b2c3"
B = "1c8b5d2f-3e40-4b6c-9d7e-8f90a1b2c3d4"
C = "2d7c6e30-4f51-4c7d-ae8f-90a1b2c3d4e5"
VERSION_1 = "6fa459ea-ee8a-11e3-ac10-0800200c9a66"
UPPER = A.upper()
NOON = "2026-05-01T12:00:00Z"
META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}

STEP = {"step_id": B, "description": "Write the page", "status": "pending"}
SPAN = {"trace_id": A, "span_id": B}
EMBEDDED = {"event_id": A, "event_type": "plan.status.changed", "source": "plan", "timestamp": NOON}
CORE = {"event_id": A, "event_type": "x_y", "event_family": "intent", "timestamp": NOON}
SAMPLE = {"sample_id": A, "sample_family": "pipeline_outcome", "created_at": NOON, "input": {}, "output": {}}

SMALL: dict[str, Any] = {
    "mplp-context.schema.json": {
        "meta": META,
        "context_id": A,
        "root": {"domain": "docs", "environment": "dev"},
        "title": "Handbook",
        "status": "active",
    },
    "mplp-plan.schema.json": {
        "meta": META,
        "plan_id": A,
        "context_id": C,
        "title": "Handbook",
        "objective": "It is printed",
        "status": "draft",
        "steps": [STEP],
    },
    "mplp-confirm.schema.json": {
        "meta": META,
        "confirm_id": A,
        "target_type": "plan",
        "target_id": B,
        "status": "pending",
        "requested_by_role": "author",
        "requested_at": NOON,
    },
    "mplp-trace.schema.json": {
        "meta": META,
        "trace_id": A,
        "context_id": C,
        "root_span": SPAN,
        "status": "running",
    },
    "mplp-role.schema.json": {"meta": META, "role_id": A, "name": "author"},
    "mplp-extension.schema.json": {
        "meta": META,
        "extension_id": A,
        "context_id": C,
        "name": "printer",
        "extension_type": "capability",
        "version": "1.0.0",
        "status": "active",
    },
    "mplp-dialog.schema.json": {
        "meta": META,
        "dialog_id": A,
        "context_id": C,
        "status": "active",
        "messages": [],
    },
    "mplp-collab.schema.json": {
        "meta": META,
        "collab_id": A,
        "context_id": C,
        "title": "Talk",
        "purpose": "Agree",
        "mode": "pair",
        "status": "draft",
        "participants": [{"participant_id": "p", "kind": "human"}],
        "created_at": NOON,
    },
    "mplp-core.schema.json": {
        "meta": META,
        "core_id": A,
        "protocol_version": "1",
        "status": "active",
        "modules": [{"module_id": "plan", "version": "1", "status": "enabled"}],
    },
    "mplp-network.schema.json": {
        "meta": META,
        "network_id": A,
        "context_id": C,
        "name": "farm",
        "topology_type": "mesh",
        "status": "active",
    },
    "common/common-types.schema.json": {"anything": [1, None]},
    "common/events.schema.json": EMBEDDED,
    "common/identifiers.schema.json": A,
    "common/learning-sample.schema.json": {
        "sample_id": A,
        "project_id": "p",
        "success_flag": False,
        "timestamps": {"started_at": NOON},
    },
    "common/metadata.schema.json": META,
    "common/trace-base.schema.json": SPAN,
    "events/mplp-event-core.schema.json": CORE,
    "events/mplp-graph-update-event.schema.json": {
        **CORE,
        "event_family": "graph_update",
        "graph_id": B,
        "update_kind": "bulk",
        "node_delta": -2,
        "edge_delta": 0,
    },
    "events/mplp-map-event.schema.json": {
        "event_id": A,
        "event_type": "MAPTurnDispatched",
        "timestamp": NOON,
        "session_id": B,
    },
    "events/mplp-pipeline-stage-event.schema.json": {
        **CORE,
        "event_family": "pipeline_stage",
        "pipeline_id": A,
        "stage_id": "plan",
        "stage_status": "running",
    },
    "events/mplp-runtime-execution-event.schema.json": {
        **CORE,
        "event_family": "runtime_execution",
        "execution_id": A,
        "executor_kind": "llm",
        "status": "failed",
    },
    "events/mplp-sa-event.schema.json": {
        "event_id": A,
        "event_type": "SAStepStarted",
        "timestamp": NOON,
        "sa_id": B,
    },
    "integration/mplp-ci-event.schema.json": {
        "ci_provider": "jenkins",
        "pipeline_id": "p",
        "run_id": "1",
        "status": "failed",
    },
    "integration/mplp-file-update-event.schema.json": {
        "file_path": "a.py",
        "change_type": "renamed",
        "timestamp": NOON,
    },
    "integration/mplp-git-event.schema.json": {
        "repo_url": "git@host:a.git",
        "commit_id": "not-hex",
        "ref_name": "main",
        "event_kind": "merge",
        "timestamp": NOON,
    },
    "integration/mplp-tool-event.schema.json": {
        "tool_id": "ruff",
        "tool_kind": "linter",
        "invocation_id": A,
        "status": "running",
    },
    "learning/mplp-learning-sample-core.schema.json": SAMPLE,
    "learning/mplp-learning-sample-delta.schema.json": {
        **SAMPLE,
        "sample_family": "delta_impact",
        "input": {"delta_id": "d", "intent_id": "i", "change_summary": "c"},
        "output": {"actual_impact_summary": "s", "impact_scope": "local"},
    },
    "learning/mplp-learning-sample-intent.schema.json": {
        **SAMPLE,
        "sample_family": "intent_resolution",
        "input": {"intent_id": "i", "raw_request_summary": "r"},
        "output": {"final_intent_summary": "f"},
    },
}
"""The smallest sound document of each schema."""


@dataclass(frozen=True)
class Change:
    """One change to the smallest document of a schema, and the faults it brings."""

    schema: str
    path: tuple[str | int, ...]
    value: Any
    faults: frozenset[Fault] = frozenset()

    @property
    def document(self) -> Any:
        document = copy.deepcopy(SMALL[self.schema])
        if not self.path:
            return self.value
        here = document
        for part in self.path[:-1]:
            here = here[part]
        if self.value is ABSENT:
            del here[self.path[-1]]
        else:
            here[self.path[-1]] = self.value
        return document


ABSENT = object()


def sound(schema: str, *path: str | int, value: Any) -> Change:
    return Change(schema, path, value)


def faulty(
    schema: str, *path: str | int, value: Any, at: tuple[str | int, ...] | None = None, by: str
) -> Change:
    """A change that breaks the keywords `by` (separated by blanks), at the changed place unless said."""
    return Change(schema, path, value, frozenset((path if at is None else at, word) for word in by.split()))


CONTEXT, PLAN, CONFIRM = "mplp-context.schema.json", "mplp-plan.schema.json", "mplp-confirm.schema.json"
TRACE, ROLE, EXTENSION = "mplp-trace.schema.json", "mplp-role.schema.json", "mplp-extension.schema.json"
DIALOG, COLLAB, CORES = "mplp-dialog.schema.json", "mplp-collab.schema.json", "mplp-core.schema.json"
NETWORK, EVENT, META_ = "mplp-network.schema.json", "common/events.schema.json", "common/metadata.schema.json"
EVENT_CORE, GRAPH = "events/mplp-event-core.schema.json", "events/mplp-graph-update-event.schema.json"
STAGE, RUNTIME = (
    "events/mplp-pipeline-stage-event.schema.json",
    "events/mplp-runtime-execution-event.schema.json",
)
SA, MAP = "events/mplp-sa-event.schema.json", "events/mplp-map-event.schema.json"
FILE, GIT = "integration/mplp-file-update-event.schema.json", "integration/mplp-git-event.schema.json"
CI, TOOL = "integration/mplp-ci-event.schema.json", "integration/mplp-tool-event.schema.json"
LEARNED, CLOSED_SAMPLE = (
    "learning/mplp-learning-sample-core.schema.json",
    "common/learning-sample.schema.json",
)
DELTA = "learning/mplp-learning-sample-delta.schema.json"
INTENT = "learning/mplp-learning-sample-intent.schema.json"

CHANGES: tuple[Change, ...] = (
    # Ids: lower-case version 4 in modules; any UUID in events and samples.
    faulty(PLAN, "plan_id", value=VERSION_1, by="pattern"),
    faulty(PLAN, "plan_id", value=UPPER, by="pattern"),
    faulty(PLAN, "plan_id", value=A + "\n", by="pattern"),
    faulty(PLAN, "plan_id", value=7, by="type"),
    faulty("common/identifiers.schema.json", value="123e4567-e89b-12d3-a456-426614174000", by="pattern"),
    sound(EVENT_CORE, "event_id", value=VERSION_1),
    sound(EVENT_CORE, "event_id", value=UPPER),
    faulty(EVENT_CORE, "event_id", value="urn:uuid:" + A, by="format"),
    faulty(TOOL, "invocation_id", value="uuid-v4", by="pattern"),
    sound(LEARNED, "sample_id", value=UPPER),
    # Plans are closed; blank is not empty; dependencies are only shaped.
    faulty(PLAN, "governance", value={}, at=(), by="additionalProperties"),
    faulty(PLAN, "created_at", value=NOON, at=(), by="additionalProperties"),
    faulty(PLAN, "steps", 0, "priority", value=1, at=("steps", 0), by="additionalProperties"),
    faulty(PLAN, "steps", value=[], by="minItems"),
    faulty(PLAN, "title", value="", by="minLength"),
    sound(PLAN, "title", value=" "),
    faulty(PLAN, "status", value="pendng", by="enum"),
    faulty(PLAN, "status", value=None, by="type enum"),
    faulty(PLAN, "steps", 0, "status", value="active", by="enum"),
    faulty(PLAN, "steps", 0, "step_id", value=ABSENT, at=("steps", 0), by="required"),
    faulty(PLAN, "steps", 0, "order_index", value=-1, by="minimum"),
    faulty(PLAN, "steps", 0, "order_index", value=0.5, by="type"),
    faulty(PLAN, "steps", 0, "order_index", value=True, by="type"),
    sound(PLAN, "steps", 0, "order_index", value=1.0),
    sound(PLAN, "steps", 0, "agent_role", value=""),
    sound(PLAN, "steps", 0, "dependencies", value=[B, B, C]),
    faulty(
        PLAN, "steps", 0, "dependencies", value=["step-1"], at=("steps", 0, "dependencies", 0), by="pattern"
    ),
    faulty(PLAN, "events", value=[{}], at=("events", 0), by="required"),
    faulty(PLAN, value=[], by="type"),
    # Meta.
    faulty(META_, "protocol_version", value="1.0", by="pattern"),
    faulty(META_, "protocol_version", value="1.0.0-rc.1", by="pattern"),
    faulty(META_, "schema_version", value="٢.0.0", by="pattern"),
    faulty(META_, "schema_version", value="2.0.0\n", by="pattern"),
    sound(META_, "schema_version", value="02.0.0"),
    faulty(META_, "tags", value=["a", "a"], by="uniqueItems"),
    faulty(META_, "cross_cutting", value=["protocol-version"], at=("cross_cutting", 0), by="enum"),
    sound(META_, "cross_cutting", value=["learning-feedback", "observability", "protocol-versioning"]),
    faulty(META_, "source", value="x", at=(), by="additionalProperties"),
    # Context: an open root, closed around it.
    sound(CONTEXT, "root", "repo", value={"url": "x"}),
    faulty(CONTEXT, "root", "domain", value=ABSENT, at=("root",), by="required"),
    faulty(CONTEXT, "tags", value=[""], at=("tags", 0), by="minLength"),
    sound(CONTEXT, "tags", value=["a", "a"]),
    faulty(CONTEXT, "$comment", value="hello", at=(), by="additionalProperties"),
    faulty(CONTEXT, "created_at", value="2025-12-06T12:00:00", by="format"),
    faulty(CONTEXT, "governance", value={"lifecycle_phase": "x"}, by="additionalProperties"),
    sound(
        CONTEXT, "governance", value={"lifecyclePhase": "x", "lastConfirmRef": {"id": A, "module": "confirm"}}
    ),
    faulty(
        CONTEXT,
        "governance",
        value={"lastConfirmRef": {"id": A, "kind": "confirm"}},
        at=("governance", "lastConfirmRef"),
        by="required additionalProperties",
    ),
    # Confirm: no `override`, no `step`.
    faulty(CONFIRM, "status", value="override", by="enum"),
    faulty(CONFIRM, "target_type", value="step", by="enum"),
    faulty(CONFIRM, "plan_id", value=A, at=(), by="additionalProperties"),
    faulty(
        CONFIRM,
        "decisions",
        value=[{"decision_id": A, "status": "pending", "decided_by_role": "x", "decided_at": NOON}],
        at=("decisions", 0, "status"),
        by="enum",
    ),
    # Trace: nothing beside what is listed, but open bags inside.
    faulty(TRACE, "verdict", value="ok", at=(), by="additionalProperties"),
    faulty(TRACE, "root_span", "name", value="x", at=("root_span",), by="additionalProperties"),
    sound(TRACE, "root_span", "attributes", value={"name": "x"}),
    sound(
        TRACE, "segments", value=[{"segment_id": A, "label": "", "status": "skipped", "attributes": {"n": 1}}]
    ),
    faulty(TRACE, "status", value="skipped", by="enum"),
    # The rest of the modules.
    sound(ROLE, "name", value=""),
    faulty(ROLE, "status", value="active", at=(), by="additionalProperties"),
    faulty(ROLE, "capabilities", value=[1], at=("capabilities", 0), by="type"),
    sound(EXTENSION, "version", value="2.0.0-rc.1+build.5"),
    faulty(EXTENSION, "version", value="01.0.0", by="pattern"),
    faulty(EXTENSION, "version", value="1.٢.0", by="pattern"),
    faulty(EXTENSION, "version", value="1.0.0\n", by="pattern"),
    faulty(
        DIALOG,
        "messages",
        value=[{"role": "human", "content": "", "timestamp": NOON}],
        at=("messages", 0, "role"),
        by="enum",
    ),
    faulty(COLLAB, "participants", value=[], by="minItems"),
    faulty(COLLAB, "created_at", value=ABSENT, at=(), by="required"),
    faulty(COLLAB, "participants", 0, "participant_id", value="", by="minLength"),
    faulty(CORES, "protocol_version", value="", by="minLength"),
    faulty(CORES, "modules", 0, "module_id", value="runtime", by="enum"),
    sound(NETWORK, "nodes", value=[]),
    faulty(NETWORK, "nodes", value=[{"node_id": A, "kind": "agent"}], at=("nodes", 0), by="required"),
    # Events inside documents have dots; events on the bus have underscores and are open.
    faulty(EVENT, "event_type", value="plan_status_changed", by="pattern"),
    faulty(EVENT, "event_type", value="SAStepStarted", by="pattern"),
    faulty(EVENT, "event_type", value="plan.created\n", by="pattern"),
    sound(EVENT, "event_type", value="sa.step.started"),
    sound(EVENT, "source", value=""),
    sound(EVENT, "data", value=None),
    faulty(EVENT, "data", value=[], by="anyOf"),
    faulty(EVENT, "lamport_timestamp", value=1, at=(), by="additionalProperties"),
    sound(EVENT_CORE, "lamport_timestamp", value=1),
    sound(EVENT_CORE, "source", value="git"),
    sound(EVENT_CORE, "event_type", value=""),
    faulty(EVENT_CORE, "event_family", value="ExternalIntegrationEvent", by="enum"),
    faulty(EVENT_CORE, "payload", value=None, by="type"),
    faulty(STAGE, "stage_status", value="in_progress", by="enum"),
    sound(STAGE, "stage_id", value=""),
    faulty(STAGE, "event_family", value="intent", by="const"),
    faulty(STAGE, "event_family", value="stage", by="const enum"),
    faulty(GRAPH, "node_delta", value=ABSENT, at=(), by="required"),
    sound(GRAPH, "update_kind", value="edge_update"),
    faulty(GRAPH, "graph_id", value="psg", by="format"),
    faulty(RUNTIME, "executor_kind", value="human", by="enum"),
    sound(SA, "payload", value={}),
    faulty(SA, "event_family", value="runtime_execution", at=(), by="additionalProperties"),
    faulty(SA, "event_type", value="sa.step.started", by="enum"),
    faulty(MAP, "turn_id", value=A, at=(), by="additionalProperties"),
    faulty(MAP, "target_roles", value="all", by="type"),
    # Integration payloads take no seed-only keys.
    faulty(FILE, "content_hash", value="sha256:0", at=(), by="additionalProperties"),
    faulty(FILE, "source", value="vscode", at=(), by="additionalProperties"),
    faulty(FILE, "lines_added", value=-1, by="minimum"),
    sound(GIT, "author_email", value="root@localhost"),
    faulty(GIT, "author_email", value="ana", by="format"),
    faulty(GIT, "author_email", value="a@", by="format"),
    faulty(CI, "status", value="success", by="enum"),
    faulty(CI, "trigger_event", value="push", at=(), by="additionalProperties"),
    faulty(CI, "run_url", value="ci.example.org/1", by="format"),
    sound(CI, "stages", value=[{"stage_name": "", "status": "skipped"}]),
    faulty(CI, "stages", value=[3], at=("stages", 0), by="type"),
    faulty(CI, "duration_ms", value=1.5, by="type"),
    faulty(TOOL, "status", value=ABSENT, at=(), by="required"),
    faulty(TOOL, "duration_ms", value=1, at=(), by="additionalProperties"),
    sound(TOOL, "exit_code", value=-9),
    # Learning samples.
    sound(LEARNED, "vendor", value=1),
    faulty(LEARNED, "meta", value={"quality_score": 1.01}, at=("meta", "quality_score"), by="maximum"),
    faulty(
        LEARNED, "meta", value={"source_event_ids": ["e-1"]}, at=("meta", "source_event_ids", 0), by="format"
    ),
    faulty(DELTA, "sample_family", value="intent_resolution", by="const"),
    faulty(DELTA, "input", "change_summary", value=ABSENT, at=("input",), by="required"),
    faulty(INTENT, "input", "intent_id", value=ABSENT, at=("input",), by="required"),
    sound(INTENT, "output", "extra", value=None),
    faulty(CLOSED_SAMPLE, "sample_family", value="x", at=(), by="additionalProperties"),
    faulty(
        CLOSED_SAMPLE, "user_feedback", value={"rating": 5.5}, at=("user_feedback", "rating"), by="maximum"
    ),
    faulty(CLOSED_SAMPLE, "timestamps", "started_at", value=ABSENT, at=("timestamps",), by="required"),
)
