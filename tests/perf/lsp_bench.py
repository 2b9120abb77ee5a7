"""How quick is the server? Ours beside VS Code's JSON server, in turn, in one run: `make bench`.

Each edit flips one fault inside a step. The clock runs from the first byte of `didChange` to the last byte of
the message that shows, or no longer shows, the fault. Absolute times are noise; the ratios are the result.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.perf.plans import SETTINGS, context_and_plan, text_of

LIMIT_S = 60.0


class Server:
    """A language server as a process, and the least that a client needs."""

    def __init__(self, command: list[str], root: Path, *, pull: bool, options: dict[str, Any]) -> None:
        self.pull = pull
        self._ids = 0
        self._settings = options.get("settings")
        began = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=root
        )
        document: dict[str, Any] = {"publishDiagnostics": {"versionSupport": True}}
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
                    "workspace": {"configuration": True, "workspaceFolders": True},
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

    def p50(self, figure: str) -> float:
        return statistics.median(self.values[figure]) * 1000

    def p95(self, figure: str) -> float:
        ordered = sorted(self.values[figure])
        return ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))] * 1000


@dataclass
class Session:
    """One server with one plan open."""

    server: Server
    uri: str
    text: str
    samples: Samples
    version: int = 1

    def open(self) -> None:
        began = time.perf_counter()
        self.server.notify(
            "textDocument/didOpen",
            {"textDocument": {"uri": self.uri, "languageId": "json", "version": 1, "text": self.text}},
        )
        _found, moment = self.server.diagnostics(self.uri, 1)
        self.samples.add("open", moment - began)

    def edit(self, figure: str, line: int, start: int, end: int, text: str, *, faulty: bool) -> None:
        """One change; done when the diagnostics show (or no longer show) a fault on or near that line."""
        self.version += 1
        change = {
            "range": {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}},
            "text": text,
        }
        began = time.perf_counter()
        self.server.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": self.uri, "version": self.version}, "contentChanges": [change]},
        )
        while True:
            found, moment = self.server.diagnostics(self.uri, self.version)
            errors = [one for one in found if one.get("severity", 1) <= 2]  # the peer warns of schema faults
            if bool(errors) == faulty:
                self.samples.add(figure, moment - began)
                return
            if moment - began > LIMIT_S:
                raise RuntimeError(f"{figure}: no matching diagnostics in {LIMIT_S} s")


def measure(sessions: list[Session], edits: int) -> None:
    """All sessions in turn, edit by edit, so that a drifting machine drifts for all."""
    lines = sessions[0].text.splitlines()
    status_lines = [number for number, line in enumerate(lines) if '"status": "pending"' in line]
    for turn in range(edits):
        line = status_lines[(turn * 7919) % len(status_lines)]
        column = lines[line].index('"pending"')
        for session in sessions:
            session.edit("edit in a step", line, column + 1, column + 8, "pendng", faulty=True)
        for session in sessions:
            session.edit("edit in a step", line, column + 1, column + 7, "pending", faulty=False)
    for turn in range(max(2, edits // 2)):
        line = status_lines[(turn * 104729) % len(status_lines)]
        end = len(lines[line].rstrip(","))
        for session in sessions:
            session.edit("break the JSON", line, end - 1, end, "", faulty=True)
        for session in sessions:
            session.edit("repair the JSON", line, end - 1, end - 1, '"', faulty=False)


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
        sessions = [Session(server, path.as_uri(), path.read_text(), Samples()) for _, server in servers]
        for session in sessions:
            session.open()
        measure(sessions, edits)
        for (_name, server), session in zip(servers, sessions, strict=True):
            session.samples.add("start", server.start_s)
            session.samples.add("memory", server.memory_mib() / 1000)
            server.close()
        return [
            (name, session.samples, server) for (name, server), session in zip(servers, sessions, strict=True)
        ]


def table(size: int, results: list[tuple[str, Samples, Server]]) -> list[str]:
    first = results[0][1]
    rows = [f"\n### {size} steps\n"]
    names = " | ".join(f"{name} p50 / p95" for name, _, _ in results)
    ratio = " | ratio p50" if len(results) > 1 else ""
    rows.append(f"| figure, ms | {names}{ratio} |")
    rows.append("|" + "---|" * (1 + len(results) + (1 if ratio else 0)))
    for figure in first.values:
        cells = [f"{samples.p50(figure):.1f} / {samples.p95(figure):.1f}" for _, samples, _ in results]
        if ratio:
            cells.append(f"{first.p50(figure) / max(results[1][1].p50(figure), 1e-9):.3f}")
        shown = "memory, MiB" if figure == "memory" else figure
        rows.append(f"| {shown} | " + " | ".join(cells) + " |")
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--ours", default=f"{shlex.quote(str(Path(sys.executable).parent / 'mplp-lsp'))} --stdio"
    )
    parser.add_argument("--peer", help="command of vscode-json-language-server")
    parser.add_argument("--schemas", type=Path, required=True, help="folder of mplp-plan.schema.json")
    parser.add_argument("--sizes", default="10,1000,10000")
    parser.add_argument("--edits", type=int, default=30)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    peer = shlex.split(options.peer) if options.peer else None
    rows: list[str] = []
    for size in (int(word) for word in options.sizes.split(",")):
        rows.extend(table(size, run(size, shlex.split(options.ours), peer, options.edits, options.schemas)))
    print("\n".join(rows))
    if options.output:
        options.output.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
