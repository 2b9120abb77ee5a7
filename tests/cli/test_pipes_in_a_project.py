"""What is no regular file in the place of a project's file is told, and nobody waits for it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mplp_runtime.disk import open_regular
from tests.cli.process import mplp, write_project

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")

WRITES = 'action = "file_operation"\noperation = "write"\ntarget = "out.txt"\ncontent = "x"'


def done_project(home: Path) -> Path:
    """The path of a plan that has run in a trusted folder, of which there is a snapshot."""
    plan = write_project(home / "p", {"worker": WRITES})
    assert mplp(home, "trust", "p").code == 0
    assert mplp(home, "run", plan, "--yes").code == 0
    assert mplp(home, "snapshot", "--root", "p", "--label", "early").code == 0
    return plan


def only(folder: Path, pattern: str) -> Path:
    """The one file there that is not the index of others."""
    (found,) = (path for path in folder.glob(pattern) if path.name != "index.json")
    return found


def becomes_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


@pytest.mark.parametrize("trust", [[], ["--trust"]], ids=["untrusted", "trusted"])
def test_a_plan_that_is_a_named_pipe_is_told_and_not_waited_for(tmp_path: Path, trust: list[str]) -> None:
    plan = write_project(tmp_path / "p", {"worker": WRITES})
    becomes_pipe(plan)
    told = mplp(tmp_path, "run", plan, "--yes", *trust)
    assert told.code == 2
    assert told.err == f"mplp-lsp: {plan} cannot be read: it is not a regular file.\n"


def test_a_confirm_that_is_a_named_pipe_stops_the_run_with_a_sentence(tmp_path: Path) -> None:
    plan = done_project(tmp_path)
    becomes_pipe(plan.with_name("a.confirm.json"))
    told = mplp(tmp_path, "run", plan, "--yes")
    assert told.code == 3
    assert "a.confirm.json cannot be read" in told.err


def test_a_trace_that_is_a_named_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    done_project(tmp_path)
    becomes_pipe(only(tmp_path / "p" / ".mplp" / "traces", "*.trace.json"))
    told = mplp(tmp_path, "trace", "--json", "--root", "p")
    assert told.code == 2
    assert "cannot be read: it is not a regular file." in told.err


def test_a_trace_that_is_no_text_is_told_and_no_bug_of_ours(tmp_path: Path) -> None:
    done_project(tmp_path)
    only(tmp_path / "p" / ".mplp" / "traces", "*.trace.json").write_bytes(b"\xff\xfe{}")
    told = mplp(tmp_path, "trace", "--json", "--root", "p")
    assert told.code == 2
    assert "cannot be read: 'utf-8' codec" in told.err


def test_a_snapshot_that_is_a_named_pipe_does_not_hide_the_others(tmp_path: Path) -> None:
    done_project(tmp_path)
    folder = tmp_path / "p" / ".mplp" / "snapshots"
    pipe = folder / "00000000-0000-4000-8000-000000000000.json"
    becomes_pipe(pipe)
    told = mplp(tmp_path, "snapshot", "--list", "--root", "p")
    assert (told.code, "early" in told.out) == (0, True)
    assert told.err == f"mplp-lsp: {pipe} cannot be read: it is not a regular file.\n"


def test_a_deeply_nested_snapshot_does_not_hide_the_others(tmp_path: Path) -> None:
    done_project(tmp_path)
    deep = tmp_path / "p" / ".mplp" / "snapshots" / "00000000-0000-4000-8000-000000000000.json"
    deep.write_text("[" * 100_000, encoding="ascii")
    told = mplp(tmp_path, "snapshot", "--list", "--root", "p")
    assert (told.code, "early" in told.out) == (0, True)
    assert f"{deep} cannot be read" in told.err


@pytest.mark.parametrize("damage", [becomes_pipe, lambda path: path.write_text("{")], ids=["pipe", "cut"])
def test_an_index_of_snapshots_that_cannot_be_read_is_made_anew(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    done_project(tmp_path)
    index = tmp_path / "p" / ".mplp" / "snapshots" / "index.json"
    damage(index)
    assert mplp(tmp_path, "snapshot", "--root", "p", "--label", "late").code == 0
    text = index.read_text(encoding="utf-8")
    assert "early" in text
    assert "late" in text


def test_copies_and_notes_that_are_named_pipes_do_not_hang_a_restore(tmp_path: Path) -> None:
    plan = done_project(tmp_path)
    assert mplp(tmp_path, "run", plan, "--yes").code == 0
    state = tmp_path / "p" / ".mplp"
    for note in state.glob("undo/*/*.json"):
        becomes_pipe(note)
    told = mplp(tmp_path, "snapshot", "--restore", "last", "--root", "p")
    assert told.code != 70
    assert "cannot be read: it is not a regular file." in told.err
    for copy in state.glob("snapshots/objects/*/*"):
        becomes_pipe(copy)
    told = mplp(tmp_path, "snapshot", "--restore", "last", "--root", "p")
    assert told.code == 2
    assert "A copy of the snapshot cannot be read: it is not a regular file." in told.err


@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal"])
def test_a_named_pipe_beside_the_state_of_a_trusted_folder_is_told_and_not_waited_for(
    tmp_path: Path, ending: str
) -> None:
    plan = done_project(tmp_path)
    pipe = tmp_path / "p" / ".mplp" / f"state.db{ending}"
    becomes_pipe(pipe)
    for words in (["trace", "--root", "p"], ["run", plan, "--yes"]):
        told = mplp(tmp_path, *words)
        assert told.code == 2
        assert f"The state {pipe} is not a regular file; move it away" in told.err


def test_folders_pipes_sockets_and_devices_are_no_files_to_read(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for path in (tmp_path / "folder", tmp_path / "pipe", tmp_path / "socket", Path("/dev/zero")):
            with pytest.raises(OSError, match=r"not a regular file|No such device"):
                open_regular(path)
