"""Turns limits into a command prefix: small programs that limit themselves, then become the command.

A prefix is used because `preexec_fn` is unsafe in a process with threads, and because setting limits after
the start leaves a moment in which the command runs without them.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from math import ceil
from pathlib import Path

from mplp_runtime.ael.sandbox import hardened_options
from mplp_runtime.errors import MplpError
from mplp_runtime.settings.model import Limits


class IsolationImpossible(MplpError):
    """The isolation that mplp.toml asks for cannot be had on this machine, so the step is refused."""


def limited_command(command: Sequence[str], limits: Limits, root: Path) -> list[str]:
    """`command` behind the programs that bound it.

    Memory is bounded per process as data segment (RLIMIT_DATA): a bound on the address space would stop
    programs that only reserve it, as node and java do. Raises IsolationImpossible.
    """
    return [*_limiting(limits), *_dying_with_us(), *_isolating(limits, root, command[0]), *command]


def _limiting(limits: Limits) -> list[str]:
    program = shutil.which("prlimit")
    if program is None:
        return []
    options = [
        # The softer limit first: it ends a process with a signal of its own, which can be told.
        f"--cpu={ceil(limits.cpu_s)}:{ceil(limits.cpu_s) + 1}",
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
    if limits.hardened:
        if _starts("bwrap"):
            return None
        why = "and it cannot start here" if shutil.which("bwrap") else "and it is not installed"
        return f"mplp.toml says `hardened = true`, which needs bubblewrap (`bwrap`), {why}."
    if limits.network or _starts("bwrap") or _starts("unshare"):
        return None
    return (
        "mplp.toml says `network = false`, which needs bubblewrap (`bwrap`) or `unshare`, and a kernel that "
        "lets them make a network of their own; neither can do that here."
    )


def unenforced_limits(limits: Limits | None = None) -> list[str]:
    """The limits that this system cannot keep a process to, as sentences; [] where it can keep all of them.

    Without `limits`: of everything that could be asked for.
    """
    missing = []
    if shutil.which("prlimit") is None:
        if hasattr(resource, "prlimit"):
            missing.append(
                "cpu_s, memory_mib and open_files hold a moment after the start only (no `prlimit`)"
            )
        else:
            missing.append("cpu_s, memory_mib and open_files are not kept (no `prlimit`)")
    if shutil.which("setpriv") is None:
        missing.append("a process may gain privileges, and outlive a crash of ours (no `setpriv`)")
    if not Path("/proc/self").exists():
        missing.append("a process that leaves its group is not found again (no /proc)")
    if limits is None:
        wanted = (Limits(network=False), Limits(hardened=True))
        missing += [
            f"`{word}` is refused: it needs {need}"
            for asked, word, need in zip(
                wanted,
                ("network = false", "hardened = true"),
                ("bubblewrap or unshare, and user namespaces", "bubblewrap, and user namespaces"),
                strict=True,
            )
            if isolation_problem(asked) is not None
        ]
    return missing


_PROBES = {
    "bwrap": ("--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "--"),
    "unshare": ("--user", "--map-current-user", "--net", "--"),
}
_PROBE_LIMIT_S = 10.0


def _starts(name: str) -> bool:
    """Whether a program can do here what it is for: being installed is not enough inside a container."""
    path, harmless = shutil.which(name), shutil.which("true")
    return path is not None and harmless is not None and _probed(path, name, harmless)


@cache
def _probed(path: str, name: str, harmless: str) -> bool:
    with suppress(OSError, subprocess.TimeoutExpired):
        command = [path, *_PROBES[name], harmless]
        probe = subprocess.run(  # noqa: S603 - a fixed command of the system's own programs
            command, capture_output=True, timeout=_PROBE_LIMIT_S, check=False
        )
        return probe.returncode == 0
    return False


def limit_started_process(pid: int, limits: Limits) -> None:
    """Limits a process that runs already, on systems that have the call but not the program `prlimit`."""
    if shutil.which("prlimit") is not None or not hasattr(resource, "prlimit"):
        return
    memory_bytes = limits.memory_mib * 1024 * 1024
    with suppress(OSError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_CPU, (ceil(limits.cpu_s), ceil(limits.cpu_s) + 1))
        resource.prlimit(pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limits.open_files, limits.open_files))


def _isolating(limits: Limits, root: Path, executable: str) -> list[str]:
    if limits.network and not limits.hardened:
        return []
    if (problem := isolation_problem(limits)) is not None:
        raise IsolationImpossible(problem)
    program = shutil.which("bwrap")
    if limits.hardened and program is not None:
        return [program, *hardened_options(limits, root, executable)]
    if program is not None and _starts("bwrap"):
        return [program, "--dev-bind", "/", "/", "--unshare-net", "--die-with-parent", "--"]
    unshare = shutil.which("unshare") or "unshare"
    return [unshare, "--user", "--map-current-user", "--net", "--"]
