"""How long does an answer take while a large run is under way? `python -m tests.perf.hover_in_run 10000`.

A server process over stdio, as an editor starts it, simulates a plan of so many steps with everything on and
tells the editor about it. Meanwhile hovers are asked for, one after the other with a short pause. The same
hovers before the run show what the machine makes of them anyway. Prints JSON, times in milliseconds.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.perf.lsp_bench import Server
from tests.perf.memory import params_of
from tests.perf.plans import SETTINGS, context_and_plan, text_of

PAUSE_S = 0.03
BEFORE = 60
QUIET_S = 5.0
LIMIT_S = 600.0


class Editor:
    """Asks for hovers in a plan and listens to its run."""

    def __init__(self, server: Server, uri: str, text: str) -> None:
        self._server = server
        self._params = params_of("hover", uri, text)
        self._ids = 1_000_000
        self.status: str | None = None

    def hover_ms(self) -> float:
        """Milliseconds from the question to the last byte of its answer."""
        self._ids += 1
        began = time.perf_counter()
        self._server.send({"id": self._ids, "method": "textDocument/hover", "params": self._params})
        return 1000 * (self._until(self._ids)[1] - began)

    def command(self, name: str, argument: dict[str, Any]) -> Any:
        self._ids += 1
        params = {"command": name, "arguments": [argument]}
        self._server.send({"id": self._ids, "method": "workspace/executeCommand", "params": params})
        return self._until(self._ids)[0]

    def _until(self, own: int) -> tuple[Any, float]:
        while True:
            message, moment = self._server.receive()
            if message.get("id") == own and "method" not in message:
                if "error" in message:
                    raise SystemExit(str(message["error"]))
                return message["result"], moment
            if message.get("method") == "mplp/run":
                self.status = message["params"]["status"]
            self._server.answer(message)


def measured(count: int) -> dict[str, float]:
    """The figures of one run."""
    with tempfile.TemporaryDirectory(prefix="mplp-hover-") as folder:
        root = Path(folder).resolve()
        context, plan = context_and_plan(count)
        plan["status"] = "approved"
        (root / "bench.context.json").write_text(text_of(context), encoding="utf-8")
        (root / "mplp.toml").write_text(f"{SETTINGS}[run]\nmax_parallel = 50\n", encoding="utf-8")
        path, text = root / "bench.plan.json", text_of(plan)
        path.write_text(text, encoding="utf-8")
        options = {"initializationOptions": {"trusted": True, "runNotifications": True}}
        command = [sys.executable, "-m", "mplp_lsp", "--stdio"]
        server = Server(command, root, pull=False, options=options)
        opened = {"uri": path.as_uri(), "languageId": "json", "version": 1, "text": text}
        server.notify("textDocument/didOpen", {"textDocument": opened})
        server.diagnostics(path.as_uri(), 1)
        time.sleep(QUIET_S)
        editor = Editor(server, path.as_uri(), text)
        before = hovers(editor, lambda done: done == BEFORE)
        began = time.perf_counter()
        editor.command("mplp.dryRunPlan", {"uri": path.as_uri()})
        started_s = time.perf_counter() - began
        during = hovers(editor, lambda _: editor.status not in {None, "pending", "running"})
        run_s = time.perf_counter() - began
        server.close()
        if editor.status != "completed":
            raise SystemExit(f"the run ended as {editor.status}")
        return {
            "steps": count,
            "before_p50_ms": percentile(before, 50),
            "before_p95_ms": percentile(before, 95),
            "during_p50_ms": percentile(during, 50),
            "during_p95_ms": percentile(during, 95),
            "during_max_ms": max(during),
            "hovers": len(during),
            "start_s": started_s,
            "run_s": run_s,
        }


def hovers(editor: Editor, is_over: Any) -> list[float]:
    """Times of hovers until it is over, which is asked after each with their number."""
    times: list[float] = []
    deadline = time.perf_counter() + LIMIT_S
    while not is_over(len(times)):
        if time.perf_counter() > deadline:
            raise SystemExit("the run did not end")
        times.append(editor.hover_ms())
        time.sleep(PAUSE_S)
    return times


def percentile(times: list[float], share: int) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[share - 1]


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))
