"""Standard input and output as transports of the event loop, and kept clean of everything else (E11)."""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from typing import BinaryIO

from mplp_lsp.server.connection import Inlet
from mplp_lsp.server.outbox import Sink
from mplp_runtime.errors import MplpError

CHUNK_BYTES = 256 * 1024
PIPE_BYTES = 1024 * 1024


def claimed_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """Private copies of standard input and output.

    Afterwards descriptor 1 is standard error and descriptor 0 is empty, so that no `print`, warning or child
    process can put a stray byte between two messages, or eat one. Raises MplpError where one is closed.
    """
    if sys.stdin is None or sys.stdout is None:
        raise MplpError("Standard input and output are closed; a language server on --stdio needs both.")
    sys.stdout.flush()
    incoming = os.fdopen(os.dup(0), "rb", buffering=0)
    outgoing = os.fdopen(os.dup(1), "wb", buffering=0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return incoming, outgoing


async def read_from(incoming: BinaryIO, inlet: Inlet) -> None:
    """Feeds `inlet` from a pipe, socket or terminal; from anything else (a file, Windows) by a thread."""
    loop = asyncio.get_running_loop()
    _widen(incoming)
    try:
        await loop.connect_read_pipe(lambda: inlet, incoming)
    except (ValueError, NotImplementedError, OSError):
        threading.Thread(target=_pump, args=(incoming, inlet, loop), name="mplp-stdin", daemon=True).start()


def _widen(incoming: BinaryIO) -> None:
    """Lets a large document come through a pipe in a few pieces, where the system can (Linux)."""
    try:
        import fcntl

        fcntl.fcntl(incoming, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (ImportError, AttributeError, OSError):
        # No pipe, no such system, or no room: then it takes more pieces.
        return


def _pump(incoming: BinaryIO, inlet: Inlet, loop: asyncio.AbstractEventLoop) -> None:
    try:
        while data := incoming.read(CHUNK_BYTES):
            loop.call_soon_threadsafe(inlet.data_received, data)
        loop.call_soon_threadsafe(inlet.eof_received)
    except (OSError, RuntimeError):
        # The loop has closed, or the client has gone: either way there is nobody to tell.
        return


async def write_to(outgoing: BinaryIO) -> Sink:
    """A sink that never blocks the loop."""
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, outgoing)
    except (ValueError, NotImplementedError, OSError):
        return ThreadSink(outgoing)
    return transport


class ThreadSink:
    """Writes in a thread, for streams that asyncio cannot drive."""

    def __init__(self, outgoing: BinaryIO) -> None:
        self._outgoing = outgoing
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._size_bytes = 0
        self._is_closing = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._drain, name="mplp-stdout", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        with self._lock:
            self._size_bytes += len(data)
        self._waiting.put(data)

    def get_write_buffer_size(self) -> int:
        return self._size_bytes

    def close(self) -> None:
        """Returns when everything is written, or after two seconds with a reader that does not read."""
        self._is_closing = True
        self._waiting.put(None)
        self._thread.join(timeout=2)

    def abort(self) -> None:
        self._is_closing = True
        self._waiting.put(None)

    def is_closing(self) -> bool:
        return self._is_closing

    def _drain(self) -> None:
        try:
            while (data := self._waiting.get()) is not None:
                view = memoryview(data)
                while view:
                    view = view[self._outgoing.write(view) or 0 :]
                with self._lock:
                    self._size_bytes -= len(data)
        except OSError:
            self._is_closing = True
