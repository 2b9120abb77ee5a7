"""Several actions at once: groups by what depends on what, results in the order they were asked for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from mplp_runtime.ael.action import Action, ActionResult
from mplp_runtime.sources import Clock


def independent_groups(actions: Sequence[Action]) -> list[list[int]]:
    """Positions of the actions in waves: each wave needs only what earlier ones returned (seed 1, 9.2).

    Actions that wait for each other, in a circle, are in no wave.
    """
    position = {action.step_id: index for index, action in enumerate(actions)}
    waiting = {
        index: {position[each] for each in _dependencies(action) if each in position}
        for index, action in enumerate(actions)
    }
    groups = []
    while ready := [index for index, needed in waiting.items() if not needed]:
        groups.append(ready)
        for index in ready:
            del waiting[index]
        for needed in waiting.values():
            needed.difference_update(ready)
    return groups


async def in_parallel(
    actions: Sequence[Action],
    execute: Callable[[Action], Awaitable[ActionResult]],
    clock: Clock,
    *,
    max_parallel: int | None = None,
) -> list[ActionResult]:
    """What `execute` returned for each action, in their order; at most `max_parallel` (cores) at once."""
    results: dict[int, ActionResult] = {}
    outputs: dict[str, ActionResult] = {}
    room = asyncio.Semaphore(max_parallel or os.cpu_count() or 1)

    def refused(error: str) -> ActionResult:
        now = clock()
        return ActionResult(success=False, status="failed", started_at=now, finished_at=now, error=error)

    async def one(index: int) -> None:
        action = actions[index]
        needed = {each: outputs[each] for each in _dependencies(action) if each in outputs}
        failed = [each for each, result in needed.items() if not result.success]
        if failed:
            results[index] = refused(f"Not carried out: step {failed[0]}, which it depends on, failed.")
            return
        inputs = {**action.inputs, **{each: result.output for each, result in needed.items()}}
        async with room:
            results[index] = await execute(replace(action, inputs=inputs))

    for group in independent_groups(actions):
        async with asyncio.TaskGroup() as tasks:
            for index in group:
                tasks.create_task(one(index))
        outputs.update({actions[index].step_id: results[index] for index in group})
    circle = "Not carried out: it depends, in a circle, on itself."
    return [results.get(index) or refused(circle) for index in range(len(actions))]


def _dependencies(action: Action) -> Sequence[str]:
    found: Mapping[str, Sequence[str]] = action.step
    return found.get("dependencies", ())
