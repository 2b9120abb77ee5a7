"""Documents at the last save that the graph knows, close at hand for the rules (D22).

The rules ask at every key, so the answers are kept here; the graph is asked once per document, and told at
each save.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mplp_lsp.server.warming import import_in_pieces
from mplp_lsp.workspace.documents import Document
from mplp_runtime.errors import MplpError
from mplp_runtime.rules.facts import OWN_ID
from mplp_runtime.rules.world import Baseline, DocumentFacts

if TYPE_CHECKING:
    from mplp_lsp.server.desk import Desk

logger = logging.getLogger(__name__)

_Key = tuple[str, str]
_INGEST = "mplp_lsp.server.ingest"
_BEHIND_IT = (
    "pydantic_core.core_schema",
    "pydantic.main",
    "pydantic.fields",
    "pydantic.types",
    "mplp_runtime.settings",
    "mplp_runtime.ael.layer",
    "mplp_runtime.orchestrator.run",
    "mplp_runtime.runtime",
    _INGEST,
)
"""What the first question to the graph has imported: half a second, which nobody who types should feel."""


class BaselineKeeper:
    """The baselines of one session's documents, by kind and id."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: dict[Path, dict[_Key, Baseline]] = {}
        self._first_looks: dict[str, DocumentFacts] = {}

    def opened(self, document: Document) -> None:
        """The first look at a document: what is on disk counts as saved, unless the graph knows better."""
        self._keep(document, is_save=False)

    def saved(self, document: Document) -> None:
        self._keep(document, is_save=True)

    def closed(self, uri: str) -> None:
        """Nobody edits it now: should its first look still wait for its turn, it is let go."""
        self._first_looks.pop(uri, None)

    def _keep(self, document: Document, *, is_save: bool) -> None:
        if document.kind not in OWN_ID or document.path is None or document.tree is None:
            return
        root = self._desk.bench.workspace.root_of(document.uri)
        facts = document.facts
        if root is None or facts is None or facts.id is None or document.tree.problems:
            return
        if not is_save and (facts.kind, facts.id) in self._known.get(root, {}):
            return
        if is_save:
            keeping = self._ask(root, facts, document.uri, is_save=True)
        else:
            self._first_looks[document.uri] = facts
            keeping = self._ask_first(root, document.uri)
        self._desk.session.spawn(keeping, "keeping statuses")

    async def _ask_first(self, root: Path, uri: str) -> None:
        await import_in_pieces(self._desk.session.process, _BEHIND_IT)
        facts = self._first_looks.pop(uri, None)
        if facts is not None:
            await self._ask(root, facts, uri, is_save=False)

    async def _ask(self, root: Path, facts: DocumentFacts, uri: str, *, is_save: bool) -> None:
        ingest = await self._desk.session.process.imported(_INGEST)
        try:
            baseline = await self._desk.runs.on_runtime(
                root, lambda runtime: ingest.keep_baseline(runtime, facts, is_save=is_save)
            )
        except MplpError as error:
            logger.warning("What was saved of %s was not kept: %s", uri, error)
            return
        known = self._known.setdefault(root, {})
        key = (facts.kind, str(facts.id))
        if baseline is None or known.get(key) == baseline:
            return
        self._known[root] = {**known, key: baseline}
        self._install(root)
        self._desk.analyst.look_later([uri])

    def _install(self, root: Path) -> None:
        kept = self._known[root]

        def baseline_of(kind: str, document_id: str) -> Baseline | None:
            return kept.get((kind, document_id))

        self._desk.bench.workspace.set_baselines(root, baseline_of)
