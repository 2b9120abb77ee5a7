"""`mplp-lsp trace --otlp` and `--evidence`: a run for other tools."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TextIO

from mplp_lsp.cli.project import shown_path
from mplp_lsp.cli.style import printable, write
from mplp_lsp.cli.trace import chosen_run, known_runs, recorded
from mplp_runtime.trace.evidence import TRACE_FILE, write_evidence
from mplp_runtime.trace.otlp import DEFAULT_ENDPOINT, send, shown_endpoint
from mplp_runtime.trace.spans import spans_of

_PATH = "/v1/traces"


def export_command(
    run: str | None, *, root: str, otlp: str | None, evidence: str | None, out: TextIO | None = None
) -> int:
    """Sends one run to a collector, writes it as files, or both.

    Raises MplpError where there is no such run, or where nobody takes it.
    """
    from mplp_lsp.workspace.projects import root_of

    stream = out or sys.stdout
    project = root_of(Path(root).absolute())
    view = chosen_run(run, known_runs(project), project)
    text, events = recorded(project, view)
    if evidence is not None:
        folder = Path(evidence).absolute()
        counts = write_evidence(folder, text, events)
        for name, lines in counts.items():
            write(stream, f"{lines:6} lines  {printable(shown_path(folder / name))}\n")
        write(stream, f"{'':12}  {printable(shown_path(folder / TRACE_FILE))}\n")
    if otlp is not None:
        endpoint = endpoint_of(otlp, os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))
        spans = spans_of(json.loads(text), events)
        send(spans, endpoint=endpoint)
        write(
            stream,
            f"{len(spans)} spans of trace {view.trace_id} sent to {printable(shown_endpoint(endpoint))}\n",
        )
    return 0


def endpoint_of(named: str, configured: str | None) -> str:
    """Where traces go: what was named, else what the environment says, else this machine's collector.

    >>> endpoint_of("http://localhost:4318", None)
    'http://localhost:4318/v1/traces'
    """
    base = named or configured
    if not base:
        return DEFAULT_ENDPOINT
    return base if base.endswith(_PATH) else base.rstrip("/") + _PATH
