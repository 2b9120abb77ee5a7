"""Answers that are made as JSON, because so many objects would take longer than what they say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadyJson:
    """The result of a request, encoded already, in ASCII. Not for routes that run `now`."""

    json: bytes
