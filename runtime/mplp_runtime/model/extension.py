"""Extension: something that adds to what a runtime can do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mplp_runtime.model.base import Id, JsonObject, Text
from mplp_runtime.model.common import Governance, Module

ExtensionType = Literal["capability", "policy", "integration", "transformation", "validation", "other"]
ExtensionStatus = Literal["registered", "active", "inactive", "deprecated"]

_NUMBER = r"(?:0|[1-9][0-9]*)"
_PRE_RELEASE = rf"(?:{_NUMBER}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_SEMVER = (
    rf"^{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PRE_RELEASE}(?:\.{_PRE_RELEASE})*)?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$"
)


class Extension(Module):
    """`version` follows Semantic Versioning 2.0; `config` is free."""

    governance: Governance | None = None
    extension_id: Id
    context_id: Id
    name: Text
    extension_type: ExtensionType
    version: Annotated[str, Field(pattern=_SEMVER)]
    status: ExtensionStatus
    config: JsonObject | None = None
