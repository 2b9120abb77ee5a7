"""Findings of NDJSON timelines: each line is an event of its own, checked once and kept with the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mplp_runtime.rules.findings import Finding

_KEY = "own event"


def line_findings(timeline: Timeline, limit: int) -> tuple[tuple[Finding, ...], int]:
    """Findings with the line (from 0) as first part of each pointer, about `limit` of them; and how many in all."""
    raise NotImplementedError
