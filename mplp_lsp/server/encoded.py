"""LSP values as JSON bytes; large ones are encoded in the worker that made them, not on the loop."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mplp_lsp.lsp.structure import Structure
from mplp_lsp.lsp.values import Position, Range


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value that is JSON already."""

    json: bytes


def encode(value: Any, *, sort_keys: bool = False) -> bytes:
    """JSON of plain values and structures, in ASCII: a lone surrogate must not break the connection.

    Raises TypeError for anything else.
    """
    # Plain values, which large answers are made of, go through in C.
    text = json.dumps(value, default=_members, separators=(",", ":"), sort_keys=sort_keys)
    return text.encode("ascii")


def _members(value: object) -> dict[str, Any]:
    if type(value) is Range:
        # Long lists are lists of ranges.
        return {"start": _position(value.start), "end": _position(value.end)}
    if isinstance(value, Structure):
        return value.plain()
    raise TypeError(f"{type(value).__name__} has no form in JSON.")


def _position(position: Position) -> dict[str, Any]:
    return {"line": position.line, "character": position.character}


def with_member(head: dict[str, Any], name: str, encoded: bytes) -> Encoded:
    """`head` (not empty) with one more member, whose JSON is there already."""
    return Encoded(b"%b,%b:%b}" % (encode(head)[:-1], encode(name), encoded))


def array(items: Iterable[Encoded]) -> bytes:
    """A JSON array."""
    return b"[%b]" % b",".join(item.json for item in items)
