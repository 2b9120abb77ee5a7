"""Core: which modules a project uses, and in which version of the protocol."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mplp_runtime.model.base import Id, ProtocolObject, Text
from mplp_runtime.model.common import Governance, Module, ModuleName

CoreStatus = Literal["draft", "active", "deprecated", "archived"]
ModuleStatus = Literal["enabled", "disabled", "experimental", "deprecated"]


class ModuleDescriptor(ProtocolObject):
    """One module that is on, off or on its way."""

    module_id: ModuleName
    version: Text
    status: ModuleStatus
    required: bool | None = None
    description: str | None = None


class Core(Module):
    """`protocol_version` is any text here; Meta asks for three numbers."""

    governance: Governance | None = None
    core_id: Id
    protocol_version: Text
    status: CoreStatus
    modules: Annotated[list[ModuleDescriptor], Field(min_length=1)]
