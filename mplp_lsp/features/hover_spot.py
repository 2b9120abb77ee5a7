"""What stands under the cursor: a key, a value, or the bracket that opens one, with what is around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mplp_lsp.features.json_edits import value_at
from mplp_lsp.text.tree import Hit, Tree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.findings import Part, Pointer


@dataclass(frozen=True, slots=True)
class Spot:
    """One place of a JSON document, or of one line of a timeline.

    `pointer` counts from the root of the value that has a schema: a document, or a line; `place` from the
    document, so that in a timeline the line comes first. `header` is that value without the entries of its
    lists, `around` the object that holds the key or value.
    """

    snapshot: Snapshot
    document: Document
    kind: str
    place: Pointer
    pointer: Pointer
    part: Part
    value: object
    header: object
    around: Mapping[str, Any]
    start: int
    end: int

    def header_member(self, name: str) -> object:
        """A member of the root object; None where there is none."""
        return self.header.get(name) if isinstance(self.header, Mapping) else None

    @property
    def plan_id(self) -> object:
        """The plan that the document is, or is about."""
        return self.header_member("plan_id")


def spot_at(snapshot: Snapshot, document: Document, offset: int) -> Spot | None:
    """The place at an offset; None in white space, between brackets, and where there is no JSON."""
    if document.timeline is not None:
        timeline = document.timeline
        hit = timeline.at(offset)
        if not hit.pointer or not isinstance(hit.pointer[0], int):
            return None
        index = hit.pointer[0]
        start = timeline.start_of(index)
        within = Hit(hit.pointer[1:], hit.part, hit.start - start, hit.end - start)
        return _spot(snapshot, document, "event", timeline.lines[index].tree, (index,), within, offset)
    if document.tree is None or document.kind is None:
        return None
    return _spot(snapshot, document, document.kind, document.tree, (), document.tree.at(offset), offset)


def _spot(
    snapshot: Snapshot, document: Document, kind: str, tree: Tree, before: Pointer, hit: Hit, offset: int
) -> Spot | None:
    shift = document.timeline.start_of(int(before[0])) if before and document.timeline is not None else 0
    value = value_at(tree, hit.pointer)
    part, start, end = hit.part, hit.start, hit.end
    if part == "value" and isinstance(value, dict | list):
        # Anywhere inside a long value is not about the value: its opening bracket is.
        start, end = tree.range_of(hit.pointer, "open")
        part = "open"
    if not start <= offset - shift <= end or start == end:
        return None
    around = value_at(tree, hit.pointer[:-1]) if hit.pointer else None
    return Spot(
        snapshot,
        document,
        kind,
        (*before, *hit.pointer),
        hit.pointer,
        part,
        value,
        tree.header,
        around if isinstance(around, dict) else {},
        start + shift,
        end + shift,
    )
