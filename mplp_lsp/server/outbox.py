"""What goes to the client, in order, without ever blocking the event loop (pygls writes to a blocking pipe).

A client that stops reading is given time: answers wait in memory. Above the soft limit what only informs
(logs, progress, traces) is dropped; above the hard limit the session is closed with a line in the log.
"""

from __future__ import annotations

import logging
from typing import Protocol

from mplp_lsp.server.framing import framed, header_of

SOFT_LIMIT_BYTES = 8 * 1024 * 1024
HARD_LIMIT_BYTES = 512 * 1024 * 1024
LARGE_BYTES = 64 * 1024
"""From here on another copy of a message costs more than another call of the system."""

logger = logging.getLogger(__name__)


class Sink(Protocol):
    """The part of an asyncio write transport that is needed here."""

    def write(self, data: bytes) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def is_closing(self) -> bool: ...


class Outbox:
    """Bodies out, framed, to one sink."""

    def __init__(
        self,
        sink: Sink,
        *,
        soft_limit_bytes: int = SOFT_LIMIT_BYTES,
        hard_limit_bytes: int = HARD_LIMIT_BYTES,
    ) -> None:
        self._sink = sink
        self._soft_limit_bytes = soft_limit_bytes
        self._hard_limit_bytes = hard_limit_bytes
        self.dropped = 0

    @property
    def waiting_bytes(self) -> int:
        """Bytes the client has not taken yet."""
        return self._sink.get_write_buffer_size()

    def send(self, body: bytes, *, droppable: bool = False) -> bool:
        """False if the message was dropped, or the connection is gone."""
        if self._sink.is_closing():
            return False
        waiting = self.waiting_bytes
        if droppable and waiting > self._soft_limit_bytes:
            self.dropped += 1
            return False
        if waiting > self._hard_limit_bytes:
            logger.warning("The client has not read %d bytes; the session is closed.", waiting)
            self._sink.abort()
            return False
        if len(body) > LARGE_BYTES:
            self._sink.write(header_of(body))
            self._sink.write(body)
        else:
            self._sink.write(framed(body))
        return True

    def close(self) -> None:
        """Sends what waits, then closes."""
        self._sink.close()
