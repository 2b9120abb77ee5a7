"""A raw JSON-RPC client over a subprocess, strict about what a server may send.

It fails when the server sends something the client never announced, answers twice or answers nobody, pops up
a message, publishes to a client that pulls, or leaves a traceback in its log.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

LIMIT_S = 20.0

NEEDS: Mapping[str, tuple[str, ...]] = {
    "workspace/configuration": ("workspace.configuration",),
    "window/workDoneProgress/create": ("window.workDoneProgress",),
    "workspace/diagnostic/refresh": ("workspace.diagnostics.refreshSupport",),
    "workspace/inlayHint/refresh": ("workspace.inlayHint.refreshSupport",),
    "workspace/codeLens/refresh": ("workspace.codeLens.refreshSupport",),
    "workspace/semanticTokens/refresh": ("workspace.semanticTokens.refreshSupport",),
    "workspace/textDocumentContent/refresh": ("workspace.textDocumentContent",),
    "workspace/applyEdit": ("workspace.applyEdit",),
    "window/showDocument": ("window.showDocument.support",),
    "window/showMessageRequest": ("window.showMessage",),
    "client/registerCapability": (
        "workspace.didChangeWatchedFiles.dynamicRegistration",
        "workspace.didChangeConfiguration.dynamicRegistration",
    ),
}
NOTIFICATIONS = {
    "textDocument/publishDiagnostics",
    "window/logMessage",
    "$/progress",
    "$/logTrace",
    "mplp/run",
}

PLAIN: dict[str, Any] = {
    "textDocument": {"publishDiagnostics": {"versionSupport": True, "relatedInformation": True}}
}
PULLING: dict[str, Any] = {
    "textDocument": {"diagnostic": {"dynamicRegistration": False, "relatedDocumentSupport": False}},
    "workspace": {"diagnostics": {"refreshSupport": True}},
}


def at(value: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.code = error.get("code")
        self.error = error


def server_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mplp_lsp", *arguments]


def environment(home: Path | None = None, **extra: str) -> dict[str, str]:
    kept = {
        name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV") if name in os.environ
    }
    where = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")} if home is not None else {}
    return {**kept, "HOME": os.environ.get("HOME", "/tmp"), **where, **extra}


class Wire:
    """Framed JSON over two byte streams; a thread reads, `incoming` holds what came."""

    def __init__(self, read: Callable[[int], bytes], write: Callable[[bytes], Any]) -> None:
        self._read = read
        self._write = write
        self.incoming: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.stray = b""
        self._thread = threading.Thread(target=self._pump, daemon=True)
        self._thread.start()

    def send_bytes(self, data: bytes) -> None:
        self._write(data)

    def send(self, message: object) -> None:
        body = json.dumps(message).encode()
        self.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def _pump(self) -> None:
        buffer = b""
        while True:
            try:
                data = self._read(65536)
            except (OSError, ValueError):
                data = b""
            if not data:
                self.stray = buffer
                self.incoming.put(None)
                return
            buffer += data
            while (end := buffer.find(b"\r\n\r\n")) >= 0:
                header = buffer[:end]
                if not header.startswith(b"Content-Length: "):
                    self.stray = buffer
                    self.incoming.put(None)
                    return
                length = int(header[16:])
                if len(buffer) < end + 4 + length:
                    break
                self.incoming.put(json.loads(buffer[end + 4 : end + 4 + length]))
                buffer = buffer[end + 4 + length :]


class Client:
    """One session over one wire."""

    def __init__(self, wire: Wire, capabilities: dict[str, Any] | None = None) -> None:
        self.wire = wire
        self.capabilities = PLAIN if capabilities is None else capabilities
        self.answers: dict[Any, list[dict[str, Any]]] = {}
        self.notifications: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self.replies: dict[str, Callable[[Any], Any]] = {
            "workspace/configuration": lambda params: [None for _ in params["items"]],
        }
        self.allowed = set(NOTIFICATIONS)
        self.withheld: set[str] = set()
        self.tokens: set[Any] = set()
        self._unanswered: list[Any] = []
        self.has_ended = False
        self._ids = itertools.count(1)
        self._sent: set[Any] = set()

    # Sending

    def notify(self, method: str, params: Any = None) -> None:
        self.wire.send({"jsonrpc": "2.0", "method": method, "params": params})

    def begin(self, method: str, params: Any = None, *, id: Any = None) -> Any:
        number = next(self._ids) if id is None else id
        self._sent.add(number)
        self.wire.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return number

    def request(self, method: str, params: Any = None, *, limit_s: float = LIMIT_S) -> Any:
        answer = self.answer(self.begin(method, params), limit_s=limit_s)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def error_of(self, method: str, params: Any = None) -> int:
        answer = self.answer(self.begin(method, params))
        assert "error" in answer, answer
        code: int = answer["error"]["code"]
        return code

    def initialize(self, *roots: Path, **more: Any) -> Any:
        folders = [{"uri": root.as_uri(), "name": root.name} for root in roots] or None
        params = {
            "processId": os.getpid(),
            "rootUri": None,
            "capabilities": self.capabilities,
            "workspaceFolders": folders,
        }
        result = self.request("initialize", {**params, **more})
        self.notify("initialized", {})
        return result

    def open(self, uri: str, text: str, *, version: int = 1, language: str = "json") -> None:
        item = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, version: int, *changes: dict[str, Any]) -> None:
        document = {"uri": uri, "version": version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": list(changes)})

    def close(self, uri: str) -> None:
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    # Receiving

    def answer(self, number: Any, *, limit_s: float = LIMIT_S) -> dict[str, Any]:
        self.wait(lambda: number in self.answers, f"the answer to request {number}", limit_s=limit_s)
        return self.answers[number][0]

    def wait(self, condition: Callable[[], bool], what: str, *, limit_s: float = LIMIT_S) -> None:
        deadline = time.monotonic() + limit_s
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, (
                f"no {what} within {limit_s} s; got {[n['method'] for n in self.notifications][-20:]}"
            )
            if not self.has_ended:
                self._take(min(left, 0.1))
            else:
                raise AssertionError(f"the server ended before {what}")

    def take_all(self, quiet_s: float = 0.3) -> None:
        """Reads until nothing has come for a while."""
        while not self.has_ended:
            try:
                self._take(quiet_s, strict=True)
            except queue.Empty:
                return

    def expect(self, number: int | str) -> None:
        """A request with this id is sent by other means."""
        self._sent.add(number)

    def notification(
        self, method: str, accept: Callable[[Any], bool] = lambda _: True, *, limit_s: float = LIMIT_S
    ) -> Any:
        """The params of the first such notification; it is consumed."""

        def found() -> dict[str, Any] | None:
            for note in self.notifications:
                if note["method"] == method and accept(note.get("params")):
                    return note
            return None

        self.wait(lambda: found() is not None, method, limit_s=limit_s)
        note = found()
        assert note is not None
        self.notifications.remove(note)
        return note.get("params")

    def diagnostics(
        self, uri: str, version: int | None = None, *, limit_s: float = LIMIT_S
    ) -> list[dict[str, Any]]:
        """The diagnostics published next for `uri` (and `version`)."""
        accept = lambda params: params["uri"] == uri and (version is None or params.get("version") == version)  # noqa: E731
        found: list[dict[str, Any]] = self.notification(
            "textDocument/publishDiagnostics", accept, limit_s=limit_s
        )["diagnostics"]
        return found

    def wait_for_findings(
        self, uri: str, accept: Callable[[list[dict[str, Any]]], bool], *, limit_s: float = LIMIT_S
    ) -> None:
        """Until the newest diagnostics published for `uri` are accepted."""

        def newest() -> bool:
            found = [
                note["params"]["diagnostics"]
                for note in self.notifications
                if note["method"] == "textDocument/publishDiagnostics" and note["params"]["uri"] == uri
            ]
            return bool(found) and accept(found[-1])

        self.wait(newest, f"accepted findings of {uri}", limit_s=limit_s)

    def _take(self, limit_s: float, *, strict: bool = False) -> None:
        try:
            message = self.wire.incoming.get(timeout=limit_s)
        except queue.Empty:
            if strict:
                raise
            return
        if message is None:
            self.has_ended = True
            return
        assert message.get("jsonrpc") == "2.0", message
        if "method" in message and "id" in message:
            self._serve(message)
        elif "method" in message:
            self._notice(message)
        else:
            self._answered(message)

    def _answered(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        if number is not None and number not in self._sent:
            self.complaints.append(f"an answer to a request never made: {message}")
        self.answers.setdefault(number, []).append(message)
        if number is not None and len(self.answers[number]) > 1:
            self.complaints.append(f"a second answer: {message}")

    def _notice(self, message: dict[str, Any]) -> None:
        method = message["method"]
        if method not in self.allowed:
            self.complaints.append(f"an unexpected notification: {message}")
        if (
            method == "textDocument/publishDiagnostics"
            and at(self.capabilities, "textDocument.diagnostic") is not None
        ):
            self.complaints.append("diagnostics pushed to a client that pulls")
        if method == "$/progress" and message["params"]["token"] not in self.tokens:
            self.complaints.append(f"progress for a token never created: {message}")
        self.notifications.append(message)

    def _serve(self, message: dict[str, Any]) -> None:
        method = message["method"]
        needed = NEEDS.get(method)
        if needed is None or all(at(self.capabilities, path) in (None, False) for path in needed):
            self.complaints.append(f"a request the client never announced: {message}")
        if method == "window/workDoneProgress/create":
            self.tokens.add(message["params"]["token"])
        self.requests.append(message)
        if method in self.withheld:
            self._unanswered.append(message["id"])
            return
        reply = self.replies.get(method)
        result = None if reply is None else reply(message.get("params"))
        outcome = {"error": result.error} if isinstance(result, Refused) else {"result": result}
        # A server that asked and then left, as it was told to, is owed no answer.
        with contextlib.suppress(BrokenPipeError):
            self.wire.send({"jsonrpc": "2.0", "id": message["id"], **outcome})

    def release_answers(self) -> None:
        """Answers at last what was withheld."""
        for number in self._unanswered:
            self.wire.send({"jsonrpc": "2.0", "id": number, "result": None})
        self._unanswered.clear()

    def check(self) -> None:
        assert not self.complaints, "\n".join(self.complaints)


class ServerUnderTest:
    """A server process on stdio with one client; use it in a `with` block."""

    def __init__(
        self,
        *arguments: str,
        capabilities: dict[str, Any] | None = None,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            server_command(*(arguments or ("--stdio",))),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment() if env is None else env,
            cwd=cwd,
            bufsize=0,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.log_lines: list[str] = []
        self._log_thread = threading.Thread(target=self._read_log, daemon=True)
        self._log_thread.start()
        self.wire = Wire(self.process.stdout.read, self.process.stdin.write)
        self.client = Client(self.wire, capabilities)

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log_lines.append(line.decode("utf-8", "replace"))

    @property
    def log(self) -> str:
        return "".join(self.log_lines)

    def leave(self) -> int:
        """Ends politely; the exit code."""
        self.client.request("shutdown")
        self.client.notify("exit")
        return self.exit_code()

    def exit_code(self, limit_s: float = LIMIT_S) -> int:
        code = self.process.wait(limit_s)
        self._log_thread.join(5)
        return code

    def __enter__(self) -> ServerUnderTest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.process.poll() is None and kind is None and not self.client.has_ended:
                with contextlib.suppress(BrokenPipeError):
                    state = self.client.answer(self.client.begin("shutdown"))
                    assert "result" in state or state["error"]["code"] in {-32600, -32002}, state
                    self.client.notify("exit")
                self.process.wait(LIMIT_S)
            if kind is None:
                self.client.take_all(quiet_s=0.05)
                self.check()
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait(LIMIT_S)
            self._log_thread.join(5)
            if kind is not None:
                sys.stderr.write(self.log)
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                assert stream is not None
                with contextlib.suppress(OSError):
                    stream.close()

    def check(self) -> None:
        self.client.check()
        assert "Traceback" not in self.log, self.log
        assert not self.wire.stray, self.wire.stray[:200]
