"""How much memory the processes of a step use together.

The kernel bounds the memory of one process (`isolation.py`). Of several it adds nothing up, unless somebody
gives them a control group, which an ordinary user may seldom do; so they are looked at in turns, on Linux.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from mplp_runtime.ael.process_table import ProcessState, all_processes

INTERVAL_S = 0.5
"""How long lies between two looks at the same processes."""

_AGE_S = 0.25
_MIB = 1024 * 1024
_COUNTED = ("Pss_Anon:", "Pss_Shmem:", "SwapPss:")
_PROC = Path("/proc")


def can_watch() -> bool:
    """Whether this system tells of processes what is needed here."""
    return (_PROC / "self" / "stat").exists()


class Looks:
    """One look at all processes of the system serves every step that is under way at the time."""

    def __init__(
        self,
        look: Callable[[], Iterable[ProcessState]] = all_processes,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._taken_at_s: float | None = None
        self._found: Mapping[int, ProcessState] = {}

    def newest(self) -> Mapping[int, ProcessState]:
        """All processes by their ids, as they were a quarter of a second ago at most."""
        with self._lock:
            if self._taken_at_s is None or self._monotonic() - self._taken_at_s >= _AGE_S:
                self._found = {each.pid: each for each in self._look()}
                self._taken_at_s = self._monotonic()
            return self._found


class TreeMemory:
    """The memory of a process and of all that came from it, whoever is their parent by now."""

    def __init__(self, pid: int, looks: Looks) -> None:
        self._pid = pid
        self._looks = looks
        # Whose parent has died belongs to init; who was seen once is known by its start time.
        self._seen: dict[int, int] = {}

    def problem(self, limit_mib: int) -> str | None:
        """A sentence where they use more than the limit together; else None.

        What several have in common counts once, and what can be read from files again not at all.
        """
        members = self._members()
        # The cheap sum counts what is shared for each of them, so it is never too small.
        if sum(each.resident_bytes for each in members) <= limit_mib * _MIB:
            return None
        used_mib = sum(map(_own_bytes, members)) // _MIB
        if used_mib <= limit_mib:
            return None
        many = "process" if len(members) == 1 else f"{len(members)} processes together"
        return f"Stopped: its {many} used {used_mib} MiB, and the limit `memory_mib` is {limit_mib}."

    def _members(self) -> list[ProcessState]:
        everybody = self._looks.newest()
        known = {pid for pid, ticks in self._seen.items() if _is_same(everybody.get(pid), ticks)}
        known.add(self._pid)
        below: dict[int, list[ProcessState]] = {}
        found: dict[int, ProcessState] = {}
        for each in everybody.values():
            below.setdefault(each.parent, []).append(each)
            if each.pid in known or self._pid in {each.group, each.session}:
                found[each.pid] = each
        pending = list(found)
        while pending:
            for child in below.get(pending.pop(), ()):
                if child.pid not in found:
                    found[child.pid] = child
                    pending.append(child.pid)
        self._seen = {pid: each.start_ticks for pid, each in found.items()}
        return list(found.values())


def _is_same(process: ProcessState | None, start_ticks: int) -> bool:
    return process is not None and process.start_ticks == start_ticks


def _own_bytes(process: ProcessState) -> int:
    """The share of a process in what it holds in memory; what it shares with others is divided among them."""
    with suppress(OSError, ValueError, IndexError):
        lines = (_PROC / str(process.pid) / "smaps_rollup").read_text(encoding="ascii").splitlines()
        parts = [int(line.split()[1]) for line in lines if line.startswith(_COUNTED)]
        if parts:
            return sum(parts) * 1024
    with suppress(OSError, ValueError, IndexError):
        resident, shared = (_PROC / str(process.pid) / "statm").read_text(encoding="ascii").split()[1:3]
        return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
    # It has ended meanwhile.
    return 0
