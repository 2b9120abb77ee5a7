"""What the graph and the events are told of Confirms, once each, also where nobody could tell it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mplp_runtime.approval_judgement import age_of, as_they_stand, is_about, newest_of
from mplp_runtime.events.bus import EventBus
from mplp_runtime.events.families import pipeline_stage
from mplp_runtime.learning.occasions import tell_of_plan
from mplp_runtime.psg.graph import Graph
from mplp_runtime.rules.findings import Severity
from mplp_runtime.rules.schema import schema_findings
from mplp_runtime.settings import Settings
from mplp_runtime.vsl.interface import Edge, Reading, Transaction, ValueStateLayer

Document = dict[str, Any]

_BEFORE_A_RUN = frozenset({"draft", "proposed", "approved"})
_PLAN_WORD = {"pending": "proposed", "approved": "approved", "rejected": "draft"}


class ApprovalRecord:
    """Follows the files of Confirms, which are written first, by us or by a person."""

    def __init__(
        self, store: ValueStateLayer, bus: EventBus, graph: Graph, settings: Callable[[], Settings]
    ) -> None:
        self._store = store
        self._bus = bus
        self._graph = graph
        self._settings = settings

    async def tell(self, confirm: Document, plan: Mapping[str, Any], word: str) -> None:
        """A Confirm of a plan was written, which is the newest now. Raises StoreError."""
        await self._store.transact(lambda transaction: self._tell(transaction, confirm, plan, word))

    async def tell_of_step(self, confirm: Document, plan: Mapping[str, Any], step_id: str) -> None:
        """A Confirm of a step is decided; told where the graph does not know it. Raises StoreError."""

        def work(transaction: Transaction) -> None:
            ends = [] if transaction.read_node("Step", step_id) is None else [("Step", step_id)]
            edges = [Edge("target", "Confirm", confirm["confirm_id"], *end) for end in ends]
            told = self._graph.put(
                transaction,
                "Confirm",
                confirm["confirm_id"],
                confirm,
                edges=edges,
                event_type="decision_added",
            )
            if told:
                self._stage(transaction, confirm, plan, "confirm_resolved", "confirm", confirm["status"])

        await self._store.transact(work)

    async def catch_up(self, plan: Mapping[str, Any], confirms: Iterable[Mapping[str, Any]]) -> None:
        """Tells of what Confirms of the plan say on disk and nobody told yet, the oldest first.

        A process may have been killed right after it had written a file, or a person has written it. Of
        several copies of one Confirm only the newest is told, and only the newest Confirm says how the plan
        stands. Raises StoreError.
        """
        about = sorted(as_they_stand(each for each in confirms if is_about(each, plan)), key=age_of)
        decisive = newest_of(about)
        unknown = [
            confirm
            for confirm in about
            if is_valid("confirm", confirm)
            and confirm["status"] in _PLAN_WORD
            and not self._is_known(confirm)
        ]

        def work(transaction: Transaction) -> None:
            for confirm in unknown:
                word = "confirm_pending" if confirm["status"] == "pending" else "confirm_resolved"
                self._tell(transaction, dict(confirm), plan, word, is_decisive=confirm is decisive)

        if unknown:
            await self._store.transact(work)

    def _is_known(self, confirm: Mapping[str, Any]) -> bool:
        node = self._graph.read("Confirm", confirm["confirm_id"], deleted=True)
        # One that was taken out of the graph is not brought back by a run.
        return node is not None and (node.deleted or node.data == confirm)

    def _tell(
        self,
        transaction: Transaction,
        confirm: Document,
        plan: Mapping[str, Any],
        word: str,
        *,
        is_decisive: bool = True,
    ) -> None:
        """The graph and the events learn of the Confirm, and what it makes of the plan where it decides."""
        known = transaction.read_node("Confirm", confirm["confirm_id"])
        if known is not None and known.data == confirm:
            # Somebody was quicker, perhaps another process: whoever starts the plan finds the file at once.
            return
        if self._settings().learning.collect:
            tell_of_plan(transaction, self._bus, plan)
        plan_id, plan_word = plan["plan_id"], _PLAN_WORD[confirm["status"]]
        status = _status_after(transaction, plan, plan_word)
        # Statuses are those of the graph, where it has any: a run of the plan may be under way.
        said = {**plan, "status": status} if is_decisive else plan
        self._graph.put_plan(transaction, dict(said), source_module="plan", keeps_statuses=True)
        self._graph.put(
            transaction,
            "Confirm",
            confirm["confirm_id"],
            confirm,
            edges=[Edge("target", "Confirm", confirm["confirm_id"], "Plan", plan_id)],
            event_type=None if word == "confirm_pending" else "decision_added",
        )
        if is_decisive:
            node = transaction.read_node("Plan", plan_id)
            decided = {**({} if node is None else node.data), "status": status}
            self._graph.put(transaction, "Plan", plan_id, decided, source_module="plan")
        self._stage(transaction, confirm, plan, word, "confirm", confirm["status"])
        if is_decisive and status == plan_word:
            self._stage(transaction, confirm, plan, "plan_status_changed", "plan", plan_word)

    def _stage(
        self,
        transaction: Transaction,
        confirm: Document,
        plan: Mapping[str, Any],
        word: str,
        stage: str,
        status: str,
    ) -> None:
        event = pipeline_stage(
            self._bus.stamper,
            word,
            pipeline_id=plan["plan_id"],
            stage_id=stage,
            stage_name=plan["title"],
            status={"approved": "approved", "rejected": "failed"}.get(status, status),
            project_id=plan["context_id"],
            payload={"confirm_id": confirm["confirm_id"], "confirm_status": confirm["status"]},
        )
        self._bus.record(transaction, "project", event)


def _status_after(reading: Reading, plan: Mapping[str, Any], word: str) -> str:
    """What the graph says of a plan of which a Confirm has made `word`.

    A plan that runs or has run stays what it is: what is decided is its next generation, which the next run
    tells of (nothing leads from `failed` to `approved`).
    """
    node = reading.read_node("Plan", plan["plan_id"])
    known = str((plan if node is None else node.data)["status"])
    return word if known in _BEFORE_A_RUN else known


def is_valid(kind: str, value: Mapping[str, Any]) -> bool:
    """Whether the schema finds no error in a document."""
    return not any(finding.severity == Severity.ERROR for finding in schema_findings(kind, value))
