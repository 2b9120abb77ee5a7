"""One measured run in a process of its own: `python -m tests.perf.runtime_steps ours 10000` prints JSON.

`ours`: a simulated run with everything on, from `start` to the last file written. `functions`: the same for a
run in which each step calls a Python function that does nothing. `events`: a loop that only makes, checks and
stores the same eight events for each step, fifty steps in one commit.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mplp_runtime.events.families import (
    Event,
    Stamper,
    graph_update,
    pipeline_stage,
    runtime_execution,
    sa_event,
)
from mplp_runtime.events.validate import event_errors
from mplp_runtime.runtime import Runtime
from mplp_runtime.sources import new_uuid, system_clock
from mplp_runtime.vsl.interface import Transaction
from mplp_runtime.vsl.sqlite import SqliteStore
from tests.perf.plans import new_id
from tests.runtime.orchestrator.projects import CONTEXT_ID, META, PLAN_ID, Project, table

WIDTH = 50
ROLES = ("writer", "checker", "publisher", "librarian")


def layered_plan(count: int, width: int) -> dict[str, Any]:
    """`count` steps in layers of `width`; each waits for two of the layer before it."""
    source = random.Random(f"layers {count} {width}")
    ids = [new_id(source) for _ in range(count)]
    steps = []
    for index, step_id in enumerate(ids):
        layer, place = divmod(index, width)
        above = ids[(layer - 1) * width : layer * width] if layer else []
        needed = sorted({above[place], above[(place + 1) % width]}) if above else []
        steps.append(
            {
                "step_id": step_id,
                "description": f"Part {index + 1} of {count}",
                "status": "pending",
                "dependencies": needed,
                "agent_role": ROLES[index % len(ROLES)],
                "order_index": index,
            }
        )
    return {
        "meta": META,
        "plan_id": PLAN_ID,
        "context_id": CONTEXT_ID,
        "title": f"A plan of {count} steps",
        "objective": "Be large.",
        "status": "approved",
        "steps": steps,
    }


def peak_mib() -> float:
    """The most memory this process ever had; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Watch:
    """Wall and processor time since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        return {"wall_s": time.perf_counter() - self._wall, "cpu_s": time.process_time() - self._cpu}


def ours(count: int, width: int) -> dict[str, float]:
    """Starts a simulated run and waits until its trace and its timeline are complete on disk."""
    return _measured(count, width, simulate=True)


def functions(count: int, width: int) -> dict[str, float]:
    """The same for a run whose steps call a function: each start is on disk before its action begins."""
    return _measured(count, width, simulate=False)


def _measured(count: int, width: int, *, simulate: bool) -> dict[str, float]:
    def nothing(_given: Mapping[str, Any]) -> str:
        return "done"

    async def run(root: Path) -> dict[str, float]:
        roles = "\n".join(table(f"roles.{role}", action="custom_action", handler="nothing") for role in ROLES)
        project = Project(root, layered_plan(count, width), table("run", max_parallel=width) + roles)
        # What an editor has read already, before anybody asks for a run.
        request = project.request(simulate=simulate)
        runtime = Runtime.open(root, handlers={"nothing": nothing})
        gc.collect()
        loaded_mib = peak_mib()
        watch = Watch()
        # Views of a run belong to whoever keeps them.
        run_id = (await runtime.runs.start(request)).run_id
        started = watch.read()
        view = await runtime.runs.wait(run_id)
        figures = watch.read()
        await runtime.close()
        # Before the look at what was written, which reads all of it.
        figures["peak_mib"] = peak_mib()
        if view.status != "completed" or view.finished_steps != count:
            raise SystemExit(f"the run ended as {view.status}: {view.error}")
        _refuse_incomplete(root, view.trace_id, count)
        return {
            **figures,
            "start_wall_s": started["wall_s"],
            "start_cpu_s": started["cpu_s"],
            "loaded_mib": loaded_mib,
        }

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(run(Path(folder)))


def _refuse_incomplete(root: Path, trace_id: str, count: int) -> None:
    """A run that left something out is no measurement."""
    with (root / ".mplp/traces" / f"{trace_id}.events.ndjson").open("rb") as timeline:
        lines = sum(1 for _ in timeline)
    if lines < 8 * count:
        raise SystemExit(f"{lines} events for {count} steps")
    trace = json.loads((root / ".mplp/traces" / f"{trace_id}.trace.json").read_text())
    if trace["status"] != "completed" or len(trace["segments"]) != count:
        raise SystemExit("the trace is not complete")


def events(count: int, width: int) -> dict[str, float]:
    """Makes, checks and stores eight events for each step, and does nothing else."""
    plan = layered_plan(count, width)
    stamper = Stamper(system_clock, new_uuid)
    ids = {name: new_uuid() for name in ("run_id", "sa_id", "trace_id", "graph_id")}
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "state.db")
        watch = Watch()
        for first in range(0, count, width):
            steps = plan["steps"][first : first + width]

            def work(transaction: Transaction, steps: list[dict[str, Any]] = steps) -> None:
                for step in steps:
                    for event in step_events(stamper, plan, step, ids):
                        problems = event_errors(event)
                        if problems:
                            raise SystemExit(str(problems))
                        transaction.append_event(ids["run_id"], event)

            store.transact_sync(work)
        figures = watch.read()
        store.close()
    return {**figures, "loaded_mib": 0.0}


def step_events(
    stamper: Stamper, plan: Mapping[str, Any], step: Mapping[str, Any], ids: Mapping[str, str]
) -> list[Event]:
    """The events of one step that succeeds, as a run has them."""
    profile = {
        "sa_id": ids["sa_id"],
        "context_id": plan["context_id"],
        "plan_id": plan["plan_id"],
        "trace_id": ids["trace_id"],
    }
    execution_id, segment_id = stamper.new_id(), stamper.new_id()

    def stage(word: str, status: str) -> Event:
        return pipeline_stage(
            stamper,
            word,
            pipeline_id=plan["plan_id"],
            stage_id=step["step_id"],
            stage_name=step["description"],
            stage_order=step["order_index"],
            status=status,
            project_id=plan["context_id"],
            payload={"run_id": ids["run_id"], "attempt": 1},
        )

    def execution(word: str, status: str) -> Event:
        return runtime_execution(
            stamper,
            word,
            execution_id=execution_id,
            executor_kind="worker",
            executor_role=step["agent_role"],
            status=status,
            project_id=plan["context_id"],
            payload={"step_id": step["step_id"], "attempt": 1, "action": "simulated"},
        )

    told = {"step_id": step["step_id"], "attempt": 1}
    return [
        sa_event(stamper, "SAStepStarted", payload={**told, "description": step["description"]}, **profile),
        stage("step_started", "in_progress"),
        execution("step_execution_started", "running"),
        execution("step_execution_completed", "completed"),
        graph_update(
            stamper,
            "step_updated",
            graph_id=ids["graph_id"],
            update_kind="node_update",
            source_module="plan",
            payload={"node_type": "Step", "node_id": step["step_id"], "status": "completed"},
        ),
        stage("step_completed", "completed"),
        sa_event(
            stamper,
            "SAStepCompleted",
            payload={**told, "status": "completed", "result": {"output": "done"}},
            **profile,
        ),
        sa_event(stamper, "SATraceEmitted", payload={"segment_ids": [segment_id]}, **profile),
    ]


def main(arguments: list[str]) -> None:
    name, count = arguments[0], int(arguments[1])
    width = int(arguments[2]) if len(arguments) > 2 else WIDTH
    measured = {"ours": ours, "functions": functions, "events": events}[name](count, width)
    print(json.dumps({"peak_mib": peak_mib(), **measured, "steps": count, "width": width}))


if __name__ == "__main__":
    main(sys.argv[1:])
