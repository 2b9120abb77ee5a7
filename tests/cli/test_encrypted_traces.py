"""What a person sees of the traces of an encrypted state: that they are there, and how to read them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.process import mplp, runs_python, write_project

ENCRYPTED = '[state]\nencryption_key_file = "{key}"\n'


def encrypted_project(home: Path) -> Path:
    """A trusted project whose state is encrypted; its plan."""
    key = home / "key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    plan = write_project(home / "project", {"greeter": runs_python('print("a secret word")')})
    settings = plan.parent / "mplp.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + ENCRYPTED.format(key=key), encoding="utf-8")
    mplp(home, "trust", plan.parent)
    return plan


def test_no_trace_was_kept_is_not_said_of_an_encrypted_trace(tmp_path: Path) -> None:
    plan = encrypted_project(tmp_path)
    ran = mplp(tmp_path, "run", plan, "--yes")
    assert ran.code == 0, ran.err
    assert "No trace was kept" not in ran.out
    assert "trace: kept encrypted" in ran.out
    shown = mplp(tmp_path, "trace", "--root", plan.parent)
    assert "trace:    kept encrypted" in shown.out
    command = shown.out.partition("`mplp-lsp ")[2].partition("`")[0]
    trace = json.loads(mplp(tmp_path, *command.split(), cwd=plan.parent).out)
    assert trace["segments"][0]["attributes"]["output"].strip() == "a secret word"
