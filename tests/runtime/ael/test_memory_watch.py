"""The memory of all processes of a step together: real processes that take it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mplp_runtime.ael import isolation, process
from mplp_runtime.ael.memory_watch import Looks, TreeMemory, can_watch
from mplp_runtime.ael.process_table import ProcessState, all_processes
from mplp_runtime.settings import Limits
from tests.runtime.ael.test_agent_process import agent
from tests.runtime.ael.test_tool_call import execute, python, survivors

pytestmark = pytest.mark.skipif(not can_watch(), reason="this system has no /proc")

_MIB = 1024 * 1024
# Four processes of sixty MiB, each within the limit of one, that would wait for ever.
FOUR = """
import subprocess, sys
code = "import signal; taken = b'x' * (60 * 1024 * 1024); signal.pause()"
for each in [subprocess.Popen([sys.executable, '-c', code]) for _ in range(4)]: each.wait()
"""
# One that has a hundred MiB and four children that share it and take nothing themselves.
SHARED = """
import os, signal
taken = b'x' * (100 * 1024 * 1024)
for _ in range(4):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, b'1')
        signal.pause()
    os.read(reading, 1)
print('ready', flush=True)
signal.pause()
"""


@contextmanager
def running(code: str) -> Iterator[int]:
    """The id of a process that leads a session and has said that it is ready."""
    started = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        yield started.pid
    finally:
        process.end_process_tree_now(started.pid, None)
        started.communicate()


async def test_processes_that_take_too_much_memory_together_end_the_step(tmp_path: Path) -> None:
    result = await execute(python(tmp_path, FOUR, limits=Limits(memory_mib=150)))
    assert not result.success
    assert result.error is not None
    assert result.error.startswith("Stopped: its ")
    assert result.error.endswith("MiB, and the limit `memory_mib` is 150.")
    assert survivors() == []


async def test_an_agent_whose_processes_take_too_much_together_is_ended(tmp_path: Path) -> None:
    result = await agent(tmp_path, FOUR, limits=Limits(memory_mib=150))
    assert not result.success
    assert result.error is not None
    assert "and the limit `memory_mib` is 150." in result.error


async def test_one_process_within_its_limit_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "INTERVAL_S", 0.01)
    code = "import time; taken = b'x' * (60 * 1024 * 1024); time.sleep(0.5); print(len(taken) >> 20)"
    result = await execute(python(tmp_path, code, limits=Limits(memory_mib=150)))
    assert (result.success, result.output) == (True, "60\n"), result.error


def test_memory_that_processes_share_counts_once() -> None:
    with running(SHARED) as pid:
        memory = TreeMemory(pid, Looks())
        mine = [each for each in all_processes() if each.session == pid]
        assert sum(each.resident_bytes for each in mine) > 400 * _MIB, "counted for each it would be too much"
        assert memory.problem(200) is None
        problem = memory.problem(80)
        assert problem is not None
        assert problem.startswith("Stopped: its 5 processes together used 1")


def test_a_process_whose_parent_is_gone_and_that_left_its_session_still_counts() -> None:
    mine = ProcessState(pid=10, parent=1, group=10, session=10, start_ticks=1, resident_bytes=0)
    child = replace(mine, pid=11, parent=10)
    grandchild = ProcessState(12, parent=11, group=12, session=12, start_ticks=5, resident_bytes=0)
    stranger = ProcessState(13, parent=1, group=13, session=13, start_ticks=6, resident_bytes=0)
    system = [mine, child, grandchild, stranger]
    memory = TreeMemory(10, Looks(lambda: system, iter(range(100)).__next__))
    assert {each.pid for each in memory._members()} == {10, 11, 12}
    system[:] = [mine, replace(grandchild, parent=1), stranger]
    assert {each.pid for each in memory._members()} == {10, 12}
    system[:] = [mine, replace(grandchild, parent=1, start_ticks=9), stranger]
    assert {each.pid for each in memory._members()} == {10}, "its number was given to somebody else"


def test_one_look_serves_all_steps_for_a_moment() -> None:
    looks: list[int] = []
    now_s = 0.0

    def look() -> list[ProcessState]:
        looks.append(1)
        return []

    shared = Looks(look, lambda: now_s)
    shared.newest()
    shared.newest()
    assert len(looks) == 1
    now_s = 1.0
    shared.newest()
    assert len(looks) == 2


def test_where_the_system_does_not_tell_of_processes_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "can_watch", lambda: False)
    assert any("not all of them together" in line for line in isolation.unenforced_limits(Limits()))
