"""Trace: what happened in a run, as segments and embedded events."""

from __future__ import annotations

from typing import Literal

from mplp_runtime.model.base import Id, JsonObject, ProtocolObject, Timestamp
from mplp_runtime.model.common import Governance, Module, TraceBase

TraceStatus = Literal["pending", "running", "completed", "failed", "cancelled"]
SegmentStatus = Literal["pending", "running", "completed", "failed", "cancelled", "skipped"]


class Segment(ProtocolObject):
    """One interval of a run, e.g. one attempt of one step; `attributes` is free."""

    segment_id: Id
    parent_segment_id: Id | None = None
    label: str
    status: SegmentStatus
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    attributes: JsonObject | None = None


class Trace(Module):
    """`root_span.trace_id` equals `trace_id`."""

    governance: Governance | None = None
    trace_id: Id
    context_id: Id
    plan_id: Id | None = None
    root_span: TraceBase
    status: TraceStatus
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    segments: list[Segment] | None = None
