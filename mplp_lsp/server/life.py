"""When a server process ends: parent gone, signal, end of input (E12)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

PARENT_POLL_S = 2.0


def is_alive(process_id: int) -> bool:
    """Whether a process exists and is no zombie; a process of another user counts as alive."""
    if process_id <= 0:
        return False
    if sys.platform == "win32":
        return _is_alive_on_windows(process_id)
    try:
        os.kill(process_id, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    try:
        status = Path(f"/proc/{process_id}/stat").read_bytes()
    except OSError:
        return True
    # The state follows the command's name, which may itself hold brackets.
    return status.rpartition(b")")[2].split()[:1] != [b"Z"]


def _is_alive_on_windows(process_id: int) -> bool:
    # os.kill(pid, 0) would end the process there.
    import ctypes

    query_limited, still_active = 0x1000, 259
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - the attribute exists on Windows only.
    process = kernel.OpenProcess(query_limited, False, process_id)
    if not process:
        return False
    code = ctypes.c_ulong()
    answered = kernel.GetExitCodeProcess(process, ctypes.byref(code))
    kernel.CloseHandle(process)
    return bool(answered) and code.value == still_active


async def parent_gone(process_id: int, *, poll_s: float = PARENT_POLL_S) -> None:
    """Returns when the client's process no longer exists."""
    while is_alive(process_id):  # noqa: ASYNC110 - another process sets no event of ours.
        await asyncio.sleep(poll_s)


def on_stop_signals(stop: Callable[[], None]) -> None:
    """Calls `stop` on the running loop when the process is told to end."""
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is None:
            continue
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(number, stop)
