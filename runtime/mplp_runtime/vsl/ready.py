# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""Events and nodes whose stored text is known, and which are read from it only if somebody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import overload

from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.interface import Json, Node, StoredEvent
from mplp_runtime.vsl.values import kept_mapping


class ReadyEvent:
    """An event as JSON text with a gap for its Lamport time."""

    __slots__ = ("_head", "_tail")

    def __init__(self, head: str, tail: str) -> None:
        """`head` ends with `"lamport_timestamp":`; `tail` closes what is open. Both are ASCII."""
        self._head = head
        self._tail = tail

    def text_at(self, lamport: int) -> str:
        """The event as it is stored, in the form of `values.encoded`."""
        return f"{self._head}{lamport}{self._tail}"


class WrittenEvent(StoredEvent):
    """A StoredEvent whose text is known, and which is read only if somebody asks."""

    __slots__ = ("_event", "text")
    _event: Mapping[str, Json] | None
    text: str
    """The JSON text that lies in the store."""

    def __init__(self, lamport: int, stream: str, text: str) -> None:
        object.__setattr__(self, "lamport", lamport)
        object.__setattr__(self, "stream", stream)
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "_event", None)

    @property
    def event(self) -> Mapping[str, Json]:
        """The event with its logical time."""
        known = self._event
        if known is None:
            known = kept_mapping(self.text)
            object.__setattr__(self, "_event", known)
        return known


class WrittenEvents(Sequence[StoredEvent]):
    """Events that follow each other in one stream, as their texts; each is made only for who looks at it."""

    __slots__ = ("first", "stream", "texts")

    def __init__(self, first: int, stream: str, texts: Sequence[str]) -> None:
        """`first` is the Lamport time of the first; those of the others follow without a gap."""
        self.first = first
        self.stream = stream
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, place: int) -> StoredEvent: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[StoredEvent]: ...
    def __getitem__(self, place: int | slice) -> StoredEvent | Sequence[StoredEvent]:
        if isinstance(place, slice):
            if place.step not in (None, 1):
                return [self[each] for each in range(*place.indices(len(self)))]
            return WrittenEvents(self.first + place.indices(len(self))[0], self.stream, self.texts[place])
        return WrittenEvent(self.first + range(len(self.texts))[place], self.stream, self.texts[place])


def times_of(events: Sequence[StoredEvent]) -> tuple[int, int]:
    """The Lamport times of the first and of the last of some events."""
    if isinstance(events, WrittenEvents):
        return events.first, events.first + len(events.texts) - 1
    return events[0].lamport, events[-1].lamport


def events_of(stream: str, events: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
    """Those of one stream."""
    if isinstance(events, WrittenEvents):
        return events if events.stream == stream else ()
    return [each for each in events if each.stream == stream]


class WrittenNode(Node):
    """A Node whose text is known. Most writers never look at what they have written."""

    __slots__ = ("_data", "_text")
    _data: Mapping[str, Json] | None
    _text: str

    def __init__(
        self,
        type: str,
        id: str,
        data: str | Mapping[str, Json],
        version: int,
        deleted: bool = False,
    ) -> None:
        """`data` is the stored text; or the data itself, as `dataclasses.replace` hands it over."""
        keep = object.__setattr__
        keep(self, "type", type)
        keep(self, "id", id)
        keep(self, "version", version)
        keep(self, "deleted", deleted)
        if isinstance(data, str):
            keep(self, "_text", data)
            keep(self, "_data", None)
        elif isinstance(data, Mapping):
            keep(self, "_text", "")
            keep(self, "_data", data)
        else:
            raise StoreError("The state is damaged: the data of a node in it is no text.")

    @property
    def data(self) -> Mapping[str, Json]:
        """The node's members."""
        known = self._data
        if known is None:
            known = kept_mapping(self._text)
            object.__setattr__(self, "_data", known)
        return known

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Node):
            return NotImplemented
        return (self.type, self.id, self.version, self.deleted, self.data) == (
            other.type,
            other.id,
            other.version,
            other.deleted,
            other.data,
        )

    __hash__ = None  # type: ignore[assignment]
