"""Answers that are made as JSON, because so many objects would take longer than what they say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadyJson:
    """The result of a request, encoded already, in ASCII. Only for features that run in a worker."""

    json: bytes
