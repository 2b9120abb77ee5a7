"""The events of steps, made as the text that is stored.

A run of 10,000 steps has 80,000 events that differ in little. So what they share is written once for the run,
and each one costs an id, an instant and a few members. They are not looked at by a validator one by one: that
every event made here is valid, and equal to what the builders of `events.families` make, is a property that
the tests show for any plan, attempt and result. Only ids, which come from outside, are checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from mplp_runtime.errors import EventRejected
from mplp_runtime.events.families import EXECUTION_STATUS, EXECUTOR_KIND, STAGE_STATUS, Stamper
from mplp_runtime.events.validate import is_uuid_v4
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.vsl.interface import Json
from mplp_runtime.vsl.ready import ReadyEvent
from mplp_runtime.vsl.values import compact

Step = Mapping[str, Any]


class StepEvents:
    """Makes the events of one run's steps. `at` is an instant as `sources.timestamp` writes it."""

    def __init__(self, stamper: Stamper, run: Record, graph_id: str) -> None:
        project = f'"project_id":{quoted(run["context_id"])}'
        self._new_id = stamper.new_id
        self._run_id = quoted(run["run_id"])
        self._stage = f'"event_family":"pipeline_stage",{project},"pipeline_id":{quoted(run["plan_id"])}'
        self._execution = f'"event_family":"runtime_execution",{project}'
        self._node = f'"event_family":"graph_update","graph_id":{quoted(graph_id)}'
        self._profile = ",".join(
            f'"{name}":{quoted(run[name])}' for name in ("sa_id", "context_id", "plan_id", "trace_id")
        )

    def stage(
        self, at: str, word: str, step: Step, position: int, status: str, payload: Mapping[str, Json]
    ) -> ReadyEvent:
        """`pipeline_stage`: a step's own status moves. `status` is the step's word, or `failed`."""
        return ReadyEvent(
            f"{self._head(word, at)}{self._stage}"
            f',"stage_id":{quoted(step["step_id"])},"stage_name":{quoted(step["description"])}'
            f',"stage_status":"{STAGE_STATUS[status]}","stage_order":{step.get("order_index", position)}'
            f',"payload":{{"run_id":{self._run_id}{_members(payload)},"status":{quoted(status)}}}'
            ',"lamport_timestamp":',
            "}",
        )

    def execution(
        self, at: str, word: str, step: Step, attempt: Record, status: str, payload: Mapping[str, Json]
    ) -> ReadyEvent:
        """`runtime_execution`: the step's action begins or ends."""
        action = attempt["action"]
        role = step.get("agent_role")
        executor_role = "" if role is None else f',"executor_role":{quoted(role)}'
        return ReadyEvent(
            f"{self._head(word, at)}{self._execution}"
            f',"execution_id":{quoted(attempt["execution_id"])}'
            f',"executor_kind":"{EXECUTOR_KIND.get(action, "worker")}"'
            f'{executor_role},"status":"{EXECUTION_STATUS[status]}","payload":{{"step_id":{quoted(step["step_id"])}'
            f',"attempt":{attempt["attempt"]},"action":{quoted(action)}{_members(payload)}}}'
            ',"lamport_timestamp":',
            "}",
        )

    def node_changed(self, at: str, type_: str, node_id: str, status: str, *, is_new: bool) -> ReadyEvent:
        """`graph_update`: the step's node has a new status, or is there for the first time."""
        kind = "node_add" if is_new else "node_update"
        return ReadyEvent(
            f"{self._head('step_updated', at)}{self._node}"
            f',"update_kind":"{kind}","node_delta":{int(is_new)},"edge_delta":0,"source_module":"plan"'
            f',"payload":{{"node_type":{quoted(type_)},"node_id":{quoted(node_id)},"status":{quoted(status)}}}'
            ',"lamport_timestamp":',
            "}",
        )

    def profile(self, at: str, word: str, payload: Mapping[str, Json]) -> ReadyEvent:
        """An event of the single-agent profile."""
        separator = "," if payload else ""
        return ReadyEvent(
            f"{self._head(word, at)}{self._profile}"
            f',"payload":{{{_members(payload)[1:]}{separator}"lamport_timestamp":',
            "}}",
        )

    def _head(self, word: str, at: str) -> str:
        event_id = self._new_id()
        if not is_uuid_v4(event_id):
            raise EventRejected(
                f"Event {word!r} is not valid: `event_id` is not a lower-case UUID of version 4."
            )
        return f'{{"event_id":"{event_id}","event_type":"{word}","timestamp":"{at}",'


def _members(payload: Mapping[str, Json]) -> str:
    """The members of an object as they stand in its text, each behind a comma."""
    # By hand, because nearly all of them are two or three words and numbers.
    parts = []
    for name, value in payload.items():
        kind = type(value)
        text = quoted(value) if kind is str else value if kind is int else compact(value)
        parts.append(f',"{name}":{text}')
    return "".join(parts)
