"""One session of the real Neovim, headless, with the plugin of editors/neovim."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.editors.installation import REPOSITORY, SERVER, need

PLUGIN = REPOSITORY / "editors" / "neovim"


def play_script(
    program: str, script: str, project: Path, folder: Path, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Plays a Lua script of this folder in `project`; returns the JSON it left. Its failures fail."""
    server = need("mplp-lsp", SERVER)
    facts = folder / "facts.json"
    variables = {
        **os.environ,
        "PATH": f"{Path(server).parent}{os.pathsep}{os.environ['PATH']}",
        "MPLP_PROJECT": str(project),
        "MPLP_FACTS": str(facts),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        **(environment or {}),
    }
    before = ["filetype on", f"set runtimepath+={PLUGIN}", "runtime plugin/mplp.lua"]
    arguments = [argument for command in before for argument in ("--cmd", command)]
    source = str(Path(__file__).with_name(script))
    command = [program, "--headless", "-u", "NONE", "-i", "NONE", "-n", *arguments, "-S", source]
    played = subprocess.run(
        command, env=variables, cwd=project, capture_output=True, text=True, timeout=200, check=False
    )
    assert facts.exists(), played.stdout + played.stderr
    shown: dict[str, Any] = json.loads(facts.read_text(encoding="utf-8"))
    assert "error" not in shown, shown["error"]
    return shown
