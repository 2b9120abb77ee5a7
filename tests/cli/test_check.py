"""`mplp-lsp check` as people and CI services call it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.scan import candidates, project_files
from mplp_lsp.workspace.snapshot import ClientView
from mplp_lsp.workspace.workspace import Workspace
from tests.cli.process import PROGRAM, environment, mplp, runs_python, write_project
from tests.project import rescan

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PASS = {"worker": runs_python("pass")}


def findings(home: Path, *arguments: str | Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(mplp(home, "check", "--format", "json", *arguments).out)[
        "findings"
    ]
    return found


def test_a_sound_project_is_clean(tmp_path: Path) -> None:
    write_project(tmp_path / "p", PASS)
    done = mplp(tmp_path, "check", "p")
    assert (done.code, done.out, done.err) == (0, "3 documents checked, nothing to report.\n", "")


def test_a_broken_plan_fails_with_code_frames(tmp_path: Path) -> None:
    done = mplp(tmp_path, "check", EXAMPLES / "broken")
    assert done.code == 1
    assert "error[value-not-allowed]" in done.out
    assert '"status": "pendng",' in done.out
    assert "error[plan-cycle]" in done.out


def test_the_severity_that_fails_can_be_chosen(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", PASS)
    plan.write_text(plan.read_text().replace('"pending"', '"in_progress"'))
    assert {one["severity"] for one in findings(tmp_path, "p")} == {"warning"}
    assert mplp(tmp_path, "check", "p").code == 1
    assert mplp(tmp_path, "check", "p", "--fail-on", "error").code == 0
    assert mplp(tmp_path, "check", "p", "--fail-on", "never").code == 0


def test_a_path_that_is_not_there_is_a_mistake_of_the_call(tmp_path: Path) -> None:
    done = mplp(tmp_path, "check", "gone.plan.json")
    assert (done.code, done.out) == (2, "")
    assert "gone.plan.json does not exist." in done.err


def test_a_link_that_leads_nowhere_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.plan.json").symlink_to("gone")
    done = mplp(tmp_path, "check", "a.plan.json")
    assert done.code == 2
    assert "leads nowhere" in done.err


def test_a_foreign_file_is_not_ours_to_judge(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"name": "x",}')
    assert mplp(tmp_path, "check", "package.json").code == 2
    done = mplp(tmp_path, "check", ".")
    assert (done.code, done.out) == (0, "0 documents checked, nothing to report.\n")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.plan.json").symlink_to("b.plan.json")
    (tmp_path / "b.plan.json").symlink_to("a.plan.json")
    done = mplp(tmp_path, "check", "a.plan.json")
    assert done.code == 2
    assert "cannot be read: Too many levels of symbolic links." in done.err


def test_a_pipe_does_not_hang_the_check(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.plan.json")
    assert mplp(tmp_path, "check", "a.plan.json").code == 2
    assert mplp(tmp_path, "check", ".").code == 0


def test_a_document_that_is_too_large_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.plan.json").write_bytes(b"[" + b" " * (5 * 1024 * 1024) + b"]")
    done = mplp(tmp_path, "check", "a.plan.json")
    assert done.code == 2
    assert "larger than 5 MB" in done.err


def test_a_file_that_is_no_utf_8_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "a.plan.json").write_bytes(b'{"title": "\xe9"}')
    assert "encoding-invalid" in {one["code"] for one in findings(tmp_path, "a.plan.json")}


def test_settings_that_are_no_utf_8_are_a_finding_where_they_stop_being_it(tmp_path: Path) -> None:
    text = b'[roles.tester]\naction = "tool_call"\n# caf\xe9\ncommand = ["pytest"]\nretries = -1\n'
    (tmp_path / "mplp.toml").write_bytes(text)
    found = {(one["code"], one["line"], one["column"]) for one in findings(tmp_path, "mplp.toml")}
    assert found >= {("encoding-invalid", 3, 6)}
    assert 5 in {line for _, line, _ in found}


def test_a_document_below_a_linked_name_is_found_by_that_name(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", PASS)
    (tmp_path / "p" / "other.plan.json").symlink_to(plan)
    paths = {one["path"] for one in findings(tmp_path, "p/other.plan.json", "--fail-on", "never")}
    assert paths <= {str(Path("p/other.plan.json"))}
    assert mplp(tmp_path, "check", "p/other.plan.json").code == 0


def test_only_what_is_named_is_reported_and_the_rest_of_the_project_is_known(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", PASS)
    (tmp_path / "p" / "bad.plan.json").write_text("{")
    assert mplp(tmp_path, "check", plan).code == 0
    assert mplp(tmp_path, "check", "p").code == 1


def test_a_nested_project_is_a_world_of_its_own(tmp_path: Path) -> None:
    outer = write_project(tmp_path / "p", PASS)
    inner = write_project(tmp_path / "p" / "inner", PASS)
    (tmp_path / "p" / "a.context.json").unlink()
    outer.write_text(outer.read_text().replace(_context_id(outer), _context_id(inner)))
    codes = {(one["path"], one["code"]) for one in findings(tmp_path, "p")}
    assert codes == {(str(Path("p/a.plan.json")), "plan-context-unknown")}


def _context_id(plan: Path) -> str:
    return str(json.loads(plan.read_text())["context_id"])


def test_what_git_ignores_is_read_when_it_is_named(tmp_path: Path) -> None:
    root = tmp_path / "p"
    write_project(root, PASS)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True, env=environment(tmp_path))
    (root / ".gitignore").write_text("build/\n")
    (root / "build").mkdir()
    (root / "build" / "b.plan.json").write_text("{")
    assert mplp(tmp_path, "check", "p").code == 0
    assert mplp(tmp_path, "check", "p/build/b.plan.json").code == 1


def test_everything_a_run_leaves_behind_is_valid(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", PASS)
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 0
    left = [path for path in (tmp_path / "p").rglob("*") if path.name.endswith((".trace.json", ".ndjson"))]
    assert len(left) == 3
    assert findings(tmp_path, *left, "p") == []


def test_several_projects_can_be_checked_at_once(tmp_path: Path) -> None:
    write_project(tmp_path / "one", PASS)
    write_project(tmp_path / "two", PASS)
    assert mplp(tmp_path, "check", "one", "two").out == "6 documents checked, nothing to report.\n"


@pytest.mark.parametrize("name", ["broken", "greeter"])
def test_the_command_line_and_the_editor_say_the_same(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    _copied(EXAMPLES / name, root)
    workspace = Workspace(encoding="utf-32")
    workspace.set_folders([root])
    rescan(workspace, root, candidates(project_files(root)).paths)
    shown = ClientView(related_information=True)
    wanted = []
    for path in sorted(path for path in root.rglob("*") if path.suffix in {".json", ".toml"}):
        for one in diagnostics(workspace.snapshot(uri_of(path), client=shown), uri_of(path)):
            place = (one.range.start.line + 1, one.range.start.character + 1)
            end = (one.range.end.line + 1, one.range.end.character + 1)
            wanted.append((str(path.relative_to(tmp_path)), *place, *end, one.code, one.message))
    found = [
        (
            one["path"],
            one["line"],
            one["column"],
            one["end_line"],
            one["end_column"],
            one["code"],
            one["message"],
        )
        for one in findings(tmp_path, name)
    ]
    assert found == wanted
    assert bool(found) == (name == "broken")


def _copied(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file() and not {".mplp", "dist", "__pycache__"} & set(path.parts):
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (target / path.relative_to(source)).write_bytes(path.read_bytes())


def test_sarif_and_github_name_the_same_places(tmp_path: Path) -> None:
    _copied(EXAMPLES / "broken", tmp_path / "broken")
    sarif = json.loads(mplp(tmp_path, "check", "broken", "--format", "sarif").out)
    results = sarif["runs"][0]["results"]
    errors = [one for one in findings(tmp_path, "broken") if one["severity"] == "error"]
    assert [one["ruleId"] for one in results if one["level"] == "error"] == [one["code"] for one in errors]
    assert all(
        rule["shortDescription"]["text"] != rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]
    )
    lines = mplp(tmp_path, "check", "broken", "--format", "github").out.splitlines()
    assert len([line for line in lines if line.startswith("::error file=broken/")]) == len(errors)


def test_a_reader_that_leaves_early_is_no_error_of_ours(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "check", str(EXAMPLES / "broken")],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(60)


def test_a_check_does_not_pay_for_the_language_server(tmp_path: Path) -> None:
    write_project(tmp_path / "p", PASS)
    code = (
        "import sys; from mplp_lsp.cli.main import main; main(['check', 'p']); "
        "sys.exit(bool({'lsprotocol', 'pygls', 'sqlite3', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [PROGRAM[0], "-c", code], cwd=tmp_path, env=environment(tmp_path), capture_output=True, check=False
    )
    assert done.returncode == 0, done


def test_a_project_that_is_too_large_to_be_read_whole_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mplp_lsp.cli import project
    from mplp_lsp.cli.check import check_command

    write_project(tmp_path, PASS)
    monkeypatch.setattr(project, "project_files", lambda root: project_files(root, limit=2))
    check_command([str(tmp_path)])
    assert "more files than are looked at" in capsys.readouterr().err
