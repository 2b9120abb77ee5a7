"""What a run writes, event by event (events.md 4), and what is on disk at any moment while it goes on."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.trace.writer import TraceWriter
from tests.runtime.orchestrator.projects import (
    Project,
    errors,
    plan,
    role,
    step,
    step_id,
    table,
    timeline_of,
)

NAMES = {step_id("a"): "a", step_id("b"): "b", "plan": "plan"}
OK = role("worker", "print('ok')")
FAILS = role("worker", "raise SystemExit(1)")
BEGINNING = [
    "SAInitialized",
    "SAContextLoaded",
    "plan_created",
    "SAPlanEvaluated",
    "plan_execution_started running",
    "plan_updated in_progress",
    "plan_status_changed plan running",
    "trace_created running",
]


def starts(name: str) -> list[str]:
    return [f"SAStepStarted {name}", f"step_started {name} running", f"step_execution_started {name} running"]


def calls(status: str) -> list[str]:
    """What a tool_call tells of itself between the two."""
    return ["tool_execution running", f"tool_execution {status}"]


def ends(name: str, status: str, execution: str = "") -> list[str]:
    execution = execution or status
    return [
        f"step_execution_{execution} {name} {execution}",
        f"step_updated {name} {status}",
        f"step_{status} {name} {status}",
        f"SAStep{status.title()} {name} {status}",
        "SATraceEmitted",
    ]


def is_over(status: str) -> list[str]:
    # `stage_status` has no word for what was cancelled (objects.md 6.5).
    stage = "skipped" if status == "cancelled" else status
    return [
        f"plan_updated {status}",
        f"trace_updated {status}",
        f"plan_status_changed plan {stage}",
        f"plan_execution_{status} {status}",
        f"SATraceEmitted {status}",
        f"SACompleted {status}",
    ]


def told(event: Mapping[str, Any]) -> str:
    """An event in a few words: its type, what it is about, its status."""
    payload = event.get("payload", {})
    about = NAMES.get(event.get("stage_id") or payload.get("step_id") or payload.get("node_id", ""), "")
    status = event.get("stage_status") or event.get("status") or payload.get("status", "")
    return " ".join(word for word in (event["event_type"], about, status) if word)


def sequence(root: Path, view: RunView) -> list[str]:
    return [told(event) for event in timeline_of(root, view)]


async def test_every_event_of_two_steps_that_succeed_in_its_place(tmp_path: Path) -> None:
    view = await Project(tmp_path, plan(step("a"), step("b", "a")), OK).run()
    assert sequence(tmp_path, view) == [
        *BEGINNING,
        *starts("a"),
        *calls("succeeded"),
        *ends("a", "completed"),
        *starts("b"),
        *calls("succeeded"),
        *ends("b", "completed"),
        *is_over("completed"),
    ]


async def test_every_event_of_a_step_that_fails_and_stops_the_next_one(tmp_path: Path) -> None:
    view = await Project(tmp_path, plan(step("a"), step("b", "a")), FAILS).run()
    assert sequence(tmp_path, view) == [
        *BEGINNING,
        *starts("a"),
        *calls("failed"),
        *ends("a", "failed"),
        "steps_blocked blocked",
        "step_blocked b pending",
        *is_over("failed"),
    ]


async def test_every_event_of_a_step_that_is_tried_again(tmp_path: Path) -> None:
    toml = role("worker", "raise SystemExit(1)", retries=1)
    view = await Project(tmp_path, plan(step("a")), toml).run()
    assert sequence(tmp_path, view) == [
        *BEGINNING,
        *starts("a"),
        *calls("failed"),
        *ends("a", "failed"),
        "step_updated a pending",
        "step_retried a pending",
        *starts("a"),
        *calls("failed"),
        *ends("a", "failed"),
        *is_over("failed"),
    ]


async def test_every_event_of_a_step_that_is_interrupted_resumed_and_cancelled(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a")), table("roles.worker", action="agent_handoff", to="human"))
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request())).run_id
        assert await runtime.runs.notices.until(lambda: bool(runtime.runs.view(run_id).questions), 20)
    async with project.runtime() as runtime:
        await runtime.runs.resume(run_id, trusted=True)
        assert await runtime.runs.notices.until(lambda: bool(runtime.runs.view(run_id).questions), 20)
        view = await runtime.runs.cancel(run_id)
    assert sequence(tmp_path, view) == [
        *BEGINNING,
        *starts("a"),
        "step_interrupted a running",
        "plan_execution_interrupted pending",
        "plan_execution_resumed running",
        "plan_status_changed plan running",
        # The person had the step all the time: it is the same attempt.
        *ends("a", "failed", "cancelled"),
        *is_over("cancelled"),
    ]


@contextmanager
def watched(folder: Path) -> Iterator[dict[str, list[str]]]:
    """Reads every version of every trace in `folder` meanwhile; maps its text to what is wrong with it."""
    seen: dict[str, list[str]] = {}
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for path in folder.glob("*.trace.json"):
                text = path.read_text(encoding="utf-8")
                if text not in seen:
                    try:
                        seen[text] = errors("trace", json.loads(text))
                    except ValueError as problem:
                        seen[text] = [str(problem)]
            stop.wait(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()


async def test_each_version_of_the_trace_that_can_be_read_while_a_run_goes_on_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mplp_runtime.trace.writer._SHARE", 0)
    monkeypatch.setattr(TraceWriter.__init__, "__kwdefaults__", {"interval_s": 0.0})
    slow = role("worker", "import time\nfor _ in range(5): print('x' * 3000, flush=True); time.sleep(0.02)")
    steps = [step("a"), step("b", "a"), step("c", role="bad"), step("d", "c")]
    toml = slow + role("bad", "print('\\x00\\x1b[31m'); raise SystemExit(1)") + table("run", max_parallel=2)
    project = Project(tmp_path, plan(*steps), toml + 'on_failure = "continue-independent"\n')
    with watched(tmp_path / ".mplp/traces") as seen:
        view = await project.run()
    assert view.status == "failed"
    assert len(seen) > 3
    assert [problems for problems in seen.values() if problems] == []


async def test_nothing_is_shown_that_is_not_on_disk_yet(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), step("b", "a")), OK)
    async with project.runtime() as runtime:
        claimed: list[tuple[RunView, str, Mapping[str, str]]] = []

        def look(view: RunView) -> None:
            # Another connection, which sees what is committed and nothing else.
            store = sqlite3.connect(f"file:{tmp_path}/.mplp/state.db?mode=ro", uri=True)
            with closing(store):
                rows = dict(store.execute("SELECT id, data FROM nodes WHERE type IN ('Run', 'StepAttempt')"))
            on_disk = {key: json.loads(data) for key, data in rows.items()}
            statuses = {
                (each["step_id"], each["attempt"]): each["step_status"]
                for each in on_disk.values()
                if "attempt" in each
            }
            claimed.append(
                (
                    view,
                    on_disk[view.run_id]["status"],
                    {each: statuses[each, 1] for each, shown in view.steps.items() if shown.attempt},
                )
            )

        runtime.runs.subscribe(look)
        await runtime.runs.wait((await runtime.runs.start(project.request())).run_id)
    assert claimed[-1][0].status == "completed"
    for view, run_status, attempts in claimed:
        assert run_status == "completed" or view.status == "running"
        for each, status in attempts.items():
            assert status == view.steps[each].status or view.steps[each].status == "in_progress"
