"""Bytes of one connection in, one message per turn of the event loop.

One per turn, so that timers, answers and cancellations get their turn in a burst of changes, and in order,
because a change must be seen by the request that follows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mplp_lsp.server.framing import Frames, FramingFault

READ_AHEAD_BYTES = 32 * 1024 * 1024
EMPTY_TURNS = 2
"""Turns of the loop without a byte after which nothing more is on its way: what the client wrote in one go
arrives in pieces, and a question that follows a change should be seen before work about the change begins."""


class Inlet(asyncio.Protocol):
    """Cuts what arrives into messages and hands each to `deliver`.

    `deliver` answers False for a body that is not JSON. `caught_up` is called whenever all that was read has
    been delivered and no message is on its way in, `connected` with the transport, `ended` once, after the
    last whole message has been delivered.
    """

    def __init__(
        self,
        deliver: Callable[[bytes | FramingFault], bool],
        ended: Callable[[], None],
        connected: Callable[[asyncio.BaseTransport], None] | None = None,
        caught_up: Callable[[], None] | None = None,
    ) -> None:
        self._deliver = deliver
        self._ended = ended
        self._connected = connected
        self._caught_up = caught_up
        self._frames = Frames()
        self._transport: asyncio.BaseTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._empty_turns = 0
        self._is_scheduled = False
        self._is_paused = False
        self._is_over = False
        self._is_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if self._connected is not None:
            self._connected(transport)

    def data_received(self, data: bytes) -> None:
        self._frames.feed(data)
        self._empty_turns = 0
        if not self._is_paused and self._frames.buffered_bytes > self._frames.wanted_bytes + READ_AHEAD_BYTES:
            self._pause()
        self._schedule()

    def eof_received(self) -> bool:
        self._is_over = True
        self._schedule()
        # Keep the writing half open: what was asked before the end is still answered.
        return True

    def connection_lost(self, _exc: Exception | None) -> None:
        self._is_over = True
        self._schedule()

    def close(self) -> None:
        """Delivers nothing more."""
        self._is_closed = True
        if self._transport is not None:
            self._transport.close()

    def _schedule(self) -> None:
        if not self._is_scheduled and not self._is_closed:
            self._is_scheduled = True
            self._loop.call_soon(self._deliver_one)

    def _deliver_one(self) -> None:
        self._is_scheduled = False
        if self._is_closed:
            return
        body = self._frames.next()
        if body is None:
            self._resume()
            if self._caught_up is not None and self._empty_turns < EMPTY_TURNS and not self._is_over:
                self._empty_turns += 1
                self._schedule()
                return
            if self._caught_up is not None and (self._is_over or not self._frames.wanted_bytes):
                self._caught_up()
            if self._is_over:
                self._is_closed = True
                self._ended()
            return
        if not self._deliver(body) and isinstance(body, bytes):
            self._frames.recover(body)
        self._schedule()

    def _pause(self) -> None:
        if isinstance(self._transport, asyncio.ReadTransport):
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused and isinstance(self._transport, asyncio.ReadTransport):
            self._is_paused = False
            self._transport.resume_reading()
