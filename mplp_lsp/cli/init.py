"""`mplp-lsp init`: a small project that checks clean and runs at once."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from mplp_lsp.cli.style import printable
from mplp_runtime.errors import MplpError
from mplp_runtime.sources import NewId, new_uuid

_SETTINGS = """\
# What the roles of the plan do. A command is a list of arguments; no shell reads it.
# More: docs/settings.md of mplp-lsp.

[roles.writer]
action = "tool_call"
command = [{python}, "-c", "print('Hello from MPLP', file=open('greeting.txt', 'w'))"]
idempotent = true

[roles.checker]
action = "tool_call"
command = [{python}, "-c", "text = open('greeting.txt').read(); assert 'Hello' in text; print(text.strip())"]
idempotent = true
"""


def init_command(folder: str) -> int:
    """Writes a context, a plan and `mplp.toml` into `folder`; existing files are never overwritten."""
    root = Path(folder)
    files = starter_files(new_uuid, python=_python())
    taken = [name for name in files if (root / name).exists()]
    if taken:
        verb = "exists" if len(taken) == 1 else "exist"
        raise MplpError(f"{', '.join(taken)} {verb} already in {folder}; nothing was written.")
    begun: list[Path] = []
    try:
        root.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            with (root / name).open("x", encoding="utf-8") as file:
                begun.append(root / name)
                file.write(text)
    except OSError as error:
        for path in begun:
            # Half a project would be in the way of the next attempt.
            path.unlink(missing_ok=True)
        raise MplpError(f"{folder} cannot be written: {error.strerror}.") from error
    where = "this folder" if root == Path() else printable(str(root))
    print(f"Wrote {', '.join(files)} in {where}.")
    folder_word, plan_word = (shlex.quote(str(path)) for path in (root, root / "hello.plan.json"))
    print(f"Next: mplp-lsp check {folder_word}  and  mplp-lsp run {plan_word} --yes --trust")
    return 0


def _python() -> str:
    """How the steps of the starter project call Python: by a name that is found, else by its whole path.

    Debian has `python3` only, Windows `python` only, and our own environment is on nobody's PATH.
    """
    names = ("python", "py") if os.name == "nt" else ("python3", "python")
    return next((name for name in names if shutil.which(name)), sys.executable)


def starter_files(new_id: NewId, *, python: str) -> Mapping[str, str]:
    """Names and texts of the starter project."""
    context_id, plan_id, write_id, check_id = new_id(), new_id(), new_id(), new_id()
    meta = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
    context = {
        "meta": meta,
        "context_id": context_id,
        "root": {"domain": "example", "environment": "dev"},
        "title": "My first context",
        "status": "active",
    }
    plan = {
        "meta": meta,
        "plan_id": plan_id,
        "context_id": context_id,
        "title": "My first plan",
        "objective": "See a plan run and leave a trace.",
        "status": "draft",
        "steps": [
            {
                "step_id": write_id,
                "description": "Write a greeting",
                "status": "pending",
                "dependencies": [],
                "agent_role": "writer",
            },
            {
                "step_id": check_id,
                "description": "Check the greeting",
                "status": "pending",
                "dependencies": [write_id],
                "agent_role": "checker",
            },
        ],
    }
    return {
        "hello.context.json": json.dumps(context, indent=2) + "\n",
        "hello.plan.json": json.dumps(plan, indent=2) + "\n",
        "mplp.toml": _SETTINGS.replace("{python}", json.dumps(python)),
    }
