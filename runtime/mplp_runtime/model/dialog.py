"""Dialog: messages between people and agents."""

from __future__ import annotations

from typing import Literal

from mplp_runtime.model.base import Id, ProtocolObject, Timestamp
from mplp_runtime.model.common import BaseEvent, Governance, Module

DialogStatus = Literal["active", "paused", "completed", "cancelled"]


class Message(ProtocolObject):
    """One message; `content` may be empty."""

    role: Literal["user", "assistant", "system", "agent"]
    content: str
    timestamp: Timestamp
    event: BaseEvent | None = None


class Dialog(Module):
    """`messages` may be an empty list."""

    governance: Governance | None = None
    dialog_id: Id
    context_id: Id
    thread_id: Id | None = None
    status: DialogStatus
    messages: list[Message]
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None
