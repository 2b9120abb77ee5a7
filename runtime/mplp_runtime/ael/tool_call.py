"""A step done by a process: the step as JSON on standard input, its result on standard output."""

from __future__ import annotations

import json
from typing import Any

from mplp_runtime.ael.action import Action, Outcome
from mplp_runtime.ael.process import child_environment, run_process
from mplp_runtime.ael.project_paths import inside_project

_DESCRIPTION_BYTES = 64 * 1024
"""Linux takes at most 128 KiB for one variable; standard input has the whole description."""

MARK = "MPLP_ATTEMPT"
"""Environment variable that every process started by an attempt inherits; its value names the attempt."""


async def tool_call(action: Action) -> Outcome:
    """Runs the binding's `command` in the project (or in `cwd` below it). Exit code 0 is success.

    Raises CommandNotStarted, IsolationImpossible, PathOutsideProject.
    """
    command = [str(argument) for argument in action.settings.get("command") or ()]
    finished = await run_process(
        command,
        root=action.root,
        cwd=inside_project(action.root, str(action.settings.get("cwd") or ".")),
        env=child_environment(action.limits.env_allow, own_variables(action)),
        limits=action.limits,
        standard_input=step_input(action),
        mark=attempt_mark(action.run_id, action.step_id, action.attempt),
        on_output=action.on_output,
        on_process=action.on_process,
    )
    error = None
    if finished.timed_out:
        error = f"Stopped after {action.limits.timeout_s:g} s, the time limit."
    elif finished.exit_code < 0:
        error = f"Ended by signal {-finished.exit_code}."
    elif finished.exit_code:
        error = f"Ended with exit code {finished.exit_code}."
    return Outcome(
        success=error is None,
        output=finished.output,
        error=error,
        exit_code=finished.exit_code,
        tail=finished.tail,
        timed_out=finished.timed_out,
    )


def attempt_mark(run_id: str, step_id: str, attempt: int) -> str:
    """The environment entry by which the processes of one attempt are found, also after a crash of ours."""
    return f"{MARK}={run_id}/{step_id}/{attempt}"


def own_variables(action: Action) -> dict[str, str]:
    """The MPLP_* variables of one attempt. A NUL character, which no variable can hold, is left out."""
    name, _, value = attempt_mark(action.run_id, action.step_id, action.attempt).partition("=")
    description = str(action.step.get("description", "")).replace("\0", "")
    cut = description.encode("utf-8", "replace")[:_DESCRIPTION_BYTES].decode("utf-8", "ignore")
    return {
        name: value,
        "MPLP_PLAN_ID": str(action.plan.get("plan_id", "")),
        "MPLP_STEP_ID": action.step_id,
        "MPLP_STEP_DESCRIPTION": cut,
        "MPLP_RUN_ID": action.run_id,
    }


def step_input(action: Action) -> bytes:
    """What a command reads: the step, and under `inputs` what each of its dependencies returned."""
    document: dict[str, Any] = {**action.step, "inputs": dict(action.inputs)}
    return (json.dumps(document, ensure_ascii=False) + "\n").encode("utf-8", "replace")
