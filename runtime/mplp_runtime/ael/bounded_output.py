"""Keeps the beginning and the end of a stream of any length, and says how much was left out."""

from __future__ import annotations

import codecs
from collections import deque

TAIL_LINES = 20
_TAIL_CHARACTERS = 8 * 1024


class BoundedOutput:
    """Bytes in, at most `limit_bytes` of them out as text; memory stays within about that bound."""

    def __init__(self, limit_bytes: int) -> None:
        self._head_limit = max(limit_bytes // 2, 1)
        self._tail_limit = max(limit_bytes - self._head_limit, 1)
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._left_out = 0

    def add(self, chunk: bytes) -> None:
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        if not chunk:
            return
        self._tail.append(chunk)
        self._tail_size += len(chunk)
        while self._tail_size > self._tail_limit:
            first = self._tail.popleft()
            surplus = self._tail_size - self._tail_limit
            if len(first) > surplus:
                self._tail.appendleft(first[surplus:])
                first = first[:surplus]
            self._tail_size -= len(first)
            self._left_out += len(first)

    def text(self) -> str:
        """What was kept; bytes that are not UTF-8 become U+FFFD.

        >>> output = BoundedOutput(10)
        >>> output.add(b"abcdefghijklmnop")
        >>> output.text()
        'abcde\\n… 6 bytes of output left out …\\nlmnop'
        """
        tail = b"".join(self._tail)
        if not self._left_out:
            return decoded(bytes(self._head) + tail)
        note = f"\n… {self._left_out:,} bytes of output left out …\n"
        return decoded(bytes(self._head)) + note + decoded(tail)


def bounded(text: str, limit_characters: int) -> str:
    """The beginning and the end of a text that is longer than the limit, with a note between them.

    >>> bounded("abcdefghijklmnop", 10)
    'abcde\\n… 6 characters left out …\\nlmnop'
    """
    if len(text) <= limit_characters:
        return text
    half = max(limit_characters // 2, 1)
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"


class LastLines:
    """The last lines of several streams as they arrive, for the failing step's diagnostic."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, text: str) -> None:
        self._text = (self._text + text)[-_TAIL_CHARACTERS:]

    def text(self) -> str:
        return "\n".join(self._text.splitlines()[-TAIL_LINES:])


class TextStream:
    """Decodes chunks that may end in the middle of a character."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def text(self, chunk: bytes, *, final: bool = False) -> str:
        return self._decoder.decode(chunk, final)


def decoded(data: bytes) -> str:
    """Text of bytes that may be anything; what is not UTF-8 becomes U+FFFD."""
    return data.decode("utf-8", "replace")
