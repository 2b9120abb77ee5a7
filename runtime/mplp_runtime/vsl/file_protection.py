"""What the files that retell the state show of it: everything, nothing without the key, or only its shape.

Traces and timelines are written for people and other programs. Where the state is encrypted they are as well,
unless `[state] files` says otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from mplp_runtime.disk import read_regular, why
from mplp_runtime.errors import StoreError
from mplp_runtime.vsl.cipher import Cipher
from mplp_runtime.vsl.values import Sealed

REDACTED = "[redacted]"
SEALED_SUFFIX = ".sealed"

# ASCII, as in the store: a lone surrogate in a tool's output has no UTF-8 form.
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode

_SHOWN_KEYS = re.compile(
    r"(.*_)?(id|ids|at|version|type|kind|status|family|timestamp|role|module|mode|profile|priority|severity)"
    r"|protocolVersion|runtime|from|to|format"
)
"""Members that name, order or classify. What people, models and tools wrote stands under others."""


class Protection(Protocol):
    """How a file is written. `suffix` is added to the name of a file that only mplp-lsp can read."""

    suffix: str

    def event(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """What stands in one line of a timeline for an event."""

    def event_of(self, line: Mapping[str, Any]) -> Mapping[str, Any]:
        """The event (or what is shown of it) that a line of such a timeline stands for."""

    def text(self, pieces: Iterable[str]) -> Iterable[str]:
        """What stands in a trace document's file for its JSON text."""


class Plain:
    """Everything is shown."""

    suffix = ""

    def event(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        return event

    def event_of(self, line: Mapping[str, Any]) -> Mapping[str, Any]:
        return line

    def text(self, pieces: Iterable[str]) -> Iterable[str]:
        return pieces


PLAIN = Plain()


class Redacting:
    """The shape is shown: ids, times, kinds, states and numbers; every other text is `[redacted]`.

    The documents stay valid, so that everything that reads traces still can.
    """

    suffix = ""

    def event(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = redacted(event)
        return found

    def event_of(self, line: Mapping[str, Any]) -> Mapping[str, Any]:
        return line

    def text(self, pieces: Iterable[str]) -> Iterable[str]:
        yield json.dumps(redacted(json.loads("".join(pieces))), ensure_ascii=True, indent=2)
        yield "\n"


class Encrypting:
    """Nothing is shown without the key: each line, and each document, is one encrypted text (seed 1, 8.2).

    `{"key_id": "<16 digits>", "sealed": "iv::authTag::ciphertext"}`. Such files end with `.sealed`, since
    they are no documents of the protocol.
    """

    suffix = SEALED_SUFFIX

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher

    def event(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._line(_encode(dict(event)))

    def event_of(self, line: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises StoreError where none of the keys at hand opens it."""
        found: Mapping[str, Any] = json.loads(opened(line, self._cipher))
        return found

    def text(self, pieces: Iterable[str]) -> Iterable[str]:
        # Half a surrogate pair stands escaped in a file, as it does where nothing is encrypted.
        text = "".join(pieces).encode("utf-8", "backslashreplace").decode("utf-8")
        ascii_text = json.dumps(json.loads(text), ensure_ascii=True, indent=2)
        yield _encode(self._line(ascii_text))
        yield "\n"

    def _line(self, text: str) -> dict[str, str]:
        sealed = self._cipher.seal(text)
        return {"key_id": sealed.key_id, "sealed": sealed.text}


def redacted(value: Any, key: str = "") -> Any:
    """A JSON value with every text that may tell something replaced, whatever it is nested in.

    >>> redacted({"step_id": "a", "payload": {"output": "secret", "exit_code": 0, "status": "failed"}})
    {'step_id': 'a', 'payload': {'output': '[redacted]', 'exit_code': 0, 'status': 'failed'}}
    """
    if isinstance(value, Mapping):
        return {name: redacted(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [redacted(item, key) for item in value]
    if isinstance(value, str) and not _SHOWN_KEYS.fullmatch(key):
        return REDACTED
    return value


def opened(line: Mapping[str, Any], cipher: Cipher) -> str:
    """The text behind one encrypted line. Raises StoreError if it is none, or none of the keys opens it."""
    key_id, sealed = line.get("key_id"), line.get("sealed")
    if not isinstance(key_id, str) or not isinstance(sealed, str):
        raise StoreError("This line is not an encrypted one.")
    return cipher.open(Sealed(sealed, key_id))


def read_sealed(path: Path, cipher: Cipher) -> str:
    """The text of an encrypted trace or timeline, one line of it for each line there. Raises StoreError.

    For people who have the key; the command line shows runs from the state itself.
    """
    try:
        lines = read_regular(path, "ascii").splitlines()
        return "".join(f"{opened(json.loads(line), cipher).rstrip()}\n" for line in lines)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {why(error)}.") from error
