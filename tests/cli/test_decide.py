"""Cancel, pause, resume, retry, skip, answer, roll back and accept drift from the terminal."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mplp_lsp.cli import decide_options
from tests.cli.process import (
    HANDOFF,
    LIMIT_S,
    PROGRAM,
    Ended,
    mplp,
    runs_python,
    started,
    until,
    write_project,
)

ROOT = Path(__file__).resolve().parents[2]
WRITES = 'action = "file_operation"\noperation = "write"\ntarget = "out.txt"\ncontent = "new"\n'
FAILS_ONCE = runs_python('import pathlib, sys; sys.exit(0 if pathlib.Path("fixed").exists() else 3)')
WAITS = runs_python(
    'import os, time; open("begun", "a").write("x"); '
    '[time.sleep(0.02) for _ in iter(lambda: os.path.exists("go"), True)]'
)
WORKER_FAILED = "Let the worker work"


def failed_run(home: Path, plan: Path) -> str:
    """The id of a run of the plan that has failed."""
    done = mplp(home, "run", plan, "--yes", "--trust")
    assert done.code == 1, done.err
    return newest(home).out.split()[0]


def newest(home: Path) -> Ended:
    return mplp(home, "trace", "--root", "p")


def decided(home: Path, word: str, *arguments: str, trusted: bool = True) -> Ended:
    return mplp(home, word, *arguments, "--root", "p", *(["--trust"] if trusted else []))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def recorded(project: Path) -> str:
    """All that the state holds, as text."""
    with closing(sqlite3.connect(project / ".mplp" / "state.db")) as state:
        return "\n".join(state.iterdump())


@contextmanager
def elsewhere(home: Path, plan: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that another terminal carries; one that is still there at the end is cancelled."""
    process = started(home, "run", plan, "--yes", "--trust")
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT_S)


def test_a_failed_step_is_tried_again_and_the_run_goes_on_in_this_terminal(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"writer": WRITES, "worker": FAILS_ONCE})
    run = failed_run(tmp_path, plan)
    refused = decided(tmp_path, "retry", run[:8], trusted=False)
    assert (refused.code, "--trust" in refused.err) == (3, True)
    (tmp_path / "p" / "fixed").touch()
    done = decided(tmp_path, "retry", run[:8])
    assert done.code == 0, done.err
    assert "completed in" in done.out
    assert "2 of 2 steps completed" in done.out
    again = decided(tmp_path, "retry", "last")
    assert again.code == 2
    assert "no step is failed; name the step" in again.err
    assert WORKER_FAILED in again.err, "the steps are listed"


def test_a_step_is_skipped_with_a_reason_though_its_plan_is_gone(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"worker": FAILS_ONCE, "writer": WRITES})
    run = failed_run(tmp_path, plan)
    plan.unlink()
    done = decided(tmp_path, "skip", run, WORKER_FAILED, "--reason", "not this time", "--yes")
    assert done.code == 0, done.err
    assert "not this time" in mplp(tmp_path, "trace", "--root", "p", "--json").out
    assert (tmp_path / "p" / "out.txt").read_text() == "new"


def test_rolling_back_says_what_came_back_and_names_the_run_that_went_on(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"writer": WRITES, "worker": FAILS_ONCE})
    run, out = failed_run(tmp_path, plan), tmp_path / "p" / "out.txt"
    (tmp_path / "p" / "fixed").touch()
    assert decided(tmp_path, "retry", run).code == 0
    refused = decided(tmp_path, "rollback", run)
    assert refused.code == 3
    assert "Run 2 (" in refused.err
    assert "--force rolls it back all the same." in refused.err
    out.write_text("mine")
    left = decided(tmp_path, "rollback", run, "--force")
    assert (left.code, "Left as found: out.txt (changed since)." in left.out) == (1, True)
    out.write_text("new")
    done = decided(tmp_path, "rollback", run, "--force")
    assert (done.code, done.out) == (0, "Rolled back: 1 file is as before.\n")
    assert not out.exists()


def test_what_changed_since_a_run_is_named_and_accepted(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"writer": WRITES})
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 0
    clean = decided(tmp_path, "drift")
    assert (clean.code, clean.err) == (0, "")
    (tmp_path / "p" / "out.txt").write_text("mine")
    toml = tmp_path / "p" / "mplp.toml"
    toml.write_text(toml.read_text() + "\n# changed\n")
    found = decided(tmp_path, "drift")
    assert found.code == 1
    assert "out.txt, which “Let the writer work” wrote, has changed since run 1 of “Work”." in found.out
    assert "mplp.toml has changed since run 1 of “Work”." in found.out
    assert "unknown to it" in decided(tmp_path, "drift", "last", "a.plan.json").err
    done = decided(tmp_path, "drift", "last", "out.txt", "--accept")
    assert done.out == "1 file is taken as found; run 1 of “Work” expects them so from now on.\n"
    assert decided(tmp_path, "drift").out == "mplp.toml has changed since run 1 of “Work”.\n"
    assert decided(tmp_path, "drift", "--accept").code == 0
    assert decided(tmp_path, "drift").code == 0


def test_where_nothing_has_changed_nothing_is_accepted_and_nothing_is_written(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"writer": WRITES})
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 0
    assert decided(tmp_path, "drift").code == 0
    done = decided(tmp_path, "drift", "--accept")
    assert (done.code, done.out) == (0, "Nothing has changed that run 1 of “Work” could take as it is.\n")
    assert "drift_accepted" not in recorded(tmp_path / "p")
    (tmp_path / "p" / "out.txt").write_text("mine")
    assert decided(tmp_path, "drift", "--accept").out.startswith("1 file is taken")
    assert "drift_accepted" in recorded(tmp_path / "p")


def test_a_file_in_the_place_of_a_run_is_told_how_it_is_looked_at(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"writer": WRITES})
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 0
    done = decided(tmp_path, "drift", "out.txt")
    assert (done.code, "mplp-lsp drift last out.txt" in done.err) == (2, True)


def test_a_run_is_named_by_the_path_of_its_plan_and_by_no_empty_name(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"worker": FAILS_ONCE})
    failed_run(tmp_path, plan)
    for path in ("p/a.plan.json", "a.plan.json", str(plan)):
        shown = mplp(tmp_path, "trace", path, "--root", "p")
        assert shown.out.split()[1:2] == ["failed"], path
    (tmp_path / "p" / "fixed").touch()
    assert decided(tmp_path, "retry", "p/a.plan.json").code == 0
    assert mplp(tmp_path, "trace", "p/a.plan.json", "--root", "p").out.split()[1] == "completed"
    empty = decided(tmp_path, "cancel", "")
    assert (empty.code, "The name of the run is empty" in empty.err) == (2, True)


def test_a_run_that_is_left_names_a_way_on_that_works_though_its_plan_is_gone(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"person": HANDOFF})
    left = mplp(tmp_path, "run", plan, "--yes", "--trust")
    plan.unlink()
    for word in ("resume", "answer"):
        (way,) = re.findall(rf"mplp-lsp ({word} .*)", left.out)
        assert way.endswith(" --root p")
        more = ["--yes"] if word == "answer" else []
        done = mplp(tmp_path, *way.split(), *more, "--trust")
        assert done.out.startswith("Going on with “Work” (1 step)"), done.err
    assert done.code == 0


def test_a_question_of_a_run_that_nobody_carries_is_answered_without_a_terminal(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"person": HANDOFF, "writer": WRITES})
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 1
    done = decided(tmp_path, "answer", "last", "Let the person work", "--yes", "--output", "alice")
    assert (done.code, "2 of 2 steps completed" in done.out) == (0, True), done
    assert (tmp_path / "p" / "out.txt").read_text() == "new"
    again = decided(tmp_path, "answer", "last", "--yes")
    assert (again.code, "asks nothing: it is completed" in again.err) == (2, True)


def test_a_step_that_asks_nothing_is_not_answered_in_its_place(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"person": HANDOFF, "writer": WRITES})
    assert mplp(tmp_path, "run", plan, "--yes", "--trust").code == 1
    refused = decided(tmp_path, "answer", "last", "Let the writer work", "--yes")
    assert (refused.code, "Step “Let the writer work” asks nothing." in refused.err) == (2, True)
    assert "Let the person work" in refused.err
    assert newest(tmp_path).out.split()[1] == "interrupted"


def test_a_run_of_another_terminal_is_paused_resumed_and_cancelled(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"first": WAITS, "second": HANDOFF})
    with elsewhere(tmp_path, plan) as process:
        until((tmp_path / "p" / "begun").exists, "the first step begins")
        paused = decided(tmp_path, "pause", "last")
        assert (paused.code, "nothing more begins" in paused.out) == (0, True), paused.err
        (tmp_path / "p" / "go").touch()
        until(lambda: "✓ Let the first work" in newest(tmp_path).out, "the first step ends")
        resumed = decided(tmp_path, "resume", "last")
        assert (resumed.code, f"in process {process.pid}" in resumed.out) == (0, True), resumed.err
        out, _ = process.communicate(timeout=LIMIT_S)
    assert "Paused: nothing more begins." in out
    assert process.returncode == 1, "nobody is there to answer, so the run is left"
    done = decided(tmp_path, "cancel", "last")
    assert (done.code, done.out) == (0, "Run 1 of “Work” is cancelled.\n")
    again = decided(tmp_path, "cancel", "last")
    assert (again.code, "is cancelled already" in again.err) == (3, True)


def stop_between_commits(process: subprocess.Popen[str], state: Path) -> None:
    """Stops the process at a moment at which it does not hold the state, which others could not use then."""
    with closing(sqlite3.connect(state, isolation_level=None, timeout=LIMIT_S)) as ours:
        # As long as we write, it does not.
        ours.execute("BEGIN IMMEDIATE")
        process.send_signal(signal.SIGSTOP)
        until(lambda: "T (stopped)" in Path(f"/proc/{process.pid}/status").read_text(), "it stops")
        ours.execute("ROLLBACK")


def test_a_process_that_does_not_react_is_named_with_what_to_do(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"first": WAITS})
    with elsewhere(tmp_path, plan) as process:
        until((tmp_path / "p" / "begun").exists, "the first step begins")
        stop_between_commits(process, tmp_path / "p" / ".mplp" / "state.db")
        try:
            refused = decided(tmp_path, "pause", "last")
        finally:
            process.send_signal(signal.SIGCONT)
        assert refused.code == 3
        assert "The process that carries this run does not react." in refused.err
        assert f"Process {process.pid} carries the run" in refused.err
        assert "mplp-lsp resume goes on with it" in refused.err
        (tmp_path / "p" / "go").touch()
        out, _ = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, "Paused" in out) == (0, False), "what was asked for is not done afterwards"


def test_a_step_of_a_run_of_another_terminal_is_skipped_there(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"first": WAITS, "second": HANDOFF})
    with elsewhere(tmp_path, plan) as process:
        until((tmp_path / "p" / "begun").exists, "the first step begins")
        done = decided(tmp_path, "skip", "last", "Let the second work")
        assert (done.code, f"is skipped, in process {process.pid}" in done.out) == (0, True), done.err
        refused = decided(tmp_path, "skip", "last", "Let the first work")
        assert (refused.code, "The step is under way" in refused.err) == (3, True)
        (tmp_path / "p" / "go").touch()
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0


def test_an_interrupted_run_is_resumed_in_this_terminal(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "p", {"first": WAITS, "second": WRITES})
    with elsewhere(tmp_path, plan) as process:
        until((tmp_path / "p" / "begun").exists, "the first step begins")
        process.kill()
    asked = decided(tmp_path, "answer", "last")
    assert (asked.code, "asks again when it goes on" in asked.err) == (2, True)
    assert "Let the first work" in asked.err
    refused = decided(tmp_path, "pause", "last")
    assert (refused.code, "only a run that is under way can be paused" in refused.err) == (3, True)
    (tmp_path / "p" / "go").touch()
    done = decided(tmp_path, "resume", "last", "--repeat")
    assert (done.code, "Going on with “Work” (2 steps)" in done.out) == (0, True), done.err
    assert newest(tmp_path).out.split()[1] == "completed"


@pytest.mark.parametrize(
    "word", ["cancel", "pause", "retry", "skip", "answer", "rollback", "drift", "resume"]
)
def test_where_nothing_ran_nothing_is_decided_and_no_state_is_made(tmp_path: Path, word: str) -> None:
    (tmp_path / "p").mkdir()
    done = decided(tmp_path, word, "last")
    assert (done.code, "No plan has run in" in done.err) == (2, True)
    assert not (tmp_path / "p" / ".mplp").exists()


@pytest.mark.parametrize(
    "words", [["cancel"], ["pause"], ["answer"], ["drift"], ["drift", "last", "--accept"]], ids=" ".join
)
def test_a_folder_that_nobody_trusts_is_not_written_by_a_decision(tmp_path: Path, words: list[str]) -> None:
    plan = write_project(tmp_path / "p", {"writer": WRITES, "first": HANDOFF})
    mplp(tmp_path, "run", plan, "--yes", "--trust")
    (tmp_path / "p" / "out.txt").write_text("mine")
    before = contents(tmp_path / "p")
    refused = decided(tmp_path, *words, *(["last"] if len(words) == 1 else []), trusted=False)
    assert (refused.code, refused.out) == (3, "")
    assert "This folder is not trusted" in refused.err
    assert "--trust" in refused.err
    assert contents(tmp_path / "p") == before


@pytest.mark.parametrize(
    "words",
    [["trace"], ["trace", "--json"], ["snapshot", "--list"], ["drift"], ["cancel", "last"]],
    ids=" ".join,
)
def test_a_folder_that_nobody_trusts_does_not_name_an_address_that_is_opened(
    tmp_path: Path, words: list[str]
) -> None:
    plan = write_project(tmp_path / "p", {"writer": WRITES})
    plan.with_name("mplp.toml").write_text('[state]\nurl_env = "LANG"\n')
    refused = mplp(tmp_path, *words, "--root", "p")
    assert refused.code == (2 if words[0] == "trace" else 3)
    assert "This folder is not trusted" in refused.err
    assert not (tmp_path / "p" / ".mplp").exists()


def test_the_docs_name_every_decision_and_every_flag_of_it() -> None:
    page = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    source = Path(decide_options.__file__).read_text(encoding="utf-8")
    words = set(re.findall(r'_command\(\s*commands, "([a-z]+)"', source))
    assert len(words) == 8
    for word in words:
        assert f"`mplp-lsp {word} " in page, word
    for flag in set(re.findall(r'"(--[a-z]+)"', source)):
        assert f"`{flag}" in page or f" {flag}" in page, flag


def test_each_decision_explains_itself(tmp_path: Path) -> None:
    for word in ("retry", "drift"):
        done = subprocess.run(
            [*PROGRAM, word, "--help"],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=True,
            cwd=tmp_path,
        )
        assert "RUN" in done.stdout
        assert "last" in done.stdout


def test_a_question_of_a_run_in_an_editor_is_answered_from_the_terminal(tmp_path: Path) -> None:
    from tests.cli.test_with_an_editor import editor, run_with

    plan = write_project(tmp_path / "p", {"person": HANDOFF})
    with editor(tmp_path, tmp_path / "p", plan) as server:
        command = {"command": "mplp.runPlan", "arguments": [{"uri": plan.as_uri(), "approve": True}]}
        server.client.request("workspace/executeCommand", command)
        run = run_with(server.client, "running", "in_progress")
        until(lambda: "Let the person work" in decided(tmp_path, "answer", "last").out, "it asks")
        unsaid = decided(tmp_path, "answer", "last", "--output", "fine")
        assert (unsaid.code, "say --yes or --no" in unsaid.err) == (2, True), "nothing is taken as answered"
        unknown = decided(tmp_path, "answer", "last", "nobody")
        assert (unknown.code, "has no step that begins with nobody" in unknown.err) == (2, True)
        done = decided(tmp_path, "answer", run["run_id"], "--yes", "--output", "fine")
        assert (done.code, done.out) == (0, "Step “Let the person work” has its answer.\n"), done.err
        run_with(server.client, "completed")
    assert json.loads(mplp(tmp_path, "trace", "--root", "p", "--json").out)["status"] == "completed"


async def test_where_a_name_is_asked_for_the_name_alone_is_an_answer(tmp_path: Path) -> None:
    from tests.runtime.orchestrator.sessions import test_work as work

    (tmp_path / "p").mkdir()
    team = work.collab("broadcast", *work.THREE)
    project = work.SharedProject(tmp_path / "p", work.ALL_WRITE, work.DISAGREE, collab=team)
    async with work.started(project) as (runtime, begun):
        await work.question(runtime, begun.run_id)
        unnamed = await asyncio.to_thread(decided, tmp_path, "answer", "last", "--yes")
        assert (unnamed.code, "A name is asked for; give it with --output: " in unnamed.err) == (2, True)
        assert "Ana (a)" in unnamed.err
        done = await asyncio.to_thread(decided, tmp_path, "answer", "last", "--output", "Ana (a)")
        assert (done.code, "has its answer" in done.out) == (0, True), done
        assert (await runtime.runs.wait(begun.run_id)).status == "completed"
        assert work.shared(runtime, "owner") == "ana"
