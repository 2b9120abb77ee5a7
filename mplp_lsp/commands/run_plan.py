"""`mplp.runPlan` and `mplp.dryRunPlan`: start a run of the plan the user sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.plans import plan_source
from mplp_lsp.commands.run_json import run_json
from mplp_lsp.commands.services import Services
from mplp_lsp.features.plan_state import open_confirms


async def run_plan(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Answers with the run as soon as its start is durable; the run itself goes on in the background.

    Raises RunRefused and its kin, whose `code` a client may use to offer the next step.
    """
    return await _start(
        services,
        arguments["uri"],
        simulate=bool(arguments.get("simulate")),
        approve=bool(arguments.get("approve")),
        anew=bool(arguments.get("anew")),
    )


async def dry_run_plan(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Walks through the plan as if every step succeeded; starts no process, so it needs no trust (D25)."""
    return await _start(services, arguments["uri"], simulate=True, approve=False)


async def _start(
    services: Services, uri: str, *, simulate: bool, approve: bool, anew: bool = False
) -> dict[str, Any]:
    from mplp_runtime.orchestrator.manager import StartRequest

    source = plan_source(services, uri)
    snapshot = services.snapshot(uri)
    confirms = open_confirms(snapshot, uri)
    request = StartRequest(
        plan_path=source.path,
        plan_text=source.text,
        world=snapshot.index,
        simulate=simulate,
        approve=approve,
        trusted=services.is_trusted(source.root),
        unsaved=source.unsaved,
        confirms=confirms.values,
        shown=confirms.paths,
        unreadable=confirms.unreadable,
        anew=anew,
    )
    view = await services.on_runtime(source.root, lambda runtime: runtime.runs.start(request))
    services.follow_run(view.run_id)
    if source.unsaved:
        services.log(f"{source.path.name} has unsaved changes; what runs is the text in the editor.")
    return {**run_json(view), "unsaved": source.unsaved}


RUN_PLAN = Command(
    "mplp.runPlan",
    "Run plan",
    "Runs the plan; a draft or proposed plan needs an approval first, or `approve`.",
    run_plan,
    {
        "uri": Parameter(str, about="the plan document"),
        "simulate": Parameter(bool, required=False, about="walk through it without starting anything"),
        "approve": Parameter(
            bool, required=False, about="propose and approve it first, as the person who asks"
        ),
        "anew": Parameter(bool, required=False, about="give up an interrupted run of the plan first"),
    },
)
DRY_RUN_PLAN = Command(
    "mplp.dryRunPlan",
    "Dry run",
    "Walks through the plan as if every step succeeded; nothing is started.",
    dry_run_plan,
    {"uri": Parameter(str, about="the plan document")},
)
