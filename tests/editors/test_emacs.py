"""Emacs itself, headless, with eglot and the client of editors/emacs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.editors.installation import SERVER, need
from tests.editors.project import TEST, UNKNOWN, write_project

pytestmark = [pytest.mark.editors, pytest.mark.timeout(240)]

SCRIPT = Path(__file__).with_name("eglot.el")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a user of Emacs saw on a fresh project, played once."""
    emacs, server = need("Emacs", "emacs"), need("mplp-lsp", SERVER)
    folder = tmp_path_factory.mktemp("emacs")
    project = folder / "project"
    project.mkdir()
    write_project(project)
    variables = {
        **os.environ,
        "PATH": f"{Path(server).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder / "state"),
        "MPLP_PROJECT": str(project),
        "MPLP_FACTS": str(folder / "facts.json"),
    }
    command = [emacs, "-Q", "--batch", "-l", str(SCRIPT)]
    played = subprocess.run(
        command, env=variables, cwd=project, capture_output=True, text=True, timeout=220, check=False
    )
    assert (folder / "facts.json").exists(), played.stdout + played.stderr
    facts: dict[str, Any] = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    assert "error" not in facts, facts["error"]
    facts["built"] = (project / "greeter.tar").read_text(encoding="utf-8")
    return facts


def test_problems_stand_at_their_texts(shown: dict[str, Any]) -> None:
    places = {problem["text"].partition("]")[0]: problem["at"] for problem in shown["problems"]}
    assert places["mplp [value-not-allowed"] == '"pendng"'
    assert places["mplp [step-dependency-unknown"] == f'"{UNKNOWN}"'
    assert places["mplp [plan-cycle"].startswith('"7b1d2c3e-')
    assert any("Did you mean `pending`?" in problem["text"] for problem in shown["problems"])


def test_a_hover_tells_of_the_step(shown: dict[str, Any]) -> None:
    assert shown["hover"].startswith("Format the sources · step 1 of 4")
    assert "Role formatter" in shown["hover"]


def test_a_completion_replaces_the_wrong_word_and_nothing_else(shown: dict[str, Any]) -> None:
    assert shown["completions"][0] == "pending"
    assert shown["replaced"] == "pendng"
    assert shown["completed"] == '      "status": "pending",'


def test_the_chosen_fix_is_applied(shown: dict[str, Any]) -> None:
    steps = shown["fixed"]["steps"]
    assert steps[3]["dependencies"] == []
    assert steps[2]["dependencies"] == [TEST]


def test_a_plan_runs_once_the_folder_is_trusted_in_emacs_and_its_graph_shows_how_each_step_stands(
    shown: dict[str, Any],
) -> None:
    assert shown["run"] == "completed"
    assert shown["built"] == "greeter"
    assert shown["graph"].startswith("%% Release the greeter, approved, run 1 completed")
    assert shown["graph"].count("✓ completed") == 3
