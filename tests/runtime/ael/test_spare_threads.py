"""Threads for functions that may block: nobody waits for another's function, and threads are used again."""

from __future__ import annotations

import contextvars
import logging
import os
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import pytest

from mplp_runtime.ael import spare_threads
from mplp_runtime.ael.spare_threads import SpareThreads

LIMIT_S = 20
NAME = "mplp-test-spare"


def mine() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == NAME}


def thread_of_one_run(threads: SpareThreads) -> threading.Thread:
    seen: list[threading.Thread] = []
    done = threading.Event()

    def work() -> None:
        seen.append(threading.current_thread())
        done.set()

    threads.run(work)
    assert done.wait(LIMIT_S)
    return seen[0]


def test_a_function_that_never_returns_holds_up_nobody() -> None:
    threads, stuck = SpareThreads(NAME), threading.Event()

    def work() -> None:
        stuck.wait(LIMIT_S)

    threads.run(work)
    first = mine()
    assert thread_of_one_run(threads) not in first
    stuck.set()


def test_threads_are_daemons_and_end_when_nobody_needs_them() -> None:
    threads = SpareThreads(NAME, idle_s=0.01)
    thread = thread_of_one_run(threads)
    assert thread.daemon
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    assert thread_of_one_run(threads) is not thread


def threads_of_runs_at_once(threads: SpareThreads, count: int) -> set[threading.Thread]:
    all_here = threading.Barrier(count + 1)
    seen: set[threading.Thread] = set()

    def work() -> None:
        seen.add(threading.current_thread())
        all_here.wait(LIMIT_S)

    for _ in range(count):
        threads.run(work)
    all_here.wait(LIMIT_S)
    return seen


def is_used_again(threads: SpareThreads, thread: threading.Thread) -> bool:
    """Whether one of the next functions comes to it: it needs a moment to be free, and others may be too."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        if thread in threads_of_runs_at_once(threads, len(mine()) + 1):
            return True
    return False


def test_a_thread_whose_function_has_returned_is_used_again() -> None:
    threads = SpareThreads(NAME)
    assert is_used_again(threads, thread_of_one_run(threads))


def test_what_a_function_leaves_in_its_context_does_not_reach_the_next_one() -> None:
    threads, told = SpareThreads(NAME), contextvars.ContextVar[str]("told", default="nothing")
    seen: list[str] = []

    def work(done: threading.Event) -> None:
        seen.append(told.get())
        told.set("something")
        done.set()

    for _ in range(50):
        done = threading.Event()
        threads.run(partial(work, done))
        assert done.wait(LIMIT_S)
    assert set(seen) == {"nothing"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_a_process_that_was_forked_does_not_wait_for_the_threads_of_the_other_one() -> None:
    code = (
        "import os, threading\n"
        "from mplp_runtime.ael.spare_threads import SpareThreads\n"
        "threads, done = SpareThreads('x'), threading.Event()\n"
        "threads.run(done.set)\n"
        "assert done.wait(20)\n"
        "while not threads._idle: pass\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    done.clear()\n"
        "    threads.run(done.set)\n"
        "    os._exit(0 if done.wait(20) else 1)\n"
        "os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_a_function_that_comes_just_when_a_thread_gives_up_waiting_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[threading.Thread] = []
    all_done = threading.Event()

    def work() -> None:
        seen.append(threading.current_thread())
        if len(seen) == 2:
            all_done.set()

    class GivesUpTooEarly(queue.SimpleQueue[Callable[[], None]]):
        """Is given the second function after it has waited for one, and before it says that none came."""

        def get(self, block: bool = True, timeout: float | None = None) -> Callable[[], None]:
            if timeout is not None and len(seen) == 1:
                threads.run(work)
                raise queue.Empty
            return super().get(block, timeout)

    # Only here: other threads have queues of that module as well.
    replaced = SimpleNamespace(SimpleQueue=GivesUpTooEarly, Empty=queue.Empty)
    monkeypatch.setattr(spare_threads, "queue", replaced)
    threads = SpareThreads(NAME)
    threads.run(work)
    assert all_done.wait(LIMIT_S)
    assert seen[0] is seen[1]


def test_a_function_that_raises_is_logged_and_its_thread_goes_on() -> None:
    threads, logged = SpareThreads(NAME), threading.Event()
    seen: list[threading.Thread] = []

    def fail() -> None:
        seen.append(threading.current_thread())
        raise SystemExit(3)

    class Noticing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "failed" in record.getMessage():
                logged.set()

    noticing = Noticing()
    logger = logging.getLogger(spare_threads.__name__)
    logger.addHandler(noticing)
    try:
        threads.run(fail)
        assert logged.wait(LIMIT_S)
    finally:
        logger.removeHandler(noticing)
    assert is_used_again(threads, seen[0])


class Held:
    """Something a function holds."""


def test_what_a_function_held_is_let_go_of_when_it_has_returned() -> None:
    threads, let_go = SpareThreads(NAME), threading.Event()
    held = Held()
    weakref.finalize(held, let_go.set)
    threads.run(lambda held=held: None)  # type: ignore[misc]
    del held
    assert let_go.wait(LIMIT_S)
