"""What answers requests is imported and rehearsed: before anybody asks, after the first findings are out."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING
from weakref import ref

from mplp_lsp.server import right_of_way
from mplp_lsp.server.imports import import_one
from mplp_lsp.server.routes import ROUTES

if TYPE_CHECKING:
    from mplp_lsp.server.capabilities import Client
    from mplp_lsp.server.process import ServerProcess
    from mplp_lsp.workspace.documents import Document
    from mplp_lsp.workspace.snapshot import ClientView

PAUSE_S = 0.005
"""Between two pieces, so that a keystroke never waits for more than one."""
QUIET_S = 0.1
"""Who types at full speed, or has just asked for something, is not disturbed."""
MOST_PAUSES = 5
"""Somebody who never pauses needs the pieces too."""

LARGE_CHARACTERS = 16_000
MOST_WAITS = 100
_GRAPH = "step graph"

FIRST_ASKED_FOR = ("textDocument/completion", "textDocument/hover", "textDocument/codeAction")


def answering_modules() -> list[str]:
    """The modules of the routes table, each once; those that editors ask first are first."""
    routes = sorted(ROUTES, key=lambda route: route.method not in FIRST_ASKED_FOR)
    return list(dict.fromkeys(route.answer.partition(":")[0] for route in routes))


async def warm_up(process: ServerProcess, client: Client, view: ClientView) -> None:
    """Imports them one by one in a worker and rehearses them; once in the life of a process.

    A request that comes meanwhile imports its own.
    """
    if process.is_warm:
        return
    process.is_warm = True
    try:
        for module in answering_modules():
            await _pause(process)
            await process.work_behind(lambda module=module: import_one(module))  # type: ignore[misc]
        await _pause(process)
        rehearsal = await process.imported("mplp_lsp.server.rehearsal")
        for piece in rehearsal.Rehearsal(process, client, view).pieces():
            await _pause(process)
            await process.work_behind(piece)
    except asyncio.CancelledError:
        # The session that it was done for has ended; the next one may want it.
        process.is_warm = False
        raise


async def import_in_pieces(process: ServerProcess, modules: Iterable[str]) -> None:
    """Imports modules that take long, each while nobody types."""
    for module in modules:
        if not is_imported(module):
            await _pause(process)
            await process.imported(module)


def is_imported(module: str) -> bool:
    """Whether a module is there, and not being imported by another thread, which one would wait for."""
    known = sys.modules.get(module)
    return known is not None and not getattr(known.__spec__, "_initializing", False)


async def _pause(process: ServerProcess) -> None:
    """Until no client has said anything for a moment, or for as long as that is worth waiting for."""
    await asyncio.sleep(PAUSE_S)
    for _ in range(MOST_PAUSES):
        await right_of_way.until_free(QUIET_S)
        missing_s = QUIET_S - process.quiet_for_s()
        if missing_s <= 0:
            return
        await asyncio.sleep(missing_s)


async def make_ready_for_keys(process: ServerProcess, document_now: Callable[[], Document | None]) -> None:
    """What the first edit of a large document would otherwise make: its lines, and who waits for whom."""
    for _ in range(MOST_WAITS):
        await _pause(process)
        document = document_now()
        if document is None or document.text.length <= LARGE_CHARACTERS:
            return
        if document.kind != "plan" or _GRAPH in document.lineage:
            # It has been looked at.
            # Should it be closed or edited before its turn has come, nobody keeps it alive for this.
            waiting, document = ref(document), None
            await process.work_behind(partial(_ready_for_keys, waiting))
            return


def _ready_for_keys(waiting: ref[Document]) -> None:
    from mplp_runtime.rules.graph import StepGraph

    document = waiting()
    if document is None:
        return
    _ = document.text.lines
    graph = document.lineage.get(_GRAPH)
    if isinstance(graph, StepGraph):
        _ = graph.users
