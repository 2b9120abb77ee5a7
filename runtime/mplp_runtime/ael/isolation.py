"""Turns limits into a command prefix: small programs that limit themselves, then become the command.

A prefix is used because `preexec_fn` is unsafe in a process with threads, and because setting limits after
the start leaves a moment in which the command runs without them.
"""

from __future__ import annotations

import resource
import shutil
from collections.abc import Sequence
from contextlib import suppress
from math import ceil
from pathlib import Path

from mplp_runtime.errors import MplpError
from mplp_runtime.settings.model import Limits


class IsolationImpossible(MplpError):
    """The isolation that mplp.toml asks for cannot be had on this machine, so the step is refused."""


def limited_command(command: Sequence[str], limits: Limits, root: Path) -> list[str]:
    """`command` behind the programs that bound it.

    Memory is bounded per process as data segment (RLIMIT_DATA): a bound on the address space would stop
    programs that only reserve it, as node and java do. Raises IsolationImpossible.
    """
    return [*_limiting(limits), *_dying_with_us(), *_isolating(limits, root), *command]


def _limiting(limits: Limits) -> list[str]:
    program = shutil.which("prlimit")
    if program is None:
        return []
    options = [
        f"--cpu={ceil(limits.cpu_s)}",
        f"--data={limits.memory_mib * 1024 * 1024}",
        f"--nofile={limits.open_files}",
    ]
    return [program, *options, "--"]


def _dying_with_us() -> list[str]:
    # The kernel ends the command when the thread that started it ends: kill -9 of our process leaves no
    # orphan.
    program = shutil.which("setpriv")
    return [program, "--no-new-privs", "--pdeathsig", "KILL", "--"] if program else []


def isolation_problem(limits: Limits) -> str | None:
    """Why these limits cannot be kept on this machine, None where they can; asked before a run starts."""
    if (limits.network and not limits.hardened) or shutil.which("bwrap") is not None:
        return None
    wanted = "hardened = true" if limits.hardened else "network = false"
    return f"mplp.toml says `{wanted}`, which needs bubblewrap (`bwrap`), and it is not installed."


def limit_started_process(pid: int, limits: Limits) -> None:
    """Limits a process that runs already, on systems that have the call but not the program `prlimit`."""
    if shutil.which("prlimit") is not None or not hasattr(resource, "prlimit"):
        return
    memory_bytes = limits.memory_mib * 1024 * 1024
    with suppress(OSError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_CPU, (ceil(limits.cpu_s), ceil(limits.cpu_s)))
        resource.prlimit(pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limits.open_files, limits.open_files))


def _isolating(limits: Limits, root: Path) -> list[str]:
    if limits.network and not limits.hardened:
        return []
    program = shutil.which("bwrap")
    problem = isolation_problem(limits)
    if program is None or problem is not None:
        raise IsolationImpossible(problem)
    if not limits.hardened:
        return [program, "--dev-bind", "/", "/", "--unshare-net", "--die-with-parent", "--"]
    network = ["--share-net"] if limits.network else []
    folders = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]  # noqa: S108 - inside the sandbox
    bound = ["--bind", str(root), str(root), "--chdir", str(root)]
    return [program, "--unshare-all", *network, "--die-with-parent", *folders, *bound, "--"]
