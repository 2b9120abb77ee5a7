"""Trace documents: whole on disk at any moment, bounded in size, streamed."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mplp_runtime.errors import StoreError
from mplp_runtime.trace.document import TraceHead, indented, trace_text
from mplp_runtime.trace.files import write_atomically
from mplp_runtime.trace.recorder import TraceRecorder
from mplp_runtime.trace.writer import TraceParts, TraceWriter
from mplp_runtime.vsl.interface import StoredEvent
from tests.runtime.orchestrator.projects import CONTEXT_ID, PLAN_ID, errors, step_id

NOW = "2026-01-02T03:04:05.000Z"
HEAD = TraceHead(
    trace_id=step_id("trace"),
    span_id=step_id("span"),
    context_id=CONTEXT_ID,
    plan_id=PLAN_ID,
    status="running",
    started_at=NOW,
    updated_at=NOW,
    attributes={"note": "“quotes”"},
)


def event(number: int) -> dict[str, Any]:
    return {
        "event_id": step_id(f"{number}"),
        "event_type": "step_started",
        "event_family": "pipeline_stage",
        "timestamp": NOW,
        "lamport_timestamp": number,
        "pipeline_id": PLAN_ID,
        "stage_id": "x",
        "stage_status": "running",
    }


def segment(number: int, status: str = "running") -> dict[str, Any]:
    return {"segment_id": step_id(f"s{number}"), "label": f"step {number}", "status": status}


def test_a_step_that_was_passed_by_stands_by_its_time_whenever_it_is_told() -> None:
    recorder = TraceRecorder(HEAD.trace_id)

    def attempt(second: int, status: str) -> None:
        record = {
            "segment_id": step_id(f"a{second}"),
            "attempt": 1,
            "segment_status": status,
            "started_at": f"2026-01-02T03:04:{second:02}.000Z",
        }
        recorder.attempt(record, {"step_id": step_id(f"{second}"), "description": f"second {second}"})

    def passed(second: int) -> None:
        at = f"2026-01-02T03:04:{second:02}.000Z"
        recorder.segment({**segment(second, "skipped"), "label": f"passed {second}", "started_at": at})

    attempt(1, "running")
    attempt(3, "running")
    passed(2)
    passed(6)
    attempt(5, "running")
    attempt(7, "running")
    # What was told before keeps its place when it is told again.
    passed(6)
    for second in (1, 3, 5, 7):
        attempt(second, "completed")
    segments = json.loads("".join(trace_text(*recorder.snapshot(HEAD))))["segments"]
    assert [each["label"] for each in segments] == [
        "second 1",
        "passed 2",
        "second 3",
        "second 5",
        "passed 6",
        "second 7",
    ]
    assert {each["status"] for each in segments} == {"completed", "skipped"}


def test_a_document_of_any_size_is_valid_and_readable() -> None:
    for count in (0, 1, 3, 250):
        recorder = TraceRecorder(HEAD.trace_id)
        for number in range(count):
            recorder.segment(segment(number))
            recorder.event(StoredEvent(number, "run", event(number)))
        text = "".join(trace_text(*recorder.snapshot(HEAD)))
        trace = json.loads(text)
        assert errors("trace", trace) == []
        assert (len(trace["segments"]), len(trace["events"])) == (count, count)
        assert text.endswith("\n}\n")


texts = st.text(st.characters(codec=None), max_size=10)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None, derandomize=True, max_examples=200, suppress_health_check=list(HealthCheck))
@given(values)
def test_what_is_indented_for_reading_looks_as_the_standard_library_writes_it(value: Any) -> None:
    expected = json.dumps(value, ensure_ascii=False, indent=2)
    assert indented(value) == expected
    assert indented(value, "\n    ") == expected.replace("\n", "\n    ")


def test_a_segment_moves_forward_in_its_place() -> None:
    recorder = TraceRecorder(HEAD.trace_id)
    recorder.segment(segment(1))
    recorder.segment(segment(2))
    recorder.segment(segment(1, "completed"))
    _, segments, _ = recorder.snapshot(HEAD)
    assert [each["status"] for each in segments] == ["completed", "running"]


def test_the_first_and_the_last_events_are_embedded_and_the_rest_counted() -> None:
    recorder = TraceRecorder(HEAD.trace_id, embedded_limit=150)
    for number in range(1_000):
        recorder.event(StoredEvent(number, "run", event(number)))
    head, _, events = recorder.snapshot(HEAD)
    lamports = [each["data"]["lamport"] for each in events]
    assert lamports == [*range(100), *range(950, 1_000)]
    attributes = head["root_span"]["attributes"]
    assert (attributes["events_total"], attributes["events_left_to_timeline"]) == (1_000, 850)


def test_a_large_trace_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    def segments() -> Iterator[dict[str, Any]]:
        for number in range(50_000):
            yield {**segment(number), "segment_id": step_id("same"), "attributes": {"output": "x" * 400}}

    tracemalloc.start()
    write_atomically(tmp_path / "large.json", trace_text(HEAD.document(), segments(), ()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "large.json").stat().st_size > 20_000_000
    assert peak < 2_000_000


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    write_atomically(path, ["0" * 100_000])
    stop = threading.Event()
    seen: set[str] = set()

    def read() -> None:
        while not stop.is_set():
            text = path.read_text()
            assert len(text) == 100_000
            seen.update(text[0] + text[-1])

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(50):
        write_atomically(path, [str(number % 10) * 50_000, str(number % 10) * 50_000])
    stop.set()
    reader.join()
    assert seen
    assert [each.name for each in tmp_path.iterdir()] == ["trace.json"]


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "trace.json", ["x"])


def test_half_a_surrogate_pair_in_an_output_does_not_spoil_the_file(tmp_path: Path) -> None:
    odd = {**segment(1), "attributes": {"output": "file \udc80"}}
    write_atomically(tmp_path / "trace.json", trace_text(HEAD.document(), [odd], []))
    assert json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))["segments"] == [odd]


async def test_many_changes_become_few_writes_and_the_last_state_is_on_disk(tmp_path: Path) -> None:
    recorder = TraceRecorder(HEAD.trace_id)
    written = 0

    def parts() -> TraceParts:
        nonlocal written
        written += 1
        return recorder.snapshot(HEAD)

    writer = TraceWriter(tmp_path / "trace.json", parts, interval_s=60)
    for number in range(500):
        recorder.segment(segment(number))
        writer.changed()
        await asyncio.sleep(0)
    await writer.close()
    assert written == 2
    assert len(json.loads((tmp_path / "trace.json").read_text())["segments"]) == 500


async def test_a_trace_that_cannot_be_written_does_not_raise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread((tmp_path / "file").write_text, "")
    writer = TraceWriter(
        tmp_path / "file" / "trace.json", lambda: TraceRecorder("x").snapshot(HEAD), interval_s=0
    )
    writer.changed()
    await asyncio.sleep(0.01)
    writer.changed()
    await writer.close()
    assert writer.problem is not None
    assert len(caplog.records) == 1


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_who_may_read_a_new_document_is_decided_by_the_umask(tmp_path: Path, mask: int) -> None:
    path = tmp_path / "release.confirm.json"
    before = os.umask(mask)
    try:
        write_atomically(path, ["{}"])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    path.chmod(0o640)
    write_atomically(path, ["[]"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640, "a file that is there keeps its permissions"
    assert [file.name for file in tmp_path.iterdir()] == ["release.confirm.json"]


def test_a_name_as_long_as_the_system_allows_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("計" * 80 + ".json")
    write_atomically(path, ["{}"])
    assert path.read_text(encoding="utf-8") == "{}"


async def test_a_state_folder_that_was_removed_does_not_come_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = TraceRecorder("x")
    writer = TraceWriter(tmp_path / ".mplp/traces/x.trace.json", lambda: recorder.snapshot(HEAD))
    writer.changed()
    await writer.close()
    assert list(tmp_path.iterdir()) == []
    assert "cannot be written" in caplog.text
