"""Role: who may do what. The one module without a status."""

from __future__ import annotations

from mplp_runtime.model.base import Id, Timestamp
from mplp_runtime.model.common import Governance, Module


class Role(Module):
    """`name` is the word that steps use as `agent_role`."""

    governance: Governance | None = None
    role_id: Id
    name: str
    description: str | None = None
    capabilities: list[str] | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
