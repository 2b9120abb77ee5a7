"""JSON-RPC envelopes: bytes to a checked message, or the one error answer they deserve (P6, P7, P8).

JSON is parsed first and structured later, so that the request id is known before anything can go wrong, and a
nested object that happens to contain `jsonrpc` is just data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_NOT_INITIALIZED = -32002
REQUEST_CANCELLED = -32800
REQUEST_FAILED = -32803

MessageId = str | int


class RequestError(Exception):
    """An error answer: `code` as LSP defines it and one sentence for a person."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


@dataclass(frozen=True, slots=True)
class Request:
    """Wants exactly one answer."""

    id: MessageId
    method: str
    params: Any


@dataclass(frozen=True, slots=True)
class Notification:
    """Wants none."""

    method: str
    params: Any


@dataclass(frozen=True, slots=True)
class Response:
    """The client's answer to a request of ours; `error` is None when it went well."""

    id: MessageId
    result: Any
    error: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Malformed:
    """Neither of these; `id` is None where none could be made out."""

    id: MessageId | None
    error: RequestError


Message = Request | Notification | Response | Malformed


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def parse(body: bytes) -> Message:
    """What `body` holds. Never raises."""
    try:
        value = _DECODER.decode(body.decode("utf-8-sig"))
    except RecursionError:
        return Malformed(None, RequestError(PARSE_ERROR, "The message is nested too deeply."))
    except (ValueError, MemoryError) as error:
        # Only the kind of fault: the sentence of a decode error can quote the document.
        return Malformed(
            None, RequestError(PARSE_ERROR, f"The message is not JSON ({type(error).__name__}).")
        )
    return _classified(value)


def _classified(value: object) -> Message:
    if not isinstance(value, dict):
        return Malformed(None, RequestError(INVALID_REQUEST, "A message must be a JSON object."))
    message_id = value.get("id")
    has_id = "id" in value
    id_is_sound = isinstance(message_id, (str, int)) and not isinstance(message_id, bool)
    answer_id = message_id if id_is_sound else None
    if value.get("jsonrpc") != "2.0":
        return Malformed(answer_id, RequestError(INVALID_REQUEST, '"jsonrpc" must be "2.0".'))
    if "method" not in value:
        if has_id and ("result" in value or "error" in value):
            error = value.get("error")
            sound_error = error if isinstance(error, dict) else {"message": "unspecified"} if error else None
            if answer_id is None:
                # An answer to an answer of ours: there is nothing to tell anybody.
                return Notification("$/unmatched-response", None)
            return Response(answer_id, value.get("result"), sound_error)
        return Malformed(answer_id, RequestError(INVALID_REQUEST, 'A message needs a "method".'))
    method = value["method"]
    if not isinstance(method, str):
        return Malformed(answer_id, RequestError(INVALID_REQUEST, '"method" must be a string.'))
    if not has_id:
        return Notification(method, value.get("params"))
    if answer_id is None:
        return Malformed(None, RequestError(INVALID_REQUEST, '"id" must be a string or an integer.'))
    return Request(answer_id, method, value.get("params"))
