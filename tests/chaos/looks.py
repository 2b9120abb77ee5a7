"""What is looked at after a kill, and once a run is over; nothing of it is asked of who was killed."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.live import shown_record
from mplp_runtime.orchestrator.state import load_state
from mplp_runtime.runtime import Runtime
from mplp_runtime.vsl.sqlite import integrity_check
from tests.chaos.scenarios import roles_of
from tests.chaos.steps import effects
from tests.runtime.orchestrator.projects import PLAN_ID, errors

Finding = tuple[str, str]
"""Which list of Figures it belongs to, and what was seen."""


def torn_files(root: Path) -> Iterator[Finding]:
    """As the kill left them: of a timeline only the last line may be cut, a trace is whole or not there."""
    for path in root.glob(".mplp/**/*.events.ndjson*"):
        if path.name.endswith(".tmp"):
            continue
        *whole, _cut = path.read_bytes().split(b"\n")
        for number, line in enumerate(whole, start=1):
            if not _is_json(line):
                yield "torn", f"{path.name}: line {number} of {len(whole)} cannot be read"
    for path in [*root.glob(".mplp/traces/*.trace.json*"), *root.glob("*.json")]:
        if not path.name.endswith(".tmp") and not _is_json(path.read_bytes()):
            yield "torn", f"{path.name} is not whole"


def left_running(run_ids: Iterable[str]) -> Iterator[Finding]:
    """Processes of steps that outlived the process that started them, and the restart after it."""
    marks = [f"MPLP_ATTEMPT={run_id}/".encode() for run_id in run_ids]
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            known = environment.read_bytes()
        except OSError:
            continue
        if any(mark in known for mark in marks):
            yield "left_running", f"process {environment.parent.name}"


def settled(root: Path) -> list[Finding]:
    """Everything about a project whose run is over."""
    # What a killed writer left is removed once nobody can be writing it any more.
    for path in root.rglob(".*.tmp"):
        os.utime(path, (0, 0))
    runtime = Runtime.open(root)
    try:
        found = [*_of_state(root, runtime), *_of_documents(root)]
    finally:
        asyncio.run(runtime.close())
    found += [("damaged", problem) for problem in integrity_check(root / ".mplp/state.db")]
    found += [("left_files", str(path.relative_to(root))) for path in root.rglob(".*.tmp")]
    return found


def _of_state(root: Path, runtime: Runtime) -> Iterator[Finding]:
    view = runtime.runs.latest(PLAN_ID)
    if view is None:
        yield "lost", "the run is gone"
        return
    state = runtime.vsl.read(lambda reading: load_state(reading, view.run_id))
    assert state is not None
    attempts = [
        dict(node.data) for node in runtime.vsl.read(lambda reading: reading.nodes(records.STEP_ATTEMPT))
    ]
    attempts = [each for each in attempts if each["run_id"] == view.run_id]
    names = {step_id: step["description"] for step_id, step in state.steps.items()}
    yield from _of_effects(root, attempts, names)
    text, events = shown_record(state, runtime.vsl, runtime.clock)
    trace = json.loads(text)
    for problem in errors("trace", trace):
        yield "invalid", f"trace: {problem}"
    yield from history_problems(events, attempts)
    segments = {each["segment_id"] for each in trace["segments"]}
    for each in attempts:
        if each["segment_id"] not in segments:
            yield "untrue", f"the trace has no segment for {names[each['step_id']]}"
    if runtime.folder is not None:
        yield from _of_timelines(runtime, view.run_id, view.trace_id)


def _of_effects(
    root: Path, attempts: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> Iterator[Finding]:
    roles = roles_of(root)
    left = Counter(effects(root))
    by_name: Counter[str] = Counter()
    for (name, attempt), count in left.items():
        by_name[name] += count
        if count > 1:
            yield "repeated", f"attempt {attempt} at {name} happened {count} times"
    known = {(names[each["step_id"]], each["attempt"]) for each in attempts}
    for mark in left.keys() - known:
        yield "untrue", f"{mark[0]} was done, and no attempt {mark[1]} is known"
    for name, count in by_name.items():
        # Consent is given only where an attempt has left nothing behind; a failed first attempt is retried.
        allowed = {"again": 99, "flaky": 2}.get(roles[name], 1)
        if count > allowed:
            yield "repeated", f"{name} happened {count} times"
    for each in attempts:
        name = names[each["step_id"]]
        if (
            each["step_status"] == "completed"
            and roles[name] not in {"person", "writer"}
            and not by_name[name]
        ):
            yield "untrue", f"{name} counts as completed and left no effect"


def history_problems(
    events: Sequence[Mapping[str, Any]], attempts: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    """The events of a run against its attempts: each begins once and ends once, in order."""
    times: list[int] = []
    last: Mapping[str, Any] = {"timestamp": ""}
    told: Counter[tuple[str, str, int]] = Counter()
    for event in events:
        payload = event.get("payload") or {}
        times.append(event.get("lamport_timestamp") or payload.get("lamport_timestamp") or 0)
        kind = event.get("event_type")
        if event["timestamp"] < last["timestamp"]:
            yield (
                "backwards",
                f"{kind} at {event['timestamp']} after {last['event_type']} at {last['timestamp']}",
            )
        last = event
        if kind in {"SAStepStarted", "SAStepCompleted", "SAStepFailed"}:
            told[(str(kind), payload["step_id"], payload["attempt"])] += 1
        for problem in errors("event", dict(event)):
            yield "invalid", f"event {kind}: {problem}"
    if times != sorted(set(times)):
        yield "untrue", "the events are not in the order of their logical times"
    wanted: Counter[tuple[str, str, int]] = Counter()
    for each in attempts:
        wanted[("SAStepStarted", each["step_id"], each["attempt"])] += 1
        if each["status"] != "running":
            word = "SAStepCompleted" if each["status"] == "completed" else "SAStepFailed"
            wanted[(word, each["step_id"], each["attempt"])] += 1
    for mark in (told - wanted).keys() | (wanted - told).keys():
        yield (
            "untrue",
            f"{mark[0]} of {mark[1][:8]}, attempt {mark[2]}: {told[mark]} events for {wanted[mark]}",
        )


def _of_timelines(runtime: Runtime, run_id: str, trace_id: str) -> Iterator[Finding]:
    protection = runtime.vsl.file_protection
    for stream, name in ((run_id, f"traces/{trace_id}.events.ndjson"), ("project", "timeline.events.ndjson")):
        kept = runtime.vsl.read(lambda reading: {name: reading.events(name) for name in (run_id, "project")})
        stored = [each.event for each in kept[stream]]
        assert runtime.folder is not None
        path = runtime.folder / f"{name}{protection.suffix}"
        lines = path.read_bytes().splitlines() if path.exists() else []
        if not all(_is_json(line) for line in lines):
            yield "torn", f"{name}: not every line can be read after the restart"
            continue
        written = [protection.event_of(json.loads(line)) for line in lines]
        if [each.get("event_id") for each in written] != [each.get("event_id") for each in stored]:
            yield "untrue", f"{name} has {len(written)} events, the state {len(stored)}, or in another order"


def _of_documents(root: Path) -> Iterator[Finding]:
    for path in root.glob("*.json"):
        kind = path.name.split(".")[-2]
        for problem in errors(kind, json.loads(path.read_text(encoding="utf-8"))):
            yield "invalid", f"{path.name}: {problem}"
    for path in root.glob(".mplp/traces/*.trace.json"):
        value = json.loads(path.read_text(encoding="utf-8"))
        for problem in errors("trace", value):
            yield "invalid", f"{path.name}: {problem}"
        if value["status"] == "running":
            yield "untrue", f"{path.name} says that the run is still under way"


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
