"""`mplp.showGraph`: a plan's dependency graph as Mermaid or DOT, with how each step stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from mplp_lsp.commands.command import Command, Parameter
from mplp_lsp.commands.services import Services
from mplp_lsp.commands.views import shown_view
from mplp_lsp.features.graph_text import GraphFormat, graph_text
from mplp_lsp.features.hover_places import path_in_project
from mplp_lsp.features.virtual_documents import graph_file_name, graph_uri
from mplp_runtime.errors import DocumentInvalid, MplpError

_FORMATS: Mapping[str, Literal["mermaid", "dot"]] = {"mermaid": "mermaid", "dot": "dot"}


async def show_graph(services: Services, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Answers with the text too, for editors that open nothing by themselves."""
    uri, wanted = arguments["uri"], arguments.get("format") or "mermaid"
    form: GraphFormat | None = _FORMATS.get(wanted)
    if form is None:
        raise MplpError(f"mplp.showGraph knows the formats `mermaid` and `dot`, not `{wanted[:40]}`.")
    chosen: GraphFormat = form
    snapshot = services.snapshot(uri)
    plan = snapshot.document(uri)
    text = None
    if plan is not None:
        known = plan
        text = await services.in_worker(lambda: graph_text(snapshot, known, chosen))
    if plan is None or text is None:
        raise DocumentInvalid("Only a plan with a list of steps has a graph to show.")
    shown = await shown_view(
        services,
        snapshot,
        text,
        virtual_uri=graph_uri(plan.uri, chosen),
        file_name=graph_file_name(path_in_project(snapshot, plan.uri), chosen),
    )
    return {"format": chosen, "text": text, **shown}


SHOW_GRAPH = Command(
    "mplp.showGraph",
    "Show graph",
    "Opens the dependency graph of a plan as text; each step says how it stands, in the newest run or the "
    "file. "
    "Answers `{format, text, uri, shown}`.",
    show_graph,
    {
        "uri": Parameter(str, about="a plan document"),
        "format": Parameter(str, required=False, about="`mermaid` (default) or `dot`"),
    },
)
