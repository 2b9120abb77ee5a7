"""The events of steps are made as text and checked by nobody on their way; here they are, for any step."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mplp_runtime.errors import EventRejected
from mplp_runtime.events.families import (
    EXECUTOR_KIND,
    Stamper,
    graph_update,
    pipeline_stage,
    runtime_execution,
    sa_event,
)
from mplp_runtime.events.validate import event_errors
from mplp_runtime.orchestrator.step_events import StepEvents
from mplp_runtime.sources import timestamp
from mplp_runtime.vsl.ready import ReadyEvent, WrittenEvent
from mplp_runtime.vsl.values import StoreLimits, encoded, stamped, unstamped

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AT = timestamp(NOON)
uuids = st.uuids(version=4).map(str)
# Lone halves of character pairs are in it: a tool may print anything.
texts = st.text(st.characters(codec=None), max_size=20)
described = texts.filter(lambda text: bool(text.strip()))
steps = st.fixed_dictionaries(
    {"step_id": uuids, "description": described},
    optional={"agent_role": described, "order_index": st.integers(0, 10**6)},
)
runs = st.fixed_dictionaries(dict.fromkeys(("run_id", "plan_id", "context_id", "trace_id", "sa_id"), uuids))
attempts = st.fixed_dictionaries(
    {
        "attempt": st.integers(1, 99),
        "action": st.sampled_from([*EXECUTOR_KIND, "simulated"]),
        "execution_id": uuids,
    }
)
results = st.fixed_dictionaries(
    {"segment_id": uuids},
    optional={
        "tail": st.one_of(texts, st.just("x" * 600)),
        "exit_code": st.one_of(st.none(), st.integers(0, 255)),
        "error": st.one_of(st.none(), texts),
        "duration_s": st.floats(0, 10**6),
        "answered_by": st.sampled_from([None, "human"]),
    },
)
payloads = st.dictionaries(
    st.sampled_from(["attempt", "error", "exit_code", "duration_s", "answered_by", "segment_ids", "result"]),
    st.one_of(
        texts,
        st.integers(-(10**9), 10**9),
        st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
        st.none(),
        st.lists(uuids, max_size=2),
        st.dictionaries(st.just("output"), texts, max_size=1),
    ),
)


# A machine that does other work too takes its time; the same examples each time, so that CI never differs.
patient = settings(deadline=None, derandomize=True, max_examples=100, suppress_health_check=list(HealthCheck))


def stampers() -> tuple[Stamper, Stamper]:
    """Two that give the same ids in the same order."""

    def fresh() -> Stamper:
        numbers = itertools.count(1)
        return Stamper(lambda: NOON, lambda: str(UUID(int=next(numbers), version=4)))

    return fresh(), fresh()


def check(made: ReadyEvent, built: dict[str, Any]) -> None:
    """What is made as text is what the builder makes, and the store would have kept the same."""
    check_text(made.text_at(7), 7, built)


def check_text(text: str, lamport: int, built: dict[str, Any]) -> None:
    """The same for an event that has its place in time."""
    assert event_errors(built) == []
    assert event_errors(json.loads(text)) == []
    assert unstamped(json.loads(text)) == built
    assert json.loads(text) == stamped(built, lamport)
    # The store's own form, member by member in another order.
    assert json.loads(text) == json.loads(encoded(stamped(built, lamport), StoreLimits()))
    assert text.isascii()
    assert WrittenEvent(lamport, "run", text).event == stamped(built, lamport)


@patient
@given(runs, steps, st.integers(0, 99), st.sampled_from(["pending", "in_progress", "blocked"]), payloads)
def test_a_stage_event_is_the_one_that_its_builder_makes(
    run: dict[str, str], step: dict[str, Any], position: int, status: str, payload: dict[str, Any]
) -> None:
    ours, theirs = stampers()
    made = StepEvents(ours, run, run["sa_id"]).stage(AT, "step_started", step, position, status, payload)
    told = {"run_id": run["run_id"], **payload}
    check(made, stage_of(theirs, run, step, position, "step_started", status=status, payload=told))


@patient
@given(runs, steps, attempts, st.sampled_from(["running", "completed", "failed", "cancelled"]), payloads)
def test_an_execution_event_is_the_one_that_its_builder_makes(
    run: dict[str, str], step: dict[str, Any], attempt: dict[str, Any], status: str, payload: dict[str, Any]
) -> None:
    ours, theirs = stampers()
    rest = {name: value for name, value in payload.items() if name in {"error", "exit_code"}}
    made = StepEvents(ours, run, run["sa_id"]).execution(
        AT, "step_execution_ended", step, attempt, status, rest
    )
    check(made, execution_of(theirs, run, step, attempt, "step_execution_ended", status, rest))


@patient
@given(runs, uuids, st.booleans())
def test_a_change_of_a_node_is_the_event_that_its_builder_makes(
    run: dict[str, str], node_id: str, is_new: bool
) -> None:
    ours, theirs = stampers()
    made = StepEvents(ours, run, run["sa_id"]).node_changed(AT, "Step", node_id, "completed", is_new=is_new)
    built = graph_update(
        theirs,
        "step_updated",
        graph_id=run["sa_id"],
        update_kind="node_add" if is_new else "node_update",
        node_delta=int(is_new),
        source_module="plan",
        payload={"node_type": "Step", "node_id": node_id, "status": "completed"},
    )
    check(made, built)


@patient
@given(
    runs, st.sampled_from(["SAStepStarted", "SAStepCompleted", "SAStepFailed", "SATraceEmitted"]), payloads
)
def test_a_profile_event_is_the_one_that_its_builder_makes(
    run: dict[str, str], word: str, payload: dict[str, Any]
) -> None:
    ours, theirs = stampers()
    made = StepEvents(ours, run, run["run_id"]).profile(AT, word, payload)
    check(made, sa_event(theirs, word, payload=payload, **profile_ids(run)))


def profile_ids(run: dict[str, str]) -> dict[str, str]:
    return {name: run[name] for name in ("sa_id", "context_id", "plan_id", "trace_id")}


def stage_of(
    stamper: Stamper, run: dict[str, str], step: dict[str, Any], position: int, word: str, **more: Any
) -> dict[str, Any]:
    return pipeline_stage(
        stamper,
        word,
        pipeline_id=run["plan_id"],
        stage_id=step["step_id"],
        stage_name=step["description"],
        stage_order=step.get("order_index", position),
        project_id=run["context_id"],
        **more,
    )


def execution_of(
    stamper: Stamper,
    run: dict[str, str],
    step: dict[str, Any],
    attempt: dict[str, Any],
    word: str,
    status: str,
    rest: dict[str, Any],
) -> dict[str, Any]:
    return runtime_execution(
        stamper,
        word,
        execution_id=attempt["execution_id"],
        executor_kind=EXECUTOR_KIND.get(attempt["action"], "worker"),
        executor_role=step.get("agent_role"),
        status=status,
        project_id=run["context_id"],
        payload={
            "step_id": step["step_id"],
            "attempt": attempt["attempt"],
            "action": attempt["action"],
            **rest,
        },
    )


@patient
@given(runs, steps, st.integers(0, 99), attempts, st.integers(1, 10**9))
def test_the_events_of_a_beginning_are_those_that_their_builders_make(
    run: dict[str, str], step: dict[str, Any], position: int, attempt: dict[str, Any], lamport: int
) -> None:
    ours, theirs = stampers()
    make = StepEvents(ours, run, run["sa_id"])
    made = make.started(make.fresh_ids(3), AT, make.shared(step, position, attempt), lamport)
    number = {"attempt": attempt["attempt"]}
    told = {"step_id": step["step_id"], "description": step["description"], **number}
    if step.get("agent_role"):
        told["agent_role"] = step["agent_role"]
    built = [
        sa_event(theirs, "SAStepStarted", payload=told, **profile_ids(run)),
        stage_of(
            theirs,
            run,
            step,
            position,
            "step_started",
            status="in_progress",
            payload={"run_id": run["run_id"], **number},
        ),
        execution_of(theirs, run, step, attempt, "step_execution_started", "running", {}),
    ]
    for place, (text, event) in enumerate(zip(made, built, strict=True)):
        check_text(text, lamport + place, event)


@patient
@given(runs, steps, st.integers(0, 99), attempts, results, st.integers(1, 10**9))
def test_the_events_of_a_success_are_those_that_their_builders_make(
    run: dict[str, str],
    step: dict[str, Any],
    position: int,
    attempt: dict[str, Any],
    result: dict[str, Any],
    lamport: int,
) -> None:
    ours, theirs = stampers()
    record = {**attempt, **result}
    make = StepEvents(ours, run, run["sa_id"])
    node = ("SimulatedStep", f"{run['run_id']}/{step['step_id']}")
    shared = make.shared(step, position, record)
    made = make.completed(make.fresh_ids(5), AT, shared, record, node, lamport)
    known = {
        name: record[name]
        for name in ("exit_code", "error", "duration_s", "answered_by")
        if record.get(name) is not None
    }
    told = {"step_id": step["step_id"], "status": "completed", "attempt": attempt["attempt"], **known}
    told["result"] = {"output": record.get("tail", "")[-500:]}
    rest = {name: value for name, value in known.items() if name in {"exit_code", "error"}}
    built = [
        execution_of(theirs, run, step, attempt, "step_execution_completed", "completed", rest),
        graph_update(
            theirs,
            "step_updated",
            graph_id=run["sa_id"],
            update_kind="node_add",
            node_delta=1,
            source_module="plan",
            payload={"node_type": node[0], "node_id": node[1], "status": "completed"},
        ),
        stage_of(
            theirs,
            run,
            step,
            position,
            "step_completed",
            status="completed",
            payload={"run_id": run["run_id"], "attempt": attempt["attempt"], **known},
        ),
        sa_event(theirs, "SAStepCompleted", payload=told, **profile_ids(run)),
        sa_event(
            theirs, "SATraceEmitted", payload={"segment_ids": [record["segment_id"]]}, **profile_ids(run)
        ),
    ]
    for place, (text, event) in enumerate(zip(made, built, strict=True)):
        check_text(text, lamport + place, event)


def test_an_id_that_no_schema_accepts_never_reaches_the_store() -> None:
    run = dict.fromkeys(("run_id", "plan_id", "context_id", "trace_id", "sa_id"), "a")
    make = StepEvents(Stamper(lambda: NOON, lambda: "one"), run, "g")
    with pytest.raises(EventRejected, match="event_id"):
        make.profile(AT, "SATraceEmitted", {})
