"""`mplp.checkDrift`: looks at the project's files and says which are not what the graph knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.runs import root_of_run
from mplp_lsp.commands.services import Services
from mplp_lsp.workspace.scan import project_files
from mplp_runtime.errors import MplpError

if TYPE_CHECKING:
    from pathlib import Path

    from mplp_runtime.drift.check import DriftReport
    from mplp_runtime.runtime import Runtime

MOST_NAMED = 1_000


async def check_drift(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What is new or changed is taken over; what is gone stays in the graph, marked as missing."""
    root = project_of(services, arguments)

    async def look(runtime: Runtime) -> DriftReport:
        return await runtime.drift.look(lambda: project_files(root).files)

    found = await services.on_runtime(root, look)
    drifted = {"added": found.added, "modified": found.modified, "deleted": found.deleted}
    # The first look learns what is there; nothing was known that could have changed.
    counts = {name: 0 if found.is_first else len(paths) for name, paths in drifted.items()}
    named = {name: list(paths[: 0 if found.is_first else MOST_NAMED]) for name, paths in drifted.items()}
    return {"is_clean": found.is_clean, "is_first": found.is_first, "counts": counts, **named}


def project_of(services: Services, arguments: Mapping[str, Any]) -> Path:
    """The project of the document in `uri`, or the session's first. Raises MplpError where there is none."""
    root = services.project_root(arguments.get("uri"))
    if root is None:
        raise MplpError("This needs an open folder.")
    return root


async def reconcile_drift(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The run expects the files as they are from now on; nothing is written in the project."""
    run_id, path = arguments["run"], arguments.get("path")
    root = await root_of_run(services, run_id)
    view = await services.on_runtime(root, lambda runtime: runtime.runs.interventions.accept(run_id, path))
    return {"run_id": run_id, "drift": [{"path": each.path, "change": each.change} for each in view.drift]}


RECONCILE_DRIFT = Command(
    "mplp.reconcileDrift",
    "Changes since a run are meant",
    "Takes files as they are for what a run relied on, so that nothing is said about them any more. "
    "Answers `{run_id, drift}`, what is left.",
    reconcile_drift,
    {
        "run": Parameter(str, about="the run's id"),
        "path": Parameter(str, required=False, about="one file, relative to the project; all without"),
    },
)
CHECK_DRIFT = Command(
    "mplp.checkDrift",
    "Check for drift",
    "Looks at all files of the project and compares them with what the graph knows. "
    "Answers `{is_clean, is_first, counts, added, modified, deleted}`.",
    check_drift,
    {"uri": Parameter(str, required=False, about="a document of the project")},
)
