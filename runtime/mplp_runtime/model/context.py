"""Context: the project or situation that plans belong to."""

from __future__ import annotations

from typing import Literal

from mplp_runtime.model.base import Id, JsonObject, OpenObject, Text, Timestamp
from mplp_runtime.model.common import Governance, Module

ContextStatus = Literal["draft", "active", "suspended", "archived", "closed"]


class ContextRoot(OpenObject):
    """What the context is about; open for anything more."""

    domain: str
    environment: str
    entry_point: str | None = None


class Context(Module):
    """A single-agent run needs one that is `active`."""

    governance: Governance | None = None
    context_id: Id
    root: ContextRoot
    title: Text
    summary: str | None = None
    status: ContextStatus
    tags: list[Text] | None = None
    language: str | None = None
    owner_role: str | None = None
    constraints: JsonObject | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
