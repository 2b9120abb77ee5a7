"""LSP values as JSON bytes; large ones are encoded in the worker that made them, not on the loop."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lsprotocol import types

from mplp_lsp.server.params import shared_converter


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value that is JSON already."""

    json: bytes


def encode(value: Any, *, sort_keys: bool = False) -> bytes:
    """JSON of plain values and lsprotocol's, in ASCII: a lone surrogate must not break the connection."""
    # Plain values, which large answers are made of, go through in C; the converter sees lsprotocol's only.
    text = json.dumps(value, default=_members, separators=(",", ":"), sort_keys=sort_keys)
    return text.encode("ascii")


def _members(value: object) -> Any:
    if type(value) is types.Range:
        # Long lists are lists of ranges.
        start, end = value.start, value.end
        return {
            "start": {"line": start.line, "character": start.character},
            "end": {"line": end.line, "character": end.character},
        }
    return shared_converter().unstructure(value)


def with_member(head: dict[str, Any], name: str, encoded: bytes) -> Encoded:
    """`head` (not empty) with one more member, whose JSON is there already."""
    return Encoded(b"%b,%b:%b}" % (encode(head)[:-1], encode(name), encoded))


def array(items: Iterable[Encoded]) -> bytes:
    """A JSON array."""
    return b"[%b]" % b",".join(item.json for item in items)
