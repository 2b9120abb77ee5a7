"""`mplp.proposePlan`, `mplp.approvePlan`, `mplp.rejectPlan`: a person's word, kept in a Confirm (D18)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.plans import PlanSource, plan_source
from mplp_lsp.commands.services import Services
from mplp_runtime.errors import MplpError

_URI = Parameter(str, about="the plan document")


async def propose_plan(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Asks for an approval: writes the Confirm document beside the plan."""
    source = plan_source(services, arguments["uri"])
    plan = source.value()
    path = await services.on_runtime(
        source.root, lambda runtime: runtime.approvals.propose(source.path, plan)
    )
    return _answer(services, source, path)


async def approve_plan(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Adds an approving decision; the run it allows is of exactly this text and these bindings."""
    source = plan_source(services, arguments["uri"])
    plan, reason = source.value(), arguments.get("reason") or ""
    path = await services.on_runtime(
        source.root, lambda runtime: runtime.approvals.approve(source.path, plan, reason=reason)
    )
    return _answer(services, source, path)


async def reject_plan(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Adds a rejecting decision with its reason."""
    source = plan_source(services, arguments["uri"])
    plan, reason = source.value(), arguments["reason"].strip()
    if not reason:
        raise MplpError("A rejection needs a reason, so that the author knows what to change.")
    path = await services.on_runtime(
        source.root, lambda runtime: runtime.approvals.reject(source.path, plan, reason=reason)
    )
    return _answer(services, source, path)


def _answer(services: Services, source: PlanSource, path: object) -> dict[str, Any]:
    services.refresh()
    return {"confirm_path": str(path), "unsaved": source.unsaved}


PROPOSE_PLAN = Command(
    "mplp.proposePlan",
    "Propose plan",
    "Asks for an approval of the plan as it stands.",
    propose_plan,
    {"uri": _URI},
)
APPROVE_PLAN = Command(
    "mplp.approvePlan",
    "Approve plan",
    "Approves the plan as it stands, with the actions its roles are bound to.",
    approve_plan,
    {"uri": _URI, "reason": Parameter(str, required=False, about="why")},
)
REJECT_PLAN = Command(
    "mplp.rejectPlan",
    "Reject plan",
    "Rejects the plan; the reason is kept with the decision.",
    reject_plan,
    {"uri": _URI, "reason": Parameter(str, about="what has to change")},
)
