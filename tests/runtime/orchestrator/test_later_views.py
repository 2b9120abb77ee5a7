"""Views of runs are values: what happens later does not reach them, whenever somebody looks at steps."""

from __future__ import annotations

from pathlib import Path

from mplp_runtime.orchestrator.views import RunView
from tests.runtime.orchestrator.projects import Project, plan, step, step_id


async def test_a_view_that_is_looked_at_after_the_run_shows_it_as_it_was(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), step("b", "a")))
    async with project.runtime() as runtime:
        early = await runtime.runs.start(project.request(simulate=True))
        late = await runtime.runs.wait(early.run_id)
    assert {each.status for each in late.steps.values()} == {"completed"}
    assert {each.status for each in early.steps.values()} == {"pending"}
    assert (early.finished_steps, late.finished_steps) == (0, 2)


async def test_views_of_one_moment_are_equal_and_each_gives_out_one_view_of_a_step(tmp_path: Path) -> None:
    project = Project(tmp_path, plan(step("a"), step("b", "a")))
    async with project.runtime() as runtime:
        run_id = (await runtime.runs.start(project.request(simulate=True))).run_id
        view, same = await runtime.runs.wait(run_id), runtime.runs.view(run_id)
    assert view == same
    assert view.steps[step_id("a")] is view.steps[step_id("a")]
    assert list(view.steps) == [step_id("a"), step_id("b")]
    assert view.steps.get("nobody") is None


async def test_who_is_told_of_each_change_finds_the_steps_that_stayed_the_same_as_they_were(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, plan(*[step(name) for name in "abc"], step("d", "a")))
    told: list[RunView] = []
    async with project.runtime() as runtime:
        runtime.runs.subscribe(told.append)
        run_id = (await runtime.runs.start(project.request(simulate=True))).run_id
        await runtime.runs.wait(run_id)
    first, last = told[-2], told[-1]
    kept = [name for name in last.steps if last.steps[name] is first.steps[name]]
    assert kept == [name for name in last.steps if last.steps[name] == first.steps[name]]
    assert kept
