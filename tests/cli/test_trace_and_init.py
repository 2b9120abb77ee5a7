"""`mplp-lsp trace`, `init`, `--version`: what was run, how to begin, what this is."""

from __future__ import annotations

import json
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from mplp_lsp.cli.init import init_command
from mplp_lsp.cli.live import step_line
from mplp_lsp.cli.style import Style, printable
from mplp_runtime.orchestrator.views import StepView
from tests.cli.process import mplp, runs_python, write_project

PASS = {"worker": runs_python("pass")}


def test_a_trace_is_shown_in_words_as_a_document_and_in_a_list(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", PASS)
    mplp(tmp_path, "run", plan, "--simulate", "--trust")
    mplp(tmp_path, "run", plan, "--yes", "--trust")
    newest = mplp(tmp_path, "trace", "--root", "p").out.splitlines()
    run_id, status = newest[0].split()[:2]
    assert status == "completed"
    assert newest[2].startswith("  ✓ Let the worker work  ")
    for line in newest[-2:]:
        assert (tmp_path / line.split(":", 1)[1].strip()).is_file()
    listed = mplp(tmp_path, "trace", "--root", "p", "--list").out.splitlines()
    assert len(listed) == 2
    assert "completed (simulated)" in listed[0]
    assert listed[1].startswith(run_id)
    document = json.loads(mplp(tmp_path, "trace", run_id[:6], "--root", "p", "--json").out)
    assert document["status"] == "completed"
    assert document["trace_id"] in newest[-2]


def test_a_project_below_the_current_folder_is_found_from_within(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", PASS)
    mplp(tmp_path, "run", plan, "--simulate", "--trust")
    (tmp_path / "p" / "src").mkdir()
    assert "completed" in mplp(tmp_path, "trace", cwd=tmp_path / "p" / "src").out


@pytest.mark.parametrize("arguments", [(), ("--list",), ("--json",), ("abc",)])
def test_where_nothing_ran_there_is_no_trace_and_no_state_is_made(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "p").mkdir()
    done = mplp(tmp_path, "trace", *arguments, "--root", "p")
    assert done.code == 2
    assert "No plan has run in" in done.err
    assert not (tmp_path / "p" / ".mplp").exists()


def test_a_run_that_nobody_knows_is_a_mistake_of_the_call(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", PASS)
    mplp(tmp_path, "run", plan, "--simulate", "--trust")
    done = mplp(tmp_path, "trace", "nobody", "--root", "p")
    assert done.code == 2
    assert "begins with nobody" in done.err


def test_a_state_that_is_no_database_is_said_in_a_sentence(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", PASS)
    (tmp_path / "p" / ".mplp").mkdir()
    (tmp_path / "p" / ".mplp" / "state.db").write_bytes(b"no database at all" * 100)
    for call in (("trace", "--root", "p"), ("run", plan, "--simulate", "--trust")):
        done = mplp(tmp_path, *call)
        assert done.code in {2, 3}
        assert "state.db" in done.err


def test_a_new_project_checks_clean_and_runs(tmp_path: Path) -> None:
    done = mplp(tmp_path, "init", "new")
    assert done.code == 0
    assert mplp(tmp_path, "check", "new", "--fail-on", "hint").code == 0
    command = done.out.splitlines()[-1].split("  and  mplp-lsp ")[1].split()
    assert mplp(tmp_path, *command).code == 0
    assert (tmp_path / "new" / "greeting.txt").read_text() == "Hello from MPLP\n"


def test_what_init_says_to_do_next_can_be_pasted_whatever_the_folders_name(tmp_path: Path) -> None:
    out = mplp(tmp_path, "init", "mein projekt ü").out
    assert out.splitlines()[0] == "Wrote hello.context.json, hello.plan.json, mplp.toml in mein projekt ü."
    commands = out.partition("Next: ")[2].strip().split("  and  ")
    assert [shlex.split(command)[2] for command in commands] == [
        "mein projekt ü",
        "mein projekt ü/hello.plan.json",
    ]
    (tmp_path / "here").mkdir()
    assert "in this folder.\n" in mplp(tmp_path, "init", cwd=tmp_path / "here").out


@pytest.mark.parametrize("names", [(), ("python",), ("python", "python3")])
def test_a_new_project_calls_a_python_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    """Debian has `python3` only; our own environment is on nobody's PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in names:
        (programs / name).symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(programs))
    assert init_command(str(tmp_path / "new")) == 0
    settings = tomllib.loads((tmp_path / "new" / "mplp.toml").read_text())
    assert settings["roles"]["writer"]["command"][0] == (names[-1] if names else sys.executable)


def test_init_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "mplp.toml").write_text("# mine\n")
    done = mplp(tmp_path, "init")
    assert done.code == 2
    assert "mplp.toml exists already" in done.err
    assert [path.name for path in tmp_path.iterdir() if path.name != ".config"] == ["mplp.toml"]


def test_the_version_can_be_read_by_people_and_programs(tmp_path: Path) -> None:
    from mplp_lsp.version import VERSION, declaration

    assert mplp(tmp_path, "--version").out == f"mplp-lsp {VERSION}\n"
    told = json.loads(mplp(tmp_path, "--version", "--json").out)
    assert told == declaration()
    assert told == {
        "runtime_name": "mplp-lsp",
        "runtime_version": VERSION,
        "supported_protocol_versions": ["1.0.0"],
        "supported_profiles": ["SA", "MAP"],
    }


def test_unknown_words_and_bare_options_are_mistakes_of_usage(tmp_path: Path) -> None:
    assert mplp(tmp_path, "bogus").code == 2
    assert mplp(tmp_path, "--json").code == 2
    assert mplp(tmp_path, "check").code == 2


def test_a_line_of_a_step_is_one_line() -> None:
    step = StepView("s", "two\nlines\x1b[2J", "in_progress", attempt=2)
    assert step_line(step, Style(colour=False)) == f"  ▶ two lines{printable(chr(27))}[2J  attempt 2"


def test_a_run_is_written_as_evidence_and_sent_to_nobody_who_is_not_there(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", PASS)
    mplp(tmp_path, "run", plan, "--yes", "--trust")
    done = mplp(tmp_path, "trace", "--root", "p", "--evidence", "evidence")
    assert done.code == 0
    assert "sa-events.ndjson" in done.out
    assert json.loads((tmp_path / "evidence/trace.json").read_text())["status"] == "completed"
    # Port 9 is nobody's on loopback.
    sent = mplp(tmp_path, "trace", "--root", "p", "--otlp", "http://127.0.0.1:9")
    assert sent.code == 2
    assert "No collector at http://127.0.0.1:9/v1/traces takes the trace." in sent.err


def test_evidence_needs_neither_the_files_of_the_run_nor_that_they_are_sound(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", PASS)
    mplp(tmp_path, "run", plan, "--yes", "--trust")
    before = mplp(tmp_path, "trace", "--root", "p", "--evidence", "evidence")
    [timeline] = (tmp_path / "p/.mplp/traces").glob("*.events.ndjson")
    timeline.write_text(timeline.read_text() + "no event\n")
    assert mplp(tmp_path, "trace", "--root", "p", "--evidence", "evidence").out == before.out
    for path in (tmp_path / "p/.mplp/traces").iterdir():
        path.unlink()
    assert mplp(tmp_path, "trace", "--root", "p", "--evidence", "evidence").out == before.out
    shown = mplp(tmp_path, "trace", "--root", "p", "--json")
    assert json.loads(shown.out)["status"] == "completed", "the trace itself as well"
