"""lsprotocol's values as JSON bytes."""

from __future__ import annotations

import json

import pytest
from lsprotocol import types

from mplp_lsp.server.encoded import encode
from mplp_lsp.server.params import shared_converter

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
def test_the_bytes_say_what_the_values_say(value: object) -> None:
    assert json.loads(encode(value)) == shared_converter().unstructure(value)
