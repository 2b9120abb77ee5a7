"""A timeline that is written beside the commits and not by them: none of them waits for the file."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from mplp_runtime.vsl.interface import StoredEvent
from mplp_runtime.vsl.ready import WrittenEvents

logger = logging.getLogger(__name__)

_REST_S = 0.01
"""Between two writes, so that what fast steps leave is written together."""
_MOST_WAITING = 50_000
"""Events that are kept for a file that is slow; what is beyond them is found in the store."""


class Sink(Protocol):
    """Whatever writes the events of one stream, as `NdjsonSink` does."""

    def append(self, events: Sequence[StoredEvent], *, is_whole: bool = True) -> None: ...


class LaterSink:
    """Hands the events of a stream to its sink, in their order, on a thread that begins with the first.

    A file that can be written has them about a hundredth of a second after they were taken.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._waiting: list[Sequence[StoredEvent]] = []
        self._count = 0
        # Whether all that was taken and not handed over is in `_waiting`.
        self._is_whole = True
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def take(self, events: Sequence[StoredEvent]) -> None:
        """Events of the stream that follow those taken before; from any thread, and at once."""
        with self._changed:
            if self._is_closed:
                return
            is_idle = self._is_whole and not self._waiting
            if self._is_whole:
                self._waiting.append(events)
                self._count += len(events)
                if self._count > _MOST_WAITING:
                    self._waiting.clear()
                    self._is_whole = False
            if self._thread is None:
                thread = threading.Thread(target=self._write, name="mplp-timeline", daemon=True)
                thread.start()
                self._thread = thread
            elif is_idle:
                self._changed.notify()

    def close(self) -> None:
        """Returns when everything was handed over; what comes later is not taken any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        else:
            # There was nothing, or no thread could be had.
            self._write()

    def _write(self) -> None:
        is_open, is_whole = True, True
        while is_open:
            is_open, is_whole = self._write_what_waits(is_whole)
            if is_open:
                with self._changed:
                    self._changed.wait_for(lambda: self._is_closed, _REST_S)

    def _write_what_waits(self, is_whole: bool) -> tuple[bool, bool]:
        """Waits for events and hands them over. What it holds is let go of when it returns.

        `is_whole`: the sink got all that came before. Whether more may come, and whether that is so now.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._is_whole or self._is_closed)
            waiting, self._waiting = self._waiting, []
            is_whole, self._is_whole = is_whole and self._is_whole, True
            self._count = 0
            is_open = not self._is_closed
        for events in joined(waiting):
            is_whole = self._hand_over(events, is_whole=is_whole)
        return is_open, is_whole or self._hand_over((), is_whole=False)

    def _hand_over(self, events: Sequence[StoredEvent], *, is_whole: bool) -> bool:
        try:
            self._sink.append(events, is_whole=is_whole)
        except Exception:
            logger.exception("Events could not be written to a timeline.")
            return False
        return True


def joined(pieces: Sequence[Sequence[StoredEvent]]) -> Iterator[Sequence[StoredEvent]]:
    """The same events in fewer pieces: texts of one stream that follow each other stand together."""
    texts: list[str] = []
    first, stream = 0, ""
    for piece in pieces:
        if isinstance(piece, WrittenEvents):
            if texts and (piece.stream != stream or piece.first != first + len(texts)):
                yield WrittenEvents(first, stream, texts)
                texts = []
            if not texts:
                first, stream = piece.first, piece.stream
            texts += piece.texts
            continue
        if texts:
            yield WrittenEvents(first, stream, texts)
            texts = []
        yield piece
    if texts:
        yield WrittenEvents(first, stream, texts)
