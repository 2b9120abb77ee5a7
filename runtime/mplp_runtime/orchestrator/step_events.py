"""The events of steps, made as the text that is stored.

A run of 10,000 steps has 80,000 events that differ in little. So what they share is written once for the run,
and each one costs an id, an instant and a few members; the events of a step that begins, or that ends as
nearly all do, are even written together. They are not looked at by a validator one by one: that every event
made here is valid, and equal to what the builders of `events.families` make, is a property that the tests
show for any plan, attempt and result. Only ids, which come from outside, are checked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring_ascii as quoted
from math import isfinite
from typing import Any, NamedTuple

from mplp_runtime.errors import EventRejected
from mplp_runtime.events.families import EXECUTION_STATUS, EXECUTOR_KIND, STAGE_STATUS, Stamper
from mplp_runtime.events.validate import is_uuid_v4
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.sources import new_uuid, new_uuids
from mplp_runtime.vsl.interface import Json
from mplp_runtime.vsl.ready import ReadyEvent
from mplp_runtime.vsl.values import compact

Step = Mapping[str, Any]

EVENTS_BEFORE, EVENTS_AFTER = 3, 5
"""How many events stand before an action and after it."""
TOLD = ("exit_code", "error", "duration_s", "answered_by")
"""What of an attempt's record goes into the payload of its last events, where it is known."""
FACTS = ("exit_code", "error")
"""What of that the execution's own event tells."""


class SharedTexts(NamedTuple):
    """What the events of one attempt share, as it stands in them."""

    step_id: str
    description: str
    order: int
    attempt: int
    action: str
    execution: str
    role: str


class StepEvents:
    """Makes the events of one run's steps. `at` is an instant as `sources.timestamp` writes it."""

    def __init__(self, stamper: Stamper, run: Record, graph_id: str) -> None:
        project = f'"project_id":{quoted(run["context_id"])}'
        self._new_id = stamper.new_id
        self._run_id = quoted(run["run_id"])
        self._stage = f'"event_family":"pipeline_stage",{project},"pipeline_id":{quoted(run["plan_id"])}'
        self._execution = f'"event_family":"runtime_execution",{project}'
        self._node = f'"event_family":"graph_update","graph_id":{quoted(graph_id)}'
        self._executors: dict[tuple[str, str | None], str] = {}
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
        return ReadyEvent(
            f"{self._head(word, at)}{self._execution}"
            f',"execution_id":{quoted(attempt["execution_id"])}'
            f'{self._executor(action, step.get("agent_role"))},"status":"{EXECUTION_STATUS[status]}"'
            f',"payload":{{"step_id":{quoted(step["step_id"])}'
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

    def fresh_ids(self, count: int) -> list[str]:
        """Ids for so many events. Raises EventRejected for one that no schema accepts."""
        new_id = self._new_id
        if new_id is new_uuid:
            # Our own source makes nothing else, and a run asks for a hundred thousand.
            return new_uuids(count)
        found = [new_id() for _ in range(count)]
        if not all(map(is_uuid_v4, found)):
            raise EventRejected("A new event is not valid: `event_id` is not a lower-case UUID of version 4.")
        return found

    def shared(self, step: Step, position: int, attempt: Record) -> SharedTexts:
        """What the events of an attempt at a step have in common."""
        role, action = step.get("agent_role"), attempt["action"]
        return SharedTexts(
            quoted(step["step_id"]),
            quoted(step["description"]),
            step.get("order_index", position),
            attempt["attempt"],
            quoted(action),
            f'"execution_id":{quoted(attempt["execution_id"])}{self._executor(action, role)}',
            f',"agent_role":{quoted(role)}' if role else "",
        )

    def started(self, ids: Iterable[str], at: str, shared: SharedTexts, lamport: int) -> list[str]:
        """The three events before an action, as they are stored: SAStepStarted, stage and execution.

        `ids` are theirs, `lamport` is the logical time of the first.
        """
        first, second, third = ids
        step_id, description, order, number, action, execution, told_role = shared
        return [
            (
                f'{{"event_id":"{first}","event_type":"SAStepStarted","timestamp":"{at}",{self._profile}'
                f',"payload":{{"step_id":{step_id},"description":{description},"attempt":{number}{told_role}'
                f',"lamport_timestamp":{lamport}}}}}'
            ),
            (
                f'{{"event_id":"{second}","event_type":"step_started","timestamp":"{at}",{self._stage}'
                f',"stage_id":{step_id},"stage_name":{description},"stage_status":"running"'
                f',"stage_order":{order}'
                f',"payload":{{"run_id":{self._run_id},"attempt":{number},"status":"in_progress"}}'
                f',"lamport_timestamp":{lamport + 1}}}'
            ),
            (
                f'{{"event_id":"{third}","event_type":"step_execution_started","timestamp":"{at}"'
                f',{self._execution},{execution},"status":"running"'
                f',"payload":{{"step_id":{step_id},"attempt":{number},"action":{action}}}'
                f',"lamport_timestamp":{lamport + 2}}}'
            ),
        ]

    def completed(
        self,
        ids: Iterable[str],
        at: str,
        shared: SharedTexts,
        attempt: Record,
        node: tuple[str, str],
        lamport: int,
    ) -> list[str]:
        """The five events after an action that succeeded: execution, graph, stage, SAStepCompleted, trace.

        `node` is the type and id of the step's node, which is there for the first time.
        """
        first, second, third, fourth, fifth = ids
        step_id, description, order, number, action, execution, _ = shared
        known, facts = _known(attempt, TOLD), _known(attempt, FACTS)
        output = attempt.get("tail", "")
        return [
            (
                f'{{"event_id":"{first}","event_type":"step_execution_completed","timestamp":"{at}"'
                f',{self._execution},{execution},"status":"completed"'
                f',"payload":{{"step_id":{step_id},"attempt":{number},"action":{action}{facts}}}'
                f',"lamport_timestamp":{lamport}}}'
            ),
            (
                f'{{"event_id":"{second}","event_type":"step_updated","timestamp":"{at}",{self._node}'
                ',"update_kind":"node_add","node_delta":1,"edge_delta":0,"source_module":"plan"'
                f',"payload":{{"node_type":{quoted(node[0])},"node_id":{quoted(node[1])},"status":"completed"}}'
                f',"lamport_timestamp":{lamport + 1}}}'
            ),
            (
                f'{{"event_id":"{third}","event_type":"step_completed","timestamp":"{at}",{self._stage}'
                f',"stage_id":{step_id},"stage_name":{description},"stage_status":"completed"'
                f',"stage_order":{order}'
                f',"payload":{{"run_id":{self._run_id},"attempt":{number}{known},"status":"completed"}}'
                f',"lamport_timestamp":{lamport + 2}}}'
            ),
            (
                f'{{"event_id":"{fourth}","event_type":"SAStepCompleted","timestamp":"{at}",{self._profile}'
                f',"payload":{{"step_id":{step_id},"status":"completed","attempt":{number}{known}'
                f',"result":{{"output":{quoted(output[-500:])}}},"lamport_timestamp":{lamport + 3}}}}}'
            ),
            (
                f'{{"event_id":"{fifth}","event_type":"SATraceEmitted","timestamp":"{at}",{self._profile}'
                f',"payload":{{"segment_ids":[{quoted(attempt["segment_id"])}]'
                f',"lamport_timestamp":{lamport + 4}}}}}'
            ),
        ]

    def _executor(self, action: str, role: str | None) -> str:
        """The members about who carries an action out; a run has few of them."""
        known = self._executors.get((action, role))
        if known is None:
            told = "" if role is None else f',"executor_role":{quoted(role)}'
            known = f',"executor_kind":"{EXECUTOR_KIND.get(action, "worker")}"{told}'
            self._executors[action, role] = known
        return known

    def _head(self, word: str, at: str) -> str:
        (event_id,) = self.fresh_ids(1)
        return f'{{"event_id":"{event_id}","event_type":"{word}","timestamp":"{at}",'


def _known(attempt: Record, names: tuple[str, ...]) -> str:
    """Those of these members of an attempt that are known, as `_members` has them."""
    return "".join(
        [f',"{name}":{_text(value)}' for name in names if (value := attempt.get(name)) is not None]
    )


def _members(payload: Mapping[str, Json]) -> str:
    """The members of an object as they stand in its text, each behind a comma."""
    return "".join([f',"{name}":{_text(value)}' for name, value in payload.items()])


def _text(value: Json) -> str:
    # By hand, because nearly all of them are words and numbers.
    kind = type(value)
    if kind is str:
        return quoted(value)
    return repr(value) if kind is int or (kind is float and isfinite(value)) else compact(value)
