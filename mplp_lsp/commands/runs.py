"""Commands on a run that exists: cancel it, go on with it, answer what it asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.run_json import run_json
from mplp_lsp.commands.services import Services
from mplp_runtime.errors import RunUnknown
from mplp_runtime.orchestrator.views import RunView

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime

_RUN = Parameter(str, about="the run's id")


async def cancel_run(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Ends the run and every process it started; what was completed stays completed."""
    run_id = arguments["run"]
    return await _on_run(services, run_id, lambda runtime: runtime.runs.cancel(run_id))


async def pause_run(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Lets the steps under way end and begins nothing more; a session is suspended."""
    run_id = arguments["run"]
    return await _on_run(services, run_id, lambda runtime: runtime.runs.pause(run_id))


async def resume_run(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Goes on with an interrupted or paused run; steps that are finished are not run again."""
    run_id, repeat = arguments["run"], arguments.get("repeat")
    root = await root_of_run(services, run_id)
    trusted = services.is_trusted(root)
    view = await services.on_runtime(
        root, lambda runtime: runtime.runs.resume(run_id, repeat=repeat, trusted=trusted)
    )
    services.follow_run(run_id)
    return run_json(view)


async def answer_handoff(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Says how a step that waits for a person ended, or lets a gated or interrupted step go on."""
    run_id, step_id = arguments["run"], arguments["step"]
    success, output = arguments["success"], arguments.get("output") or ""
    repeat = bool(arguments.get("repeat"))
    return await _on_run(
        services,
        run_id,
        lambda runtime: runtime.runs.answer(run_id, step_id, success=success, output=output, repeat=repeat),
    )


async def root_of_run(services: Services, run_id: str) -> Path:
    """The project root whose runs hold `run_id`. Raises RunUnknown where none does."""
    roots = project_roots(services)
    for uri, root in roots.items():
        if any(view.run_id == run_id for view in services.snapshot(uri).runs.values()):
            return root
    # Snapshots hold the newest run of each plan only; an older one is in the state.
    for root in roots.values():
        if await services.on_runtime(root, lambda runtime: _holds(runtime, run_id)):
            return root
    where = "no folder is open" if not roots else "this project has no run with that id"
    raise RunUnknown(f"There is no run {run_id}: {where}.")


def project_roots(services: Services) -> dict[str | None, Path]:
    """Each project root once, by the URI of a document in it (None for the first project)."""
    found: dict[str | None, Path] = {}
    first = services.project_root()
    if first is not None:
        found[None] = first
    for uri in services.snapshot().documents:
        root = services.project_root(uri)
        if root is not None and root not in found.values():
            found[uri] = root
    return found


async def _holds(runtime: Runtime, run_id: str) -> bool:
    try:
        runtime.runs.view(run_id)
    except RunUnknown:
        return False
    return True


async def _on_run(
    services: Services, run_id: str, work: Callable[[Runtime], Awaitable[RunView]]
) -> dict[str, Any]:
    return run_json(await services.on_runtime(await root_of_run(services, run_id), work))


CANCEL_RUN = Command(
    "mplp.cancelRun",
    "Cancel run",
    "Ends the run and every process it started.",
    cancel_run,
    {"run": _RUN},
)
PAUSE_RUN = Command(
    "mplp.pauseRun",
    "Pause run",
    "Lets the steps under way end and begins nothing more until the run is resumed.",
    pause_run,
    {"run": _RUN},
)
RESUME_RUN = Command(
    "mplp.resumeRun",
    "Resume run",
    "Goes on with an interrupted or paused run.",
    resume_run,
    {
        "run": _RUN,
        "repeat": Parameter(
            bool, required=False, about="run steps again that were under way when it was interrupted"
        ),
    },
)
ANSWER_HANDOFF = Command(
    "mplp.answerHandoff",
    "Answer for a step",
    "Says how a step that waits for a person ended.",
    answer_handoff,
    {
        "run": _RUN,
        "step": Parameter(str, about="the step's id"),
        "success": Parameter(bool, about="whether it is done; false means it failed"),
        "output": Parameter(str, required=False, about="what came out of it, for the trace and later steps"),
        "repeat": Parameter(bool, required=False, about="run a step again that was interrupted"),
    },
)
