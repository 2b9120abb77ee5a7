"""A step done by a Python function, in a thread of its own."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import Any

from mplp_runtime.ael.action import Action, Outcome, is_success
from mplp_runtime.ael.handlers import Handler, Handlers
from mplp_runtime.ael.spare_threads import SpareThreads

BY_ROLE = frozenset({"step_execution", "agent_execution"})
"""The actions that orchestrators pass without saying who does them: `agent_role` names the executor."""

_THREADS = SpareThreads("mplp-custom-action")


async def custom_action(action: Action, handlers: Handlers) -> Outcome:
    """Calls the handler with one mapping: plan_id, run_id, attempt, action, step, inputs, settings, root.

    What it returns is the output; a mapping or object with `success` or `status` decides by it, anything
    else is success. The function runs in a thread of its own, an async one on a loop of its own there: it
    cannot hold up the editor. A time limit ends an async one; another one it can leave but not stop. Raises
    HandlerUnknown.
    """
    handler = handler_of(action.kind, action.settings, action.step.get("agent_role"), handlers)
    request = {
        "plan_id": action.plan.get("plan_id"),
        "run_id": action.run_id,
        "attempt": action.attempt,
        "action": action.kind,
        "step": dict(action.step),
        "inputs": dict(action.inputs),
        "settings": dict(action.settings),
        "root": str(action.root),
    }
    limit = asyncio.timeout(action.limits.timeout_s)
    try:
        async with limit:
            result = await _called(handler, request)
    except Exception as problem:
        if not limit.expired():
            name = type(problem).__name__
            return Outcome(False, error=f"{name}: {problem}", error_type=name)
        return Outcome(False, error=action.out_of_time(), timed_out=True)
    return _outcome(result)


def handler_of(kind: str, settings: Mapping[str, Any], role: object, handlers: Handlers) -> Handler:
    """The function that a binding means. Raises HandlerUnknown.

    `step_execution` and `agent_execution` may leave it to the step's role, which is a document's word.
    """
    name = settings.get("handler")
    if name is None and kind in BY_ROLE:
        return handlers.named(str(role or ""), only_registered=True)
    return handlers.named(str(name or ""))


async def _called(handler: Handler, request: Mapping[str, Any]) -> Any:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()
    inner: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def awaited(result: Awaitable[Any]) -> Any:
        task = asyncio.current_task()
        if task is not None:
            inner.append((asyncio.get_running_loop(), task))
        return await result

    def settle(result: Any, problem: BaseException | None) -> None:
        if answer.done():
            return
        if problem is not None:
            answer.set_exception(problem)
        else:
            answer.set_result(result)

    def work() -> None:
        result, problem = None, None
        try:
            result = handler(request)
            if inspect.isawaitable(result):
                result = asyncio.run(awaited(result))
        except BaseException as raised:
            problem = raised if isinstance(raised, Exception) else RuntimeError(repr(raised))
        # The loop may be closed by now: nobody waits for the answer then.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, problem)

    _THREADS.run(work)
    try:
        return await answer
    finally:
        for its_loop, task in inner:
            with suppress(RuntimeError):
                its_loop.call_soon_threadsafe(task.cancel)


def _outcome(result: Any) -> Outcome:
    if isinstance(result, Mapping) and ("success" in result or "status" in result):
        success = is_success(result)
        error = result.get("error")
        output = result.get("output", "")
    elif isinstance(getattr(result, "success", None), bool):
        success, error, output = result.success, getattr(result, "error", None), getattr(result, "output", "")
    else:
        success, error, output = True, None, result
    if not success and error is None:
        error = "The action reported a failure."
    return Outcome(success, output=output, error=None if error is None else str(error))
