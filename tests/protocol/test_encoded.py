"""Structures as JSON bytes."""

from __future__ import annotations

import json

import pytest

from mplp_lsp.lsp import types
from mplp_lsp.lsp.structure import plain_of
from mplp_lsp.server.encoded import encode

PLACE = types.Range(types.Position(1, 2), types.Position(3, 4))


@pytest.mark.parametrize(
    "value",
    [
        PLACE,
        types.DocumentHighlight(range=PLACE, kind=types.DocumentHighlightKind.Write),
        [types.Location(uri="file:///a", range=PLACE), {"plain": PLACE}, None],
    ],
    ids=["range", "highlight", "list"],
)
def test_the_bytes_say_what_the_structures_say(value: object) -> None:
    assert json.loads(encode(value)) == plain_of(value)
