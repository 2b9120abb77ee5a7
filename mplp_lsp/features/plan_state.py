"""How a plan stands: its newest run, and what its approval is worth. Asked once per version, then kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from mplp_lsp.analysis.cross import all_findings
from mplp_lsp.analysis.document import analyse
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.orchestrator.views import RunView
from mplp_runtime.rules.findings import Severity

if TYPE_CHECKING:
    from mplp_runtime.approval_judgement import ApprovalState
    from mplp_runtime.confirm_files import OpenConfirms


@dataclass(frozen=True, slots=True)
class PlanState:
    """A plan as lenses and actions see it; `plan` is its header, so `steps` is empty there.

    `needs_approval` is what a start would ask for; `approval` is None where no Confirm is about this plan.
    `errors` says how many findings forbid a run. Without `is_complete` other documents are still being read,
    so that what they say about this plan is not known.
    """

    plan: Mapping[str, Any]
    run: RunView | None
    approval: ApprovalState | None
    needs_approval: bool
    is_trusted: bool
    errors: int = 0
    is_complete: bool = True

    @property
    def status(self) -> str:
        """The plan's own word; "" where none stands there."""
        return _status(self.plan)


def _status(plan: Mapping[str, Any]) -> str:
    status = plan.get("status")
    return status if isinstance(status, str) else ""


def plan_header(document: Document) -> Mapping[str, Any] | None:
    """The plan without its steps; None for other kinds, and for a plan too broken to have an id."""
    if document.kind != "plan" or document.tree is None:
        return None
    value = document.tree.header
    if not isinstance(value, dict) or not isinstance(value.get("plan_id"), str):
        return None
    return value


def plan_state(snapshot: Snapshot, document: Document) -> PlanState | None:
    """None where `plan_header` is."""
    plan = plan_header(document)
    if plan is None:
        return None
    return PlanState(
        plan=plan,
        run=snapshot.runs.get(plan["plan_id"]),
        approval=_approval(snapshot, document, plan["plan_id"]),
        needs_approval=_needs_approval(snapshot, plan),
        is_trusted=snapshot.is_trusted,
        errors=_errors(snapshot, document),
        is_complete=snapshot.is_complete,
    )


def _errors(snapshot: Snapshot, document: Document) -> int:
    """What the run would be refused for; what an earlier run said at its steps is no reason."""
    analysis = analyse(document, snapshot.max_findings)
    index = snapshot.index if snapshot.is_complete else None
    ruled, _ = all_findings(analysis, index, snapshot.max_findings)
    every = chain((located.finding for located in analysis.syntax), ruled)
    return sum(finding.severity == Severity.ERROR for finding in every)


def _needs_approval(snapshot: Snapshot, plan: Mapping[str, Any]) -> bool:
    from mplp_runtime.orchestrator.admission import needs_approval
    from mplp_runtime.settings import Settings

    return needs_approval({"status": _status(plan)}, snapshot.settings or Settings())


def _approval(snapshot: Snapshot, document: Document, plan_id: str) -> ApprovalState | None:
    """Kept with the document: a plan is hashed again only if it, a Confirm or the settings have changed."""
    unread = _unread_beside(snapshot, document)
    confirms = _confirms(snapshot, document, plan_id)
    if not (confirms or unread) or document.tree is None:
        return None
    made_from: tuple[object, ...] = (snapshot.settings, bool(unread), *confirms)
    known = document.cache.get("approval")
    if isinstance(known, tuple) and _are_same(known[0], made_from):
        kept: ApprovalState | None = known[1]
        return kept
    from mplp_runtime.approval_judgement import approval_of
    from mplp_runtime.approval_scope import StepDigests

    digests = document.lineage.get("step-digests")
    if not isinstance(digests, StepDigests):
        digests = document.lineage["step-digests"] = StepDigests()
    plan, (values, unreadable) = document.tree.value, _read(confirms)
    state = (
        approval_of(plan, values, snapshot.settings, digests=digests, unreadable={*unreadable, *unread})
        if isinstance(plan, dict)
        else None
    )
    document.cache["approval"] = (made_from, state)
    return state


def open_confirms(snapshot: Snapshot, uri: str) -> OpenConfirms:
    """The Confirms about the plan at `uri` that the user has open, as the lens judges them."""
    from mplp_runtime.confirm_files import OpenConfirms

    document = snapshot.document(uri)
    plan = None if document is None else plan_header(document)
    if document is None or plan is None:
        return OpenConfirms()
    confirms = [each for each in _confirms(snapshot, document, plan["plan_id"]) if each.is_open]
    values, unreadable = _read(confirms)
    paths = frozenset(each.path for each in confirms if each.path is not None)
    return OpenConfirms(tuple(values), tuple(unreadable), paths)


def _confirms(snapshot: Snapshot, document: Document, plan_id: str) -> list[Document]:
    """Those that say that they are about the plan, and the one beside it, whatever it says."""
    from mplp_runtime.kinds import confirm_path

    beside = None if document.path is None else snapshot.document(uri_of(confirm_path(document.path)))
    found = [
        confirm
        for facts in snapshot.index.referring(plan_id)
        if facts.kind == "confirm" and (confirm := snapshot.document(facts.uri)) is not None
    ]
    is_new = beside is not None and beside.kind == "confirm" and all(each is not beside for each in found)
    return [*found, beside] if beside is not None and is_new else found


def _unread_beside(snapshot: Snapshot, document: Document) -> tuple[str, ...]:
    """The name of the Confirm beside the plan where it is there and no run reads it."""
    from mplp_runtime.kinds import confirm_path

    beside = None if document.path is None else confirm_path(document.path)
    return () if beside is None or not snapshot.documents.is_unread(uri_of(beside)) else (beside.name,)


def _read(confirms: Iterable[Document]) -> tuple[list[Any], list[str]]:
    """What the Confirms say, read as a run reads them, and the names of those of which nobody knows."""
    from mplp_runtime.confirm_files import confirm_in

    values, unreadable = [], []
    for confirm in confirms:
        value = confirm_in(confirm.text.text) if confirm.fault is None else None
        if value is not None:
            values.append(value)
        else:
            unreadable.append(confirm.uri.rpartition("/")[2] if confirm.path is None else confirm.path.name)
    return values, unreadable


def _are_same(old: tuple[object, ...], new: tuple[object, ...]) -> bool:
    return len(old) == len(new) and all(one is other for one, other in zip(old, new, strict=True))
