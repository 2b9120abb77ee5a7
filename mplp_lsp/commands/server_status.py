"""`mplp.serverStatus`: what this server is, and the runs it knows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.run_json import run_json
from mplp_lsp.commands.services import Services
from mplp_lsp.version import declaration
from mplp_runtime.ael.isolation import unenforced_limits


async def server_status(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Versions, trust, the newest run of each plan, newest last, and the limits this system cannot keep."""
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
    }


SERVER_STATUS = Command(
    "mplp.serverStatus",
    "Server status",
    "Answers with versions, trust and the newest run of each plan.",
    server_status,
    {"uri": Parameter(str, required=False, about="a document of the project (default: the first folder)")},
)
