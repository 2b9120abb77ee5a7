"""How much memory does a session need? `python -m tests.perf.memory` prints it feature by feature.

One plan is opened, everything an editor asks for is asked, the plan is edited, and everything asked again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.perf.lsp_bench import Server
from tests.perf.plans import SETTINGS, context_and_plan, text_of

KEYS = 10
QUIET_S = 5.0

FEATURES = (
    "documentSymbol",
    "foldingRange",
    "semanticTokens/full",
    "codeLens",
    "documentLink",
    "inlayHint",
    "codeAction",
    "hover",
    "completion",
    "definition",
    "references",
    "documentHighlight",
    "selectionRange",
    "formatting",
)


def memory_mib(process_id: int) -> dict[str, float]:
    """Resident memory: now (`VmRSS`), at its highest (`VmHWM`), and what is no file (`RssAnon`)."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {name: int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM", "RssAnon")}


def say(server: Server, after: str) -> None:
    """One line of the table."""
    now = memory_mib(server.process_id)
    sys.stdout.write(f"{after:28}{now['VmRSS']:8.1f}{now['VmHWM']:8.1f}{now['RssAnon']:8.1f}\n")
    sys.stdout.flush()


def params_of(method: str, uri: str, text: str) -> dict[str, Any]:
    """What an editor sends with a request: the cursor stands in the middle of the text."""
    lines = text.splitlines()
    line = next(n for n in range(len(lines) // 2, 0, -1) if '"pending"' in lines[n])
    place = {"line": line, "character": lines[line].index('"pending"') + 2}
    params: dict[str, Any] = {"textDocument": {"uri": uri}}
    if method == "selectionRange":
        return {**params, "positions": [place]}
    if method == "formatting":
        return {**params, "options": {"tabSize": 2, "insertSpaces": True}}
    if method in {"inlayHint", "codeAction"}:
        around = {"start": {"line": line, "character": 0}, "end": {"line": line + 60, "character": 0}}
        return {**params, "range": around, "context": {"diagnostics": []}}
    if method in {"hover", "completion", "definition", "references", "documentHighlight"}:
        return {**params, "position": place, "context": {"includeDeclaration": True}}
    return params


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    steps = parser.parse_args().steps
    with tempfile.TemporaryDirectory(prefix="mplp-memory-") as folder:
        root = Path(folder).resolve()
        context, plan = context_and_plan(steps)
        (root / "bench.context.json").write_text(text_of(context), encoding="utf-8")
        (root / "mplp.toml").write_text(SETTINGS, encoding="utf-8")
        text = text_of(plan)
        path = root / "bench.plan.json"
        path.write_text(text, encoding="utf-8")
        uri = path.as_uri()
        server = Server([sys.executable, "-m", "mplp_lsp", "--stdio"], root, pull=False, options={})
        sys.stdout.write(f"{steps} steps, MiB{'now':>19}{'peak':>8}{'anon':>8}\n")
        say(server, "initialize")
        opened = {"uri": uri, "languageId": "json", "version": 1, "text": text}
        server.notify("textDocument/didOpen", {"textDocument": opened})
        server.diagnostics(uri, 1)
        say(server, "first findings")
        for turn in ("", " again"):
            for method in FEATURES:
                server.request(f"textDocument/{method}", params_of(method, uri, text))
                say(server, f"{method}{turn}")
            place = params_of("hover", uri, text)["position"]
            for version in range(2, 2 + KEYS) if not turn else ():
                change = {"range": {"start": place, "end": place}, "text": "x"}
                document = {"uri": uri, "version": version}
                server.notify(
                    "textDocument/didChange", {"textDocument": document, "contentChanges": [change]}
                )
                server.diagnostics(uri, version)
            if not turn:
                say(server, f"{KEYS} keys")
        time.sleep(QUIET_S)
        say(server, "quiet")
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
