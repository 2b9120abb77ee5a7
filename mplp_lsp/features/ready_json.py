"""Answers that are made as JSON, because so many objects would take longer than what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadyJson:
    """The result of a request, encoded already, in ASCII. Not for routes that run `now`."""

    json: bytes


@dataclass(frozen=True, slots=True)
class ReadyItems:
    """The same for a list that may leave in parts: the JSON of each item, in ASCII."""

    items: Sequence[str]

    @property
    def json(self) -> bytes:
        """The whole list."""
        return f"[{','.join(self.items)}]".encode("ascii")
