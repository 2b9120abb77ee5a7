"""Builds and speaks to `shim.c`, the library that stops a process at its n-th change of the disk.

Linux and a C compiler are needed: SQLite and Python write through libc, so a preloaded library is the one
place that sees every write and every fsync of a process, and it really kills inside the call. `missing` says
why it cannot be had; the harness then kills at random times only, and says so.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

_SOURCE = Path(__file__).with_name("shim.c")
_COMPILERS = ("cc", "gcc", "clang", "tcc")

Stop = Literal["before", "halfway", "full disk", "broken disk"]
CHANGES = frozenset({"write", "fsync", "truncate", "rename", "unlink", "mkdir", "create", "empty"})
"""What counts as a change of the disk, in the words of `shim.c`."""
_MODES: dict[Stop, int] = {"before": 0, "halfway": 1, "full disk": 2, "broken disk": 3}


def missing() -> str | None:
    """Why this machine cannot stop a process at a system call; None if it can."""
    if not sys.platform.startswith("linux"):
        return f"the library that counts writes is made for Linux, and this is {sys.platform}"
    if _compiler() is None:
        return f"there is no C compiler ({', '.join(_COMPILERS)}); apt-get install gcc libc6-dev brings one"
    return None


def build(folder: Path) -> Path:
    """The compiled library in `folder`. Raises CalledProcessError if the compiler refuses."""
    compiler = _compiler()
    assert compiler is not None, missing()
    library = folder / "shim.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-lpthread"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return library


def is_loaded() -> bool:
    """Whether this process was started with the library."""
    return "shim.so" in os.environ.get("LD_PRELOAD", "")


def arm(folder: Path, *, stop_at: int = 0, stop: Stop = "before", log: Path | None = None) -> None:
    """From now on this process's changes below `folder` count; the one with number `stop_at` is its last.

    With `log` every change is kept there, for `power.Changes`.
    """
    _library().chaos_arm(
        os.fsencode(folder.resolve()),
        ctypes.c_long(stop_at),
        ctypes.c_int(_MODES[stop]),
        os.fsencode(log or ""),
    )


def mark(text: str) -> None:
    """Notes between the changes what the world outside has seen: an acknowledgement, an effect."""
    if is_loaded():
        _library().chaos_mark(text.encode())


def count() -> int:
    """How many changes this process has made since it was armed."""
    return int(_library().chaos_count())


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    library.chaos_count.restype = ctypes.c_long
    return library


def _compiler() -> str | None:
    return next((found for name in _COMPILERS if (found := shutil.which(name))), None)
