"""A step done by a Python function of an installed package, found by entry point or by `module:function`."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from mplp_runtime.ael.action import Action, Outcome, is_success
from mplp_runtime.errors import MplpError

ENTRY_POINT_GROUP = "mplp_lsp.actions"


class HandlerUnknown(MplpError):
    """A custom action names a function that is not installed."""


async def custom_action(action: Action) -> Outcome:
    """Calls the binding's `handler` with one mapping: plan_id, run_id, attempt, step, inputs, settings, root.

    What it returns is the output; a mapping or object with `success` or `status` decides by it, anything
    else is success. The function runs in a thread of its own, an async one on a loop of its own there: it
    cannot hold up the editor. A time limit ends an async one; another one it can leave but not stop. Raises
    HandlerUnknown.
    """
    handler = handler_named(str(action.settings.get("handler", "")))
    request = {
        "plan_id": action.plan.get("plan_id"),
        "run_id": action.run_id,
        "attempt": action.attempt,
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
            return Outcome(False, error=f"{type(problem).__name__}: {problem}")
        return Outcome(
            False, error=f"Stopped after {action.limits.timeout_s:g} s, the time limit.", timed_out=True
        )
    return _outcome(result)


def handler_named(name: str) -> Callable[[Mapping[str, Any]], Any]:
    """The function called `name`: an entry point of the group `mplp_lsp.actions`, else `module:function`.

    Raises HandlerUnknown.
    """
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        if entry_point.name == name or entry_point.value == name:
            return _callable(name, entry_point.load)
    module, separator, attribute = name.partition(":")
    if not (module and separator and attribute):
        raise HandlerUnknown(
            f"No installed package offers the action `{name}` (entry point group {ENTRY_POINT_GROUP})."
        )

    def load() -> Any:
        found: Any = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        return found

    return _callable(name, load)


def _callable(name: str, load: Callable[[], Any]) -> Callable[[Mapping[str, Any]], Any]:
    try:
        found = load()
    except Exception as problem:
        raise HandlerUnknown(f"The action `{name}` cannot be loaded: {problem}.") from problem
    if not callable(found):
        raise HandlerUnknown(f"The action `{name}` is not a function.")
    handler: Callable[[Mapping[str, Any]], Any] = found
    return handler


async def _called(handler: Callable[[Mapping[str, Any]], Any], request: Mapping[str, Any]) -> Any:
    # A daemon thread of its own: the pool's threads are joined at exit, so one stuck handler would keep us
    # alive.
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

    threading.Thread(target=work, name="mplp-custom-action", daemon=True).start()
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
