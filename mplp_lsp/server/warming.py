"""What answers requests is imported before anybody asks, and after the first findings are out."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING

from mplp_lsp.server.routes import ROUTES

if TYPE_CHECKING:
    from mplp_lsp.server.process import ServerProcess

PAUSE_S = 0.02
"""Between two modules, so that a keystroke never waits for more than one."""


def answering_modules() -> list[str]:
    """The modules of the routes table, each once."""
    return list(dict.fromkeys(route.answer.partition(":")[0] for route in ROUTES))


async def import_answers(process: ServerProcess) -> None:
    """Imports them one by one in a worker; a request that comes meanwhile imports its own."""
    for module in answering_modules():
        await process.work(lambda module=module: importlib.import_module(module))  # type: ignore[misc]
        await asyncio.sleep(PAUSE_S)
