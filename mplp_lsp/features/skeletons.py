"""Whole documents for empty files: the least that is sound, bound to what the workspace has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from lsprotocol import types

from mplp_lsp.features.completion_events import TYPES_OF_FAMILY
from mplp_lsp.features.completion_items import Offer
from mplp_lsp.features.completion_place import Place
from mplp_lsp.features.completion_samples import object_sample
from mplp_lsp.features.completion_text import Hole, plain
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree

_VARIANTS: Mapping[str, tuple[tuple[str, Mapping[str, str]], ...]] = {
    "event": (
        ("event", {}),
        ("pipeline stage event", {"event_family": "pipeline_stage"}),
        ("graph update event", {"event_family": "graph_update"}),
        ("runtime execution event", {"event_family": "runtime_execution"}),
        ("single-agent event", {"sa_id": ""}),
        ("multi-agent event", {"session_id": ""}),
    ),
    "sample": (
        ("learning sample", {}),
        ("intent sample", {"sample_family": "intent_resolution"}),
        ("delta sample", {"sample_family": "delta_impact"}),
    ),
}
_TARGETS = ("plan", "context", "extension", "trace")
_NAMES = {"file-update": "file update event", "git": "git event", "ci": "CI event", "tool": "tool event"}


def skeleton_offers(place: Place) -> list[Offer]:
    """A new document of the kind the file is for; for events and samples one of each sort."""
    variants = _VARIANTS.get(place.kind, ((_NAMES.get(place.kind, place.kind), _settled(place)),))
    offers = []
    for rank, (name, members) in enumerate(variants):
        value = skeleton(place, members)
        offers.append(
            Offer(
                f"new {name}",
                value,
                types.CompletionItemKind.Snippet,
                detail=_bound_to(place, value),
                words=f"new {name}",
                rank=rank,
                is_obvious=not rank,
                about={"schema": _like(place, members).described_as[0], "pointer": []},
            )
        )
    return offers


def skeleton(place: Place, members: Mapping[str, str]) -> object:
    """The template of a new document that is like one with these members."""
    value = object_sample(_like(place, members), ())
    if place.kind == "trace" and isinstance(value, dict) and isinstance(value["root_span"], dict):
        value["root_span"]["trace_id"] = value["trace_id"]
    family = plain(value.get("event_family")) if isinstance(value, dict) else None
    if isinstance(value, dict) and isinstance(family, str) and family in TYPES_OF_FAMILY:
        value["event_type"] = Hole(TYPES_OF_FAMILY[family][0])
    if isinstance(value, dict) and "sample_family" in value and not members:
        value["sample_family"] = Hole("pipeline_outcome")
    return value


def _settled(place: Place) -> Mapping[str, str]:
    """What of a new document follows from the others: a Confirm is about what is there to decide."""
    if place.kind != "confirm":
        return {}
    index = place.snapshot.index
    there = (kind for kind in _TARGETS if any(True for _ in index.documents(kind)))
    return {"target_type": next(there, "plan")}


def _like(place: Place, members: Mapping[str, str]) -> Place:
    """The same place in a document that says already which schema governs it."""
    return replace(place, tree=Tree.parse(TextSnapshot.of(json.dumps(members))))


def _bound_to(place: Place, value: object) -> str:
    """What of the workspace the new document refers to, in words."""
    return ", ".join(f"for {title}" for title in _titles(place, plain(value)))


def _titles(place: Place, value: object) -> Iterator[str]:
    if not isinstance(value, Mapping):
        return
    index = place.snapshot.index
    kinds = {"context_id": "context", "plan_id": "plan", "target_id": str(value.get("target_type"))}
    for member, kind in kinds.items():
        known = value.get(member)
        declared = index.declarations(kind, known) if isinstance(known, str) else ()
        if declared and place.kind != kind:
            yield f"the {kind} “{declared[0].title or declared[0].uri.rpartition('/')[2]}”"
