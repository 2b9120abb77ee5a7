"""A step done by a process: the step as JSON on standard input, its result on standard output."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

from mplp_runtime.ael.action import Action, Outcome
from mplp_runtime.ael.process import child_environment, run_process
from mplp_runtime.ael.project_paths import inside_project
from mplp_runtime.ael.tool_events import ToolInvocation, invoked, program_name

_DESCRIPTION_BYTES = 64 * 1024
"""Linux takes at most 128 KiB for one variable; standard input has the whole description."""

_OUT_OF_PROCESSOR_TIME = signal.SIGXCPU

MARK = "MPLP_ATTEMPT"
"""Environment variable that every process started by an attempt inherits; its value names the attempt."""


async def tool_call(action: Action) -> Outcome:
    """Runs the binding's `command` in the project (or in `cwd` below it). Exit code 0 is success.

    A generator that succeeded is followed by its `formatter`; the step is done when both are. Each program
    tells its start and its end as a tool event. Raises CommandNotStarted, IsolationImpossible,
    PathOutsideProject.
    """
    settings = action.settings
    kind = str(settings.get("tool_kind") or "other")
    outcome = await _run(action, [str(each) for each in settings.get("command") or ()], kind)
    formatter = [str(each) for each in settings.get("formatter") or ()]
    if not (outcome.success and kind == "generator" and formatter):
        return outcome
    after = await _run(action, formatter, "formatter")
    if after.success:
        return outcome
    return replace(after, error=f"The formatter `{program_name(formatter)}` failed: {after.error}")


async def _run(action: Action, command: list[str], kind: str) -> Outcome:
    named = str(action.settings.get("cwd") or ".")
    cwd = inside_project(action.root, named)
    invocation = ToolInvocation(action, program_name(command), kind, arguments=command[1:], cwd=named)
    return await invoked(invocation, _finished(action, command, cwd))


async def _finished(action: Action, command: list[str], cwd: Path) -> Outcome:
    finished = await run_process(
        command,
        root=action.root,
        cwd=cwd,
        env=child_environment(action.limits.env_allow, own_variables(action)),
        limits=action.limits,
        standard_input=step_input(action),
        mark=attempt_mark(action.run_id, action.step_id, action.attempt),
        on_output=action.on_output,
        on_process=action.on_process,
    )
    error = exit_problem(
        finished.exit_code,
        action,
        timed_out=finished.timed_out,
        memory_problem=finished.memory_problem,
    )
    return Outcome(
        success=error is None,
        output=finished.output,
        error=error,
        exit_code=finished.exit_code,
        tail=finished.tail,
        timed_out=finished.timed_out,
    )


def exit_problem(
    exit_code: int, action: Action, *, timed_out: bool, memory_problem: str | None = None
) -> str | None:
    """Why the end of a process is a failure, as a sentence; None for exit code 0 in time."""
    if memory_problem is not None:
        return memory_problem
    if timed_out:
        return action.out_of_time()
    if -exit_code == _OUT_OF_PROCESSOR_TIME:
        return f"Stopped after {action.limits.cpu_s:g} s of processor time, the limit `cpu_s`."
    if exit_code < 0:
        return f"Ended by signal {-exit_code}."
    return f"Ended with exit code {exit_code}." if exit_code else None


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
