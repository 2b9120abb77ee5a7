"""Params as structures of `mplp_lsp.lsp`, or the -32602 they deserve (P7, P8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mplp_lsp.lsp.reading import Misfit, read
from mplp_lsp.lsp.table import PARAMS
from mplp_lsp.server import messages
from mplp_lsp.server.messages import RequestError


def structured(method: str, params: Any) -> Any:
    """`params` as the method's class. Raises RequestError -32602 with a sentence if they do not fit."""
    expected = PARAMS.get(method)
    if expected is None:
        return params
    if not isinstance(params, Mapping):
        raise RequestError(messages.INVALID_PARAMS, f"The params of {method} must be an object.")
    _refuse_odd_uris(method, params)
    try:
        return read(expected, params)
    except (Misfit, RecursionError) as error:
        raise RequestError(
            messages.INVALID_PARAMS, f"The params of {method} are not a valid {expected.__name__}."
        ) from error


def _refuse_odd_uris(method: str, value: object, levels: int = 4) -> None:
    """A URI that is no text, or has half a surrogate pair, names no file; the reader looks at types only."""
    if levels == 0:
        return
    if isinstance(value, Mapping):
        for key, member in value.items():
            if key in {"uri", "oldUri", "newUri"}:
                if not isinstance(member, str) or not _is_encodable(member):
                    raise RequestError(messages.INVALID_PARAMS, f"The params of {method} hold no sound URI.")
            elif key not in {"contentChanges", "diagnostics", "text"}:
                _refuse_odd_uris(method, member, levels - 1)
    elif isinstance(value, list):
        for member in value:
            _refuse_odd_uris(method, member, levels - 1)


def _is_encodable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
