"""The answer to `initialize`, given before the protocol library is even imported.

Importing lsprotocol builds about a thousand classes (0.4 s); an editor that waits for that waits for nothing,
because its answer needs none of them. What follows the first message waits in the pipe meanwhile.
"""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from mplp_lsp.server.capabilities import Client, client_of, server_capabilities
from mplp_lsp.server.commands import command_names
from mplp_lsp.server.framing import Frames, framed
from mplp_lsp.server.life import is_alive
from mplp_lsp.server.messages import Request, parse
from mplp_lsp.server.routes import providers
from mplp_lsp.version import VERSION, declaration

CHUNK_BYTES = 64 * 1024
LONGEST_PATIENCE_S = 1.0


def initialize_result(client: Client) -> dict[str, object]:
    """What this server can do for `client`; `serverInfo` carries the runtime's declaration (seed 1, 7.2)."""
    return {
        "capabilities": server_capabilities(client, command_names(), providers()),
        "serverInfo": {"name": "mplp-lsp", "version": VERSION, **declaration()},
    }


@dataclass(frozen=True, slots=True)
class Greeting:
    """What was read of the input so far.

    `params` are those of an `initialize` that has been answered; without, nothing has been answered and
    `unread` holds everything.
    """

    unread: bytes = b""
    params: Mapping[str, Any] | None = None
    is_over: bool = False


def greeted(incoming: BinaryIO, outgoing: BinaryIO, client_process_id: int | None) -> Greeting:
    """Reads the first message and answers it if it is a sound `initialize`; else the session does."""
    if sys.platform == "win32":
        # Its pipes cannot be waited for with a time limit.
        return Greeting()
    frames = Frames()
    read = bytearray()
    while (body := frames.next()) is None:
        if client_process_id is not None and not is_alive(client_process_id):
            return Greeting(bytes(read), is_over=True)
        if not select.select([incoming], [], [], LONGEST_PATIENCE_S)[0]:
            continue
        data = incoming.read(CHUNK_BYTES)
        if not data:
            return Greeting(bytes(read), is_over=True)
        read += data
        frames.feed(data)
    message = parse(body) if isinstance(body, bytes) else None
    if not isinstance(message, Request) or message.method != "initialize" or not is_usable(message.params):
        return Greeting(bytes(read))
    result = initialize_result(client_of(message.params))
    answer = {"jsonrpc": "2.0", "id": message.id, "result": result}
    _write(outgoing, framed(json.dumps(answer, separators=(",", ":")).encode("ascii")))
    return Greeting(frames.rest(), message.params)


def is_usable(params: object) -> bool:
    """Whether these params of `initialize` name the client's capabilities."""
    return isinstance(params, Mapping) and isinstance(params.get("capabilities"), Mapping)


def _write(outgoing: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[outgoing.write(view) or 0 :]
