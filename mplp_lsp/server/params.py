"""Params as lsprotocol's types, or the -32602 they deserve (P7, P8)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from functools import cache
from typing import Any

from cattrs import Converter
from lsprotocol import types
from pygls.protocol import default_converter

from mplp_lsp.server import messages
from mplp_lsp.server.messages import RequestError
from mplp_lsp.text.uris import is_encodable


@cache
def shared_converter() -> Converter:
    """One converter for all sessions: its hooks are compiled once."""
    converter: Converter = default_converter()  # type: ignore[no-untyped-call]
    # cattrs would make the name "None" of a null, and a yes of the word "false" (P7).
    for plain in (str, int, bool):
        converter.register_structure_hook(plain, _plain)

    def change(value: Any, _: object) -> Any:
        # A range that is null is one that was not said: refused, every later edit would land somewhere else.
        is_whole = isinstance(value, Mapping) and value.get("range") is None
        return converter.structure(value, whole if is_whole else part)

    part, whole = types.TextDocumentContentChangePartial, types.TextDocumentContentChangeWholeDocument
    # Not the name that lsprotocol has for the two, whose members are only names themselves.
    converter.register_structure_hook(part | whole, change)
    return converter


def _plain(value: Any, expected: type) -> Any:
    """`value` if that is what it is; LSP's kinds of things, words and numbers too, by their value."""
    if issubclass(expected, enum.Enum):
        return expected(value)
    # Some clients have only one kind of number, and write 3.0.
    if expected is int and type(value) is float and value.is_integer():
        return int(value)
    if type(value) is not expected:
        raise TypeError(expected.__name__)
    return value


@cache
def params_type(method: str) -> Any:
    """The lsprotocol type of a method's params; None where it has none, or the method is unknown."""
    known = types.METHOD_TO_TYPES.get(method)
    return known[2] if known is not None else None


def structured(method: str, params: Any) -> Any:
    """`params` as lsprotocol's type. Raises RequestError -32602 with a sentence if they do not fit."""
    expected = params_type(method)
    if expected is None:
        return params
    if not isinstance(params, Mapping):
        raise RequestError(messages.INVALID_PARAMS, f"The params of {method} must be an object.")
    _refuse_odd_uris(method, params)
    try:
        return shared_converter().structure(params, expected)
    except Exception as error:
        # cattrs quotes values in its messages; the client knows what it sent.
        raise RequestError(
            messages.INVALID_PARAMS, f"The params of {method} are not a valid {expected.__name__}."
        ) from error


def _refuse_odd_uris(method: str, value: object, levels: int = 4) -> None:
    """cattrs makes a string of anything; a URI that is none, or has half a surrogate pair, names no file."""
    if levels == 0:
        return
    if isinstance(value, Mapping):
        for key, member in value.items():
            if key in {"uri", "oldUri", "newUri"}:
                if not isinstance(member, str) or not is_encodable(member):
                    raise RequestError(messages.INVALID_PARAMS, f"The params of {method} hold no sound URI.")
            elif key not in {"contentChanges", "diagnostics", "text"}:
                _refuse_odd_uris(method, member, levels - 1)
    elif isinstance(value, list):
        for member in value:
            _refuse_odd_uris(method, member, levels - 1)
