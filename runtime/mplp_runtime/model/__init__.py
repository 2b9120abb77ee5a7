"""The protocol's objects as Python values: one module per object, the protocol's own names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mplp_runtime.model.base import ProtocolObject
from mplp_runtime.model.collab import Collab, Participant
from mplp_runtime.model.common import BaseEvent, Governance, Meta, Module, Ref, TraceBase
from mplp_runtime.model.confirm import Confirm, Decision
from mplp_runtime.model.context import Context, ContextRoot
from mplp_runtime.model.core import Core, ModuleDescriptor
from mplp_runtime.model.dialog import Dialog, Message
from mplp_runtime.model.events import (
    EventCore,
    GraphUpdateEvent,
    MAPEvent,
    PipelineStageEvent,
    RuntimeExecutionEvent,
    SAEvent,
)
from mplp_runtime.model.extension import Extension
from mplp_runtime.model.integration import CiEvent, CiStage, FileUpdateEvent, GitEvent, ToolEvent
from mplp_runtime.model.network import Network, NetworkNode
from mplp_runtime.model.plan import Plan, Step
from mplp_runtime.model.role import Role
from mplp_runtime.model.trace import Segment, Trace

MODULES: Mapping[str, type[Module]] = MappingProxyType(
    {
        "context": Context,
        "plan": Plan,
        "confirm": Confirm,
        "trace": Trace,
        "role": Role,
        "extension": Extension,
        "dialog": Dialog,
        "collab": Collab,
        "core": Core,
        "network": Network,
    }
)
"""The ten module documents by kind."""

__all__ = [
    "MODULES",
    "BaseEvent",
    "CiEvent",
    "CiStage",
    "Collab",
    "Confirm",
    "Context",
    "ContextRoot",
    "Core",
    "Decision",
    "Dialog",
    "EventCore",
    "Extension",
    "FileUpdateEvent",
    "GitEvent",
    "Governance",
    "GraphUpdateEvent",
    "MAPEvent",
    "Message",
    "Meta",
    "Module",
    "ModuleDescriptor",
    "Network",
    "NetworkNode",
    "Participant",
    "PipelineStageEvent",
    "Plan",
    "ProtocolObject",
    "Ref",
    "Role",
    "RuntimeExecutionEvent",
    "SAEvent",
    "Segment",
    "Step",
    "ToolEvent",
    "Trace",
    "TraceBase",
]
