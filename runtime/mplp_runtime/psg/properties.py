# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""What a change of a single node must not break (seed 1, 3.3): ids lead somewhere, and history stays.

Circles are `acyclic.py`'s, and that both ends of an edge are there is the store's. Whole documents are judged
by all rules (`documents.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from mplp_runtime.errors import DocumentInvalid, TransitionIllegal
from mplp_runtime.psg.world import PARTS, TYPES
from mplp_runtime.rules.lifecycle import is_legal, is_terminal
from mplp_runtime.vsl.interface import Json, Reading

HISTORY = frozenset({"Trace", "Segment"})
"""Types of which nothing that has ended is told differently afterwards."""
_NAMED = frozenset({*TYPES.values(), *(type_ for _, type_, _ in PARTS.values())})
"""Types whose ids stand in documents; files and commits come and go with what they are nodes of."""


def refuse_named(reading: Reading, type: str, id: str) -> None:
    """Raises DocumentInvalid where a node is about to be deleted that others name."""
    if type not in _NAMED:
        return
    for edge in reading.edges(target=(type, id)):
        if (edge.source_type, edge.source_id) != (type, id):
            raise _named(type, id, edge.source_type, edge.source_id)
    # A plan that was taken in before its context has no edge to it yet.
    for plan in reading.nodes("Plan") if type == "Context" else ():
        if plan.data.get("context_id") == id:
            raise _named(type, id, plan.type, plan.id)


def refuse_rewriting(reading: Reading, type: str, id: str, data: Mapping[str, Json]) -> None:
    """Raises TransitionIllegal where a node of `HISTORY` would say something else than it did at its end."""
    before = reading.read_node(type, id, deleted=True)
    if before is None or (before.data == dict(data) and not before.deleted):
        return
    what = f"{type} {id}"
    if before.deleted:
        raise TransitionIllegal(f"{what} was deleted, and history is not told again.")
    kind, status = type.lower(), str(before.data.get("status"))
    if is_terminal(kind, status):
        raise TransitionIllegal(f"{what} is {status}, and what has ended stays as it was.")
    now = str(data.get("status"))
    if not is_legal(kind, status, now):
        raise TransitionIllegal(f"{what} cannot go from {status} to {now}.")


def _named(type: str, id: str, by_type: str, by_id: str) -> DocumentInvalid:
    return DocumentInvalid(f"{type} {id} cannot be deleted: {by_type} {by_id} names it.")
