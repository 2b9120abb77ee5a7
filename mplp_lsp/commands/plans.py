"""The plan behind a URI, as the run and approval commands need it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mplp_lsp.commands.services import Services
from mplp_runtime.errors import DocumentInvalid, MplpError


@dataclass(frozen=True, slots=True)
class PlanSource:
    """Where a plan is, what the user sees of it, and the project it belongs to."""

    uri: str
    path: Path
    root: Path
    text: str
    unsaved: bool

    def value(self) -> Mapping[str, Any]:
        """The plan as data; raises DocumentInvalid where the text is no JSON object."""
        try:
            value = json.loads(self.text)
        except ValueError as error:
            raise DocumentInvalid(f"{self.path.name} is not valid JSON; see its diagnostics.") from error
        if not isinstance(value, dict):
            raise DocumentInvalid(f"{self.path.name} holds no plan: a plan is a JSON object.")
        return value


def plan_source(services: Services, uri: str) -> PlanSource:
    """Raises MplpError where `uri` is no file or cannot be read."""
    path = services.path_of(uri)
    if path is None:
        raise MplpError("Only a plan that is saved as a file can be run or approved; save this one first.")
    text = services.text_of(uri)
    if text is None:
        raise MplpError(f"{path.name} cannot be read.")
    return PlanSource(uri, path, services.project_root(uri) or path.parent, text, services.is_unsaved(uri))
