"""What a file is, or who relied on it: where the impact of a file begins besides its edges."""

from __future__ import annotations

from pathlib import Path

from mplp_runtime.ael.project_paths import inside_project
from mplp_runtime.drift.dependence import EXPECTS
from mplp_runtime.errors import MplpError
from mplp_runtime.orchestrator.records import RUN, Record
from mplp_runtime.project_documents import document_at
from mplp_runtime.psg.world import TYPES
from mplp_runtime.rules.facts import OWN_ID
from mplp_runtime.vsl.interface import Reading


def document_in(root: Path, path: str) -> tuple[str, str] | None:
    """Type and id of the node that a document of the project is in the graph; None for any other file."""
    try:
        found = document_at(inside_project(root, path))
    except MplpError:
        return None
    if found is None or found[0] not in TYPES or not isinstance(found[1], dict):
        return None
    kind, value = found
    own = value.get(OWN_ID[kind])
    return (TYPES[kind], own) if isinstance(own, str) else None


def plans_relying_on(reading: Reading, path: str) -> list[tuple[str, str]]:
    """The plans whose newest run began with this file as it was, such as mplp.toml."""
    newest: dict[str, Record] = {}
    for node in reading.nodes(RUN):
        run = dict(node.data)
        known = newest.get(run["plan_id"])
        if known is None or int(known["generation"]) < int(run["generation"]):
            newest[run["plan_id"]] = run
    expected = ((plan_id, run.get(EXPECTS, {}).get(path)) for plan_id, run in newest.items())
    return [("Plan", plan_id) for plan_id, each in expected if each is not None and each.get("step") is None]
