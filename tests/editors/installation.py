"""Where the real editors are. A missing one skips a test locally and fails it in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
EDITORS_HOME = Path(os.environ.get("MPLP_EDITORS_HOME", Path.home() / ".cache" / "mplp-lsp-editors"))
SERVER = REPOSITORY / ".venv" / "bin" / "mplp-lsp"
NODE = EDITORS_HOME / "bin" / "node"
NPM = EDITORS_HOME / "bin" / "npm"
CODE_SERVER = EDITORS_HOME / "vscode" / "node_modules" / "code-server" / "out" / "node" / "entry.js"
PLAYWRIGHT = EDITORS_HOME / "vscode" / "node_modules" / "playwright-core"
NEOVIM = EDITORS_HOME / "nvim" / "bin" / "nvim"
EXTENSION = REPOSITORY / "editors" / "vscode"
OUT = Path(__file__).parent / "out"


def need(what: str, program: Path | str) -> str:
    """The path of an installed program; otherwise skips the test, or fails it where editors are required."""
    found = shutil.which(program) if isinstance(program, str) else str(program) if program.exists() else None
    if found is None:
        reason = f"{what} is not installed ({program}); `make setup-editors` installs it"
        if os.environ.get("MPLP_REQUIRE_EDITORS") or os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
