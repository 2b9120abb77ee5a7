"""How quick is the server? Ours beside VS Code's JSON server, in turn, in one run: `make bench`.

Each edit flips one fault. The clock runs from the first byte of `didChange` to the last byte of the message
that shows, or no longer shows, the fault. Both servers get the same time to themselves after the first
document, and the same first round of edits and requests, which is a figure of its own and counts in no other.
Absolute times are noise; the ratios are the result.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.perf import tables
from tests.perf.plans import SETTINGS, context_and_plan, text_of

LIMIT_S = 60.0
WARM_OPENS = 4
IDLE_S = 1.5
"""Whoever opens a document looks at it before typing."""
BURSTS = 5
BURST_KEYS = 50
BURST_GAP_S = 0.01
REQUESTS = 30
SYMBOL_REQUESTS = 10
FIRST_ROUND = "first edit and first request of each kind, together"


class Server:
    """A language server as a process, and the least that a client needs."""

    def __init__(self, command: list[str], root: Path, *, pull: bool, options: dict[str, Any]) -> None:
        self.pull = pull
        self._ids = 0
        self._settings = options.get("settings")
        began = self.began = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=root
        )
        document: dict[str, Any] = {
            "publishDiagnostics": {"versionSupport": True},
            "hover": {"contentFormat": ["markdown"]},
            "completion": {"completionItem": {"snippetSupport": True}},
            "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
        }
        if pull:
            document["diagnostic"] = {}
        self.request(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": root.as_uri(),
                "workspaceFolders": [{"uri": root.as_uri(), "name": "bench"}],
                "capabilities": {
                    "general": {"positionEncodings": ["utf-16"]},
                    "textDocument": document,
                    "workspace": {
                        "configuration": True,
                        "workspaceFolders": True,
                        "diagnostics": {"refreshSupport": True},
                    },
                },
                "initializationOptions": options.get("initializationOptions", {}),
            },
        )
        self.start_s = time.perf_counter() - began
        self.notify("initialized", {})
        if self._settings:
            self.notify("workspace/didChangeConfiguration", {"settings": self._settings})

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def receive(self) -> tuple[dict[str, Any], float]:
        """The next message, and the moment its last byte was read."""
        output = self._process.stdout
        assert output is not None
        length = 0
        while (line := output.readline()) not in {b"\r\n", b""}:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = output.read(length)
        moment = time.perf_counter()
        if not body:
            raise RuntimeError("the server has ended")
        return json.loads(body), moment

    def notify(self, method: str, params: Any) -> None:
        self.send({"method": method, "params": params})

    def request(self, method: str, params: Any) -> tuple[Any, float]:
        self._ids += 1
        own = self._ids
        self.send({"id": own, "method": method, "params": params})
        while True:
            message, moment = self.receive()
            if message.get("id") == own and "method" not in message:
                return message.get("result"), moment
            self.answer(message)

    def answer(self, message: dict[str, Any]) -> None:
        """Answers what a server may ask a client."""
        if "id" not in message or "method" not in message:
            return
        result: Any = None
        if message["method"] == "workspace/configuration":
            result = [self._section(item.get("section")) for item in message["params"]["items"]]
        self.send({"id": message["id"], "result": result})

    def _section(self, name: str | None) -> Any:
        value: Any = self._settings or {}
        for part in (name or "").split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def diagnostics(self, uri: str, version: int) -> tuple[list[dict[str, Any]], float]:
        """The diagnostics of the document, by whichever way this server gives them."""
        if self.pull:
            report, moment = self.request("textDocument/diagnostic", {"textDocument": {"uri": uri}})
            return (report or {}).get("items", []), moment
        while True:
            message, moment = self.receive()
            params = message.get("params", {})
            if message.get("method") == "textDocument/publishDiagnostics" and params.get("uri") == uri:
                if params.get("version", version) == version:
                    return params["diagnostics"], moment
            else:
                self.answer(message)

    @property
    def process_id(self) -> int:
        return self._process.pid

    def memory_mib(self) -> float:
        """Peak resident memory of the process; 0 where the system does not tell."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return 0.0
        found = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(found[0].split()[1]) / 1024 if found else 0.0

    def close(self) -> None:
        self.request("shutdown", None)
        self.notify("exit", None)
        self._process.wait(timeout=10)


@dataclass
class Samples:
    """Seconds, by figure."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, figure: str, seconds: float) -> None:
        self.values.setdefault(figure, []).append(seconds)


@dataclass
class Session:
    """One server with one plan open."""

    server: Server
    uri: str
    text: str
    samples: Samples
    knows_ids: bool = True
    version: int = 1

    def open(self) -> None:
        """The first document, and then others of that size, which need no imports any more."""
        moment = self._open(self.uri, self.text)
        self.samples.add("spawn to first findings", moment - self.server.began)
        for number in range(WARM_OPENS):
            other = self.uri.replace("bench.", f"bench-{number}.")
            text = own_copy(self.text, number)
            began = time.perf_counter()
            self.samples.add("open", self._open(other, text) - began)
            self.server.notify("textDocument/didClose", {"textDocument": {"uri": other}})
            time.sleep(0.05)
        time.sleep(IDLE_S)

    def _open(self, uri: str, text: str) -> float:
        document = {"uri": uri, "languageId": "json", "version": 1, "text": text}
        self.server.notify("textDocument/didOpen", {"textDocument": document})
        return self.server.diagnostics(uri, 1)[1]

    def change(self, line: int, start: int, end: int, text: str) -> None:
        """Sends one change and waits for nothing."""
        self.version += 1
        change = {
            "range": {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}},
            "text": text,
        }
        self.server.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": self.uri, "version": self.version}, "contentChanges": [change]},
        )

    def ask(self, figure: str, method: str, line: int = 0, character: int = 0, began: float = 0.0) -> None:
        """One request; the clock runs from `began`, or from now."""
        began = began or time.perf_counter()
        place: dict[str, Any] = {"position": {"line": line, "character": character}} if line else {}
        if method == "textDocument/references":
            place["context"] = {"includeDeclaration": True}
        _result, moment = self.server.request(method, {"textDocument": {"uri": self.uri}, **place})
        self.samples.add(figure, moment - began)

    def edit(self, figure: str, line: int, start: int, end: int, text: str, *, faulty: bool) -> None:
        """One change; done when the diagnostics show (or no longer show) a fault on or near that line."""
        began = time.perf_counter()
        self.change(line, start, end, text)
        self.settle(figure, began, faulty=faulty)

    def settle(self, figure: str, began: float, *, faulty: bool) -> None:
        """Waits for the diagnostics of the newest text."""
        while True:
            found, moment = self.server.diagnostics(self.uri, self.version)
            errors = [one for one in found if one.get("severity", 1) <= 2]  # the peer warns of schema faults
            if bool(errors) == faulty:
                self.samples.add(figure, moment - began)
                return
            if moment - began > LIMIT_S:
                raise RuntimeError(f"{figure}: no matching diagnostics in {LIMIT_S} s")


@dataclass
class Spots:
    """Lines of the plan that the measurements use, in an order that jumps about."""

    lines: list[str]

    def __post_init__(self) -> None:
        self.statuses = [number for number, line in enumerate(self.lines) if '"status": "pending"' in line]
        self.dependencies = [
            number
            for number, line in enumerate(self.lines)
            if line.startswith(" " * 8 + '"') and '": ' not in line
        ]

    def status(self, turn: int) -> tuple[int, int]:
        """Line of a step's status, and the character where its value begins, behind the quote."""
        line = self.statuses[(turn * 7919) % len(self.statuses)]
        return line, self.lines[line].index('"pending"') + 1

    def dependency(self, turn: int) -> tuple[int, int]:
        """Line of a dependency, and the character of the last digit of its id."""
        line = self.dependencies[(turn * 104729) % len(self.dependencies)]
        return line, len(self.lines[line].rstrip(",")) - 2


def own_copy(text: str, number: int) -> str:
    """The same plan with an id of its own: a copy that keeps it has a finding, and the first plan another."""
    digits = text.index('"plan_id": "') + len('"plan_id": "') + len("00000000-0000-4000-8000-0000000000")
    return f"{text[:digits]}{number:02x}{text[digits + 2 :]}"


def measure(sessions: list[Session], edits: int) -> None:
    """All sessions in turn, edit by edit, so that a drifting machine drifts for all."""
    spots = Spots(sessions[0].text.splitlines())
    for session in sessions:
        first_round(session, spots)
    for turn in range(edits):
        line, column = spots.status(turn)
        for session in sessions:
            session.edit("edit in a step", line, column, column + 7, "pendng", faulty=True)
        for session in sessions:
            session.edit("edit in a step", line, column, column + 6, "pending", faulty=False)
    for turn in range(max(2, edits // 2)):
        line, _ = spots.status(turn + edits)
        end = len(spots.lines[line].rstrip(","))
        for session in sessions:
            session.edit("break or repair the JSON", line, end - 1, end, "", faulty=True)
        for session in sessions:
            session.edit("break or repair the JSON", line, end - 1, end - 1, '"', faulty=False)
    for turn in range(max(2, edits // 2) if spots.dependencies else 0):
        edit_of_dependency(sessions[0], spots, turn)
    for turn in range(BURSTS):
        line, column = spots.status(turn + 2 * edits)
        for session in sessions:
            burst(session, line, column)
    for turn in range(REQUESTS):
        for session in sessions:
            requests(session, spots, turn, has_symbols=turn < SYMBOL_REQUESTS)


def edit_of_dependency(session: Session, spots: Spots, turn: int) -> None:
    """Makes an id unknown and known again; a server that has no idea of ids sees nothing in it."""
    line, digit = spots.dependency(turn)
    session.edit("edit of a dependency", line, digit, digit + 1, "x", faulty=True)
    session.edit("edit of a dependency", line, digit, digit + 1, spots.lines[line][digit], faulty=False)


def requests(session: Session, spots: Spots, turn: int, *, has_symbols: bool) -> None:
    """One of each: after a key, at a word, and (where the server knows ids) at an id."""
    line, column = spots.status(turn + 17)
    began = time.perf_counter()
    session.change(line, column, column, "x")
    session.ask("completion after an edit", "textDocument/completion", line, column, began)
    session.edit("edit in a step", line, column, column + 1, "", faulty=False)
    session.ask("completion", "textDocument/completion", line, column)
    session.ask("hover", "textDocument/hover", line, column)
    if session.knows_ids and spots.dependencies:
        line, column = spots.dependency(turn)
        session.ask("hover on an id", "textDocument/hover", line, column)
        session.ask("definition", "textDocument/definition", line, column)
        session.ask("references", "textDocument/references", line, column)
        session.ask("completion of an id", "textDocument/completion", line, column)
    if has_symbols:
        session.ask("document symbols", "textDocument/documentSymbol")


def first_round(session: Session, spots: Spots) -> None:
    """Everything once: what a server makes at first use is in this figure."""
    counted, session.samples = session.samples, Samples()
    began = time.perf_counter()
    line, column = spots.status(3)
    session.edit("", line, column, column + 7, "pendng", faulty=True)
    session.edit("", line, column, column + 6, "pending", faulty=False)
    end = len(spots.lines[line].rstrip(","))
    session.edit("", line, end - 1, end, "", faulty=True)
    session.edit("", line, end - 1, end - 1, '"', faulty=False)
    if session.knows_ids and spots.dependencies:
        edit_of_dependency(session, spots, 3)
    requests(session, spots, 3, has_symbols=True)
    session.samples = counted
    session.samples.add(FIRST_ROUND, time.perf_counter() - began)


def burst(session: Session, line: int, column: int) -> None:
    """Fifty keys in one word, without a pause to look at the findings; a hover in the middle."""
    for key in range(BURST_KEYS):
        began = time.perf_counter()
        session.change(line, column, column, "x")
        if key == BURST_KEYS // 2:
            session.ask("hover in a burst", "textDocument/hover", line, column)
        if key < BURST_KEYS - 1:
            time.sleep(BURST_GAP_S)
    session.settle("burst: last key", began, faulty=True)
    session.edit("edit in a step", line, column, column + BURST_KEYS, "", faulty=False)


def peer_options(schemas: Path) -> dict[str, Any]:
    schema = (schemas.resolve() / "mplp-plan.schema.json").as_uri()
    return {
        "initializationOptions": {
            "provideFormatter": True,
            "handledSchemaProtocols": ["file", "http", "https"],
        },
        "settings": {
            "json": {"validate": {"enable": True}, "schemas": [{"fileMatch": ["*.plan.json"], "url": schema}]}
        },
    }


def run(
    size: int, ours: list[str], peer: list[str] | None, edits: int, schemas: Path
) -> list[tuple[str, Samples, Server]]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        context, plan = context_and_plan(size)
        (root / "bench.context.json").write_text(text_of(context), encoding="utf-8")
        (root / "mplp.toml").write_text(SETTINGS, encoding="utf-8")
        path = root / "bench.plan.json"
        path.write_text(text_of(plan), encoding="utf-8")
        servers = [("mplp-lsp", Server(ours, root, pull=False, options={}))]
        if peer:
            servers.append(("vscode-json", Server(peer, root, pull=True, options=peer_options(schemas))))
        sessions = [
            Session(server, path.as_uri(), path.read_text(), Samples(), knows_ids=number == 0)
            for number, (_, server) in enumerate(servers)
        ]
        for session in sessions:
            session.open()
        measure(sessions, edits)
        for (_name, server), session in zip(servers, sessions, strict=True):
            session.samples.add("spawn to initialize", server.start_s)
            session.samples.add("memory", server.memory_mib() / 1000)
            server.close()
        return [
            (name, session.samples, server) for (name, server), session in zip(servers, sessions, strict=True)
        ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    ours = f"{shlex.quote(str(Path(sys.executable).parent / 'mplp-lsp'))} --stdio"
    parser.add_argument("--ours", default=ours)
    parser.add_argument("--peer", help="command of vscode-json-language-server")
    parser.add_argument("--peer-name", default="vscode-json")
    parser.add_argument("--schemas", type=Path, required=True, help="folder of mplp-plan.schema.json")
    parser.add_argument("--sizes", default="10,1000,10000")
    parser.add_argument("--edits", type=int, default=30)
    parser.add_argument("--no-workspace", action="store_true", help="leave out the 1,000 documents")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    peer = shlex.split(options.peer) if options.peer else None
    rows = tables.heading(options.peer_name if peer else None)
    for size in (int(word) for word in options.sizes.split(",")):
        results = run(size, shlex.split(options.ours), peer, options.edits, options.schemas)
        rows += tables.of_size(size, [(name, samples.values) for name, samples, _ in results])
    if not options.no_workspace:
        from tests.perf import workspace_bench

        rows += tables.of_workspace(workspace_bench.run(shlex.split(options.ours)))
    text = "\n".join(rows) + "\n"
    sys.stdout.write(text)
    if options.output:
        before = options.output.read_text(encoding="utf-8") if options.output.exists() else ""
        options.output.write_text(text + tables.by_hand(before), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
