"""Documents without a file (`workspace/textDocumentContent`, LSP 3.18): graphs of plans, traces of runs.

Their URIs say all that is needed to make them, so the server keeps nothing: `mplp-graph:/a.plan.mmd?<URI of
the plan, percent-encoded>` and `mplp-trace:/a.plan.mplp-trace?<run id>`.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, unquote, urlsplit

from lsprotocol import types

from mplp_lsp.features.graph_text import GraphFormat, graph_text
from mplp_lsp.features.trace_text import trace_text
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.orchestrator.views import RunView

GRAPH, TRACE = "mplp-graph", "mplp-trace"
SCHEMES = (GRAPH, TRACE)

_SUFFIXES: dict[GraphFormat, str] = {"mermaid": ".mmd", "dot": ".dot"}


def graph_uri(plan_uri: str, form: GraphFormat) -> str:
    """The URI of a plan's graph."""
    return f"{GRAPH}:/{_name_of(plan_uri)}{_SUFFIXES[form]}?{quote(plan_uri, safe='')}"


def trace_uri(view: RunView) -> str:
    """The URI of a run's trace."""
    return f"{TRACE}:/{_name_of(quote(view.plan_path))}.{TRACE}?{quote(view.run_id, safe='')}"


def graph_file_name(plan_path: str, form: GraphFormat) -> str:
    """What the graph is called where it has to be a file: no two plans of a project share one."""
    return plan_path.removesuffix(".json").replace("/", "_") + _SUFFIXES[form]


def _name_of(uri: str) -> str:
    name = uri.rpartition("/")[2].partition("?")[0].partition("#")[0]
    return quote(unquote(name.removesuffix(".json")), safe="") or "plan"


def text_document_content(
    snapshots: Sequence[Snapshot], params: types.TextDocumentContentParams
) -> types.TextDocumentContentResult | None:
    """The text behind one of our URIs; a sentence where the plan or the run is gone. None for other schemes.

    Editors bring such documents back in a new session, long after what they show.
    """
    scheme, argument = _parts(params.uri)
    if scheme == GRAPH:
        form: GraphFormat = "dot" if urlsplit(params.uri).path.endswith(".dot") else "mermaid"
        return types.TextDocumentContentResult(_graph(snapshots, argument, form))
    if scheme == TRACE:
        return types.TextDocumentContentResult(_trace(snapshots, argument))
    return None


def _parts(uri: str) -> tuple[str, str]:
    """Scheme and argument. Editors spell a URI in their own way; decoded it is the same."""
    scheme, _, rest = uri.partition(":")
    return scheme.lower(), unquote(rest.partition("?")[2])


def _graph(snapshots: Sequence[Snapshot], plan_uri: str, form: GraphFormat) -> str:
    for snapshot in snapshots:
        plan = snapshot.document(plan_uri)
        if plan is not None and (snapshot.index.facts(plan_uri) is not None or snapshot is snapshots[-1]):
            text = graph_text(snapshot, plan, form)
            if not plan.is_open:
                plan.rest()
            if text is not None:
                return text
    return f"{'//' if form == 'dot' else '%%'} There is no plan here any more.\n"


def _trace(snapshots: Sequence[Snapshot], run_id: str) -> str:
    for snapshot in snapshots:
        for view in snapshot.runs.values():
            if view.run_id == run_id:
                return trace_text(view, plan_of_run(snapshot, view))
    return "This run is not known here, or a newer run of its plan has taken its place.\n"


def plan_of_run(snapshot: Snapshot, view: RunView) -> Document | None:
    """The open document of the plan that ran; None where nobody has it open."""
    for facts in snapshot.index.declarations("plan", view.plan_id):
        document = snapshot.document(facts.uri)
        if document is not None and document.is_open:
            return document
    return None
