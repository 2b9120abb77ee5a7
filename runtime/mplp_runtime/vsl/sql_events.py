# ruff: noqa: S608 - names of columns are put together here, values never are
"""The event log in SQL that SQLite and PostgreSQL both understand (`sql_snapshots`).

A row holds a stretch: events of one stream whose Lamport times follow each other, one JSON text to a line.
A run leaves hundreds of them in a commit, and a row costs more than an event. What is encrypted stands alone,
in the stored form of seed 1, 8.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.interface import StoredEvent
from mplp_runtime.vsl.sql_edges import Execute
from mplp_runtime.vsl.values import shown_mapping

EventRow = tuple[int, str, str, str | None, int]
"""Lamport time of the last event, stream, texts, key id, number of events."""

EVENT_COLUMNS = "lamport, stream, event, key_id, count"
_MOST_EVENTS = 500
_MOST_CHARACTERS = 512 * 1024
"""Of texts in one row, so that whoever asks for a few events does not read a whole run."""
_ROWS_AT_ONCE = 20


class Stretches:
    """Events of one unit of work on their way into the log."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: list[_Stretch] = []

    def __bool__(self) -> bool:
        return bool(self._open)

    def add(self, lamport: int, stream: str, text: str, key_id: str | None) -> None:
        """One event, whose Lamport time follows that of the one before."""
        last = self._open[-1] if self._open else None
        if last is not None and key_id is None and last.has_room_for(stream, text):
            last.add(lamport, text)
        else:
            self._open.append(_Stretch(lamport, stream, [text], key_id))

    def add_texts(self, first: int, stream: str, texts: Sequence[str]) -> None:
        """Events in plain text, of which the first has the Lamport time `first`."""
        place, total = 0, len(texts)
        if 0 < total <= _MOST_EVENTS and sum(map(len, texts)) <= _MOST_CHARACTERS:
            # As nearly always.
            self._open.append(_Stretch(first + total - 1, stream, list(texts), None))
            return
        while place < total:
            end, room = place, _MOST_CHARACTERS
            while end < total and end - place < _MOST_EVENTS and (room > 0 or end == place):
                room -= len(texts[end])
                end += 1
            self._open.append(_Stretch(first + end - 1, stream, list(texts[place:end]), None))
            place = end

    def take(self) -> list[EventRow]:
        """The rows, which are no longer here."""
        stretches, self._open = self._open, []
        return [each.row() for each in stretches]

    def clear(self) -> None:
        """Forgets everything."""
        self._open.clear()


class _Stretch:
    """What goes into one row; its texts are put together once, however many are added one by one."""

    __slots__ = ("_characters", "_key_id", "_lamport", "_stream", "_texts")

    def __init__(self, lamport: int, stream: str, texts: list[str], key_id: str | None) -> None:
        """`lamport` is the time of the last of the texts, which the stretch keeps."""
        self._lamport = lamport
        self._stream = stream
        self._texts = texts
        self._key_id = key_id
        self._characters = sum(map(len, texts)) + len(texts) - 1

    def has_room_for(self, stream: str, text: str) -> bool:
        """Whether one more event in plain text may stand in the same row."""
        return (
            self._stream == stream
            and self._key_id is None
            and len(self._texts) < _MOST_EVENTS
            and self._characters + len(text) < _MOST_CHARACTERS
        )

    def add(self, lamport: int, text: str) -> None:
        self._lamport = lamport
        self._texts.append(text)
        self._characters += len(text) + 1

    def row(self) -> EventRow:
        return self._lamport, self._stream, "\n".join(self._texts), self._key_id, len(self._texts)


def events(
    execute: Execute, stream: str | None, after: int, limit: int | None, *, shows_sealed: bool
) -> list[StoredEvent]:
    """Events with a Lamport time above `after`, rising; of one stream, or of all."""
    found: list[StoredEvent] = []
    for lamport, of, text, key_id, count in _rows(execute, stream, after):
        for time, each in enumerate(_texts(text, count), lamport - count + 1):
            if len(found) == limit:
                return found
            if time > after:
                found.append(StoredEvent(time, of, shown_mapping(each, key_id, shows_sealed)))
    return found


def split(execute: Execute) -> None:
    """Gives every event a row of its own, as those have that are encrypted."""
    after = 0
    while rows := execute(
        f"SELECT {EVENT_COLUMNS} FROM events WHERE lamport > ? AND count > 1"
        f" ORDER BY lamport LIMIT {_ROWS_AT_ONCE}",
        (after,),
    ).fetchall():
        for lamport, stream, texts, key_id, count in rows:
            after = lamport
            execute("DELETE FROM events WHERE lamport = ?", (lamport,))
            for time, text in enumerate(_texts(texts, count), lamport - count + 1):
                execute(
                    f"INSERT INTO events ({EVENT_COLUMNS}) VALUES (?, ?, ?, ?, 1)",
                    (time, stream, text, key_id),
                )


def _texts(text: str, count: int) -> Sequence[str]:
    """Those of the events in one row. Raises StoreError where they are not as many as it says."""
    if isinstance(text, str) and count == 1:
        return (text,)
    texts = text.split("\n") if isinstance(text, str) else ()
    if len(texts) != count:
        raise StoreError("The state is damaged: events in it are not as many as it says.")
    return texts


def _rows(execute: Execute, stream: str | None, after: int) -> Iterator[Any]:
    """A few at a time: whoever wants few events stops early, and no statement stays open."""
    of_stream, values = ("", ()) if stream is None else ("stream = ? AND ", (stream,))
    while True:
        rows = execute(
            f"SELECT {EVENT_COLUMNS} FROM events WHERE {of_stream}lamport > ?"
            f" ORDER BY lamport LIMIT {_ROWS_AT_ONCE}",
            (*values, after),
        ).fetchall()
        yield from rows
        if len(rows) < _ROWS_AT_ONCE:
            return
        after = rows[-1][0]
