"""Agents that are processes: JSON lines both ways."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.ael.action import ActionResult
from mplp_runtime.ael.layer import ActionExecutionLayer
from mplp_runtime.ael.process_table import marked_processes
from mplp_runtime.ael.tool_call import attempt_mark
from mplp_runtime.settings import Limits
from tests.runtime.ael.told import PLAN, RUN_ID, STEP, Told, until

DOCS = Path(__file__).parents[3] / "docs"
PRELUDE = """
import json, sys, time, os, subprocess
def say(**message): print(json.dumps(message), flush=True)
def read(): return json.loads(sys.stdin.readline())
start = read()
"""


def survivors() -> list[int]:
    return marked_processes(attempt_mark(RUN_ID, STEP["step_id"], 1))


async def agent(root: Path, code: str, told: Told | None = None, **members: Any) -> ActionResult:
    command = [sys.executable, "-c", PRELUDE + code]
    action = (told or Told()).action(root, "agent_handoff", {"to": command}, **members)
    try:
        return await ActionExecutionLayer().execute(action)
    finally:
        assert survivors() == []


async def test_an_agent_is_told_its_step_and_what_it_says_is_the_result(tmp_path: Path) -> None:
    result = await agent(tmp_path, "say(type='result', success=True, output=start)", inputs={"a": [1]})
    assert result.success
    assert result.output == {
        "type": "start",
        "protocol": 1,
        "run_id": RUN_ID,
        "attempt": 1,
        "plan": PLAN,
        "step": STEP,
        "inputs": {"a": [1]},
    }


async def test_progress_and_chatter_are_shown(tmp_path: Path) -> None:
    told = Told()
    code = (
        "say(type='progress', text='half'); print('a library says hello'); print('[1, 2]')\n"
        "print('to the errors', file=sys.stderr); say(type='wave'); say(type='result', success=True)\n"
        "say(type='result', success=False)"
    )
    result = await agent(tmp_path, code, told)
    assert result.success
    shown = ("half\n", "a library says hello\n", "[1, 2]\n", "to the errors\n", "unknown type `wave`")
    assert [words for words in shown if words not in told.output] == []


async def test_a_failure_is_told_in_the_agents_words(tmp_path: Path) -> None:
    result = await agent(tmp_path, "say(type='result', success=False, error='no paper')")
    assert (result.success, result.error) == (False, "no paper")
    silent = await agent(tmp_path, "say(type='result', success=False)")
    assert silent.error == "The agent reported a failure."


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("", "The agent ended without a result."),
        ("sys.exit(3)", "Ended with exit code 3."),
        ('print(\'{"type": "res\')', "The agent ended without a result."),
        ("say(type='result')", "The agent reported a failure."),
    ],
    ids=["nothing", "exit code", "cut off", "undecided"],
)
async def test_an_agent_without_a_result_has_failed(tmp_path: Path, code: str, error: str) -> None:
    result = await agent(tmp_path, code)
    assert (result.success, result.error) == (False, error)


async def test_a_question_is_asked_of_a_person_and_answered(tmp_path: Path) -> None:
    asked: list[str] = []

    async def ask(text: str) -> tuple[bool, str]:
        asked.append(text)
        return len(asked) == 1, f"answer {len(asked)}"

    code = (
        "say(type='question', id='a', text='One?'); first = read()\n"
        "say(type='question', id=2, text='Two?'); second = read()\n"
        "say(type='result', success=True, output=[first, second])"
    )
    result = await agent(tmp_path, code, ask=ask)
    assert asked == ["One?", "Two?"]
    assert result.output == [
        {"type": "answer", "id": "a", "success": True, "output": "answer 1"},
        {"type": "answer", "id": 2, "success": False, "output": "answer 2"},
    ]


async def test_the_time_limit_stands_still_while_a_person_thinks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    real = loop.time

    async def ask(text: str) -> tuple[bool, str]:
        monkeypatch.setattr(loop, "time", lambda: real() + 3600)
        for _ in range(10):
            await asyncio.sleep(0.01)
        return True, "at last"

    code = "say(type='question', id=1, text='?'); say(type='result', success=True, output=read()['output'])"
    result = await agent(tmp_path, code, ask=ask, limits=Limits(timeout_s=100))
    assert (result.success, result.output) == (True, "at last")


async def test_a_question_where_nobody_is_there_is_answered_so(tmp_path: Path) -> None:
    code = "say(type='question', id=1, text='?'); say(type='result', success=True, output=read()['output'])"
    assert (await agent(tmp_path, code)).output == "Nobody is there to answer."


async def test_an_agent_over_time_is_told_and_ended_with_its_children(tmp_path: Path) -> None:
    told = Told()
    code = (
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], stdin=subprocess.DEVNULL,\n"
        "    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "say(type='progress', text=str(read())); time.sleep(600)"
    )
    result = await agent(tmp_path, code, told, limits=Limits(timeout_s=5))
    assert (result.success, result.timed_out) == (False, True)
    assert result.error == "Stopped after 5 s, the time limit."
    assert "{'type': 'cancel', 'reason': 'time limit'}" in told.output


async def test_a_cancelled_agent_may_clean_up(tmp_path: Path) -> None:
    told = Told()
    code = (
        "say(type='progress', text='begun'); reason = read()['reason']\n"
        "open('cleaned', 'w').write(reason); sys.exit(0)"
    )
    task = asyncio.create_task(agent(tmp_path, code, told))
    await until(lambda: "begun" in told.output)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (tmp_path / "cleaned").read_text() == "cancelled"


async def test_a_question_under_way_ends_with_its_agent(tmp_path: Path) -> None:
    withdrawn = asyncio.Event()

    async def ask(text: str) -> tuple[bool, str]:
        try:
            await asyncio.Event().wait()
        finally:
            withdrawn.set()
        return True, ""

    result = await agent(tmp_path, "say(type='question', id=1, text='?'); sys.exit(4)", ask=ask)
    assert result.error == "Ended with exit code 4."
    assert withdrawn.is_set()


@pytest.mark.parametrize("by", ["cancel", "time limit"])
async def test_nobody_is_asked_by_an_agent_that_was_told_to_stop(tmp_path: Path, by: str) -> None:
    told, asked = Told(), []

    async def ask(text: str) -> tuple[bool, str]:
        asked.append(text)
        return True, ""

    code = "say(type='progress', text='begun'); read(); say(type='question', id=1, text='Really?')"
    limits = Limits(timeout_s=2 if by == "time limit" else 600)
    task = asyncio.create_task(agent(tmp_path, code, told, ask=ask, limits=limits))
    if by == "cancel":
        await until(lambda: "begun" in told.output)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        assert (await task).error == "Stopped after 2 s, the time limit."
    assert "nobody is asked any more: Really?" in told.output
    assert asked == []


async def test_a_question_may_come_before_the_start_of_the_agent_is_on_disk(tmp_path: Path) -> None:
    is_asked = asyncio.Event()

    async def slow_disk(_: object) -> None:
        await is_asked.wait()

    async def ask(text: str) -> tuple[bool, str]:
        is_asked.set()
        return True, text

    code = "say(type='question', id=1, text='?'); say(type='result', success=True, output=read()['output'])"
    result = await agent(tmp_path, code, ask=ask, on_process=slow_disk)
    assert (result.success, result.output) == (True, "?")


async def test_an_endless_line_is_not_kept(tmp_path: Path) -> None:
    told = Told()
    code = "sys.stdout.write('x' * 3_000_000 + '\\n'); say(type='result', success=True)"
    result = await agent(tmp_path, code, told, limits=Limits(output_kib=64))
    assert result.success
    assert "is not read" in told.output
    assert len(told.output) < 200_000


async def test_the_process_is_told_so_that_a_crash_of_ours_can_end_it(tmp_path: Path) -> None:
    told = Told()
    await agent(tmp_path, "say(type='result', success=True, output=os.getpid())", told)
    assert len(told.processes) == 1


async def test_the_example_of_the_documentation_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "agents.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "reviewer.py").write_text(code)
    asked: list[str] = []

    async def ask(text: str) -> tuple[bool, str]:
        asked.append(text)
        return True, "fine"

    told = Told()
    action = told.action(
        tmp_path,
        "agent_handoff",
        {"to": [sys.executable, "reviewer.py"]},
        ask=ask,
        inputs={"a": "one", "b": "two"},
    )
    result = await ActionExecutionLayer().execute(action)
    assert asked == ["Is this fit for Release? one / two"]
    assert (result.success, result.output) == (True, {"texts": ["one", "two"], "said": "fine"})
    assert told.output == "2 texts to look at\n"
    assert json.dumps(result.output)
