"""Turns limits into a command prefix: small programs that limit themselves, then become the command.

The programs of the system where they are there and work (`prlimit`, `setpriv`, bubblewrap, `unshare`); where
they are missing, `confine.py`, which asks the kernel itself and takes the time that Python takes to start. A
prefix is used because `preexec_fn` is unsafe in a process with threads, and because setting limits after the
start leaves a moment in which the command runs without them.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from mplp_runtime.ael import confine
from mplp_runtime.ael.memory_watch import can_watch
from mplp_runtime.ael.sandbox import hardened_options, hardened_paths, hidden_state
from mplp_runtime.errors import MplpError
from mplp_runtime.kinds import STATE_FOLDER
from mplp_runtime.settings import Limits


class IsolationImpossible(MplpError):
    """The isolation that mplp.toml asks for cannot be had on this machine, so the step is refused."""


def limited_command(command: Sequence[str], limits: Limits, root: Path) -> list[str]:
    """`command` behind the programs that bound it.

    Memory is bounded per process as data segment (RLIMIT_DATA): a bound on the address space would stop
    programs that only reserve it, as node and java do. All processes of a step together are watched
    (`memory_watch.py`). Raises IsolationImpossible.
    """
    prefix: list[str] = []
    missing: dict[str, Any] = {}
    if (program := shutil.which("prlimit")) is not None:
        limited = [f"--{name}={soft}:{hard}" for name, (soft, hard) in _resources(limits).items()]
        prefix += [program, *limited, "--"]
    else:
        missing["resources"] = _resources(limits)
    # The kernel ends the command when the thread that started it ends: kill -9 of our process leaves no
    # orphan.
    if (program := shutil.which("setpriv")) is not None:
        prefix += [program, "--no-new-privs", "--pdeathsig", "KILL", "--"]
    else:
        missing["dies_with"] = os.getpid()
    confined = _confined(missing) if missing else []
    return [*confined, *prefix, *_isolating(limits, root, command[0]), *command]


def _resources(limits: Limits) -> dict[str, tuple[int, int]]:
    memory_bytes = limits.memory_mib * 1024 * 1024
    return {
        # The softer limit first: it ends a process with a signal of its own, which can be told.
        "cpu": (ceil(limits.cpu_s), ceil(limits.cpu_s) + 1),
        "data": (memory_bytes, memory_bytes),
        "nofile": (limits.open_files, limits.open_files),
    }


def _confined(options: Mapping[str, Any]) -> list[str]:
    """The program that limits itself, with what it shall do; empty in a Python that cannot be started."""
    return [sys.executable, "-I", "-S", confine.__file__, json.dumps(options)] if sys.executable else []


def isolation_problem(limits: Limits) -> str | None:
    """Why these limits cannot be kept on this machine, None where they can; asked before a run starts."""
    if limits.hardened:
        if _starts("bwrap") or _starts("landlock"):
            return None
        why = "it cannot start here" if shutil.which("bwrap") else "it is not installed"
        return (
            f"mplp.toml says `hardened = true`, which needs bubblewrap (`bwrap`), and {why}; "
            "this kernel has no Landlock in its place."
        )
    if limits.network or any(_starts(each) for each in ("bwrap", "unshare", "sockets")):
        return None
    return (
        "mplp.toml says `network = false`, which needs bubblewrap (`bwrap`) or `unshare` and a kernel that "
        "lets them make a network of their own, or one that filters system calls; none of it can be had here."
    )


def unenforced_limits(limits: Limits | None = None) -> list[str]:
    """The limits that this system cannot keep a process to, as sentences; [] where it can keep all of them.

    Without `limits`: of everything that could be asked for.
    """
    missing = []
    is_linux, can_confine = sys.platform == "linux", bool(sys.executable)
    if shutil.which("prlimit") is None and not can_confine:
        missing.append("cpu_s, memory_mib and open_files are not kept (no `prlimit`)")
    elif not is_linux:
        missing.append("memory_mib may not be kept: this system does not count the data of a process")
    if shutil.which("setpriv") is None and not (is_linux and can_confine):
        missing.append("a process may gain privileges, and outlive a crash of ours (no `setpriv`)")
    if not can_watch():
        missing.append("memory_mib bounds each process of a step, and not all of them together (no /proc)")
    if not Path("/proc/self").exists():
        missing.append("a process that leaves its group is not found again (no /proc)")
    if (limits is None or limits.hardened) and not _starts("bwrap") and _starts("landlock"):
        more = "" if confine.keeps_signals() else "; other processes of this user can be signalled"
        missing.append(
            "`hardened = true` is kept by Landlock (no bubblewrap): that other files and processes exist "
            f"can be seen, though not what is in them{more}"
        )
        if not _starts("mounts"):
            missing.append(
                f"`hardened = true` does not keep a process from `{STATE_FOLDER}`, where the state of its "
                "own project is (no bubblewrap, and no mounts of its own)"
            )
    if limits is None:
        wanted = (Limits(network=False), Limits(hardened=True))
        missing += [
            f"`{word}` is refused: it needs {need}"
            for asked, word, need in zip(
                wanted,
                ("network = false", "hardened = true"),
                (
                    "bubblewrap or unshare and user namespaces, or a filter of system calls",
                    "bubblewrap and user namespaces, or Landlock",
                ),
                strict=True,
            )
            if isolation_problem(asked) is not None
        ]
    return missing


_PROBES = {
    "bwrap": ("--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "--"),
    "unshare": ("--user", "--map-current-user", "--net", "--"),
}
_PROBE_LIMIT_S = 20.0
_tried: dict[tuple[str, ...], bool] = {}
"""What became of each command that was tried, for as long as the process lives."""


def _starts(name: str) -> bool:
    """Whether a program can do here what it is for: being installed is not enough inside a container."""
    harmless = shutil.which("true")
    if harmless is None:
        return False
    if name in _PROBES:
        path = shutil.which(name)
        return path is not None and _probed(path, *_PROBES[name], harmless)
    if not confine.knows_machine() or (name == "landlock" and not confine.landlock_version()):
        return False
    tried: dict[str, Any] = {"families": []}
    if name == "landlock":
        tried |= {"readable": ["/"], "writable": [], "devices": []}
    elif name == "mounts":
        tried |= {"hidden": str(Path(confine.__file__).parent)}
    confined = _confined(tried)
    return bool(confined) and _probed(*confined, harmless)


def _probed(*command: str) -> bool:
    if command in _tried:
        return _tried[command]
    try:
        probe = subprocess.run(  # noqa: S603 - a fixed command of the system's own programs
            command, capture_output=True, timeout=_PROBE_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        # A machine that is busy now may have time later, so this is not remembered.
        return False
    except OSError:
        _tried[command] = False
    else:
        _tried[command] = probe.returncode == 0
    return _tried[command]


def _isolating(limits: Limits, root: Path, executable: str) -> list[str]:
    if limits.network and not limits.hardened:
        return []
    if (problem := isolation_problem(limits)) is not None:
        raise IsolationImpossible(problem)
    program = shutil.which("bwrap")
    if program is not None and _starts("bwrap"):
        if limits.hardened:
            return [program, *hardened_options(limits, root, executable)]
        return [program, "--dev-bind", "/", "/", "--unshare-net", "--die-with-parent", "--"]
    if limits.hardened:
        # No local sockets either: Landlock does not keep anybody from those that lie in the file system.
        families = [socket.AF_INET, socket.AF_INET6] if limits.network else []
        hidden = hidden_state(root) if _starts("mounts") else {}
        return _confined({**hardened_paths(root, executable), **hidden, "families": families})
    if not _starts("unshare"):
        return _confined({"families": [socket.AF_UNIX]})
    unshare = shutil.which("unshare") or "unshare"
    return [unshare, "--user", "--map-current-user", "--net", "--"]
