"""Where a completion is asked for: the cursor, the schema that governs it, and what stands around it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mplp_schemas
from mplp_lsp.analysis.cursor import Cursor, cursor_at
from mplp_lsp.analysis.document import is_too_large
from mplp_lsp.features.completion_roles import Role, known_roles
from mplp_lsp.features.completion_text import Layout
from mplp_lsp.features.fresh import Fresh
from mplp_lsp.features.json_edits import value_at
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.kinds import MODULES
from mplp_runtime.rules.choice import has_schema, schema_for
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.names import Name, element_names, header_names

_KIND_OF_SCHEMA = {name: kind for kind, name in mplp_schemas.KINDS.items()}
# An event as it stands in a module's own list has no kind; every module describes it alike.
_BASE_EVENT_AT: tuple[str, Pointer] = ("plan", ("events", 0))
_BASE_EVENT_NAME = "common/events.schema.json"
_PROBE_ID = "00000000-0000-4000-8000-000000000000"
_PROBE_WORD = "word"


@dataclass(frozen=True, eq=False)
class Place:
    """The place at `offset` in one document. Offsets of `cursor` count in `tree`, which starts at `base`.

    `kind` is the kind of document the rules see: in a timeline each line is an `event`.
    """

    snapshot: Snapshot
    document: Document
    kind: str
    tree: Tree
    base: int
    offset: int
    cursor: Cursor
    fresh: Fresh

    # What the schema says

    @cached_property
    def described_as(self) -> tuple[str, Pointer]:
        """The kind that `mplp_schemas.describe` is to be asked about, and what pointers begin with there."""
        return described_as(self.kind, self.tree.header)

    def describe(self, pointer: Pointer) -> Mapping[str, Any]:
        """What the schema says about a place of this document; empty where it says nothing."""
        return described(self.described_as, pointer)

    def meaning(self, pointer: Pointer) -> Name | None:
        """What an id or a word at a place would be the name of; None where it names nothing."""
        around = self.value(pointer[:-1]) if pointer and isinstance(pointer[-1], str) else None
        return meaning_of(self.kind, pointer, around if isinstance(around, Mapping) else {})

    # What stands around

    def value(self, pointer: Pointer) -> object:
        """The value at a place of this document, as it is now; None where nothing stands there."""
        return value_at(self.tree, pointer)

    def text_at(self, *pointer: str | int) -> str | None:
        """The same, where it is text."""
        value = self.value(pointer)
        return value if isinstance(value, str) else None

    @cached_property
    def roles(self) -> list[Role]:
        """Roles that exist, the likely ones first."""
        return known_roles(self.snapshot, self.document)

    @cached_property
    def line_prefix(self) -> str:
        """The line up to what is replaced."""
        return self._line_before(self.cursor.start)

    def _line_before(self, offset: int) -> str:
        at = self.base + offset
        text = self.document.text
        number, _ = text.position(at, "utf-32")
        return text.slice(text.line_start(number), at)

    @cached_property
    def indent(self) -> str:
        """The blanks the line starts with."""
        return self.line_prefix[: len(self.line_prefix) - len(self.line_prefix.lstrip(" \t"))]

    @cached_property
    def line_break(self) -> str:
        """How this document ends its lines."""
        return "\r\n" if self.document.text.line(0).endswith("\r\n") else "\n"

    @cached_property
    def unit(self) -> str:
        """One level of indentation, as the author writes it."""
        cursor = self.cursor
        depth = len(cursor.pointer) + (cursor.role == "key")
        if self.line_prefix.strip():
            # The line starts with the member this value belongs to, not with the value.
            depth = len(cursor.pointer) - (cursor.is_alone and cursor.role == "value")
        if "\t" in self.indent:
            return "\t"
        width = len(self.indent) // depth if depth > 0 else 0
        return " " * (width if 0 < width <= 8 else 2)

    def layout(self, *, is_relative: bool) -> Layout | None:
        """How a new object is laid out here; None where everything stands on one line.

        A relative layout leaves the indentation of the line to the client.
        """
        if self.document.timeline is not None or not self._is_spread:
            return None
        return Layout(self.line_break + ("" if is_relative else self.indent), self.unit)

    @property
    def _is_spread(self) -> bool:
        rest = self.line_prefix.lstrip(" \t")
        pointer = self.cursor.pointer
        if not rest:
            return bool(self.indent) or not pointer
        if self.cursor.role == "key" or not pointer:
            return False
        key = pointer[-2] if self.cursor.is_alone and len(pointer) > 1 else pointer[-1]
        return isinstance(key, str) and rest.startswith(json.dumps(key)) and bool(self.indent)

    @property
    def is_bracketed(self) -> bool:
        """Whether the cursor stands alone between the brackets of a list, on the line of its key."""
        return self.cursor.is_alone and self.cursor.role == "value" and bool(self.line_prefix.strip())


def place_at(snapshot: Snapshot, document: Document, offset: int) -> Place | None:
    """The place at an offset of a JSON document or a timeline; None where nothing can be written."""
    tree, base, kind = document.tree, 0, document.kind
    timeline = document.timeline
    if timeline is not None and timeline.count:
        index, base = timeline.lines.locate(min(max(offset, 0), document.text.length))
        tree, kind = timeline.lines[index].tree, "event"
    if tree is None or kind is None or not has_schema(kind) or is_too_large(tree):
        return None
    cursor = cursor_at(tree, offset - base)
    if cursor is None:
        return None
    return Place(snapshot, document, kind, tree, base, offset, cursor, Fresh(snapshot, document, offset))


def described_as(kind: str, header: object) -> tuple[str, Pointer]:
    """The kind and the beginning of pointers under which `mplp_schemas.describe` knows a document."""
    name = schema_for(kind, header)
    return _BASE_EVENT_AT if name == _BASE_EVENT_NAME else (_KIND_OF_SCHEMA[name], ())


def described(owner: tuple[str, Pointer], pointer: Pointer) -> Mapping[str, Any]:
    """What the schema says about a place; empty where it says nothing."""
    kind, prefix = owner
    return mplp_schemas.describe(kind, (*prefix, *pointer)) or {}


def meaning_of(kind: str, pointer: Pointer, around: Mapping[str, object]) -> Name | None:
    """What an id, else a word, would name at a place; `around` is the object it is a member of.

    The table of names speaks about values, so a value is put there to be asked about.
    """
    probe = tuple(0 if isinstance(part, int) else part for part in pointer)
    # Of documents of a free shape the table wants to see the whole.
    start = 2 if len(probe) >= 2 and isinstance(probe[1], int) and kind in MODULES else 0
    for text in (_PROBE_ID, _PROBE_WORD):
        value: object = text
        members = dict(around)
        for part in reversed(probe[start:]):
            value = [value] if isinstance(part, int) else {**members, part: value}
            members = {}
        if start:
            found = [name.below(probe[:2]) for name in element_names(kind, str(probe[0]), value)]
        else:
            found = list(header_names(kind, value))
        named = next((name for name in found if name.pointer == probe), None)
        if named is not None:
            return named
    return None
