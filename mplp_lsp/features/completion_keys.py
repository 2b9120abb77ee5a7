"""Names of members that are still missing, the required ones first, each with a value of the right type."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lsprotocol import types

from mplp_lsp.features.completion_items import Offer
from mplp_lsp.features.completion_place import Place, described
from mplp_lsp.features.completion_samples import sample
from mplp_runtime.rules.findings import Pointer

_OPTIONAL = 100
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
_LONGEST_DETAIL = 60


def key_offers(place: Place) -> list[Offer]:
    """The members that the object at the cursor may still get. The one the cursor is on counts as missing."""
    cursor = place.cursor
    said = place.describe(cursor.pointer)
    required, known = said.get("required", ()), said.get("properties", {})
    if cursor.has_value and cursor.written in known:
        # A sound member: another key would only take its value away from it.
        return []
    present = place.value((*cursor.pointer, cursor.written)) if cursor.has_value else None
    offers = []
    for order, name in enumerate(known):
        pointer: Pointer = (*cursor.pointer, name)
        if name in cursor.keys or (present is not None and not _fits(present, place.describe(pointer))):
            continue
        value = None if cursor.has_value else sample(place, pointer, is_required=name in required)
        offers.append(
            Offer(
                name,
                value,
                types.CompletionItemKind.Property,
                detail=detail_of(place.describe(pointer), is_required=name in required),
                key=name,
                rank=order if name in required else _OPTIONAL + order,
                about=about(place, pointer),
            )
        )
    return offers


def _fits(value: object, said: Mapping[str, object]) -> bool:
    """Whether a value that stands there already is of the sort that belongs behind a key."""
    allowed, pattern, wanted = said.get("enum"), said.get("pattern"), said.get("type")
    if isinstance(allowed, list):
        return value in allowed
    if isinstance(pattern, str):
        return isinstance(value, str) and re.search(pattern, value) is not None
    if isinstance(value, bool):
        return wanted == "boolean"
    return wanted is None or isinstance(value, _TYPES.get(str(wanted), object))


def about(place: Place, pointer: Pointer) -> dict[str, object]:
    """What the documentation of a place follows from, whatever becomes of the document."""
    kind, prefix = place.described_as
    return {"schema": kind, "pointer": [*prefix, *pointer]}


def detail_of(said: Mapping[str, object], *, is_required: bool) -> str:
    """`required · string`, `one of draft, active`: a value of which sort belongs there."""
    allowed, form, kind = said.get("enum"), said.get("format"), said.get("type")
    if isinstance(allowed, list):
        sort = "one of " + ", ".join(map(str, allowed))
    elif "const" in said:
        sort = f"always {said['const']}"
    elif form is not None:
        sort = str(form)
    elif "-4[0-9a-f]{3}-" in str(said.get("pattern", "")):
        sort = "uuid"
    else:
        sort = str(kind or "")
    if len(sort) > _LONGEST_DETAIL:
        sort = sort[: _LONGEST_DETAIL - 1] + "…"
    return " · ".join(filter(None, ("required" if is_required else "", sort)))


def documentation(schema: str, pointer: Pointer) -> str:
    """What the schema says of a place, as Markdown; empty where it says nothing."""
    said = described((schema, ()), pointer)
    lines = [str(said["description"])] if "description" in said else []
    allowed, examples = said.get("enum"), said.get("examples")
    if isinstance(allowed, list):
        lines.append("Allowed: " + ", ".join(f"`{word}`" for word in allowed) + ".")
    elif isinstance(examples, list) and examples and isinstance(examples[0], str | int | float):
        lines.append(f"For example `{examples[0]}`.")
    return "\n\n".join(lines)
