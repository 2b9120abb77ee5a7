"""A person decides about a step in the very moment in which its run goes on, or would end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.orchestrator.run import RunLoop
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.runtime import Runtime
from tests.runtime.orchestrator.projects import Project, plan, statuses, step, step_id, table
from tests.runtime.orchestrator.sessions.collabs import SharedProject, collab

LIMIT_S = 20
TOML = table("roles.worker", action="custom_action", handler="work")


def project_of(root: Path, steps: dict[str, Any], *, is_session: bool) -> Project:
    if is_session:
        return SharedProject(root, steps, TOML, collab=collab("round_robin"))
    return Project(root, steps, TOML)


async def decided_as_it_ends(
    runtime: Runtime,
    project: Project,
    may_end: threading.Event,
    status: str,
    decide: Callable[[RunLoop], Coroutine[Any, Any, bool]],
) -> tuple[RunView, list[bool]]:
    """The run, and what became of a decision made in the turn in which it hears that step a is `status`."""
    run_id = (await runtime.runs.start(project.request())).run_id
    loop = runtime.runs._carrying.live[run_id].loop
    said: list[asyncio.Task[bool]] = []
    wake = loop._wake.set

    def woken() -> None:
        if not said and runtime.runs.view(run_id).steps[step_id("a")].status == status:
            said.append(asyncio.create_task(decide(loop)))
        wake()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop._wake, "set", woken)
        may_end.set()
        final = await asyncio.wait_for(runtime.runs.wait(run_id), LIMIT_S)
    return final, await asyncio.gather(*said)


@pytest.mark.parametrize("is_session", [False, True])
async def test_a_step_that_is_skipped_just_when_its_turn_comes_does_not_end_the_run(
    tmp_path: Path, is_session: bool
) -> None:
    project = project_of(tmp_path, plan(step("a"), step("b", "a"), step("c", "b")), is_session=is_session)
    may_end = threading.Event()

    def work(_given: Mapping[str, Any]) -> str:
        assert may_end.wait(LIMIT_S)
        return "done"

    async with project.runtime(handlers={"work": work}) as runtime:
        final, answers = await decided_as_it_ends(
            runtime,
            project,
            may_end,
            "completed",
            lambda loop: loop.decisions.skip(step_id("b"), "not needed"),
        )
    assert final.status == "completed", final.error
    assert statuses(final)["b"] == ("skipped" if answers == [True] else "completed")
    assert statuses(final)["c"] == "completed"


@pytest.mark.parametrize("is_session", [False, True])
async def test_a_step_that_is_tried_again_just_when_its_failure_would_end_the_run_is_tried_again(
    tmp_path: Path, is_session: bool
) -> None:
    project = project_of(tmp_path, plan(step("a"), step("b", "a")), is_session=is_session)
    may_fail, ran = threading.Event(), list[str]()

    def work(given: Mapping[str, Any]) -> str:
        ran.append(str(given["step"]["description"]))
        if len(ran) == 1:
            assert may_fail.wait(LIMIT_S)
            raise ValueError("not yet")
        return "done"

    async with project.runtime(handlers={"work": work}) as runtime:
        final, answers = await decided_as_it_ends(
            runtime, project, may_fail, "failed", lambda loop: loop.decisions.retry(step_id("a"))
        )
    assert answers == [True]
    assert (final.status, final.error) == ("completed", None)
    assert statuses(final) == {"a": "completed", "b": "completed"}
    assert ran == ["a", "a", "b"]
