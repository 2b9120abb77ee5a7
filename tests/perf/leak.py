"""Does the server keep what it should forget? `python -m tests.perf.leak` prints memory as it goes.

One cycle opens a plan under a name of its own (with `--same` always under one), changes it, waits for its
findings and closes it. After the first fifth, which warms caches up, resident memory must stay flat. What is
remembered of names is bounded (2,048 URIs, 20,000 names of files for each project: about 3 MiB), so that
documents of ever new names cost a little more until then.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.perf.lsp_bench import Server
from tests.perf.plans import context_and_plan, text_of

STEPS = 20
QUIET_S = 5.0


def resident_mib(process_id: int) -> float:
    """Resident memory of a process now; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except OSError:
        return 0.0
    found = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(found[0].split()[1]) / 1024 if found else 0.0


def cycle(server: Server, uri: str, text: str, version: int = 1) -> None:
    """Opens, changes and closes one document.

    Under one name each cycle needs versions of its own: an answer to an earlier one would let us run ahead,
    and what piles up then is our own unread input.
    """
    server.notify(
        "textDocument/didOpen",
        {"textDocument": {"uri": uri, "languageId": "json", "version": version, "text": text}},
    )
    place = {"line": 0, "character": 0}
    server.notify(
        "textDocument/didChange",
        {
            "textDocument": {"uri": uri, "version": version + 1},
            "contentChanges": [{"range": {"start": place, "end": place}, "text": "\n"}],
        },
    )
    server.diagnostics(uri, version + 1)
    server.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=5_000)
    parser.add_argument("--same", action="store_true", help="open one and the same document every time")
    options = parser.parse_args()
    cycles = options.cycles
    with tempfile.TemporaryDirectory(prefix="mplp-leak-") as folder:
        root = Path(folder)
        _, plan = context_and_plan(STEPS)
        text = text_of(plan)
        server = Server([sys.executable, "-m", "mplp_lsp", "--stdio"], root, pull=False, options={})
        for number in range(cycles):
            if number % max(1, cycles // 10) == 0:
                sys.stdout.write(f"{number:7} documents  {resident_mib(server.process_id):6.1f} MiB\n")
                sys.stdout.flush()
            name = "same" if options.same else str(number)
            cycle(server, (root / f"{name}.plan.json").as_uri(), text, 2 * number + 1)
        sys.stdout.write(f"{cycles:7} documents  {resident_mib(server.process_id):6.1f} MiB\n")
        # The collector walks over everything when nobody has typed for a while.
        time.sleep(QUIET_S)
        sys.stdout.write(f"  when quiet       {resident_mib(server.process_id):6.1f} MiB\n")
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
