"""`mplp.showTrace`: the trace document of a run, opened in the editor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.runs import root_of_run
from mplp_lsp.commands.services import Services
from mplp_lsp.commands.views import shown_view
from mplp_lsp.features.trace_text import trace_text
from mplp_lsp.features.virtual_documents import TRACE, plan_of_run, trace_uri
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.errors import MplpError, RunUnknown
from mplp_runtime.orchestrator.live import shown_record
from mplp_runtime.orchestrator.state import load_state
from mplp_runtime.orchestrator.views import RunView

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime


async def show_trace(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Answers with the path, also where the editor cannot open documents by itself."""
    uri, run_id = arguments.get("uri"), arguments.get("run")
    if arguments.get("format") not in {None, "json", "text"}:
        raise MplpError("mplp.showTrace knows the formats `json` and `text`.")
    root = await root_of_run(services, run_id) if run_id else services.project_root(uri)
    if root is None:
        raise RunUnknown("No folder is open, so there is no trace to show.")

    plan_path = services.path_of(uri) if uri else None

    async def chosen(runtime: Runtime) -> RunView:
        if run_id:
            return runtime.runs.view(run_id)
        views = [
            view for view in runtime.runs.all() if plan_path is None or root / view.plan_path == plan_path
        ]
        if not views:
            whose = "This plan" if plan_path else "No plan of this project"
            raise RunUnknown(f"{whose} has {'not ' if plan_path else ''}been run yet.")
        return views[-1]

    view = await services.on_runtime(root, chosen)
    if arguments.get("format") == "text":
        return await _show_text(services, root, view)
    if view.is_sealed:
        return await _show_sealed(services, root, view)
    if view.trace_path is None:
        raise RunUnknown(f"Run {view.run_id} has left no trace document.")
    trace = root / view.trace_path
    shown = await services.show_document(uri_of(trace))
    return {"trace_path": str(trace), "run_id": view.run_id, "shown": shown}


async def _show_sealed(services: Services, root: Path, view: RunView) -> dict[str, Any]:
    """An encrypted trace is read from the state; no readable copy of it is left on the disk.

    The answer holds the document as `text`; what opens in the editor, where it shows virtual documents, are
    the lines to read.
    """

    async def recorded(runtime: Runtime) -> str:
        state = runtime.vsl.read(lambda reading: load_state(reading, view.run_id))
        if state is None:
            raise RunUnknown(f"The run {view.run_id} is no longer in the state.")
        return shown_record(state, runtime.vsl, runtime.clock, runtime.runs.live_output(view.run_id))[0]

    text = await services.on_runtime(root, recorded)
    snapshot = services.snapshot(uri_of(root / view.plan_path))
    shown = await shown_view(
        services, snapshot, text, virtual_uri=_virtual_uri(snapshot, view), file_name=None
    )
    return {"trace_path": None, "run_id": view.run_id, "text": text, **shown}


async def _show_text(services: Services, root: Path, view: RunView) -> dict[str, Any]:
    """The trace as lines to read, which follow the run where the editor can show virtual documents."""
    snapshot = services.snapshot(uri_of(root / view.plan_path))
    text = await services.in_worker(lambda: trace_text(view, plan_of_run(snapshot, view)))
    shown = await shown_view(
        services,
        snapshot,
        text,
        virtual_uri=_virtual_uri(snapshot, view),
        file_name=None if view.is_sealed else f"{view.trace_id}.{TRACE}",
    )
    path = None if view.trace_path is None else str(root / view.trace_path)
    return {"trace_path": path, "run_id": view.run_id, "text": text, **shown}


def _virtual_uri(snapshot: Snapshot, view: RunView) -> str | None:
    # Only of the newest run of a plan can the text be made again at any time.
    newest = snapshot.runs.get(view.plan_id)
    return trace_uri(view) if newest is not None and newest.run_id == view.run_id else None


SHOW_TRACE = Command(
    "mplp.showTrace",
    "Show trace",
    "Opens the trace of a run: the one named, else the newest of the plan, else the newest of the project.",
    show_trace,
    {
        "run": Parameter(str, required=False, about="the run's id"),
        "uri": Parameter(str, required=False, about="a plan document"),
        "format": Parameter(
            str, required=False, about="`json`, the trace document (default), or `text`, lines to read"
        ),
    },
)
