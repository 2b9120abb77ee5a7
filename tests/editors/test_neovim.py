"""Neovim itself, headless, with the plugin of editors/neovim."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.editors.installation import NEOVIM, need
from tests.editors.neovim_session import PLUGIN, play_script
from tests.editors.project import UNKNOWN, is_duration, write_project

pytestmark = [pytest.mark.editors, pytest.mark.timeout(300)]

ERROR = 1


def play(program: str, folder: Path) -> dict[str, Any]:
    """Plays nvim.lua in this Neovim on a fresh project; returns what Neovim showed."""
    project = folder / "project"
    project.mkdir()
    write_project(project)
    shown = play_script(program, "nvim.lua", project, folder)
    assert (project / "greeter.tar").read_text(encoding="utf-8") == "greeter"
    return shown


@pytest.fixture(scope="module")
def neovim(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return play(need("Neovim 0.11", NEOVIM), tmp_path_factory.mktemp("neovim"))


@pytest.fixture(scope="module")
def old_neovim(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The Neovim of the system: on Debian 12 it is 0.7, without pull diagnostics and inlay hints."""
    return play(need("Neovim of the system", "nvim"), tmp_path_factory.mktemp("old_neovim"))


def problem(shown: dict[str, Any], code: str) -> dict[str, Any]:
    found = [problem for problem in shown["broken"] if problem["code"] == code]
    assert len(found) == 1, shown["broken"]
    return found[0]


def assert_problems(shown: dict[str, Any]) -> None:
    enum = problem(shown, "value-not-allowed")
    assert "Did you mean `pending`?" in enum["message"]
    assert enum["severity"] == ERROR
    assert enum["range"] == [14, 16, 14, 24]
    assert UNKNOWN in problem(shown, "step-dependency-unknown")["message"]
    assert problem(shown, "plan-cycle")["severity"] == ERROR


def assert_run(shown: dict[str, Any]) -> None:
    kinds = [value["kind"] for value in shown["progress"]]
    assert kinds[0] == "begin"
    assert "report" in kinds
    assert "end" in kinds
    assert shown["progress"][0]["title"].endswith("Release the greeter")
    assert shown["progress"][0]["cancellable"] is True
    messages = [value.get("message") or "" for value in shown["progress"]]
    assert any("Test the greeter" in message for message in messages)
    assert [step["status"] for step in shown["run"]["steps"]] == ["completed"] * 3


def test_problems_are_shown_by_content(neovim: dict[str, Any]) -> None:
    assert neovim["version"] == "v0.11.4"
    assert_problems(neovim)


def test_a_wrong_status_has_a_fix(neovim: dict[str, Any]) -> None:
    titles = [action["title"] for action in neovim["fixes"]]
    assert any("Change to" in title and "pending" in title for title in titles), titles


def test_the_lens_above_a_plan_offers_trust_first_and_then_the_run(neovim: dict[str, Any]) -> None:
    before = [lens["command"]["command"] for lens in neovim["lenses_before_trust"]]
    assert "mplp.trustWorkspace" in before
    assert "mplp.runPlan" not in before
    assert "mplp.runPlan" in [lens["command"]["command"] for lens in neovim["lenses"]]


def test_nothing_runs_before_the_user_has_said_so(neovim: dict[str, Any]) -> None:
    assert "trust" in neovim["refusal"]
    assert len(neovim["questions"]) == 1
    assert "Trust this folder" in neovim["questions"][0]["choices"]
    # What could then be run is named before the user decides.
    assert "2 files left unchanged" in neovim["questions"][0]["text"]


def test_a_run_reports_its_progress_from_begin_to_end(neovim: dict[str, Any]) -> None:
    assert_run(neovim)


def test_each_step_shows_how_it_fares(neovim: dict[str, Any]) -> None:
    assert any("running" in label for label in neovim["hints"]), neovim["hints"]
    assert sum(is_duration(label) for label in neovim["hints_at_the_end"]) == 3


def test_a_failing_step_is_a_problem_with_its_last_lines(neovim: dict[str, Any]) -> None:
    assert "no tag v1.0 in this repository" in neovim["failing"][0]["message"]


def test_the_trace_opens_as_a_document(neovim: dict[str, Any]) -> None:
    assert json.loads(Path(neovim["trace"]).read_text(encoding="utf-8"))["status"] == "completed"


def test_an_old_neovim_shows_problems_and_progress_too(old_neovim: dict[str, Any]) -> None:
    assert_problems(old_neovim)
    assert_run(old_neovim)
    assert "no tag v1.0 in this repository" in old_neovim["failing"][0]["message"]


def test_a_document_is_ours_and_its_project_found_whatever_the_folders_are_called(tmp_path: Path) -> None:
    project = tmp_path / "my plans, new;old"
    (project / "sub").mkdir(parents=True)
    (project / "mplp.toml").touch()
    (project / "sub" / "flow.json").touch()
    (tmp_path / "foreign.json").touch()
    lua = (
        "local mplp, folder = require('mplp'), vim.env.MPLP_PROJECT; local flow = folder .. '/sub/flow.json';"
        " local seen = { mplp.is_ours(flow), mplp.root(flow), mplp.is_ours(folder .. '/../foreign.json') };"
        " io.stdout:write(vim.fn.json_encode(seen))"
    )
    command = [need("Neovim 0.11", NEOVIM), "--headless", "-u", "NONE", "-i", "NONE", "-n"]
    command += ["--cmd", f"set runtimepath+={PLUGIN}", "-c", f"lua {lua}", "-c", "qall!"]
    environment = {**os.environ, "MPLP_PROJECT": str(project)}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(said.stdout) == [True, str(project), False]
