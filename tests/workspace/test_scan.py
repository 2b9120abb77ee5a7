from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from mplp_lsp.workspace.foreign_files import ForeignFiles
from mplp_lsp.workspace.git_files import git_files
from mplp_lsp.workspace.kinds import FileRules
from mplp_lsp.workspace.scan import Heads, by_names, candidates, project_files
from mplp_runtime.disk import Stamp
from mplp_runtime.kinds import may_be_ours
from mplp_runtime.project_listing import walked

PLAN = (
    '{"meta": {}, "plan_id": "", "context_id": "", "title": "", "objective": "", "status": "", "steps": []}'
)


def write(root: Path, *names: str, text: str = "{}") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def found(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in candidates(project_files(root)).paths]


def test_only_documents_that_can_be_ours_are_kept(tmp_path: Path) -> None:
    write(tmp_path, "package.json", "a/tsconfig.json", "notes.txt", text='{"name": 1}')
    write(tmp_path, "a/x.plan.json", "plan.json", "b/run.events.ndjson", "mplp.toml")
    write(tmp_path, "odd-name.json", text=PLAN)
    assert found(tmp_path) == [
        "a/x.plan.json",
        "b/run.events.ndjson",
        "mplp.toml",
        "odd-name.json",
        "plan.json",
    ]


def test_vendored_and_state_folders_are_never_entered(tmp_path: Path) -> None:
    for folder in (".git", "node_modules/a", ".venv/lib", "x/vendor", ".mplp/traces", "__pycache__"):
        write(tmp_path, f"{folder}/x.plan.json")
    write(tmp_path, "x/ok.plan.json")
    assert found(tmp_path) == ["x/ok.plan.json"]


def test_git_ignored_files_are_left_out_and_untracked_ones_are_not(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(
        tmp_path,
        "tracked.plan.json",
        "untracked.plan.json",
        "build/ignored.plan.json",
        "node_modules/v.plan.json",
    )
    (tmp_path / ".gitignore").write_text("build/\n")
    git(tmp_path, "add", "tracked.plan.json", "-f", "node_modules/v.plan.json")
    assert found(tmp_path) == ["tracked.plan.json", "untracked.plan.json"]
    assert project_files(tmp_path).by_git


def test_listing_with_git_never_starts_a_program_named_by_the_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    hook = tmp_path / "hook.sh"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    hook.chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(hook))
    write(tmp_path, "a.plan.json")
    assert found(tmp_path) == ["a.plan.json"]
    assert not (tmp_path / "started").exists()


def test_git_environment_of_the_editor_does_not_leak_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    git_free = {name: value for name, value in os.environ.items() if name != "GIT_DIR"}
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, env=git_free)
    write(tmp_path, "a.plan.json")
    assert project_files(tmp_path).by_git


def test_without_git_the_folders_are_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    write(tmp_path, "a.plan.json", "b/c.plan.json")
    files = project_files(tmp_path)
    assert not files.by_git
    assert files.files == ("a.plan.json", "b/c.plan.json")


def test_a_git_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent))
    started = time.monotonic()
    assert git_files(tmp_path, limit=10, timeout_s=0.2) is None
    assert time.monotonic() - started < 10


def test_links_fifos_and_loops_are_skipped(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    write(outside, "secret.plan.json")
    write(root, "real.plan.json")
    (root / "link.plan.json").symlink_to(outside / "secret.plan.json")
    (root / "loop").symlink_to(root)
    (root / "away").symlink_to(outside)
    os.mkfifo(root / "pipe.plan.json")
    assert found(root) == ["real.plan.json"]
    git(root, "init", "-q")
    assert found(root) == ["real.plan.json"]


def test_names_that_are_not_utf8_survive(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe.plan.json")
    (tmp_path / name).write_text("{}")
    assert [path.name for path in candidates(project_files(tmp_path)).paths] == [name]
    git(tmp_path, "init", "-q")
    assert [path.name for path in candidates(project_files(tmp_path)).paths] == [name]


@pytest.mark.parametrize("with_git", [True, False])
def test_the_number_of_files_is_bounded_and_the_cut_is_told(tmp_path: Path, with_git: bool) -> None:
    if with_git:
        git(tmp_path, "init", "-q")
    write(tmp_path, *(f"{number}.plan.json" for number in range(30)))
    files = project_files(tmp_path, limit=20)
    assert len(files.files) == 20
    assert candidates(files).is_cut
    assert not project_files(tmp_path, limit=30).is_cut


def test_folders_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "a.plan.json")
    assert list(walked(tmp_path / "absent")) == []
    assert list(walked(tmp_path)) == ["a.plan.json"]


def test_thousands_of_foreign_files_cost_little(tmp_path: Path) -> None:
    for folder in range(50):
        (tmp_path / str(folder)).mkdir()
        for number in range(100):
            (tmp_path / str(folder) / f"{number}.json").write_text('{"name": "x", "items": [1, 2, 3]}')
    write(tmp_path, "7/real.plan.json")
    started = time.process_time()
    assert found(tmp_path) == ["7/real.plan.json"]
    assert time.process_time() - started < 1.0


def test_documents_named_as_ours_are_found_behind_more_foreign_files_than_are_opened(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"a{number}.json").write_text('{"plan_id": 1}')
    (tmp_path / "z.plan.json").write_text("{}")
    found = candidates(project_files(tmp_path), most_opened=3)
    assert [path.name for path in found.paths] == ["a0.json", "a1.json", "a2.json", "z.plan.json"]
    assert found.is_cut


def test_names_alone_tell_what_is_worth_reading_and_what_is_to_be_looked_into(tmp_path: Path) -> None:
    write(
        tmp_path,
        "a.plan.json",
        "plan.json",
        "data/1.json",
        "notes.md",
        "x.toml",
        "mplp.toml",
        "old/b.plan.json",
    )
    rules = FileRules(associations=(("notes.md", "plan"),), exclude=("old/**",))
    named = by_names(project_files(tmp_path), rules)
    assert named.worth_reading == ("a.plan.json", "mplp.toml", "notes.md", "plan.json")
    assert named.undecided == ("data/1.json",)
    known = [tmp_path / "a.plan.json", tmp_path / "data/1.json"]
    assert named.without(known) == [tmp_path / "data/1.json"]


def test_a_foreign_file_is_opened_again_only_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, *(f"{number}.json" for number in range(5)), text='{"name": 1}')
    write(tmp_path, "odd.json", text=PLAN)
    foreign = ForeignFiles()

    def opened() -> list[str]:
        names: list[str] = []

        def counting(path: str, *arguments: int) -> int:
            names.append(Path(path).name)
            return real(path, *arguments)

        real = os.open
        heads = Heads(by_names(project_files(tmp_path)), foreign)
        with monkeypatch.context() as patched:
            patched.setattr(os, "open", counting)
            while not heads.is_done:
                possible = heads.look_on(4)
        assert possible == [tmp_path / "odd.json"]
        return names

    assert opened() == ["0.json", "1.json", "2.json", "3.json", "4.json", "odd.json"]
    assert opened() == ["odd.json"]
    (tmp_path / "3.json").write_text('{"name": 22}')
    (tmp_path / "4.json").unlink()
    assert opened() == ["3.json", "odd.json"]
    assert len(foreign) == 4


def test_tens_of_thousands_of_foreign_files_are_remembered_in_little_space() -> None:
    foreign = ForeignFiles()
    stamp = Stamp(1, 2, 3)
    for number in range(20_000):
        foreign.add(f"/data/{number}.json", stamp)
    assert all(foreign.holds(f"/data/{number}.json", stamp) for number in range(0, 20_000, 97))
    assert not foreign.holds("/data/7.json", Stamp(1, 2, 4))
    assert not foreign.holds("/other/7.json", stamp)
    assert len(foreign) == 20_000


@pytest.mark.parametrize("marker", ["plan_id", "protocol_version", "change_type", "tool_kind", "ci_provider"])
def test_the_head_of_a_long_file_is_searched_to_its_end(marker: str) -> None:
    head = b'{"name": "thing", "values": [' + b"1, " * 20_000
    assert not may_be_ours(head)
    assert may_be_ours(head + f'2], "{marker}": 1'.encode())
    assert may_be_ours(head + b'2], "\\u0070lan_id": 1')
