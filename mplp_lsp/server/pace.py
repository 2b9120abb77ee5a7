"""Which answers are given on the event loop: those that were quick the last time.

To hand an answer of half a millisecond to a worker and back costs as much again, and on a busy machine ten
times that. What turns out to take longer than it did is broken off at its next checkpoint and begun anew in a
worker; so is what needs a document that has not been read yet. Only where an answer is made depends on this.
"""

from __future__ import annotations

import time
from collections.abc import Callable, ItemsView, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mplp_lsp.features import Stopped, checkpoint
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

QUICK_S = 0.006
"""An answer that took no longer the last time is given on the loop."""
DEADLINE_S = 0.015
"""What takes longer than this on the loop goes to a worker after all."""
SMALLEST_BITS = 14
"""Documents below 16,000 characters count as one size; above, each doubling is another."""
READ_AT_ONCE_CHARACTERS = 64_000
"""A closed document up to this length may be read on the loop."""

_Kind = tuple[str, str | None, int]


class Pace:
    """How long the last answer of each method took, in documents of one kind and about one size."""

    def __init__(self) -> None:
        self._took_s: dict[_Kind, float] = {}

    def is_quick(self, method: str, document: Document | None) -> bool:
        """Whether the last answer was; False for the first one, which may import its feature."""
        return self._took_s.get(_kind_of(method, document), QUICK_S + 1) <= QUICK_S

    def knows(self, method: str, document: Document | None) -> bool:
        """Whether there has been an answer; what makes everything ready is tested by it."""
        return _kind_of(method, document) in self._took_s

    def took(self, method: str, document: Document | None, seconds: float) -> None:
        """Remembers a duration, in seconds of work."""
        self._took_s[_kind_of(method, document)] = seconds


def _kind_of(method: str, document: Document | None) -> _Kind:
    if document is None:
        return method, None, 0
    return method, document.kind, max(SMALLEST_BITS, document.text.length.bit_length())


def until(deadline_s: float) -> Callable[[], bool]:
    """For `is_stopped`: True once the work has gone on for so long."""
    end_s = time.perf_counter() + deadline_s
    return lambda: time.perf_counter() > end_s


def read_only_so_far(snapshot: Snapshot) -> Snapshot:
    """The same snapshot, in which asking for a large closed document raises `Stopped`."""
    documents = snapshot.documents
    return replace(snapshot, documents=replace(documents, closed=_Closed(documents.closed)))


class _Closed(Mapping[str, Document]):
    """The closed documents that can be read at once."""

    def __init__(self, closed: Mapping[str, Document]) -> None:
        self._closed = closed

    def __getitem__(self, key: str) -> Document:
        return _at_once(self._closed[key])

    def get(self, key: str, default: Any = None) -> Any:
        document = self._closed.get(key)
        return default if document is None else _at_once(document)

    def __contains__(self, key: object) -> bool:
        return key in self._closed

    def __iter__(self) -> Iterator[str]:
        return iter(self._closed)

    def __len__(self) -> int:
        return len(self._closed)

    def items(self) -> ItemsView[str, Document]:
        return _Items(self._closed)


class _Items(ItemsView[str, Document]):
    _mapping: Mapping[str, Document]

    def __iter__(self) -> Iterator[tuple[str, Document]]:
        for key, document in self._mapping.items():
            checkpoint()
            yield key, _at_once(document)


def _at_once(document: Document) -> Document:
    if document.text.length > READ_AT_ONCE_CHARACTERS and "tree" not in document.cache:
        raise Stopped
    return document
