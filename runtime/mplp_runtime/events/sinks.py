"""Timelines: the event log of one stream as a file of lines, written as things happen.

The store is the record; the file follows it. A file is always a beginning of its stream, in Lamport order:
whoever appends takes the file's lock, cuts a line that a killed process left unfinished, and writes what the
store has after the last whole line. So nothing is written twice or left out, also by several processes. A
file whose last line the store does not know belongs to another state: it is kept under another name.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.file_protection import PLAIN
from mplp_runtime.vsl.interface import Json, Reading, StoredEvent, ValueStateLayer
from mplp_runtime.vsl.ready import WrittenEvents, events_of, times_of

try:
    import fcntl
except ImportError:  # Windows: one process at a time, as its file sharing rules have it anyway.
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

_TAIL_BYTES = 64 * 1024
_HOLE_PIECE_BYTES = 1024 * 1024
_BATCH = 1_000
_LOCK_LIMIT_S = 10.0
_COMMIT_LOCK_LIMIT_S = 1.0
_LOCK_PAUSE_S = 0.002

# ASCII, as in the store: a lone surrogate in a tool's output has no UTF-8 form.
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class NdjsonSink:
    """Keeps the file of one stream up to date; an instance is a callback for `EventBus.subscribe`.

    The store says how its files are protected: an encrypted one has `.sealed` behind its name.

    `bus.follow(sink.take)` writes what comes together at once. A file that cannot be written is logged once,
    and caught up on with a later event.
    """

    def __init__(self, path: Path, store: ValueStateLayer, stream: str) -> None:
        self._protection = store.file_protection
        self.path = path.with_name(f"{path.name}{self._protection.suffix}")
        self.stream = stream
        self._store = store
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._known_size = -1
        self._last_lamport = 0
        # Up to here every event of every stream was looked at, and what is of this one is written.
        self._complete_until = -1
        self._is_failing = False

    def __call__(self, stored: StoredEvent) -> None:
        self.take((stored,))

    def take(self, events: Sequence[StoredEvent]) -> None:
        """Events of any stream, in their order. Without a gap before them the store need not be asked."""
        first, last = times_of(events)
        with self._lock:
            # Else another process has written meanwhile, perhaps into this stream.
            is_next = first == self._complete_until + 1 and last - first == len(events) - 1
            if is_next:
                self._complete_until = last
            if ours := self._unwritten(events):
                self._put(ours, is_next=is_next)

    def append(self, events: Sequence[StoredEvent], *, is_whole: bool = True) -> None:
        """Events of this stream that follow those it was told before.

        Where that is not the whole of it, the store is asked for what is missing.
        """
        with self._lock:
            ours = self._unwritten(events)
            if ours or not is_whole:
                self._put(ours, is_next=is_whole and not self._is_failing)

    def _put(self, ours: Sequence[StoredEvent], *, is_next: bool) -> None:
        # Whoever waits here may delay every commit of this process.
        limit_s = 0 if self._is_failing else _COMMIT_LOCK_LIMIT_S
        try:
            if not is_next or not self._is_appended(ours, limit_s):
                self._catch_up_or_say_why(limit_s)
        except StoreError as error:
            self._complete_until = -1
            if not self._is_failing:
                logger.warning("%s", error)
            self._is_failing = True
        else:
            self._is_failing = False

    def catch_up(self, *, lock_limit_s: float = _LOCK_LIMIT_S) -> int:
        """Writes what the store has and the file lacks; returns the number of lines added.

        A file is made as soon as there is something to write. Raises StoreError if it cannot be written, or
        if another process, perhaps a stopped one, keeps it longer than `lock_limit_s`.
        """
        with self._lock:
            return self._catch_up_or_say_why(lock_limit_s)

    @property
    def is_failing(self) -> bool:
        """Whether the file could not be written when that was last tried."""
        return self._is_failing

    def close(self) -> None:
        """Tries once more what could not be written, and lets go of the file."""
        if self._is_failing:
            with suppress(StoreError):
                self.catch_up(lock_limit_s=0)
                self._is_failing = False
        with self._lock:
            if self._descriptor is not None:
                # Whoever says that the file is finished says so durably; after that nobody looks at it again.
                with suppress(OSError):
                    os.fsync(self._descriptor)
            self._forget_descriptor()

    def _catch_up_or_say_why(self, lock_limit_s: float) -> int:
        try:
            return self._catch_up(lock_limit_s)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(f"The timeline {self.path} cannot be written: {error.strerror}.")

    def _is_appended(self, taken: Sequence[StoredEvent], lock_limit_s: float) -> bool:
        """Appends events that follow the last line of the file; False if it is no longer what it was."""
        try:
            with self._locked_file(lock_limit_s) as descriptor:
                if os.fstat(descriptor).st_size != self._known_size:
                    return False
                lines = self._lines(taken)
                _write_whole(descriptor, lines)
                self._last_lamport = times_of(taken)[1]
                self._known_size += len(lines)
        except OSError as error:
            raise self._unwritable(error) from error
        return True

    def _catch_up(self, lock_limit_s: float) -> int:
        if self._descriptor is None and not self.path.exists() and not self._following(0)[0]:
            return 0
        added = 0
        with self._file_of_this_stream(lock_limit_s) as descriptor:
            is_behind = True
            while is_behind:
                missing, self._complete_until = self._following(self._last_lamport)
                if missing:
                    _write_whole(descriptor, self._lines(missing))
                    self._last_lamport = missing[-1].lamport
                    added += len(missing)
                # What is committed from now on is told once more, and whoever writes it waits for the lock.
                is_behind = len(missing) == _BATCH
            self._known_size = os.fstat(descriptor).st_size
        return added

    @contextmanager
    def _file_of_this_stream(self, lock_limit_s: float) -> Iterator[int]:
        """The locked file, which ends with the event at `_last_lamport` of this very store."""
        while True:
            with self._locked_file(lock_limit_s) as descriptor:
                if os.fstat(descriptor).st_size != self._known_size:
                    if self._known_size < 0:
                        _cut_holes(descriptor)
                    line = _cut_and_find_last(descriptor)
                    last = self._event_of(line)
                    self._last_lamport = lamport_of(last)
                    if line and not self._knows(last):
                        self._set_aside()
                        continue
                yield descriptor
                return

    def _unwritten(self, events: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
        """Those of this stream that the file does not have."""
        ours = events_of(self.stream, events)
        if ours and times_of(ours)[0] <= self._last_lamport:
            return [each for each in ours if each.lamport > self._last_lamport]
        return ours

    def _lines(self, events: Sequence[StoredEvent]) -> bytes:
        if isinstance(events, WrittenEvents) and self._protection is PLAIN:
            return ("\n".join(events.texts) + "\n").encode("ascii")
        return b"".join(line_of(self._protection.event(stored.event)) for stored in events)

    def _event_of(self, line: Mapping[str, Json]) -> Mapping[str, Json]:
        """{} for a line that cannot be read here, so that it is one of another state."""
        try:
            return self._protection.event_of(line) if line else {}
        except StoreError:
            return {}

    def _knows(self, event: Mapping[str, Json]) -> bool:
        lamport = lamport_of(event)
        stored = self._store.read(
            lambda reading: list(reading.events(self.stream, after=lamport - 1, limit=1))
        )
        return bool(stored and event) and stored[0].event.get("event_id") == event.get("event_id")

    def _set_aside(self) -> None:
        """Renames a timeline of another state; its events happened, so they are not thrown away."""
        number = 1
        while (older := self.path.with_name(f"older-{number}.{self.path.name}")).exists():
            number += 1
        self.path.rename(older)
        logger.warning("The timeline %s is of another state; it was kept as %s.", self.path, older.name)

    def _following(self, lamport: int) -> tuple[list[StoredEvent], int]:
        """The next events of the stream, and the time of the newest event of any stream."""

        def found(reading: Reading) -> tuple[list[StoredEvent], int]:
            return list(reading.events(self.stream, after=lamport, limit=_BATCH)), reading.lamport()

        return self._store.read(found)

    @contextmanager
    def _locked_file(self, limit_s: float) -> Iterator[int]:
        """The descriptor of the file that has the name now, locked: it may have been removed or replaced."""
        while True:
            if self._descriptor is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._descriptor = _opened(self.path)
                self._known_size = -1
            descriptor = self._descriptor
            _lock_within(descriptor, limit_s)
            if _is_same_file(descriptor, self.path):
                break
            self._forget_descriptor()
        try:
            yield descriptor
        finally:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _forget_descriptor(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def repair(path: Path, store: ValueStateLayer, stream: str) -> int:
    """Cuts an unfinished last line off and appends the events the file lacks; returns their number.

    Raises StoreError if the file cannot be written.
    """
    sink = NdjsonSink(path, store, stream)
    try:
        return sink.catch_up()
    finally:
        sink.close()


def line_of(event: Mapping[str, Json]) -> bytes:
    """One line of a timeline, with its line end."""
    return _encode(event).encode("ascii") + b"\n"


def lamport_of(event: Mapping[str, Json]) -> int:
    """The logical time an event of a timeline carries; 0 if it has none.

    >>> lamport_of({"sa_id": "x", "payload": {"lamport_timestamp": 4}})
    4
    """
    payload = event.get("payload")
    inner = payload.get("lamport_timestamp") if isinstance(payload, Mapping) else None
    value = event.get("lamport_timestamp", inner)
    return value if isinstance(value, int) else 0


def _lock_within(descriptor: int, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise OSError(errno.EAGAIN, "another process keeps it locked") from None
            time.sleep(_LOCK_PAUSE_S)
        else:
            return


def _opened(path: Path) -> int:
    """A project must not lead us to write elsewhere, so a link is not followed; a pipe is not waited for."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    for name in ("O_NOFOLLOW", "O_NONBLOCK"):  # Windows has neither.
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file")
    return descriptor


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _cut_holes(descriptor: int) -> None:
    """A power cut may leave zeros in place of lines, also before whole ones; JSON has no zero byte."""
    offset = 0
    while piece := os.pread(descriptor, _HOLE_PIECE_BYTES, offset):
        hole = piece.find(b"\0")
        if hole >= 0:
            os.ftruncate(descriptor, offset + hole)
            return
        offset += len(piece)


def _cut_and_find_last(descriptor: int) -> Mapping[str, Json]:
    """Truncates the file after its last sound line; returns the event on that line, {} without one."""
    size = end = os.fstat(descriptor).st_size
    while end:
        start, line = _last_line(descriptor, end)
        value = _sound(line)
        if value is not None:
            break
        end = start
    else:
        value = {}
    if end != size:
        os.ftruncate(descriptor, end)
    return value


def _last_line(descriptor: int, end: int) -> tuple[int, bytes]:
    """Where the last line before offset `end` starts, and its bytes."""
    tail = b""
    start = end
    while start:
        size = min(_TAIL_BYTES, start)
        start -= size
        tail = os.pread(descriptor, size, start) + tail
        newline = tail.rfind(b"\n", 0, len(tail) - 1)
        if newline >= 0:
            return start + newline + 1, tail[newline + 1 :]
    return 0, tail


def _sound(line: bytes) -> Mapping[str, Json] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _write_whole(descriptor: int, data: bytes) -> None:
    """A short write happens on a full disk only; the part of a line it leaves is cut by the next writer."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
