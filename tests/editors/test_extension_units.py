"""The parts of the VS Code extension that need no VS Code: finding the server, and the lines of the trace."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.editors.installation import EXTENSION, NODE, need

pytestmark = pytest.mark.editors


def test_the_server_is_found_safely_and_the_trace_tells_each_change_once(tmp_path: Path) -> None:
    node = need("Node 20", NODE)
    esbuild = need("esbuild", EXTENSION / "node_modules" / "esbuild" / "bin" / "esbuild")
    for name in ("locate", "lines"):
        bundled = ["--bundle", "--platform=node", "--format=esm", f"--outfile={tmp_path / name}.mjs"]
        source = str(EXTENSION / "src" / f"{name}.ts")
        subprocess.run([node, esbuild, source, *bundled, "--log-level=error"], check=True)
    played = subprocess.run(
        [node, "--test", str(Path(__file__).with_name("extension.test.mjs"))],
        env={**os.environ, "MPLP_BUNDLE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stdout
    assert "# pass 12" in played.stdout, played.stdout
