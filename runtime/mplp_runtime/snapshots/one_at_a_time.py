"""One process at a time makes and removes snapshots: what one deletes another may be about to rely on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from mplp_runtime.errors import StoreError

with suppress(ImportError):  # Windows has no such module, and there nothing keeps the others away.
    import fcntl

LOCK = "lock"
_LIMIT_S = 60.0
_PAUSE_S = 0.05


@asynccontextmanager
async def alone(folder: Path, *, limit_s: float = _LIMIT_S) -> AsyncIterator[None]:
    """Holds the lock of a folder of snapshots; it goes with the process, however that ends.

    Raises StoreError where another process keeps it for longer than `limit_s`, or it cannot be had.
    """
    descriptor = _opened(folder)
    try:
        left_s = limit_s
        while not _is_locked(descriptor):
            if left_s <= 0:
                raise StoreError("Another process is busy with the snapshots of this project; try again.")
            await asyncio.sleep(_PAUSE_S)
            left_s -= _PAUSE_S
        yield
    finally:
        os.close(descriptor)


def _opened(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise StoreError(f"{folder} cannot be written: {problem.strerror}.") from problem


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (OSError, NameError):
        # A system, or a file system, without locks.
        return True
    return True
