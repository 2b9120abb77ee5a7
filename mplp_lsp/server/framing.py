"""Bytes to message bodies and back: the header layer of LSP's base protocol, without input or output.

Repairs what pygls leaves open (P7): header names in any case, a length that is missing, garbage or absurd,
headers glued to the end of a body that was shorter or longer than announced. After any of these the reader
finds the next sound header instead of giving up or waiting for ever.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LARGEST_BODY_BYTES = 256 * 1024 * 1024
LARGEST_HEADER_BYTES = 64 * 1024

_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_SOUND_HEADER = re.compile(rb"content-length[ \t]*:[ \t]*\d{1,10}[ \t]*\r?\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FramingFault:
    """A header that announces no usable body; `reason` is a sentence for the client's log."""

    reason: str


class Frames:
    """A stream of bytes, cut into bodies on request.

    >>> frames = Frames()
    >>> frames.feed(b"content-length: 2\\r\\n\\r\\n{}")
    >>> frames.next()
    b'{}'
    >>> frames.next() is None
    True
    """

    def __init__(self, largest_body_bytes: int = LARGEST_BODY_BYTES) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._awaited: int | None = None
        self._largest_body_bytes = largest_body_bytes

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer)

    @property
    def wanted_bytes(self) -> int:
        """The length of the body that is being awaited; 0 between messages."""
        return self._awaited or 0

    def rest(self) -> bytes:
        """What has not been handed out; between two messages only."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> bytes | FramingFault | None:
        """The next body, what is wrong with the next header, or None until more bytes come."""
        if self._awaited is None:
            fault = self._read_header()
            if fault is not None or self._awaited is None:
                return fault
        if len(self._buffer) < self._awaited:
            return None
        # Copied once: a large document is megabytes.
        with memoryview(self._buffer) as view:
            body = bytes(view[: self._awaited])
        del self._buffer[: self._awaited]
        self._awaited = None
        return body

    def recover(self, body: bytes) -> None:
        """Gives back what follows the first header inside `body`, a body that turned out not to be JSON.

        JSON cannot hold a raw line end inside a string, so a header in there is a real one: the body before
        it was shorter than its own header said.
        """
        header = _SOUND_HEADER.search(body)
        if header is not None and self._awaited is None:
            self._buffer[:0] = body[header.start() :]
            self._searched = 0

    def _read_header(self) -> FramingFault | None:
        while True:
            end = _HEADER_END.search(self._buffer, max(0, self._searched - 3))
            if end is None:
                self._searched = len(self._buffer)
                return self._refuse_endless_header()
            header = bytes(self._buffer[: end.start()])
            del self._buffer[: end.end()]
            self._searched = 0
            if not header.strip():
                continue
            return self._accept_header(header)

    def _accept_header(self, header: bytes) -> FramingFault | None:
        # The last one counts: an earlier one belongs to a body that never came.
        lengths = _LENGTH.findall(header)
        if not lengths:
            return FramingFault("a header without Content-Length")
        digits = lengths[-1].strip()
        if not digits.isdigit() or len(digits) > len(str(self._largest_body_bytes)):
            return FramingFault("a Content-Length that is not a usable number")
        length = int(digits)
        if length > self._largest_body_bytes:
            return FramingFault(f"a Content-Length above {self._largest_body_bytes} bytes")
        self._awaited = length
        return None

    def _refuse_endless_header(self) -> FramingFault | None:
        if len(self._buffer) <= LARGEST_HEADER_BYTES:
            return None
        # Keep a little: the beginning of a sound header may stand at the very end.
        del self._buffer[:-256]
        self._searched = 0
        return FramingFault(f"a header longer than {LARGEST_HEADER_BYTES} bytes")


def header_of(body: bytes) -> bytes:
    """What the base protocol wants before `body`."""
    return b"Content-Length: %d\r\n\r\n" % len(body)


def framed(body: bytes) -> bytes:
    """`body` with the header that the base protocol asks for."""
    return header_of(body) + body
