"""Plan: steps that depend on each other. The one module without a governance block."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mplp_runtime.model.base import Count, Id, ProtocolObject, Text
from mplp_runtime.model.common import Module

PlanStatus = Literal["draft", "proposed", "approved", "in_progress", "completed", "cancelled", "failed"]
StepStatus = Literal["pending", "in_progress", "completed", "blocked", "skipped", "failed"]


class Step(ProtocolObject):
    """One piece of work. What is done is decided by `agent_role`, bound in mplp.toml."""

    step_id: Id
    description: Text
    status: StepStatus
    dependencies: list[Id] | None = None
    agent_role: str | None = None
    order_index: Count | None = None


class Plan(Module):
    """A plan for one context."""

    plan_id: Id
    context_id: Id
    title: Text
    objective: Text
    status: PlanStatus
    steps: Annotated[list[Step], Field(min_length=1)]
