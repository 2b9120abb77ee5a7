"""A step that is skipped has a segment that says so, and why (runtime.md 3), wherever it was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.orchestrator import records
from mplp_runtime.trace.spans import spans_of
from mplp_runtime.vsl.interface import Transaction
from tests.runtime.orchestrator.projects import (
    Project,
    plan,
    role,
    step,
    step_id,
    table,
    timeline_of,
    trace_of,
)
from tests.runtime.orchestrator.waiting import asked

PERSON = table("roles.person", action="agent_handoff", to="human")
STEPS = plan(step("a"), step("b", "a", role="person"), step("c", "b"))
FAILS = role("worker", "raise SystemExit(1)")
WORKS = role("worker", "print('done')")


def told(trace: Mapping[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(each["label"], each["status"], each["attributes"].get("because")) for each in trace["segments"]]


async def test_a_step_that_a_person_skips_has_a_skipped_segment_beside_what_was_begun(tmp_path: Path) -> None:
    project = Project(tmp_path, STEPS, WORKS + PERSON)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await asked(runtime, run_id)
        await runtime.skip(run_id, step_id("b"), "not today", trusted=True)
        view = await runtime.runs.wait(run_id)
        again = runtime.trace(run_id)
    trace = trace_of(tmp_path, view)
    assert told(trace) == [
        ("a", "completed", None),
        ("b", "cancelled", None),
        ("b", "skipped", "not today"),
        ("c", "completed", None),
    ]
    assert again["segments"] == trace["segments"]
    skipped = trace["segments"][2]
    assert (skipped["attributes"]["step_id"], skipped["attributes"]["agent_role"]) == (step_id("b"), "person")
    emitted = [
        each["payload"]["segment_ids"]
        for each in timeline_of(tmp_path, view)
        if each["event_type"] == "SATraceEmitted" and "segment_ids" in each["payload"]
    ]
    assert emitted == [[each["segment_id"]] for each in trace["segments"]]
    (span,) = [each for each in spans_of(trace) if each.attributes.get("mplp.status") == "skipped"]
    assert (span.attributes["mplp.step.attempts"], span.error) == (1, None)


async def test_a_step_that_a_person_declines_has_a_skipped_segment(tmp_path: Path) -> None:
    toml = WORKS + table("gates", confirm_steps=["worker"])
    project = Project(tmp_path, plan(step("a")), toml)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await asked(runtime, run_id, "gate")
        await runtime.runs.answer(run_id, step_id("a"), success=False, output="too risky")
        view = await runtime.runs.wait(run_id)
    assert told(trace_of(tmp_path, view)) == [("a", "skipped", "too risky")]


async def test_the_run_that_goes_on_without_a_failed_step_has_its_skipped_segment(tmp_path: Path) -> None:
    toml = role("worker", "import os; raise SystemExit(os.environ['MPLP_STEP_DESCRIPTION'] == 'b')")
    project = Project(tmp_path, plan(step("a"), step("b", "a"), step("c", "b")), toml)
    async with project.runtime() as runtime:
        first = await runtime.runs.start(project.request())
        first = await runtime.runs.wait(first.run_id)
        on = await runtime.skip(first.run_id, step_id("b"), "not this time", trusted=True)
        view = await runtime.runs.wait(on.run_id)
    assert [each[:2] for each in told(trace_of(tmp_path, first))] == [("a", "completed"), ("b", "failed")]
    assert told(trace_of(tmp_path, view)) == [("b", "skipped", "not this time"), ("c", "completed", None)]


async def test_a_step_skipped_after_its_process_ended_keeps_its_segment_when_the_run_goes_on(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, STEPS, WORKS + PERSON)
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        await asked(runtime, run_id)
    async with project.runtime() as runtime:
        await runtime.skip(run_id, step_id("b"), "nobody is there", trusted=True)
        view = await runtime.runs.wait(run_id)
    assert told(trace_of(tmp_path, view)) == [
        ("a", "completed", None),
        ("b", "cancelled", None),
        ("b", "skipped", "nobody is there"),
        ("c", "completed", None),
    ]


async def test_a_run_that_goes_on_without_many_steps_writes_their_segments_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its whole record was read and written for each: 2,000 steps took half a minute before anything ran."""
    written, change_run = [], records.change_run

    def counted(transaction: Transaction, run_id: str, **changes: Any) -> Any:
        if "skipped_segments" in changes:
            written.append(run_id)
        return change_run(transaction, run_id, **changes)

    monkeypatch.setattr(records, "change_run", counted)
    names = [f"n{number}" for number in range(40)]
    project = Project(tmp_path, plan(step("a"), *(step(name, "a") for name in names)), FAILS)
    async with project.runtime() as runtime:
        first = await runtime.runs.start(project.request())
        await runtime.runs.wait(first.run_id)
        words = {step_id(name): f"no {name}" for name in ("a", *names)}
        on = replace(
            project.request(),
            continues=first.run_id,
            carried=dict.fromkeys(words, "skipped"),
            skipped=words,
        )
        view = await runtime.runs.wait((await runtime.runs.start(on)).run_id)
    assert view.status == "completed"
    assert written == [view.run_id]
    assert told(trace_of(tmp_path, view)) == [(name, "skipped", f"no {name}") for name in ("a", *names)]
