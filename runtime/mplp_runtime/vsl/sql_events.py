# ruff: noqa: S608 - names of columns are put together here, values never are
"""The event log in SQL that SQLite and PostgreSQL both understand (`sql_snapshots`).

A row holds a stretch: events of one stream whose Lamport times follow each other, one JSON text to a line.
A run leaves hundreds of them in a commit, and a row costs more than an event. What is encrypted stands alone,
in the stored form of seed 1, 8.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mplp_runtime.vsl.interface import StoredEvent
from mplp_runtime.vsl.sql_edges import Execute
from mplp_runtime.vsl.values import shown

EventRow = tuple[int, str, str, str | None, int]
"""Lamport time of the last event, stream, texts, key id, number of events."""

EVENT_COLUMNS = "lamport, stream, event, key_id, count"
_MOST_EVENTS = 500
_MOST_CHARACTERS = 512 * 1024
"""Of texts in one row, so that whoever asks for a few events does not read a whole run."""
_ROWS_AT_ONCE = 20


class Stretches:
    """Events of one unit of work on their way into the log."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: list[EventRow] = []

    def __bool__(self) -> bool:
        return bool(self._rows)

    def add(self, lamport: int, stream: str, text: str, key_id: str | None) -> None:
        """One event, whose Lamport time follows that of the one before."""
        if self._rows and key_id is None:
            _, before, texts, sealed_with, count = self._rows[-1]
            is_room = count < _MOST_EVENTS and len(texts) + len(text) < _MOST_CHARACTERS
            if before == stream and sealed_with is None and is_room:
                self._rows[-1] = (lamport, stream, f"{texts}\n{text}", None, count + 1)
                return
        self._rows.append((lamport, stream, text, key_id, 1))

    def add_texts(self, first: int, stream: str, texts: Sequence[str]) -> None:
        """Events in plain text, of which the first has the Lamport time `first`."""
        place, total = 0, len(texts)
        while place < total:
            end, room = place, _MOST_CHARACTERS
            while end < total and end - place < _MOST_EVENTS and (room > 0 or end == place):
                room -= len(texts[end])
                end += 1
            self._rows.append((first + end - 1, stream, "\n".join(texts[place:end]), None, end - place))
            place = end

    def take(self) -> list[EventRow]:
        """The rows, which are no longer here."""
        rows, self._rows = self._rows, []
        return rows

    def clear(self) -> None:
        """Forgets everything."""
        self._rows.clear()


def events(
    execute: Execute, stream: str | None, after: int, limit: int | None, *, shows_sealed: bool
) -> list[StoredEvent]:
    """Events with a Lamport time above `after`, rising; of one stream, or of all."""
    found: list[StoredEvent] = []
    for lamport, of, text, key_id, count in _rows(execute, stream, after):
        texts = text.split("\n") if count > 1 else (text,)
        for time, each in enumerate(texts, lamport - count + 1):
            if len(found) == limit:
                return found
            if time > after:
                found.append(StoredEvent(time, of, shown(each, key_id, shows_sealed)))
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
            for time, text in enumerate(texts.split("\n"), lamport - count + 1):
                execute(
                    f"INSERT INTO events ({EVENT_COLUMNS}) VALUES (?, ?, ?, ?, 1)",
                    (time, stream, text, key_id),
                )


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
