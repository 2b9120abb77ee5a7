from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mplp_lsp.workspace.file_set import FileSet
from mplp_lsp.workspace.git_files import git_ignored


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("*.log\nbuild/\n")
    return tmp_path


def test_only_what_git_does_not_ignore_counts_there_or_gone(repository: Path) -> None:
    files = FileSet(repository)
    names = [
        "a.json",
        "gone/b.json",
        "x.log",
        "build/c.json",
        ".mplp/state.db",
        ".git/index",
        "node_modules/d.js",
    ]
    counting = files.counting([repository / name for name in names] + [repository, Path("/elsewhere/e.json")])
    assert counting == {repository / "a.json", repository / "gone/b.json"}


def test_a_tracked_file_counts_although_a_pattern_covers_it(repository: Path) -> None:
    (repository / "kept.log").write_text("x")
    subprocess.run(["git", "add", "-f", "kept.log"], cwd=repository, check=True)
    assert FileSet(repository).counting([repository / "kept.log"])


def test_a_changed_ignore_file_is_heeded(repository: Path) -> None:
    files = FileSet(repository)
    assert files.counting([repository / "a.json"])
    (repository / ".gitignore").write_text("a.json\n")
    assert files.counting([repository / ".gitignore", repository / "a.json"]) == {repository / ".gitignore"}


def test_a_repository_inside_is_asked_about_its_own_files(repository: Path) -> None:
    inner = repository / "parts/inner"
    inner.mkdir(parents=True)
    subprocess.run(["git", "init", "-q"], cwd=inner, check=True)
    (inner / ".gitignore").write_text("*.tmp\n")
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", "add", "."], cwd=inner, check=True)
    subprocess.run(["git", *author, "commit", "-q", "-m", "x"], cwd=inner, check=True)
    # With its commit in the index the folder is a submodule, in which git refuses to answer for all paths.
    subprocess.run(["git", "add", "parts/inner"], cwd=repository, check=True, capture_output=True)
    names = [
        "x.log",
        "a.json",
        "parts/inner",
        "parts/inner/a.tmp",
        "parts/inner/deep/b.tmp",
        "parts/inner/c.log",
    ]
    counting = FileSet(repository).counting([repository / name for name in names])
    assert {path.relative_to(repository).as_posix() for path in counting} == {
        "a.json",
        "parts/inner",
        "parts/inner/c.log",
    }


def test_answers_are_remembered(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = FileSet(repository)
    files.counting([repository / "a.json"])
    monkeypatch.setattr("mplp_lsp.workspace.file_set.git_ignored", None)
    assert files.counting([repository / "a.json"])


def test_without_git_the_globs_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    files = FileSet(tmp_path, include=("**/*.json",))
    assert files.counting([tmp_path / "a.json", tmp_path / "a.log"]) == {tmp_path / "a.json"}
    assert git_ignored(tmp_path, ["a"]) is None


def test_outside_a_work_tree_everything_but_skipped_folders_counts(tmp_path: Path) -> None:
    assert git_ignored(tmp_path, ["a.log"]) is None
    files = FileSet(tmp_path)
    assert files.counting([tmp_path / "a.log", tmp_path / ".venv/b.py"]) == {tmp_path / "a.log"}


def test_folders_to_watch_are_all_that_count_nearer_ones_first(repository: Path) -> None:
    for name in ("a/b", "empty", "build/deep", "node_modules/x", ".mplp/traces"):
        (repository / name).mkdir(parents=True)
    (repository / "link").symlink_to(repository / "a")
    found = [folder.relative_to(repository).as_posix() for folder in FileSet(repository).folders()]
    assert found == [".", "a", "empty", "a/b"]
    assert len(FileSet(repository).folders(limit=2)) == 2
    assert FileSet(repository / "absent").folders() == []


def test_listing_ignored_files_starts_no_program_of_the_repository(repository: Path) -> None:
    hook = repository / "hook.sh"
    hook.write_text(f"#!/bin/sh\ntouch {repository}/started\n")
    hook.chmod(0o755)
    subprocess.run(["git", "config", "core.fsmonitor", str(hook)], cwd=repository, check=True)
    assert git_ignored(repository, ["x.log", "y.json"]) == {"x.log"}
    assert not (repository / "started").exists()
