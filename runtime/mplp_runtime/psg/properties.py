# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""What a change of a single node must not break (seed 1, 3.3): ids lead somewhere, and history stays.

Circles are `acyclic.py`'s, and that both ends of an edge are there is the store's. Whole documents are judged
by all rules (`documents.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from mplp_runtime.errors import DocumentInvalid, TransitionIllegal
from mplp_runtime.psg.world import PARTS, TYPES
from mplp_runtime.rules.lifecycle import is_legal, is_terminal
from mplp_runtime.vsl.interface import Json, Reading

HISTORY = frozenset({"Trace", "Segment"})
"""Types of which nothing that has ended is told differently afterwards."""
_NAMED = frozenset({*TYPES.values(), *(type_ for _, type_, _ in PARTS.values())})
"""Types whose ids stand in documents; files and commits come and go with what they are nodes of."""
_LEADS_TO = {
    "context_id": "Context",
    "plan_id": "Plan",
    "trace_id": "Trace",
}
"""Members of nodes that name another one, and its type."""


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


def refuse_lost(
    reading: Reading, type: str, id: str, data: Mapping[str, Json], before: Mapping[str, Json] | None
) -> None:
    """Raises DocumentInvalid where a node would name one that is not there; what it named before may be gone.

    The id of its own is none that leads elsewhere.
    """
    if type not in _NAMED:
        return
    for name, named in _LEADS_TO.items():
        value = data.get(name)
        if not isinstance(value, str) or named == type or (before is not None and before.get(name) == value):
            continue
        if reading.read_node(named, value) is None:
            raise DocumentInvalid(f"{type} {id} cannot name {named} {value}: it is not in the graph.")


def refuse_backwards(reading: Reading, id: str, data: Mapping[str, Json]) -> None:
    """Raises DocumentInvalid for a Segment that ends before it begins, or begins before its parent does."""
    begins, ends = _instant(data.get("started_at")), _instant(data.get("finished_at"))
    if begins is not None and ends is not None and ends < begins:
        raise DocumentInvalid(f"Segment {id} cannot end before it begins.")
    parent_id = data.get("parent_segment_id")
    if not isinstance(parent_id, str):
        return
    parent = reading.read_node("Segment", parent_id)
    if parent is None or parent_id == id:
        raise DocumentInvalid(f"Segment {id} cannot be part of Segment {parent_id}: it is not in the graph.")
    of_parent = _instant(parent.data.get("started_at"))
    if begins is not None and of_parent is not None and begins < of_parent:
        raise DocumentInvalid(f"Segment {id} cannot begin before Segment {parent_id}, which it is part of.")


def _instant(value: Json) -> datetime | None:
    """None for what tells no instant, which is for whole documents to say."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)


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
