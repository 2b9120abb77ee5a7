"""Room in SQLite's write-ahead log, made before it is needed.

A sync that makes a file longer also brings the file system's own journal to disk, and with it what everybody
else has done there: measured on ext4, 0.65 ms where one inside the file takes 0.12 ms. What lies behind the
last commit of the log is no part of the state (SQLite's file format, section 4): zeros are read there as
little as what an earlier round has left.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

_LEAST_BYTES = 256 * 1024
_MOST_BYTES = 4 * 1024 * 1024
"""As much again as there is, within these bounds: who writes little takes little of the disk."""
_PIECE_BYTES = 64 * 1024
_END_BYTES = 24 + 4096
"""A page and its header, which has more than zeros in it: who finds only these is not at the end yet."""


class JournalRoom:
    """The room behind the end of one log. It grows until the log is `limit_bytes` long."""

    def __init__(self, database: Path, limit_bytes: int) -> None:
        self._path = database.with_name(f"{database.name}-wal")
        self._limit_bytes = limit_bytes
        self._known_bytes = -1

    def make(self) -> None:
        """Makes the log longer if it was written to its end. The caller holds the lock for writing.

        With that lock nobody else writes to the log or shortens it. Where there is no more room on the disk,
        or no such log, everything stays as it was.
        """
        with suppress(OSError):
            size = self._path.stat(follow_symlinks=False).st_size
            if size != self._known_bytes:
                self._known_bytes = size
                if 0 < size < self._limit_bytes:
                    self._lengthen(size)

    def _lengthen(self, size: int) -> None:
        flags = os.O_RDWR
        for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # No system has all of them.
            flags |= getattr(os, name, 0)
        descriptor = os.open(self._path, flags)
        try:
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
            if not is_file or _is_room_left(descriptor, size):
                return
            room = min(max(size, _LEAST_BYTES), _MOST_BYTES, self._limit_bytes - size)
            try:
                _write_zeros(descriptor, size, room)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
            self._known_bytes = size + room
        finally:
            # SQLite keeps no lock on this file that would be lost with the descriptor.
            os.close(descriptor)


def _is_room_left(descriptor: int, size: int) -> bool:
    """Whether another process has made room already."""
    os.lseek(descriptor, max(0, size - _END_BYTES), os.SEEK_SET)
    return not any(os.read(descriptor, _END_BYTES))


def _write_zeros(descriptor: int, start: int, count: int) -> None:
    os.lseek(descriptor, start, os.SEEK_SET)
    zeros = memoryview(bytes(_PIECE_BYTES))
    while count:
        count -= os.write(descriptor, zeros[:count])
