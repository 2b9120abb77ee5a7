"""Findings with offsets: from JSON pointers to places in the text, in this document and in others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_runtime.rules.findings import Finding, Part, Place, Pointer

_RANGES = "ranges of findings"


@dataclass(frozen=True, slots=True)
class RelatedSpot:
    """A second place that explains a finding; `document` is where its offsets count."""

    document: Document
    start: int
    end: int
    message: str


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and the offsets (code points) it covers; related places that cannot be found are left out."""

    finding: Finding
    start: int
    end: int
    related: tuple[RelatedSpot, ...] = ()


def range_of(document: Document, pointer: Pointer, part: Part = "value") -> tuple[int, int]:
    """Offsets of a value, its key or its opening bracket, in any kind of document.

    A pointer that is not there stands for its nearest ancestor that is. In a timeline the first part of a
    pointer is the line, counted from 0. Foreign documents have one place only, their start.
    """
    if document.timeline is not None:
        return document.timeline.range_of(pointer, part)
    if document.toml is not None:
        return document.toml.range_of(pointer, part)
    if document.tree is not None:
        return document.tree.range_of(pointer, part)
    return 0, 0


def located(
    document: Document, findings: Iterable[Finding], documents: Mapping[str, Document]
) -> list[Located]:
    """Each finding with its offsets, in the given order; related places may be in any of `documents`."""
    tree = document.tree
    return [
        Located(
            finding,
            *(range_of(document, *_spot(finding)) if tree is None else _kept_range(tree, finding.place)),
            related_spots(document, finding, documents),
        )
        for finding in findings
    ]


def _spot(finding: Finding) -> tuple[Pointer, Part]:
    return finding.place.pointer, finding.place.part


def _kept_range(tree: Tree, place: Place) -> tuple[int, int]:
    """`tree.range_of`; inside an element looked up once, for where that stands is told by its own start."""
    pointer, part = place.pointer, place.part
    table = tree.tables.get(str(pointer[0])) if len(pointer) > 1 else None
    index = pointer[1] if table is not None else None
    if table is None or not isinstance(index, int) or not 0 <= index < table.count:
        return tree.range_of(pointer, part)
    cache, start = table.element(index).cache, table.start_of(index)
    ranges: dict[tuple[Pointer, Part], tuple[int, int]] = cache.setdefault(_RANGES, {})  # type: ignore[assignment]
    known = ranges.get((pointer[2:], part))
    if known is None:
        first, last = tree.range_of(pointer, part)
        known = ranges[pointer[2:], part] = (first - start, last - start)
    return known[0] + start, known[1] + start


def related_spots(
    document: Document, finding: Finding, documents: Mapping[str, Document]
) -> tuple[RelatedSpot, ...]:
    """The places of `finding.related` that can be found."""
    spots: list[RelatedSpot] = []
    for related in finding.related:
        home = _home(document, related.place, documents)
        if home is not None:
            spots.append(
                RelatedSpot(home, *range_of(home, related.place.pointer, related.place.part), related.message)
            )
    return tuple(spots)


def _home(document: Document, place: Place, documents: Mapping[str, Document]) -> Document | None:
    if place.document is None:
        return document
    return documents.get(place.document)
