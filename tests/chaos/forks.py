"""Real processes, started by fork from one that has imported everything: hundreds of kills in minutes."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1


class Forked:
    """One process doing `work`, and what it has said so far on standard output.

    The caller must have no threads. The exit code is what `work` returns, 70 if it raised.
    """

    def __init__(self, work: Callable[[], int], complaints: Path) -> None:
        self.lines: list[str] = []
        self.code: int | None = None
        self._complaints = complaints
        self._begun = b""
        self._reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become(work, writing, complaints)
        os.close(writing)

    @property
    def complaints(self) -> str:
        """What it wrote to standard error."""
        return self._complaints.read_text(encoding="utf-8", errors="replace")

    def said(self, word: str) -> list[str]:
        """What followed `word` in the lines that begin with it."""
        return [line.partition(" ")[2] for line in self.lines if line.split(" ", 1)[0] == word]

    def listen(self, until: Callable[[], bool], limit_s: float) -> bool:
        """Reads what is said until `until` holds; False if the process ended or the limit passed before."""
        deadline = time.monotonic() + limit_s
        while not until():
            rest = deadline - time.monotonic()
            if rest <= 0 or not self._read(rest):
                return until()
        return True

    def listen_for(self, duration_s: float) -> None:
        """Reads for a while."""
        self.listen(lambda: False, duration_s)

    def kill(self) -> None:
        """SIGKILL; nothing can be said or done after it."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)

    def end(self, limit_s: float = 120.0) -> int:
        """Waits for the end (killing after the limit); the exit code, negative for a signal."""
        is_ended = self.listen(lambda: self._reading < 0, limit_s)
        if not is_ended:
            self.kill()
            self.lines.append("late")
            self.listen(lambda: self._reading < 0, 10.0)
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def _read(self, limit_s: float) -> bool:
        """False once there is nothing more to read, ever."""
        if self._reading < 0:
            return False
        if not select.select([self._reading], [], [], limit_s)[0]:
            return True
        piece = os.read(self._reading, 65536)
        if not piece:
            os.close(self._reading)
            self._reading = -1
            return False
        # A line that was cut by the kill was not acknowledged.
        *whole, self._begun = (self._begun + piece).split(b"\n")
        self.lines += [line.decode("utf-8", "replace") for line in whole]
        return True


def _become(work: Callable[[], int], writing: int, complaints: Path) -> None:
    code = 70
    try:
        # If the harness is stopped, so are its processes.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.dup2(writing, 1)
        os.close(writing)
        number = os.open(complaints, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(number, 2)
        code = work()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
