"""Independent actions at once, results in the order they were asked for (seed 1, 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mplp_runtime.ael.action import Action, ActionResult
from mplp_runtime.ael.handlers import Handlers
from mplp_runtime.ael.layer import ActionExecutionLayer
from mplp_runtime.ael.parallel import in_parallel, independent_groups
from tests.runtime.ael.told import STEP, Told

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def action(name: str, *dependencies: str) -> Action:
    step = {**STEP, "step_id": name, "dependencies": list(dependencies)}
    return Told().action(Path("/"), "step_execution", {}, step=step)


def done(wanted: Action, success: bool = True) -> ActionResult:
    output = {"name": wanted.step_id, "inputs": dict(wanted.inputs)}
    return ActionResult(success, "completed" if success else "failed", NOW, NOW, output=output)


def test_groups_hold_what_needs_only_earlier_groups() -> None:
    actions = [
        action("d", "b", "c"),
        action("a"),
        action("b", "a"),
        action("c", "a"),
        action("e", "elsewhere"),
    ]
    assert independent_groups(actions) == [[1, 4], [2, 3], [0]]
    assert independent_groups([action("a", "b"), action("b", "a"), action("c")]) == [[2]]


@st.composite
def batches(draw: st.DrawFn) -> list[Action]:
    count = draw(st.integers(0, 8))
    names = [str(index) for index in range(count)]
    made = [
        action(name, *draw(st.lists(st.sampled_from(names[:index] or ["x"]), unique=True, max_size=3)))
        for index, name in enumerate(names)
    ]
    return draw(st.permutations(made))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=batches(), limit=st.integers(1, 4), failing=st.sets(st.integers(0, 7)))
def test_results_keep_the_order_and_nothing_starts_before_what_it_needs(
    actions: list[Action], limit: int, failing: set[int]
) -> None:
    ended: set[str] = set()
    running = 0

    async def execute(wanted: Action) -> ActionResult:
        nonlocal running
        running += 1
        assert running <= limit
        names = {each.step_id for each in actions}
        assert {each for each in wanted.step["dependencies"] if each in names} <= ended
        await asyncio.sleep(0)
        running -= 1
        ended.add(wanted.step_id)
        return done(wanted, int(wanted.step_id) not in failing)

    results = asyncio.run(in_parallel(actions, execute, lambda: NOW, max_parallel=limit))
    assert len(results) == len(actions)
    for wanted, result in zip(actions, results, strict=True):
        if wanted.step_id in ended:
            assert result.output["name"] == wanted.step_id
            assert set(result.output["inputs"]) <= set(wanted.step["dependencies"])
        else:
            assert str(result.error).startswith("Not carried out: step ")


async def test_independent_actions_run_at_the_same_time() -> None:
    barrier = asyncio.Barrier(3)

    async def execute(wanted: Action) -> ActionResult:
        # Nobody gets past this unless all three are there together.
        async with asyncio.timeout(30):
            await barrier.wait()
        return done(wanted)

    results = await in_parallel([action("a"), action("b"), action("c")], execute, lambda: NOW, max_parallel=3)
    assert [result.output["name"] for result in results] == ["a", "b", "c"]


async def test_what_an_action_returned_is_the_input_of_those_that_need_it_and_a_circle_is_told() -> None:
    def work(request: Mapping[str, Any]) -> Any:
        return f"{request['step']['step_id']}({','.join(map(str, request['inputs'].values()))})"

    layer = ActionExecutionLayer(handlers=Handlers({"worker": work}))
    first = replace(action("c", "a", "b", "known"), inputs={"known": "k"})
    results = await layer.execute_all([first, action("a"), action("b", "a")], max_parallel=2)
    assert [result.output for result in results] == ["c(k,a(),b(a()))", "a()", "b(a())"]
    circle = await layer.execute_all([action("a", "b"), action("b", "a")])
    assert [result.error for result in circle] == ["Not carried out: it depends, in a circle, on itself."] * 2


async def test_one_failure_leaves_the_others_alone() -> None:
    async def execute(wanted: Action) -> ActionResult:
        return done(wanted, wanted.step_id != "a")

    results = await in_parallel(
        [action("a"), action("b", "a"), action("c", "b"), action("d")], execute, lambda: NOW
    )
    assert [result.success for result in results] == [False, False, False, True]
    assert results[1].error == "Not carried out: step a, which it depends on, failed."
