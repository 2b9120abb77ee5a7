"""One stream as it grows, whoever writes into it: other processes' events are not delivered here."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.interface import Reading, StoredEvent, ValueStateLayer
from mplp_runtime.vsl.ready import events_of, times_of

_AT_ONCE = 1_000


class WholeStream:
    """Puts in what others have stored between the events that are delivered here. Safe for threads.

    Where no time is missing between two deliveries nobody else has written, and the store is not asked.
    """

    def __init__(self, stream: str, store: ValueStateLayer, *, after: int) -> None:
        """`after` is the Lamport time of the last event of the stream that is known already; 0 for none."""
        self._stream = stream
        self._store = store
        self._last = after
        # Up to here every event of every stream was delivered; -1 where that is not known.
        self._heard_until = -1
        self._lock = Lock()

    def with_others(self, events: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
        """What is new in the stream once `events`, which may be of any stream, have been delivered.

        A state that cannot be read now is asked with the next events, so that the order stays.
        """
        first, last = times_of(events)
        with self._lock:
            is_next = first == self._heard_until + 1 and last - first == len(events) - 1
            ours = events_of(self._stream, events)
            if not is_next:
                try:
                    ours = self._stored(last)
                except StoreError:
                    self._heard_until = -1
                    return ()
            elif ours and times_of(ours)[0] <= self._last:
                ours = [each for each in ours if each.lamport > self._last]
            self._heard_until = last
            if ours:
                self._last = times_of(ours)[1]
            return ours

    def rest(self) -> Sequence[StoredEvent]:
        """What the store has beyond all that. Raises StoreError."""
        with self._lock:
            found = self._stored(None)
            if found:
                self._last = found[-1].lamport
            return found

    def _stored(self, until: int | None) -> list[StoredEvent]:
        def found(reading: Reading) -> list[StoredEvent]:
            every: list[StoredEvent] = []
            after = self._last
            while events := reading.events(self._stream, after=after, limit=_AT_ONCE):
                every += [each for each in events if until is None or each.lamport <= until]
                after = events[-1].lamport
                if until is not None and after >= until:
                    break
            return every

        return self._store.read(found)
