"""What is written as text without an encoder is what the encoder would have written, for any values."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mplp_runtime.orchestrator import attempt_texts
from mplp_runtime.orchestrator.attempt_texts import record_text
from mplp_runtime.orchestrator.plan_in_graph import simulated_step, simulated_step_text
from mplp_runtime.trace.document import item_text
from mplp_runtime.trace.recorder import segment_line, segment_of
from mplp_runtime.vsl.values import compact

# Lone halves of character pairs are in it: a tool may print anything.
texts = st.text(st.characters(codec=None), max_size=20)
numbers = st.integers(0, 10**6)
seconds = st.one_of(st.floats(0, 10**9), st.just(0.0))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "position": numbers,
    "attempt": numbers,
    "simulated": st.booleans(),
    "duration_s": seconds,
    "output_in_tail": st.booleans(),
}


def records(names: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({name: VALUES.get(name, texts) for name in names})


patient = settings(deadline=None, derandomize=True, max_examples=150)


@patient
@given(records(attempt_texts._BEGUN), records(attempt_texts._PLAYED), texts)
def test_the_record_of_an_attempt_is_stored_as_the_encoder_would(
    begun: dict[str, Any], played: dict[str, Any], text: str
) -> None:
    for record in (begun, played, {**begun, "error": text}, dict(reversed(played.items()))):
        assert record_text(record) == compact(record)


@patient
@given(texts, texts, texts, numbers)
def test_the_node_of_a_simulated_step_is_stored_as_the_encoder_would(
    step_id: str, status: str, plan_id: str, position: int
) -> None:
    values = step_id, status, plan_id, position
    assert simulated_step_text(*values) == compact(simulated_step(*values))


ATTEMPTS = st.fixed_dictionaries(
    {
        "attempt": numbers,
        "segment_id": texts,
        "segment_status": st.just("failed") | texts,
        "started_at": texts,
    },
    optional={
        "finished_at": texts | st.none(),
        "action": texts,
        "tool": texts,
        "model": texts,
        "error_type": texts,
        "participant": texts | st.none(),
        "exit_code": st.none() | st.integers(-20, 255),
        "error": st.none() | texts,
        "duration_s": seconds,
        "interrupted": st.booleans(),
        "answered_by": st.none() | texts,
        "simulated": st.booleans(),
        "tail": texts | st.just("x" * 3000),
    },
)
STEPS = st.fixed_dictionaries({"step_id": texts, "description": texts}, optional={"agent_role": texts})


@patient
@given(ATTEMPTS, STEPS)
def test_the_segment_of_a_large_trace_is_written_as_the_encoder_would(
    attempt: dict[str, Any], step: dict[str, Any]
) -> None:
    assert segment_line(attempt, step) == item_text(segment_of(attempt, step), readable=False)
