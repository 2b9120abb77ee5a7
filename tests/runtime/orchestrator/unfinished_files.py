"""Runs that have stopped, or are only beginning, while somebody keeps a file that is to be written."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.commits import commits_through, full_at
from tests.runtime.orchestrator.projects import PLAN_ID, Project, chain, plan, step, table

WORKER = table("roles.worker", action="custom_action", handler="work")


class OtherPlan(Project):
    """A second plan in the same folder."""

    @property
    def path(self) -> Path:
        return self.root / "other.plan.json"


def other_plan(root: Path) -> OtherPlan:
    return OtherPlan(root, plan(step("other"), plan_id="b0000000-0000-4000-8000-000000000000"), WORKER)


async def lasting(_given: object) -> None:
    """A step that ends only with its run."""
    await asyncio.Event().wait()


async def shown_as(runtime: Runtime, run_id: str, status: str) -> RunView:
    """The run as soon as it is shown so, whatever is still done about it."""
    while (view := runtime.runs.view(run_id)).status != status:
        await asyncio.sleep(0)
    return view


def stored_events(runtime: Runtime, run_id: str) -> list[Any]:
    return runtime.vsl.read(lambda reading: [each.event for each in reading.events(run_id)])


def is_told_to_the_end(runtime: Runtime, run_id: str) -> bool:
    """Whether nobody has to look at the run's files again."""
    return runtime.vsl.read(lambda reading: reading.get(records.files_key(run_id))) is None


def keep_timeline(root: Path, lock: ExitStack) -> None:
    """The one timeline cannot be written until the stack is closed."""
    [timeline] = (root / ".mplp/traces").glob("*.events.ndjson")
    fcntl.flock(lock.enter_context(timeline.open("rb")), fcntl.LOCK_EX)


@asynccontextmanager
async def interrupted_run_with_kept_timeline(
    root: Path, *, simulate: bool = True
) -> AsyncIterator[tuple[Runtime, str, ExitStack]]:
    """A run that the disk interrupted, while somebody keeps its timeline until the stack is closed."""
    project = Project(root, chain(100), WORKER + table("run", max_parallel=4))
    with ExitStack() as lock:

        def full(number: int) -> None:
            if number == 20:
                # So that there is something left to be written at the end.
                keep_timeline(root, lock)
            full_at(30)(number)

        async with project.runtime(follow_interval_s=60, handlers={"work": str}) as runtime:
            with commits_through(full):
                run_id = (await runtime.runs.start(project.request(simulate=simulate))).run_id
                await shown_as(runtime, run_id, "interrupted")
            yield runtime, run_id, lock


async def begun_after(runtime: Runtime, older_id: str | None = None) -> str:
    """The id of the plan's newest run, as soon as the state knows it."""
    while (newest := runtime.runs.latest(PLAN_ID)) is None or newest.run_id == older_id:
        await asyncio.sleep(0)
    return newest.run_id
