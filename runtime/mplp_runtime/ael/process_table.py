"""Processes as the system knows them: who is alive, who descends from whom, and how to end a whole tree.

Ending the process group alone is not enough: a child may have made a group or session of its own. On Linux
the tree is read from /proc, both by parent and by the run's mark in the environment, which orphans keep.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mplp_runtime.ael.action import ProcessIdentity

_PROC = Path("/proc")
_GRACE_S = 1.5
_LIMIT_S = 4.5
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A process as it was at one look. `resident_bytes` counts what it shares with others in full."""

    pid: int
    parent: int
    group: int
    session: int
    start_ticks: int
    resident_bytes: int


def all_processes() -> list[ProcessState]:
    """Every process of the system that this one may see; [] where the system does not tell. Linux only."""
    page_bytes = os.sysconf("SC_PAGE_SIZE") if _PROC.exists() else 0
    found = []
    for entry in _proc_entries():
        fields = _stat_fields(int(entry.name))
        if fields:
            parent, group, session = map(int, fields[1:4])
            ticks, resident = int(fields[19]), int(fields[21]) * page_bytes
            found.append(ProcessState(int(entry.name), parent, group, session, ticks, resident))
    return found


def process_identity(pid: int) -> ProcessIdentity:
    """The identity of a process that is alive now."""
    return ProcessIdentity(pid, start_ticks(pid))


def start_ticks(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None if it is gone or the system does not tell."""
    fields = _stat_fields(pid)
    return int(fields[19]) if fields else None


def is_alive(identity: ProcessIdentity) -> bool:
    """Whether this very process is still running; a zombie is not, nor is a stranger with its number."""
    fields = _stat_fields(identity.pid)
    if fields is None:
        if _PROC.joinpath("self").exists():
            return False
        return _answers(identity.pid)
    if fields[0] in {"Z", "X"}:
        return False
    return identity.start_ticks is None or int(fields[19]) == identity.start_ticks


def marked_processes(mark: str) -> list[int]:
    """Processes of this user with `mark` (`NAME=value`) in their environment, ours excluded. Linux only."""
    wanted = mark.encode("utf-8", "surrogateescape")
    found = []
    for entry in _proc_entries():
        if int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def descendants(pid: int) -> list[int]:
    """Children of a process, their children and so on, nearest first."""
    children: dict[int, list[int]] = {}
    for entry in _proc_entries():
        fields = _stat_fields(int(entry.name))
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    pending = [pid]
    while pending:
        below = children.get(pending.pop(), [])
        found.extend(below)
        pending.extend(below)
    return found


def group_has_members(group: int) -> bool:
    """Whether any process is still in a process group."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def end_process_tree(pid: int, mark: str | None) -> None:
    """Ends a process, its group and everything that came from it: a polite signal first, then the hard one.

    Returns when all are gone, after at most five seconds.
    """
    finder = _finder(pid, mark)
    if await _signal_until_gone(pid, finder, signal.SIGTERM, _GRACE_S):
        return
    await _signal_until_gone(pid, finder, signal.SIGKILL, _LIMIT_S - _GRACE_S)


def end_process_tree_now(pid: int | None, mark: str | None) -> int:
    """The hard signal at once, for processes that outlived a run of ours; says how many were ended."""
    finder = _finder(pid, mark)
    ended: set[int] = set()
    deadline = time.monotonic() + _LIMIT_S
    # Children may be made while we look, so look again until nobody is left.
    while (found := finder()) and time.monotonic() < deadline:
        ended.update(found)
        _signal_all(pid, found, signal.SIGKILL)
        time.sleep(_POLL_S)
    return len(ended)


def _finder(pid: int | None, mark: str | None) -> Callable[[], list[int]]:
    # Grandchildren whose parent died belong to init; those seen once are remembered with their start time.
    seen: dict[int, int | None] = {}

    def find() -> list[int]:
        found: set[int] = set()
        if pid is not None:
            found.add(pid)
            found.update(descendants(pid))
            found.update(_group_members(pid))
        if mark is not None:
            found.update(marked_processes(mark))
        for each in found:
            seen.setdefault(each, start_ticks(each))
        return [each for each, ticks in seen.items() if is_alive(ProcessIdentity(each, ticks))]

    return find


async def _signal_until_gone(pid: int, find: Callable[[], list[int]], number: int, limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    signalled: set[int] = set()
    while found := find():
        if time.monotonic() > deadline:
            return False
        # Once per process: a handler that cleans up must not be interrupted by the same signal again.
        if fresh := [each for each in found if each not in signalled]:
            _signal_all(pid if pid in fresh else None, fresh, number)
            signalled.update(fresh)
        await asyncio.sleep(_POLL_S)
    return True


def _signal_all(group: int | None, pids: Iterable[int], number: int) -> None:
    if group is not None and group > 1:
        with suppress(OSError):
            if os.getpgid(group) == group:
                os.killpg(group, number)
    for each in pids:
        with suppress(OSError):
            os.kill(each, number)


def _group_members(group: int) -> list[int]:
    found = []
    for entry in _proc_entries():
        fields = _stat_fields(int(entry.name))
        if fields and int(fields[2]) == group:
            found.append(int(entry.name))
    return found


def _proc_entries() -> list[Path]:
    with suppress(OSError):
        return [entry for entry in _PROC.iterdir() if entry.name.isdigit()]
    return []


def _stat_fields(pid: int) -> list[str] | None:
    # The command name stands in brackets and may hold blanks and brackets itself: read after the last one.
    with suppress(OSError, UnicodeDecodeError):
        return (
            (_PROC / str(pid) / "stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()
        )
    return None


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
