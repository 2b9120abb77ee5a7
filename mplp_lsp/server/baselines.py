"""Statuses at the last save that the graph knows, close at hand for the rules (D22).

The rules ask at every key, so the answers are kept here; the graph is asked once per plan, and told at each
save.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mplp_lsp.workspace.documents import Document
from mplp_runtime.errors import MplpError
from mplp_runtime.rules.world import Baseline

if TYPE_CHECKING:
    from mplp_lsp.server.desk import Desk

logger = logging.getLogger(__name__)


class BaselineKeeper:
    """The baselines of one session's plans."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._known: dict[Path, dict[str, Baseline]] = {}

    def opened(self, document: Document) -> None:
        """The first look at a plan: what is on disk counts as saved, unless the graph knows better."""
        self._keep(document, is_save=False)

    def saved(self, document: Document) -> None:
        self._keep(document, is_save=True)

    def _keep(self, document: Document, *, is_save: bool) -> None:
        if document.kind != "plan" or document.path is None or document.tree is None:
            return
        root = self._desk.bench.workspace.root_of(document.uri)
        plan_id = document.facts.id if document.facts is not None else None
        if root is None or plan_id is None or document.tree.problems:
            return
        if not is_save and plan_id in self._known.get(root, {}):
            return
        self._desk.session.spawn(self._ask(root, plan_id, document, is_save=is_save), "keeping statuses")

    async def _ask(self, root: Path, plan_id: str, document: Document, *, is_save: bool) -> None:
        plan = await self._desk.session.process.work(lambda: _statuses(plan_id, document))
        ingest = await self._desk.session.process.imported("mplp_lsp.server.ingest")
        try:
            baseline = await self._desk.runs.on_runtime(
                root, lambda runtime: ingest.keep_baseline(runtime, plan, is_save=is_save)
            )
        except MplpError as error:
            logger.warning("Statuses of %s were not kept: %s", document.uri, error)
            return
        known = self._known.setdefault(root, {})
        if baseline is None or known.get(plan_id) == baseline:
            return
        self._known[root] = {**known, plan_id: baseline}
        self._install(root)
        self._desk.analyst.look_later([document.uri])

    def _install(self, root: Path) -> None:
        kept = self._known[root]

        def baseline_of(kind: str, document_id: str) -> Baseline | None:
            return kept.get(document_id) if kind == "plan" else None

        self._desk.bench.workspace.set_baselines(root, baseline_of)


def _statuses(plan_id: str, document: Document) -> dict[str, Any]:
    facts = document.facts
    steps = facts.steps if facts is not None else ()
    return {
        "plan_id": plan_id,
        "status": facts.status if facts is not None else None,
        "steps": [{"step_id": step.step_id, "status": step.status} for step in steps],
    }
