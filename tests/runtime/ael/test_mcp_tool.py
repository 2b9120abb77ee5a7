"""Tools of a real MCP server process, and its faults."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.ael.action import ActionResult
from mplp_runtime.ael.layer import ActionExecutionLayer, action_problem
from mplp_runtime.ael.memory_watch import can_watch
from mplp_runtime.ael.process_table import marked_processes
from mplp_runtime.ael.tool_call import attempt_mark
from mplp_runtime.settings import Limits
from tests.runtime.ael.told import RUN_ID, STEP, Told, until

SERVER = [sys.executable, str(Path(__file__).with_name("mcp_program.py"))]
LIMITS = Limits(timeout_s=90, memory_mib=2048)


@asynccontextmanager
async def layer() -> AsyncIterator[ActionExecutionLayer]:
    made = ActionExecutionLayer()
    try:
        yield made
    finally:
        await made.release(RUN_ID)
        assert survivors() == []


def survivors() -> list[int]:
    return marked_processes(attempt_mark(RUN_ID, STEP["step_id"], 1))


async def call(
    made: ActionExecutionLayer, root: Path, tool: str, told: Told | None = None, **members: Any
) -> ActionResult:
    settings = {"server": SERVER, "tool": tool, **members.pop("settings", {})}
    action = (told or Told()).action(root, "tool_call", settings, **{"limits": LIMITS, **members})
    return await made.execute(action)


async def test_a_tool_gets_the_members_of_the_step_it_has_arguments_for(tmp_path: Path) -> None:
    async with layer() as made:
        result = await call(made, tmp_path, "greet")
    assert (result.success, result.output, result.error) == (True, "hello worker: Do it", None)


async def test_arguments_of_mplp_toml_are_filled_and_structured_content_is_the_output(tmp_path: Path) -> None:
    arguments = {"description": "{plan.title}: {step.description}", "agent_role": "{inputs.a}"}
    async with layer() as made:
        result = await call(
            made, tmp_path, "greet", settings={"arguments": arguments}, inputs={"a": "a tester"}
        )
        assert result.output == "hello a tester: Release: Do it"
        assert (await call(made, tmp_path, "count")).output["calls"] == 1


async def test_steps_of_a_run_share_a_server_that_ends_with_the_run(tmp_path: Path) -> None:
    told = Told()
    async with layer() as made:
        first = await call(made, tmp_path, "count", told)
        rest = await asyncio.gather(*(call(made, tmp_path, "count", told) for _ in range(3)))
        pids = {result.output["pid"] for result in (first, *rest)}
        assert sorted(result.output["calls"] for result in (first, *rest)) == [1, 2, 3, 4]
        assert len(pids) == 1
        assert {process.pid for process in told.processes} == pids
        assert survivors() != []
    assert survivors() == []


async def test_a_call_is_told_when_it_starts_and_when_it_ends(tmp_path: Path) -> None:
    told = Told()
    async with layer() as made:
        await call(made, tmp_path, "work", told, settings={"tool_kind": "linter"})
        await call(made, tmp_path, "fail", told)
    payloads = [event["payload"] for event in told.events]
    assert [(each["tool_id"], each["tool_kind"], each["status"]) for each in payloads] == [
        ("work", "linter", "running"),
        ("work", "linter", "succeeded"),
        ("fail", "other", "running"),
        ("fail", "other", "failed"),
    ]
    assert payloads[0]["invocation_id"] == payloads[1]["invocation_id"] != payloads[2]["invocation_id"]
    assert "half (1 of 2)\n" in told.output


async def test_an_error_of_the_tool_fails_the_step_and_the_server_goes_on(tmp_path: Path) -> None:
    async with layer() as made:
        failed = await call(made, tmp_path, "fail")
        assert (failed.success, failed.status) == (False, "failed")
        assert "the disk is full" in str(failed.error)
        assert (await call(made, tmp_path, "greet")).success


async def test_a_tool_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    async with layer() as made:
        result = await call(made, tmp_path, "gret")
    assert str(result.error).startswith("The MCP server has no tool `gret`. It has: count, die,")


async def test_a_server_that_dies_fails_the_step_and_the_next_one_gets_a_new_one(tmp_path: Path) -> None:
    async with layer() as made:
        result = await call(made, tmp_path, "die")
        assert not result.success
        assert result.error == (
            f"The MCP server `{sys.executable}` ended while its tool `die` was at work; "
            "it said: out of memory"
        )
        assert (await call(made, tmp_path, "count")).output["calls"] == 1


@pytest.mark.skipif(not can_watch(), reason="this system has no /proc")
async def test_a_server_whose_processes_take_too_much_memory_is_ended_and_the_step_says_so(
    tmp_path: Path,
) -> None:
    limits = Limits(timeout_s=90, memory_mib=400)
    async with layer() as made:
        result = await call(made, tmp_path, "grow", limits=limits)
        assert (result.success, result.status) == (False, "failed")
        told = re.fullmatch(
            r"The MCP server `(.+)` has ended\. Stopped: its \d+ processes together used (\d+) MiB, "
            r"and the limit `memory_mib` is 400\.",
            str(result.error),
        )
        assert told is not None, result.error
        assert told[1] == SERVER[0]
        assert int(told[2]) > 400
        assert survivors() == [], "what the server had started is ended with it"
        assert (await call(made, tmp_path, "greet", limits=limits)).success, "the next step gets a new one"


async def test_a_time_out_ends_the_server_and_what_it_started(tmp_path: Path) -> None:
    told = Told()
    async with layer() as made:
        assert (await call(made, tmp_path, "count", told)).output["calls"] == 1
        limits = LIMITS.model_copy(update={"timeout_s": 5.0})
        result = await call(made, tmp_path, "sleep", told, limits=limits)
        assert (result.success, result.timed_out) == (False, True)
        assert told.events[-1]["payload"]["status"] == "failed"
        # The server of the other limits is still there for others.
        assert (await call(made, tmp_path, "count")).output["calls"] == 2


async def test_cancelling_ends_the_server_and_is_told(tmp_path: Path) -> None:
    told = Told()
    async with layer() as made:
        task = asyncio.create_task(call(made, tmp_path, "sleep", told))
        await until(lambda: len(survivors()) > 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert survivors() == []
    assert [event["payload"]["status"] for event in told.events] == ["running", "cancelled"]


async def test_a_server_sees_the_allowed_variables_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("USER", "somebody")
    async with layer() as made:
        seen = (await call(made, tmp_path, "environment")).output.split(",")
    assert "PATH" in seen
    assert not {"SECRET", "USER"} & set(seen)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["no-such-server"], "`no-such-server` was not found"),
        (["true"], "The MCP server `true` ended before it said hello."),
        (["sh", "-c", "echo hello; sleep 0.1; exit 1"], "ended before it said hello"),
    ],
    ids=["missing", "silent", "chatty"],
)
async def test_what_is_no_server_is_told_in_a_sentence(
    tmp_path: Path, command: list[str], words: str
) -> None:
    async with layer() as made:
        result = await call(made, tmp_path, "x", settings={"server": command})
    assert not result.success
    assert words in str(result.error)


async def test_a_server_that_never_says_hello_ends_at_the_time_limit(tmp_path: Path) -> None:
    async with layer() as made:
        result = await call(
            made, tmp_path, "x", settings={"server": ["sleep", "600"]}, limits=Limits(timeout_s=1)
        )
    assert result.timed_out


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mplp_runtime.ael.mcp_servers.find_spec", lambda name: None)
    problem = action_problem("tool_call", {"server": ["x"], "tool": "y"})
    assert problem == (
        "Tools of an MCP server need the official client: install it with `pip install 'mplp-lsp[mcp]'`."
    )
