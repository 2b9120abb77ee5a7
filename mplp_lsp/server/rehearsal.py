"""The first hover of a session should not be the one that builds every table a hover needs.

So a small plan that nobody sees is opened, edited, broken, mended and asked about, request by request, while
nobody types. What is learned that way is only how to be quick: the schemas' tables, the readers of params,
regular expressions, and (`pace.py`) that answers about small plans are given at once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from mplp_lsp.server.answering import rehearsed
from mplp_lsp.server.capabilities import Client
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.routes import BY_METHOD
from mplp_lsp.server.workbench import Workbench
from mplp_lsp.server.written import written
from mplp_lsp.workspace.snapshot import ClientView
from mplp_runtime.errors import MplpError

logger = logging.getLogger(__name__)

URI = "untitled:rehearsal.plan.json"
_META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
_IDS = [f"7e57ab1e-0000-4000-8000-{number:012d}" for number in range(4)]
_PLAN = {
    "meta": _META,
    "plan_id": _IDS[0],
    "context_id": _IDS[1],
    "title": "Rehearsal",
    "objective": "Be quick.",
    "status": "draft",
    "steps": [
        {
            "step_id": _IDS[2],
            "description": "First",
            "status": "pending",
            "dependencies": [],
            "agent_role": "writer",
            "order_index": 0,
        },
        {
            "step_id": _IDS[3],
            "description": "Second",
            "status": "pending",
            "dependencies": [_IDS[2]],
            "agent_role": "writer",
            "order_index": 1,
        },
    ],
}
TEXT = json.dumps(_PLAN, indent=2)
_EDITS = (
    ('"pending"', '"pendin"'),
    (_IDS[2], _IDS[2][:-1] + "9"),
    ('"First",', '"First'),
    ('"dependencies": []', '"dependencies": [' + f'"{_IDS[3]}"]'),
    ('"agent_role": "writer",', '"agent_role": "writer" "'),
)
"""Faults of every sort: of a value, of an id, of the JSON, of the graph, of a key."""

_PLACES = ('"status": "pe', '"step_id": "7', f'  "{_IDS[2]}', '"agent_role": "w', '"agent_', '"title": "R')
_AT_PLACES = (
    "textDocument/hover",
    "textDocument/completion",
    "textDocument/definition",
    "textDocument/references",
    "textDocument/documentHighlight",
    "textDocument/prepareRename",
    "textDocument/prepareCallHierarchy",
)
_ABOUT_ALL: tuple[tuple[str, dict[str, Any]], ...] = (
    ("textDocument/codeAction", {"context": {"diagnostics": []}}),
    ("textDocument/documentSymbol", {}),
    ("textDocument/codeLens", {}),
    ("textDocument/documentLink", {}),
    ("textDocument/foldingRange", {}),
    ("textDocument/inlayHint", {}),
    ("textDocument/semanticTokens/full", {}),
    ("textDocument/semanticTokens/range", {}),
    ("textDocument/selectionRange", {}),
    ("textDocument/onTypeFormatting", {"ch": ",", "options": {"tabSize": 2, "insertSpaces": True}}),
)
_TIMES = 2
"""The first time builds, the second one tells how long it will take."""


class Rehearsal:
    """The pieces, each of a few milliseconds, in the order in which an editor comes to need them."""

    def __init__(self, process: ServerProcess, client: Client, view: ClientView) -> None:
        self._process = process
        self._client = client
        self._view = view

    def pieces(self) -> Iterator[Callable[[], None]]:
        """Each may be called in a worker, one after the other."""
        bench = Workbench(self._client, self._view, [])
        yield partial(
            self._guarded, "opening", lambda: _written(bench, bench.workspace.open(URI, "json", 1, TEXT))
        )
        for number, (good, bad) in enumerate(_EDITS):
            yield partial(self._guarded, "an edit", partial(_edited, bench, 2 * number + 2, good, bad))
        for method in _AT_PLACES:
            for found in _PLACES:
                yield partial(self._asked, bench, method, {"position": _position(found), **_context(method)})
        for method, more in _ABOUT_ALL:
            yield partial(self._asked, bench, method, {**_everywhere(), **more})

    def _asked(self, bench: Workbench, method: str, params: dict[str, Any]) -> None:
        for _ in range(_TIMES):
            shaped = {"textDocument": {"uri": URI}, **params}
            self._guarded(method, partial(rehearsed, self._process, bench, BY_METHOD[method], shaped))

    def _guarded(self, what: str, work: Callable[[], object]) -> None:
        try:
            work()
        except MplpError:
            logger.debug("Refused in rehearsal: %s.", what)
        except Exception:
            logger.exception("A bug in the rehearsal of %s.", what)


def _written(bench: Workbench, _updates: Sequence[object]) -> bytes:
    return written(bench.snapshot(URI), URI)


def _edited(bench: Workbench, version: int, good: str, bad: str) -> None:
    """Makes a fault and mends it."""
    start = _position(good, at_end=False)
    there, back = (
        {"line": start["line"], "character": start["character"] + len(text)} for text in (good, bad)
    )
    for number, (end, text) in enumerate(((there, bad), (back, good))):
        place = ((start["line"], start["character"]), (end["line"], end["character"]))
        _written(bench, bench.workspace.change(URI, version + number, [(place, text)]))


def _position(found: str, *, at_end: bool = True) -> dict[str, int]:
    before = TEXT[: TEXT.index(found) + (len(found) if at_end else 0)]
    return {"line": before.count("\n"), "character": len(before) - (before.rfind("\n") + 1)}


def _everywhere() -> dict[str, Any]:
    start, end = {"line": 0, "character": 0}, {"line": TEXT.count("\n"), "character": 0}
    here = _position(_PLACES[0])
    return {"range": {"start": start, "end": end}, "position": here, "positions": [here]}


def _context(method: str) -> dict[str, Any]:
    return {"context": {"includeDeclaration": True}} if method == "textDocument/references" else {}
