"""`mplp.retryStep`, `mplp.skipStep`, `mplp.rollbackRun`: what a person decides where a run went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.plans import plan_source
from mplp_lsp.commands.run_json import run_json
from mplp_lsp.commands.runs import root_of_run
from mplp_lsp.commands.services import Services
from mplp_lsp.features.plan_state import open_confirms
from mplp_lsp.text.uris import uri_of
from mplp_runtime.errors import RunBuiltUpon

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.manager import StartRequest
    from mplp_runtime.orchestrator.rollback import RolledBack
    from mplp_runtime.orchestrator.views import RunView
    from mplp_runtime.runtime import Runtime

_ALL_THE_SAME = "Roll back all the same"


async def retry_step(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Answers with the run that tries the step again: the same one, or where that is over, a new one."""
    run_id, step_id = arguments["run"], arguments["step"]
    root, request = await _asked(services, arguments)
    view = await services.on_runtime(
        root, lambda runtime: runtime.runs.interventions.retry(run_id, step_id, request)
    )
    services.follow_run(view.run_id)
    return run_json(view)


async def skip_step(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Answers with the run that goes on without the step; the reason stands in its trace."""
    run_id, step_id, reason = arguments["run"], arguments["step"], arguments.get("reason") or ""
    root, request = await _asked(services, arguments)
    view = await services.on_runtime(
        root, lambda runtime: runtime.runs.interventions.skip(run_id, step_id, request, reason)
    )
    services.follow_run(view.run_id)
    return run_json(view)


async def rollback_run(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody changed since stays and is named; the trace keeps what happened and what was undone."""
    run_id, force = arguments["run"], bool(arguments.get("force"))
    root = await root_of_run(services, run_id)
    trusted = services.is_trusted(root)

    async def roll_back(runtime: Runtime) -> tuple[RunView, RolledBack]:
        return await runtime.runs.interventions.roll_back(run_id, trusted=trusted, force=force)

    try:
        view, done = await services.on_runtime(root, roll_back)
    except RunBuiltUpon as problem:
        if not services.can_ask or await services.ask(str(problem), [_ALL_THE_SAME]) != _ALL_THE_SAME:
            raise
        force = True
        view, done = await services.on_runtime(root, roll_back)
    services.look_again()
    services.log(done.sentence, level="warning" if done.left else "info")
    return {
        **run_json(view),
        "restored": list(done.restored),
        "left": [{"path": path, "why": why} for path, why in done.left],
        "snapshots": list(done.snapshots),
        "text": done.sentence,
    }


async def _asked(services: Services, arguments: Mapping[str, Any]) -> tuple[Path, StartRequest]:
    """The project, and the plan as the person sees it, should the run go on in a new one."""
    from mplp_runtime.orchestrator.manager import StartRequest

    run_id = arguments["run"]
    root = await root_of_run(services, run_id)

    async def kept(runtime: Runtime) -> tuple[str, str]:
        return runtime.runs.view(run_id).plan_path, runtime.runs.interventions.plan_text(run_id)

    plan_path, text = await services.on_runtime(root, kept)
    path = root / plan_path
    uri, unsaved = uri_of(path), False
    # Where its document is gone, the plan is what the run kept of it.
    if services.text_of(uri) is not None or path.exists():
        source = plan_source(services, uri)
        text, unsaved = source.text, source.unsaved
    snapshot = services.snapshot(uri)
    confirms = open_confirms(snapshot, uri)
    request = StartRequest(
        plan_path=path,
        plan_text=text,
        world=snapshot.index,
        approve=bool(arguments.get("approve")),
        trusted=services.is_trusted(root),
        unsaved=unsaved,
        confirms=confirms.values,
        shown=confirms.paths,
        unreadable=confirms.unreadable,
    )
    return root, request


_RUN = Parameter(str, about="the run's id")
_STEP = Parameter(str, about="the step's id")
_APPROVE = Parameter(
    bool,
    required=False,
    about="where the run is over: propose and approve the plan first, as the person who asks",
)

RETRY_STEP = Command(
    "mplp.retryStep",
    "Retry a failed step",
    "Tries a failed step again, and what waits for it. Of a run that is over a new run of the plan takes "
    "over what was completed; it needs what every start needs.",
    retry_step,
    {"run": _RUN, "step": _STEP, "approve": _APPROVE},
)
SKIP_STEP = Command(
    "mplp.skipStep",
    "Skip a step",
    "Goes on without a step that failed, waits or has not begun; what waits for it runs. Of a run that is "
    "over, in a new run as with mplp.retryStep.",
    skip_step,
    {
        "run": _RUN,
        "step": _STEP,
        "reason": Parameter(str, required=False, about="why, for the trace"),
        "approve": _APPROVE,
    },
)
ROLLBACK_RUN = Command(
    "mplp.rollbackRun",
    "Roll back a run",
    "Takes back what the file operations of a run did, the newest first; files that changed since stay and "
    "are named. Answers the run and `{restored, left, snapshots, text}`.",
    rollback_run,
    {
        "run": _RUN,
        "force": Parameter(bool, required=False, about="also where a later run went on from this one"),
    },
)
