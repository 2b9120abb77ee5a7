"""A session in this process, without a socket between: its objects can be looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mplp_lsp.server.outbox import Outbox
from mplp_lsp.server.process import ServerProcess


class KeptBytes:
    """A sink for one connection; forgets on demand."""

    def __init__(self) -> None:
        self.data = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.data += data

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


class Editor:
    """Types into one session of its own; `sink` holds what came back."""

    def __init__(self, process: ServerProcess, root: Path) -> None:
        self.session = process.session()
        self.sink = KeptBytes()
        self.session.attach(Outbox(self.sink), lambda: None)
        self.root = root
        folders = [{"uri": root.as_uri(), "name": "work"}]
        self.send("initialize", {"capabilities": {}, "workspaceFolders": folders}, id=1)
        self.send("initialized", {})

    def send(self, method: str, params: Any = None, **more: Any) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params, **more}
        self.session.protocol.receive(json.dumps(message).encode())
        self.session.catch_up()

    def open(self, name: str, text: str) -> str:
        """Opens a document of the folder; its URI."""
        uri = (self.root / name).as_uri()
        document = {"uri": uri, "languageId": "json", "version": 1, "text": text}
        self.send("textDocument/didOpen", {"textDocument": document})
        return uri
