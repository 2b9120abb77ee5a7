# ruff: noqa: A002 - `id` is the word of the protocol
"""The graph as the rules see it: its nodes as documents, so that one set of rules judges both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from mplp_runtime.rules.facts import OWN_ID, document_facts
from mplp_runtime.rules.history import baseline_of
from mplp_runtime.rules.world import Baseline, DocumentFacts
from mplp_runtime.settings import Settings
from mplp_runtime.vsl.interface import Json, Node, Reading

TYPES: Mapping[str, str] = MappingProxyType(
    {
        kind: kind.capitalize()
        for kind in (
            "context",
            "plan",
            "confirm",
            "trace",
            "role",
            "dialog",
            "collab",
            "extension",
            "core",
            "network",
        )
    }
)
"""Kind of a document -> type of its node."""

PARTS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {"plan": ("steps", "Step", "step_id"), "trace": ("segments", "Segment", "segment_id")}
)
"""Documents whose entries are nodes of their own: the list, the type of its nodes, and the entry's id."""


def id_list(kind: str) -> str:
    """The member of a document's node that has the ids of its parts, in order: `step_ids`, `segment_ids`."""
    return f"{PARTS[kind][2]}s"


def document_in(reading: Reading, kind: str, id: str) -> dict[str, Json] | None:
    """The whole document as the graph has it; None where it has none."""
    node = reading.read_node(TYPES[kind], id)
    return None if node is None else assembled(reading, kind, node)


def assembled(reading: Reading, kind: str, node: Node) -> dict[str, Json]:
    """A document from its node and the nodes of its parts."""
    value = dict(node.data)
    if kind not in PARTS:
        return value
    field, type_, _ = PARTS[kind]
    parts = (reading.read_node(type_, part) for part in value.pop(id_list(kind), ()))
    added = {OWN_ID[kind], "position"}
    value[field] = [
        {name: member for name, member in part.data.items() if name not in added}
        for part in parts
        if part is not None
    ]
    if kind == "trace" and not value[field]:
        # A trace may be without the list; an empty one would say something else.
        del value[field]
    return value


class GraphWorld:
    """All documents of the graph within one reading. Implements `rules.world.World`; has no mplp.toml."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def declarations(self, kind: str, id: str) -> Sequence[DocumentFacts]:
        if kind not in TYPES:
            return ()
        node = self._reading.read_node(TYPES[kind], id)
        return () if node is None else (self._facts(kind, node),)

    def documents(self, kind: str | None = None) -> Iterable[DocumentFacts]:
        for each in (kind,) if kind is not None else TYPES:
            for node in self._reading.nodes(TYPES[each]) if each in TYPES else ():
                yield self._facts(each, node)

    def settings(self) -> Settings | None:
        return None

    def baseline(self, kind: str, id: str) -> Baseline | None:
        """What the graph has now is what a change is measured against."""
        found = self.declarations(kind, id)
        return baseline_of(found[0]) if found else None

    def _facts(self, kind: str, node: Node) -> DocumentFacts:
        return document_facts(uri_of(kind, node.id), kind, assembled(self._reading, kind, node), {})


def uri_of(kind: str, id: str) -> str:
    """The place of a document in the graph, as the rules know places.

    >>> uri_of("plan", "1")
    'psg:/psg/plans/1'
    """
    return f"psg:/psg/{kind}s/{id}"


def own_id(kind: str, value: Mapping[str, Json]) -> str:
    """The document's own id, e.g. its `plan_id`."""
    return str(value[OWN_ID[kind]])
