"""What is kept of attempts in little room is what was put in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mplp_runtime.orchestrator.attempt_table import AttemptTable, EndedAttempt
from mplp_runtime.trace.document import TraceHead
from mplp_runtime.trace.recorder import TraceRecorder, segment_of

NOW = "2026-01-02T03:04:05.000Z"
HEAD = TraceHead("t", "s", "c", "p", "running", NOW, NOW)
patient = settings(deadline=None, derandomize=True, max_examples=100, suppress_health_check=list(HealthCheck))
texts = st.text(st.characters(codec=None), max_size=20)
records = st.fixed_dictionaries(
    {
        "run_id": st.just("r"),
        "step_id": st.sampled_from(["a", "b"]),
        "attempt": st.integers(1, 3),
        "action": st.sampled_from(["simulated", "tool_call"]),
        "status": st.sampled_from(["running", "completed", "failed", "cancelled"]),
        "step_status": st.sampled_from(["in_progress", "pending", "completed", "failed"]),
        "segment_id": texts,
        "segment_status": st.sampled_from(["completed", "failed"]),
        "execution_id": texts,
        "started_at": st.just(NOW),
        "simulated": st.booleans(),
    },
    optional={
        "finished_at": st.just(NOW),
        "duration_s": st.floats(0, 100),
        "exit_code": st.sampled_from([0, 1]),
        "interrupted": st.booleans(),
        "output_in_tail": st.just(True),
        "tail": texts,
        "error": texts,
        "error_type": st.sampled_from(["timeout", "exit_code"]),
        "tool": st.sampled_from(["pytest", "mypy"]),
        "undo": st.lists(st.dictionaries(texts, texts, max_size=2), max_size=2),
    },
)


def step(name: str) -> dict[str, Any]:
    return {"step_id": name, "description": f"Step {name}", "status": "pending"}


@patient
@given(st.lists(records, max_size=4))
def test_a_record_comes_out_as_it_went_in(put: list[dict[str, Any]]) -> None:
    table = AttemptTable()
    expected: dict[str, dict[str, Any]] = {}
    for record in put:
        before = expected.get(record["step_id"], {})
        kept = table.put(record, step(record["step_id"]))
        expected[record["step_id"]] = record
        had_ended = before.get("status", "running") != "running" and before["attempt"] == record["attempt"]
        assert (kept is None) == had_ended
        assert had_ended or isinstance(kept, EndedAttempt) == (record["status"] != "running")
        if isinstance(kept, EndedAttempt):
            own_text = json.loads(kept.text(readable=False))
            assert (
                own_text
                == json.loads(kept.text(readable=True))
                == segment_of(record, step(record["step_id"]))
            )
    assert dict(table) == expected
    for name in ("a", "b"):
        known = expected.get(name, {})
        assert table.get(name, {}) == known
        assert table.number(name) == known.get("attempt", 0)
        assert table.step_status(name) == known.get("step_status")
        # 0 and False are not the same in JSON.
        assert json.dumps(table.get(name, {}), sort_keys=True) == json.dumps(known, sort_keys=True)
    assert table.under_way() == [
        each
        for each in expected.values()
        if each["status"] == "running" and each["step_status"] == "in_progress"
    ]


def test_an_attempt_keeps_its_place_in_the_trace_when_it_ends() -> None:
    table, recorder = AttemptTable(), TraceRecorder("t")
    begun = {
        name: {
            "step_id": name,
            "attempt": 1,
            "status": "running",
            "step_status": "in_progress",
            "segment_id": f"of {name}",
            "segment_status": "running",
            "started_at": NOW,
        }
        for name in ("a", "b")
    }
    for name, record in begun.items():
        recorder.attempt(record, step(name))
    done = {**begun["a"], "status": "completed", "step_status": "completed", "segment_status": "completed"}
    kept = table.put(done, step("a"))
    assert isinstance(kept, EndedAttempt)
    recorder.ended("a", 1, kept)
    recorder.attempt({**done, "attempt": 2, "segment_id": "another"}, step("a"))
    _, segments, _ = recorder.snapshot(HEAD)
    read = [json.loads(each.text(readable=False)) for each in segments if not isinstance(each, Mapping)]
    assert [(each["segment_id"], each["status"]) for each in read] == [
        ("of a", "completed"),
        ("of b", "running"),
        ("another", "completed"),
    ]
