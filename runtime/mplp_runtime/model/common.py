"""Objects that stand inside others: Meta, Governance, TraceBase, BaseEvent, Ref."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mplp_runtime.model.base import (
    Id,
    Json,
    JsonObject,
    Labels,
    NoDuplicates,
    ProtocolObject,
    Timestamp,
    Version,
)

ModuleName = Literal[
    "context", "plan", "confirm", "trace", "role", "extension", "dialog", "collab", "core", "network"
]
Duty = Literal[
    "coordination",
    "error-handling",
    "event-bus",
    "learning-feedback",
    "observability",
    "orchestration",
    "performance",
    "protocol-versioning",
    "security",
    "state-sync",
    "transaction",
]


class Meta(ProtocolObject):
    """Versions and authorship of an object, and the kernel duties it switches on."""

    protocol_version: Version
    schema_version: Version
    created_at: Timestamp | None = None
    created_by: str | None = None
    updated_at: Timestamp | None = None
    updated_by: str | None = None
    tags: Labels | None = None
    cross_cutting: Annotated[list[Duty], NoDuplicates] | None = None


class Ref(ProtocolObject):
    """A link to an object of one of the ten modules."""

    id: Id
    module: ModuleName
    description: str | None = None


class Governance(ProtocolObject):
    """Lock and phase of an object. The one block whose keys are camelCase in the frozen schemas."""

    lifecycle_phase: str | None = Field(default=None, alias="lifecyclePhase")
    truth_domain: str | None = Field(default=None, alias="truthDomain")
    locked: bool | None = None
    last_confirm_ref: Ref | None = Field(default=None, alias="lastConfirmRef")


class TraceBase(ProtocolObject):
    """A span: where in an execution chain something belongs. `attributes` is free."""

    trace_id: Id
    span_id: Id
    parent_span_id: Id | None = None
    context_id: Id | None = None
    attributes: JsonObject | None = None


class BaseEvent(ProtocolObject):
    """An event inside a document: lower-case words between dots; everything else in `data`."""

    _nullable: ClassVar[frozenset[str]] = frozenset({"data"})

    event_id: Id
    event_type: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(?:\.[a-z][a-z0-9]*)*$")]
    source: str
    timestamp: Timestamp
    trace_id: Id | None = None
    data: JsonObject | None = None


class Module(ProtocolObject):
    """What each of the ten documents may carry; a top-level `$comment` is kept and means nothing (D12)."""

    _nullable: ClassVar[frozenset[str]] = frozenset({"$comment"})

    comment: Json = Field(default=None, alias="$comment")
    meta: Meta
    trace: TraceBase | None = None
    events: list[BaseEvent] | None = None
