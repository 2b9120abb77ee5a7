"""`mplp.serverStatus`: what this server is, and the runs it knows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.run_json import run_json
from mplp_lsp.commands.services import Services
from mplp_lsp.version import declaration
from mplp_runtime.ael.isolation import unenforced_limits
from mplp_runtime.integration.backlog import PRIORITIES

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime


async def server_status(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Versions, trust, the newest run of each plan, newest last, and the limits this system cannot keep.

    And how many events from outside wait: what is not known, because no state is open, is no event.
    """
    snapshot = services.snapshot(arguments.get("uri"))
    runs = sorted(snapshot.runs.values(), key=lambda view: view.started_at)
    return {
        "version": declaration()["runtime_version"],
        "declaration": declaration(),
        "trusted": snapshot.is_trusted,
        "encoding": snapshot.encoding,
        "documents": len(snapshot.documents),
        # The first time it tries what isolates processes, by starting some.
        "limits_not_enforced": await asyncio.to_thread(unenforced_limits),
        "runs": [run_json(view) for view in runs],
        "events": await _events(services, arguments.get("uri")),
    }


async def _events(services: Services, uri: str | None) -> dict[str, Any]:
    """The depth of the project's queues by priority, and what became of no event since it was opened."""
    root = services.project_root(uri)
    if root is None or not services.has_runtime(root):
        return {"waiting": dict.fromkeys(PRIORITIES, 0), "lost": 0, "rejected": 0}

    async def known(runtime: Runtime) -> dict[str, Any]:
        intake = runtime.intake
        return {
            "waiting": intake.depths(),
            "lost": intake.counts.lost,
            "rejected": intake.counts.rejected,
        }

    return await services.on_runtime(root, known)


SERVER_STATUS = Command(
    "mplp.serverStatus",
    "Server status",
    "Answers with versions, trust, the newest run of each plan, and how many events from outside wait.",
    server_status,
    {"uri": Parameter(str, required=False, about="a document of the project (default: the first folder)")},
)
