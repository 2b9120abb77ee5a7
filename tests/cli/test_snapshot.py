"""Snapshots from the terminal."""

from __future__ import annotations

from pathlib import Path

from tests.cli.process import Ended, mplp, runs_python, write_project

MADE = 'action = "file_operation"\noperation = "write"\ntarget = "out.txt"\ncontent = "new"\n'


def snapshot(home: Path, *arguments: str) -> Ended:
    return mplp(home, "snapshot", *arguments, "--root", "p")


def test_a_snapshot_from_before_a_run_brings_back_what_was_there(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"writer": MADE})
    text = plan.read_text(encoding="utf-8")
    made = snapshot(tmp_path, "--label", "before", "--trust")
    assert (made.code, "3 files are kept" in made.out) == (0, True), made.err
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 0
    plan.write_text("{}", encoding="utf-8")
    listed = snapshot(tmp_path, "--list").out
    assert listed.endswith("3 files  before\n")
    done = snapshot(tmp_path, "--restore", listed[:8], "--trust")
    assert done.code == 0, done.err
    assert "How it was before is kept: mplp-lsp snapshot --restore " in done.out
    assert plan.read_text(encoding="utf-8") == text
    assert not (tmp_path / "p" / "out.txt").exists(), "what the run made is taken back"
    drift = mplp(tmp_path, "drift", "last", "--root", "p", "--trust")
    assert (drift.code, "out.txt" in drift.out) == (0, False), drift.out
    assert len(snapshot(tmp_path, "--list").out.splitlines()) == 2
    assert snapshot(tmp_path, "--restore", "last", "--trust").code == 0
    assert plan.read_text(encoding="utf-8") == "{}"


def test_a_folder_that_is_not_trusted_gets_no_snapshot(tmp_path: Path) -> None:
    write_project(tmp_path / "p", {"writer": MADE})
    refused = snapshot(tmp_path)
    assert (refused.code, "--trust" in refused.err) == (3, True)
    assert not (tmp_path / "p" / ".mplp").exists()


def test_a_snapshot_that_nobody_made_is_told(tmp_path: Path) -> None:
    write_project(tmp_path / "p", {"writer": MADE})
    assert "has no snapshots yet" in snapshot(tmp_path, "--restore", "abc", "--trust").err
    assert snapshot(tmp_path, "--trust").code == 0
    assert (
        "No snapshot of this project begins with nothing"
        in snapshot(tmp_path, "--restore", "nothing", "--trust").err
    )


def test_something_that_somebody_changed_since_is_named(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"writer": MADE})
    assert snapshot(tmp_path, "--trust").code == 0
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 0
    (tmp_path / "p" / "out.txt").write_text("mine")
    done = snapshot(tmp_path, "--restore", "last", "--trust")
    assert (done.code, "Left as found: out.txt (changed since)" in done.out) == (1, True), done.err


def test_one_file_is_one_file_and_what_was_made_since_is_named(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "mplp.toml").write_text("")
    made = snapshot(tmp_path, "--trust")
    assert made.out.endswith("state, graph and 1 file are kept.\n")
    assert "  1 file  " in snapshot(tmp_path, "--list").out
    (tmp_path / "p" / "new.plan.json").write_text("{}")
    (tmp_path / "p" / "mplp.toml").write_text("# changed\n")
    done = snapshot(tmp_path, "--restore", "last", "--trust")
    assert "and 1 file with them." in done.out
    assert "Made since, and still there: new.plan.json\n" in done.out


def test_an_empty_name_of_a_snapshot_is_told_as_such(tmp_path: Path) -> None:
    write_project(tmp_path / "p", {"writer": MADE})
    assert snapshot(tmp_path, "--trust").code == 0
    done = snapshot(tmp_path, "--restore", "", "--trust")
    assert (done.code, "The id of the snapshot is empty" in done.err) == (2, True)


def test_a_run_whose_work_a_restore_took_back_is_named_and_stands_again_after_going_back(
    tmp_path: Path,
) -> None:
    plan = write_project(tmp_path / "p", {"writer": MADE, "worker": runs_python("raise SystemExit(3)")})
    assert snapshot(tmp_path, "--trust").code == 0
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 1
    done = snapshot(tmp_path, "--restore", "last", "--trust")
    assert "counts as rolled back: what it did was taken back." in done.out, done.err
    refused = mplp(tmp_path, "retry", "last", "--root", "p", "--yes", "--trust")
    assert (refused.code, "nothing to go on from" in refused.err) == (3, True), refused.err
    assert "rolled back" not in snapshot(tmp_path, "--restore", "last", "--trust").out
    assert (tmp_path / "p" / "out.txt").read_text() == "new"
    rolled_back = mplp(tmp_path, "rollback", "last", "--root", "p", "--trust")
    assert rolled_back.out == "Rolled back: 1 file is as before.\n", rolled_back.err


def test_a_list_of_no_snapshots_says_so_before_the_first_run_and_after_it(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"writer": MADE})
    before = snapshot(tmp_path, "--list")
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 0
    after = snapshot(tmp_path, "--list")
    assert (before.code, before.out) == (after.code, after.out) == (0, "This project has no snapshots yet.\n")
