"""Collab: a session of several participants. Its id doubles as the session_id of MAP events."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mplp_runtime.model.base import Id, ProtocolObject, Text, Timestamp
from mplp_runtime.model.common import Governance, Module

CollabMode = Literal["broadcast", "round_robin", "orchestrated", "swarm", "pair"]
CollabStatus = Literal["draft", "active", "suspended", "completed", "cancelled"]


class Participant(ProtocolObject):
    """`role_id` is optional by schema; the multi-agent invariants ask for it."""

    participant_id: Text
    role_id: str | None = None
    kind: Literal["agent", "human", "system", "external"]
    display_name: str | None = None


class Collab(Module):
    """The one module that requires `created_at`."""

    governance: Governance | None = None
    collab_id: Id
    context_id: Id
    title: Text
    purpose: Text
    mode: CollabMode
    status: CollabStatus
    participants: Annotated[list[Participant], Field(min_length=1)]
    created_at: Timestamp
    updated_at: Timestamp | None = None
