"""Real processes under real limits."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from mplp_runtime.ael.action import Action, ActionResult, ProcessIdentity
from mplp_runtime.ael.layer import ActionExecutionLayer
from mplp_runtime.ael.process_table import is_alive, marked_processes
from mplp_runtime.ael.tool_call import attempt_mark
from mplp_runtime.settings import Limits

STEP = {
    "step_id": "11111111-1111-4111-8111-111111111111",
    "description": "Do it; $(touch pwned)",
    "agent_role": "tester",
}
RUN_ID = str(uuid4())
"""Of this process of the test run alone: processes are found, and ended, by it."""
LAYER = ActionExecutionLayer()


def action(root: Path, *command: str, **members: object) -> Action:
    base = Action(
        kind="tool_call",
        run_id=RUN_ID,
        plan={"plan_id": "33333333-3333-4333-8333-333333333333"},
        step=STEP,
        attempt=1,
        root=root,
        settings={"command": list(command)},
    )
    return replace(base, **members)  # type: ignore[arg-type]


def python(root: Path, code: str, **members: object) -> Action:
    return action(root, sys.executable, "-c", code, **members)


async def execute(wanted: Action) -> ActionResult:
    return await LAYER.execute(wanted)


async def until(condition: object, limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.01)


def survivors() -> list[int]:
    return marked_processes(attempt_mark(RUN_ID, STEP["step_id"], 1))


async def test_output_and_exit_code_of_a_command_are_its_result(tmp_path: Path) -> None:
    result = await execute(python(tmp_path, "print('done')"))
    assert (result.success, result.status, result.exit_code, result.output) == (
        True,
        "completed",
        0,
        "done\n",
    )


async def test_another_exit_code_than_zero_is_a_failure_that_keeps_the_last_lines(tmp_path: Path) -> None:
    result = await execute(
        python(tmp_path, "import sys; print('no such file', file=sys.stderr); sys.exit(3)")
    )
    assert (result.success, result.status, result.exit_code) == (False, "failed", 3)
    assert result.error == "Ended with exit code 3."
    assert result.tail == "no such file"


async def test_the_step_and_the_results_of_its_dependencies_stand_on_standard_input(tmp_path: Path) -> None:
    result = await execute(python(tmp_path, "import sys; print(sys.stdin.read())", inputs={"a": "built"}))
    assert json.loads(str(result.output)) == {**STEP, "inputs": {"a": "built"}}


async def test_only_allowed_variables_and_the_runs_own_reach_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "hunter2")
    result = await execute(python(tmp_path, "import os, json; print(json.dumps(dict(os.environ)))"))
    seen = json.loads(str(result.output))
    assert "MY_SECRET" not in seen
    assert seen["MPLP_STEP_DESCRIPTION"] == STEP["description"]
    assert seen["MPLP_RUN_ID"] == RUN_ID
    assert seen["MPLP_PLAN_ID"] == "33333333-3333-4333-8333-333333333333"


def test_arguments_reach_the_command_as_they_are(tmp_path: Path) -> None:
    odd = ["; touch pwned", "$(touch pwned)", "--flag", "a\nb", "`x`", ""]
    result = asyncio.run(
        execute(action(tmp_path, sys.executable, "-c", "import sys; print(sys.argv[1:])", *odd))
    )
    assert result.output == f"{odd}\n"
    assert list(tmp_path.iterdir()) == []


async def test_a_nul_character_in_an_argument_is_refused(tmp_path: Path) -> None:
    result = await execute(action(tmp_path, sys.executable, "-c", "print(1)", "a\0b"))
    assert not result.success
    assert "NUL" in str(result.error)


async def test_a_description_larger_than_a_variable_may_be_arrives_whole_on_standard_input(
    tmp_path: Path,
) -> None:
    description = "ü" * 200_000
    code = (
        "import sys, os, json\n"
        "print(len(json.load(sys.stdin)['description']), len(os.environ['MPLP_STEP_DESCRIPTION']))"
    )
    result = await execute(python(tmp_path, code, step={**STEP, "description": description}))
    assert result.output == "200000 32768\n"


async def test_a_command_that_does_not_exist_fails_with_a_sentence(tmp_path: Path) -> None:
    result = await execute(action(tmp_path, "no-such-program-here"))
    assert not result.success
    assert result.error == "`no-such-program-here` was not found, or is not a program that may be executed."


def test_a_relative_program_starts_from_the_project(tmp_path: Path) -> None:
    script = tmp_path / "hello.sh"
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    assert asyncio.run(execute(action(tmp_path, "./hello.sh"))).output == "hello\n"


async def test_the_time_limit_ends_a_process_tree_that_ignores_the_polite_signal(tmp_path: Path) -> None:
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}], start_new_session=True)\n"
        "time.sleep(600)\n"
    )
    began = time.monotonic()
    result = await execute(python(tmp_path, code, limits=Limits(timeout_s=0.8)))
    assert result.timed_out
    assert result.error == "Stopped after 0.8 s, the time limit."
    assert survivors() == []
    assert time.monotonic() - began < 0.8 + 5


async def test_cancelling_ends_the_process_tree_within_five_seconds(tmp_path: Path) -> None:
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    code = (
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(600)"
    )
    task = asyncio.create_task(execute(python(tmp_path, code)))
    await until(lambda: len(survivors()) == 2)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert survivors() == []
    assert time.monotonic() - began < 5


async def test_a_child_that_stays_behind_ends_with_its_command(tmp_path: Path) -> None:
    child = "import time; time.sleep(600)"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}]); print('ok')"
    result = await execute(python(tmp_path, code))
    assert (result.success, result.output) == (True, "ok\n")
    assert survivors() == []


async def test_a_flood_of_output_is_bounded_and_says_what_is_missing(tmp_path: Path) -> None:
    code = "import sys\nblock = 'x' * 1023 + '\\n'\nfor _ in range(200_000): sys.stdout.write(block)\n"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = await execute(python(tmp_path, code, limits=Limits(output_kib=64)))
    text = str(result.output)
    assert result.success
    assert len(text) < 65 * 1024
    assert "bytes of output left out" in text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


async def test_output_is_shown_while_the_command_runs(tmp_path: Path) -> None:
    pieces: list[str] = []
    code = (
        "import pathlib, time\nprint('first', flush=True)\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.01)\nprint('last')\n"
    )
    task = asyncio.create_task(execute(python(tmp_path, code, on_output=pieces.append)))
    await until(lambda: "first" in "".join(pieces))
    await asyncio.to_thread((tmp_path / "go").touch)
    assert (await task).success
    assert "".join(pieces) == "first\nlast\n"


async def test_bytes_that_are_no_text_do_not_stop_a_step(tmp_path: Path) -> None:
    result = await execute(python(tmp_path, "import sys; sys.stdout.buffer.write(b'\\xff\\xfe ok')"))
    assert result.success
    assert str(result.output).endswith(" ok")


async def test_a_command_that_closes_its_input_at_once_still_succeeds(tmp_path: Path) -> None:
    code = "import os; os.close(0); print('ok')"
    result = await execute(python(tmp_path, code, inputs={"a": "x" * 5_000_000}))
    assert (result.success, result.output) == (True, "ok\n")


async def test_a_process_cannot_take_more_memory_than_its_limit(tmp_path: Path) -> None:
    result = await execute(
        python(tmp_path, "x = bytearray(400 * 1024 * 1024)", limits=Limits(memory_mib=128))
    )
    assert not result.success
    assert "MemoryError" in result.tail


async def test_processor_time_is_limited(tmp_path: Path) -> None:
    result = await execute(python(tmp_path, "while True: pass", limits=Limits(cpu_s=1)))
    assert not result.success
    assert result.error == "Stopped after 1 s of processor time, the limit `cpu_s`."


async def test_open_files_are_limited(tmp_path: Path) -> None:
    code = "files = [open('/dev/null') for _ in range(100)]"
    result = await execute(python(tmp_path, code, limits=Limits(open_files=32)))
    assert not result.success
    assert "Too many open files" in result.tail


async def test_the_start_of_the_process_is_told_before_it_gets_its_input(tmp_path: Path) -> None:
    seen: list[ProcessIdentity] = []

    async def note(process: ProcessIdentity) -> None:
        assert is_alive(process)
        seen.append(process)

    result = await execute(python(tmp_path, "import sys; sys.stdin.read(); print('ok')", on_process=note))
    assert result.success
    assert len(seen) == 1
    assert not is_alive(seen[0])


async def test_isolation_that_cannot_be_had_refuses_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mplp_runtime.ael.isolation._starts", lambda name: False)
    for limits in (Limits(hardened=True), Limits(network=False)):
        result = await execute(python(tmp_path, "print(1)", limits=limits))
        assert not result.success
        assert "bubblewrap" in str(result.error)


async def test_a_working_folder_outside_the_project_is_refused(tmp_path: Path) -> None:
    result = await execute(action(tmp_path, "true", settings={"command": ["true"], "cwd": "../.."}))
    assert not result.success
    assert "leads out of the project" in str(result.error)
