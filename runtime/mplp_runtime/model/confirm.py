"""Confirm: a request for approval and the decisions made on it."""

from __future__ import annotations

from typing import Literal

from mplp_runtime.model.base import Id, ProtocolObject, Timestamp
from mplp_runtime.model.common import Governance, Module

ConfirmStatus = Literal["pending", "approved", "rejected", "cancelled"]
DecisionStatus = Literal["approved", "rejected", "cancelled"]
TargetType = Literal["context", "plan", "trace", "extension", "other"]


class Decision(ProtocolObject):
    """One decision; decisions are appended, never removed (D14)."""

    decision_id: Id
    status: DecisionStatus
    decided_by_role: str
    decided_at: Timestamp
    reason: str | None = None


class Confirm(Module):
    """`target_type` has no word for a step: one is gated with `other`."""

    governance: Governance | None = None
    confirm_id: Id
    target_type: TargetType
    target_id: Id
    status: ConfirmStatus
    requested_by_role: str
    requested_at: Timestamp
    reason: str | None = None
    decisions: list[Decision] | None = None
